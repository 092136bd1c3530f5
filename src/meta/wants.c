/* See wants.h.
 *
 * A new group: planned (chunks taken in memory), given an id from the clock, its chunk headers written and flushed, its row
 * committed, then loaded and opened. Failing before the commit gives the chunks back; a commit of unknown outcome does not,
 * as recovery may find the row.
 *
 * A group is loaded with its rows, and with what was freed of it and may still be found by an older snapshot (freed.h). */
#include "meta/wants.h"

#include <stdlib.h>

#include "base/container.h"
#include "base/log.h"
#include "meta/state.h"
#include "meta/tables.h"
#include "meta/writer.h"

static int take_id(struct meta_tx *tx, void *arg)
{
    struct group *group = arg;
    group->id = (int64_t)meta_tx_clock(tx);
    return 0;
}

static int insert_row(struct meta_tx *tx, void *arg)
{
    return group_insert(tx, arg);
}

static int make_group(struct meta *meta, struct writer *w)
{
    struct placement *p = meta_placement(meta);
    struct group group;
    int err = placement_plan_group(p, &group);
    if (err != 0)
        return err;
    err = writer_transact(w, take_id, &group);
    if (err == 0)
        err = placement_write_headers(p, writer_loop(w), &group);
    if (err == 0)
        err = writer_transact(w, insert_row, &group);
    if (err != 0) {
        if (meta_writable(meta))
            placement_drop_group(p, &group);
        return err;
    }
    err = placement_load_group(p, &group);
    return err != 0 ? err : placement_open_group(p, group.id, NULL, 0);
}

struct used_runs { struct block_run *runs; uint32_t count, capacity; };

static int add_run(void *arg, const struct extent *extent)
{
    struct used_runs *used = arg;
    if (used->count > 0) {
        struct block_run *last = &used->runs[used->count - 1];
        if (last->block + last->count == extent->block) {
            last->count += extent->block_count;
            return 0;
        }
    }
    if (used->count == used->capacity) {
        uint32_t capacity = used->capacity > 0 ? used->capacity * 2 : 64;
        struct block_run *grown = realloc(used->runs, capacity * sizeof *grown);
        if (grown == NULL)
            return ERR_NO_MEMORY;
        used->runs = grown;
        used->capacity = capacity;
    }
    used->runs[used->count++] = (struct block_run){.block = extent->block, .count = extent->block_count};
    return 0;
}

struct load { struct meta_read read; int64_t group_id; struct used_runs used; };

static int list_runs(struct meta_tx *tx, struct meta_read *read)
{
    struct load *load = container_of(read, struct load, read);
    load->used.count = 0;
    return extent_list_group(tx, load->group_id, 0, add_run, &load->used);
}

static int load_group(struct meta *meta, struct writer *w, int64_t group_id)
{
    struct load load = {.read = {.run = list_runs}, .group_id = group_id};
    int err = meta_run_read(meta, writer_connection(w), false, &load.read);
    if (err == 0)
        err = freed_list_group(&meta->freed, group_id, add_run, &load.used);
    if (err == 0)
        err = placement_open_group(meta_placement(meta), group_id, load.used.runs, load.used.count);
    free(load.used.runs);
    return err;
}

bool wants_serve(struct meta *meta, struct writer *w)
{
    struct placement *p = meta_placement(meta);
    struct placement_want want;
    if (!placement_take_want(p, &want))
        return false;
    int err = want.new_group ? make_group(meta, w) : load_group(meta, w, want.load_group_id);
    if (err != 0 && !(err == ERR_NOT_FOUND && !want.new_group)) {
        if (err != ERR_NO_SPACE)
            log_warning_limited("making room for data: %s", err_text(err));
        placement_fail_want(p, err);
    }
    return true;
}
