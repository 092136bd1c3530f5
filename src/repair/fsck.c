/* See fsck.h. The store may change meanwhile: what looks wrong on a volume is looked at again, with what the database says by
 * then, before it is told. */
#include "repair/fsck.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "meta/check.h"
#include "meta/job.h"
#include "meta/pages.h"
#include "meta/tables.h"
#include "volume/chunk.h"
#include "volume/device_io.h"

#define TRIES 3
#define HEADERS_AT_ONCE SLOTS_MAX

struct fsck {
    struct meta *meta;
    struct store *store;
    struct loop *loop;
    const struct fsck_options *options;
    struct fsck_report report;
    struct group *groups;
    uint32_t group_count, group_capacity;
};

static void tell(struct fsck *f, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void tell(struct fsck *f, const char *format, ...)
{
    char line[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (f->options->finding != NULL)
        f->options->finding(f->options->arg, line);
}

#define find(f, ...) ((f)->report.findings++, tell(f, __VA_ARGS__))
#define leave_out(f, ...) ((f)->report.left_out++, tell(f, "left out: " __VA_ARGS__))

static void progress(struct fsck *f, const char *what, uint64_t done, uint64_t total)
{
    if (f->options->progress != NULL)
        f->options->progress(f->options->arg, what, done, total);
}

static const char *path_of(const struct volume *v)
{
    return v->device.path != NULL ? v->device.path : "?";
}

static bool is_member(const struct volume *v) { return atomic_load(&v->state) != VOLUME_FREE; }

/* --- superblocks --- */

/* Volumes out of service hold older ones, or what a failed write left. */
static const char *judge_superblock(const struct fsck *f, const struct volume *v, const struct superblock *sb)
{
    if (!uuid_equal(&sb->store_uuid, &f->store->uuid))
        return "is of another store";
    if (!uuid_equal(&sb->volume_uuid, &v->uuid) || sb->volume_index != v->index)
        return "is of another volume";
    if (!volume_writable(v))
        return NULL;
    if (sb->generation != f->store->generation || superblock_shared_hash(sb) != f->store->hash)
        return "is of another generation";
    if (sb->meta_chunk_count != v->meta_chunk_count ||
        memcmp(sb->meta_chunks, v->meta_chunks, sb->meta_chunk_count * sizeof v->meta_chunks[0]) != 0)
        return "lists other metadata chunks";
    return NULL;
}

/* *ret_wrong: NULL, or what is wrong with that copy. */
static int look_at_superblock(struct fsck *f, struct volume *v, uint32_t copy, uint8_t *image, struct superblock *sb,
                              const char **ret_wrong)
{
    struct device_request r = {.device = &v->device, .kind = IO_READ, .data = image, .len = SUPERBLOCK_SIZE,
                               .off = superblock_copy_off(copy, v->device.size)};
    int err = device_io(f->loop, &r, 1, DEVICE_DEADLINE_US);
    if (err != 0)
        return err;
    err = r.result != 0 ? r.result : superblock_decode(image, sb);
    *ret_wrong = err != 0 ? err_text(err) : judge_superblock(f, v, sb);
    return 0;
}

static int check_superblocks(struct fsck *f)
{
    uint8_t *image = aligned_alloc(BLOCK_SIZE, SUPERBLOCK_SIZE);
    struct superblock *sb = malloc(sizeof *sb);
    int err = image == NULL || sb == NULL ? ERR_NO_MEMORY : 0;
    for (uint32_t i = 0; i < f->store->volume_slots && err == 0; i++) {
        struct volume *v = &f->store->volumes[i];
        progress(f, "superblocks", i, f->store->volume_slots);
        if (!is_member(v))
            continue;
        if (!v->present) {
            f->report.volumes_missing++;
            leave_out(f, "volume %u is not there", i);
            continue;
        }
        f->report.volumes++;
        for (uint32_t copy = 0; copy < SUPERBLOCK_COPIES && err == 0; copy++) {
            const char *wrong = "";
            for (int n = 0; n < TRIES && wrong != NULL && err == 0; n++) /* one may just be being written */
                err = look_at_superblock(f, v, copy, image, sb, &wrong);
            f->report.superblock_copies++;
            if (err == 0 && wrong != NULL)
                find(f, "volume %u (%s): superblock copy %u: %s", i, path_of(v), copy, wrong);
        }
    }
    free(image);
    free(sb);
    return err;
}

/* --- groups, as the database has them --- */

struct group_call { struct meta_read read; struct fsck *fsck; int64_t only; bool found; struct group group; };

static int take_group(void *arg, const struct group *g)
{
    struct group_call *c = arg;
    struct fsck *f = c->fsck;
    if (c->only != 0) {
        c->found = g->id == c->only;
        c->group = *g;
        return 1; /* no more */
    }
    if (f->group_count == f->group_capacity) {
        uint32_t capacity = f->group_capacity != 0 ? f->group_capacity * 2 : 256;
        struct group *grown = realloc(f->groups, capacity * sizeof *grown);
        if (grown == NULL)
            return ERR_NO_MEMORY;
        f->groups = grown;
        f->group_capacity = capacity;
    }
    f->groups[f->group_count++] = *g;
    return 0;
}

static int run_groups(struct meta_tx *tx, struct meta_read *read)
{
    struct group_call *c = container_of(read, struct group_call, read);
    c->found = false;
    if (c->only == 0)
        c->fsck->group_count = 0;
    int err = group_list(tx, c->only != 0 ? c->only - 1 : INT64_MIN, take_group, c);
    return err == 1 ? 0 : err;
}

static int read_groups(struct fsck *f, struct group_call *c)
{
    c->fsck = f;
    c->read = (struct meta_read){.run = run_groups, .loop = f->loop};
    return check_read(f->meta, f->loop, &c->read);
}

/* The group still has that slot there. */
static int still_so(struct fsck *f, int64_t id, uint32_t slot, struct group_slot at, bool *ret)
{
    struct group_call c = {.only = id};
    int err = read_groups(f, &c);
    *ret = err == 0 && c.found && slot < (uint32_t)c.group.data_count + c.group.parity_count &&
           c.group.slots[slot].volume_index == at.volume_index && c.group.slots[slot].chunk == at.chunk;
    return err;
}

/* --- chunks: who uses which --- */

#define OF_METADATA (-1)

struct uses { int64_t *of[VOLUMES_MAX]; uint32_t count[VOLUMES_MAX]; };

static void free_uses(struct uses *u)
{
    for (uint32_t i = 0; i < VOLUMES_MAX; i++)
        free(u->of[i]);
}

static int begin_uses(struct fsck *f, struct uses *u)
{
    for (uint32_t i = 0; i < f->store->volume_slots; i++) {
        u->count[i] = is_member(&f->store->volumes[i]) ? f->store->volumes[i].chunk_count : 0;
        u->of[i] = calloc(u->count[i] != 0 ? u->count[i] : 1, sizeof *u->of[i]);
        if (u->of[i] == NULL)
            return ERR_NO_MEMORY;
    }
    return 0;
}

static void use_metadata(struct fsck *f, struct uses *u)
{
    for (uint32_t i = 0; i < f->store->volume_slots; i++) {
        const struct volume *v = &f->store->volumes[i];
        uint32_t count = is_member(v) && v->present ? v->meta_chunk_count : 0;
        for (uint32_t n = 0; n < count; n++) {
            uint32_t chunk = v->meta_chunks[n];
            if (chunk >= u->count[i])
                find(f, "volume %u (%s): metadata chunk %u is outside of it", i, path_of(v), chunk);
            else if (u->of[i][chunk] != 0)
                find(f, "volume %u (%s): metadata chunk %u is listed twice", i, path_of(v), chunk);
            else
                u->of[i][chunk] = OF_METADATA;
        }
    }
}

static void use_slot(struct fsck *f, struct uses *u, const struct group *g, uint32_t slot)
{
    struct group_slot at = g->slots[slot];
    for (uint32_t other = 0; other < slot; other++)
        if (g->slots[other].volume_index == at.volume_index)
            find(f, "chunk_group %lld: slots %u and %u are both on volume %u", (long long)g->id, other, slot, at.volume_index);
    if (at.chunk >= u->count[at.volume_index]) {
        find(f, "chunk_group %lld: slot %u is on volume %u, chunk %u, which does not exist", (long long)g->id, slot,
             at.volume_index, at.chunk);
        return;
    }
    int64_t *user = &u->of[at.volume_index][at.chunk];
    bool so = true;
    if (*user != 0 && still_so(f, g->id, slot, at, &so) == 0 && !so)
        return; /* the group has gone meanwhile, and its chunk was taken for something else */
    if (*user == OF_METADATA)
        find(f, "chunk_group %lld: slot %u is on volume %u, chunk %u, which the metadata uses", (long long)g->id, slot,
             at.volume_index, at.chunk);
    else if (*user != 0)
        find(f, "chunk_group %lld: slot %u is on volume %u, chunk %u, which group %lld uses", (long long)g->id, slot,
             at.volume_index, at.chunk, (long long)*user);
    else
        *user = g->id;
}

/* Groups come from one snapshot, the metadata's chunks from now. */
static int check_uses(struct fsck *f)
{
    struct group_call all = {0};
    int err = read_groups(f, &all);
    if (err == ERR_CORRUPT) {
        find(f, "chunk_group: a row cannot be read: the chunks are not checked");
        f->group_count = 0;
        return 0;
    }
    struct uses u = {0};
    if (err == 0)
        err = begin_uses(f, &u);
    if (err == 0) {
        f->report.groups = f->group_count;
        use_metadata(f, &u);
        for (uint32_t i = 0; i < f->group_count; i++)
            for (uint32_t s = 0; s < (uint32_t)f->groups[i].data_count + f->groups[i].parity_count; s++)
                use_slot(f, &u, &f->groups[i], s);
    }
    free_uses(&u);
    return err;
}

/* --- chunk headers --- */

static const char *judge_header(const struct fsck *f, const struct volume *v, const struct chunk_header *want, const uint8_t *block)
{
    struct chunk_header h;
    int err = chunk_decode(block, &h);
    if (err != 0)
        return err == ERR_FOREIGN ? "there is none" : err_text(err);
    if (!uuid_equal(&h.store_uuid, &f->store->uuid) || !uuid_equal(&h.volume_uuid, &v->uuid) || h.chunk != want->chunk)
        return "it is of another place";
    if (h.purpose != want->purpose || h.group_id != want->group_id || h.slot != want->slot)
        return "it is of another use";
    if (h.data_count != want->data_count || h.parity_count != want->parity_count || h.matrix != want->matrix)
        return "it tells of another code";
    return NULL;
}

struct header { struct volume *volume; struct chunk_header want; };

static int read_headers(struct fsck *f, const struct header *headers, uint32_t count, uint8_t *blocks, struct device_request *r)
{
    for (uint32_t i = 0; i < count; i++)
        r[i] = (struct device_request){.device = &headers[i].volume->device, .kind = IO_READ, .len = CHUNK_HEADER_SIZE,
                                       .data = blocks + (size_t)i * CHUNK_HEADER_SIZE,
                                       .off = volume_chunk_off(f->store, headers[i].want.chunk, 0)};
    f->report.chunk_headers += count;
    return device_io(f->loop, r, count, DEVICE_DEADLINE_US);
}

static int judge_headers(struct fsck *f, const struct header *headers, uint32_t count, const uint8_t *blocks,
                         const struct device_request *r)
{
    int err = 0;
    for (uint32_t i = 0; i < count && err == 0; i++) {
        const struct chunk_header *want = &headers[i].want;
        struct volume *v = headers[i].volume;
        const char *wrong = r[i].result != 0 ? err_text(r[i].result)
                                             : judge_header(f, v, want, blocks + (size_t)i * CHUNK_HEADER_SIZE);
        bool so = true;
        if (wrong != NULL && want->purpose == CHUNK_GROUP)
            err = still_so(f, want->group_id, want->slot, (struct group_slot){v->index, want->chunk}, &so);
        if (err != 0 || wrong == NULL || !so)
            continue;
        if (want->purpose == CHUNK_GROUP)
            find(f, "chunk_group %lld: slot %u: header of chunk %u on volume %u (%s): %s", (long long)want->group_id, want->slot,
                 want->chunk, v->index, path_of(v), wrong);
        else
            find(f, "volume %u (%s): header of metadata chunk %u: %s", v->index, path_of(v), want->chunk, wrong);
    }
    return err;
}

static int look_at_headers(struct fsck *f, const struct header *headers, uint32_t count)
{
    static const size_t size = (size_t)HEADERS_AT_ONCE * CHUNK_HEADER_SIZE;
    struct device_request r[HEADERS_AT_ONCE];
    if (count == 0)
        return 0;
    uint8_t *blocks = aligned_alloc(BLOCK_SIZE, size);
    if (blocks == NULL)
        return ERR_NO_MEMORY;
    int err = read_headers(f, headers, count, blocks, r);
    if (err == 0)
        err = judge_headers(f, headers, count, blocks, r);
    free(blocks);
    return err;
}

static bool can_look(struct fsck *f, uint32_t volume_index, uint32_t chunk)
{
    struct volume *v = &f->store->volumes[volume_index];
    return v->present && volume_writable(v) && chunk < v->chunk_count;
}

static int check_group_headers(struct fsck *f)
{
    int err = 0;
    for (uint32_t i = 0; i < f->group_count && err == 0; i++) {
        const struct group *g = &f->groups[i];
        struct header headers[HEADERS_AT_ONCE];
        uint32_t count = 0;
        for (uint32_t s = 0; s < (uint32_t)g->data_count + g->parity_count; s++) {
            if (!can_look(f, g->slots[s].volume_index, g->slots[s].chunk))
                continue; /* told of with its volume, or with its use */
            headers[count++] = (struct header){&f->store->volumes[g->slots[s].volume_index],
                {.chunk = g->slots[s].chunk, .purpose = CHUNK_GROUP, .group_id = g->id, .slot = s,
                 .data_count = g->data_count, .parity_count = g->parity_count, .matrix = g->matrix}};
        }
        err = meta_job_cancelled(f->meta) ? ERR_CANCELLED : look_at_headers(f, headers, count);
        progress(f, "chunks", i + 1, f->group_count);
    }
    return err;
}

static int check_metadata_headers(struct fsck *f)
{
    int err = 0;
    for (uint32_t i = 0; i < f->store->volume_slots && err == 0; i++) {
        struct volume *v = &f->store->volumes[i];
        uint32_t total = is_member(v) && atomic_load(&v->mirror) != MIRROR_NONE ? v->meta_chunk_count : 0;
        for (uint32_t n = 0; n < total && err == 0;) {
            struct header headers[HEADERS_AT_ONCE];
            uint32_t count = 0;
            for (; n < total && count < HEADERS_AT_ONCE; n++)
                if (can_look(f, i, v->meta_chunks[n]))
                    headers[count++] = (struct header){v, {.chunk = v->meta_chunks[n], .purpose = CHUNK_METADATA, .slot = n}};
            err = look_at_headers(f, headers, count);
        }
    }
    return err;
}

/* --- rows and mirrors --- */

static void rows_finding(void *arg, const char *text) { tell(arg, "%s", text); }
static void rows_progress(void *arg, uint64_t done, uint64_t total) { progress(arg, "rows", done, total); }
static void mirrors_progress(void *arg, uint64_t done, uint64_t total) { progress(arg, "mirrors", done, total); }

static int check_all_rows(struct fsck *f)
{
    const struct check_options options = {.live = f->options->live, .mend = f->options->mend, .finding = rows_finding,
                                          .progress = rows_progress, .arg = f};
    struct check_report r = {0};
    int err = check_rows(f->meta, f->loop, &options, &r);
    f->report.row_checks += r.checks;
    f->report.left_out += r.left_out;
    f->report.findings += r.findings;
    f->report.mended += r.mended;
    return err;
}

static int check_all_mirrors(struct fsck *f)
{
    struct pages_scrub s = {0};
    int err = ERR_BUSY;
    if (!meta_writable(f->meta)) {
        leave_out(f, "the copies of the metadata beside the one in use: they are checked and mended in a store open for writing");
        return 0;
    }
    for (int n = 0; n < TRIES && err == ERR_BUSY; n++)
        err = check_mirrors(f->meta, f->loop, &s, mirrors_progress, f);
    if (err == ERR_NO_MEMORY || err == ERR_CANCELLED)
        return err;
    if (err != 0) {
        leave_out(f, "the copies of the metadata: %s", err_text(err));
        return 0;
    }
    f->report.mirror_blocks = s.checked;
    f->report.findings += s.bad;
    f->report.mended += s.mended;
    if (s.bad > 0)
        tell(f, "metadata: %llu blocks were wrong on some mirror, %llu of them are mended", (unsigned long long)s.bad,
             (unsigned long long)s.mended);
    return 0;
}

int fsck_run(struct meta *meta, struct loop *loop, const struct fsck_options *options, struct fsck_report *ret)
{
    struct fsck f = {.meta = meta, .store = meta_store(meta), .loop = loop, .options = options};
    if (options->mend && options->live)
        return ERR_INVALID;
    int err = check_superblocks(&f);
    if (err == 0)
        err = check_uses(&f);
    if (err == 0)
        err = check_group_headers(&f);
    if (err == 0)
        err = check_metadata_headers(&f);
    if (err == 0)
        err = check_all_rows(&f);
    if (err == 0)
        err = check_all_mirrors(&f);
    free(f.groups);
    if (err == 0)
        *ret = f.report;
    return err;
}
