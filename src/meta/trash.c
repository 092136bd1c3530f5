/* See trash.h. A content is taken apart from its end, so that what is left lies end to end from 0 all the time. */
#include "meta/trash.h"

#include "base/container.h"
#include "base/log.h"
#include "meta/extent_reference.h"
#include "meta/state.h"
#include "meta/statement.h"
#include "meta/tables.h"
#include "meta/writer.h"

#define TRASH_RETRY_US 1000000u

static int owe(struct meta_tx *tx, enum outbox_kind kind, int64_t target)
{
    struct slice none = slice_of("", 0);
    struct outbox_row row = {.id = (int64_t)meta_tx_clock(tx), .kind = kind, .target = target, .key = none, .payload = none};
    meta_tx_meta(tx)->trash.due = true; /* whether this is committed is found out then */
    return outbox_put(tx, &row);
}

int trash_content(struct meta_tx *tx, int64_t content_id)
{
    return owe(tx, OUTBOX_DELETE_CONTENT, content_id);
}

int trash_parts(struct meta_tx *tx, int64_t upload_row)
{
    return owe(tx, OUTBOX_DELETE_PARTS, upload_row);
}

/* The verbs below delete a little and say whether there was anything (*ret_some). */

static int delete_last_segment(struct meta_tx *tx, int64_t content_id, bool *ret_some)
{
    struct statement last = statement_begin(tx, STATEMENT_SEGMENT_LAST);
    statement_bind_int(&last, content_id);
    int err = statement_row(&last);
    *ret_some = err == 0;
    if (err != 0)
        return err == ERR_NOT_FOUND ? 0 : err;
    int64_t start = statement_int(&last, 0), extent_id = statement_int(&last, 1);
    statement_end(&last);
    struct statement s = statement_begin(tx, STATEMENT_SEGMENT_DELETE_AT);
    statement_bind_int(&s, content_id);
    statement_bind_int(&s, start);
    err = statement_execute(&s);
    return err != 0 ? err : extent_drop_reference(tx, extent_id);
}

static int delete_some_boundaries(struct meta_tx *tx, int64_t content_id, bool *ret_some)
{
    struct statement s = statement_begin(tx, STATEMENT_CONTENT_PART_DELETE_LAST);
    statement_bind_int(&s, content_id);
    int err = statement_execute(&s);
    *ret_some = err == 0 && statement_changes(&s) > 0;
    return err;
}

static int take_part(void *arg, const struct part_row *part)
{
    *(struct part_row *)arg = *part;
    return 1;
}

static int delete_first_part(struct meta_tx *tx, int64_t upload_row, bool *ret_some)
{
    struct part_row part;
    int err = part_list(tx, upload_row, 0, take_part, &part);
    *ret_some = err == 1;
    if (err != 1)
        return err;
    struct statement s = statement_begin(tx, STATEMENT_PART_DELETE_AT);
    statement_bind_int(&s, upload_row);
    statement_bind_int(&s, part.part_number);
    err = statement_execute(&s);
    return err == 0 && part.content_id != 0 ? content_delete(tx, part.content_id) : err;
}

static int delete_until_full(struct meta_tx *tx, int64_t target, int (*some)(struct meta_tx *, int64_t, bool *), bool *full)
{
    int err = 0;
    bool more = true;
    while (err == 0 && more && !*full) {
        err = some(tx, target, &more);
        if (err == 0)
            err = meta_tx_full(tx, full);
    }
    return err;
}

struct owed { struct meta_read read; bool some; int64_t id, target; uint32_t kind; };

static int note_owed(void *arg, const struct outbox_row *row)
{
    if (row->kind != OUTBOX_DELETE_CONTENT && row->kind != OUTBOX_DELETE_PARTS)
        return 0;
    struct owed *owed = arg;
    owed->some = true;
    owed->id = row->id;
    owed->target = row->target;
    owed->kind = row->kind;
    return 1;
}

static int find_owed(struct meta_tx *tx, struct meta_read *read)
{
    struct owed *owed = container_of(read, struct owed, read);
    owed->some = false;
    int err = outbox_list(tx, 0, note_owed, owed);
    return err == 1 ? 0 : err;
}

static int delete_slice(struct meta_tx *tx, void *arg)
{
    const struct owed *owed = arg;
    bool full = false;
    int err;
    if (owed->kind == OUTBOX_DELETE_PARTS) {
        err = delete_until_full(tx, owed->target, delete_first_part, &full);
    } else {
        err = delete_until_full(tx, owed->target, delete_some_boundaries, &full);
        if (err == 0 && !full)
            err = delete_until_full(tx, owed->target, delete_last_segment, &full);
    }
    return err == 0 && !full ? outbox_delete(tx, owed->id) : err;
}

bool trash_serve(struct meta *meta, struct writer *w)
{
    struct trash *t = &meta->trash;
    uint64_t now = loop_now_us(writer_loop(w));
    if (!t->due || now < t->not_before_us)
        return false;
    struct owed owed = {.read = {.run = find_owed}};
    int err = meta_run_read(meta, writer_connection(w), false, &owed.read);
    if (err == 0 && owed.some)
        err = writer_transact(w, delete_slice, &owed);
    if (err == 0) {
        t->due = owed.some;
        return owed.some;
    }
    log_warning_limited("deleting in the background: %s", err_text(err));
    t->not_before_us = now + TRASH_RETRY_US;
    return false;
}
