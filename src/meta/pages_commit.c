/* Commits: one record, written durably to every mirror, then published. Writer's thread. */
#include <stdlib.h>
#include <string.h>

#include "meta/pages_core.h"

/* Segments of pages that growth keeps ahead of the database. */
#define GROW_AHEAD_PAGES 256u
/* How often a full log is checkpointed in vain before the commit is refused. */
#define LOG_FULL_TRIES 20

uint64_t pages_capacity(const struct pages *p)
{
    uint64_t size = mirror_size(p->mirror), start = LOG_SPACE_OFF + p->log_size;
    if (size <= start)
        return 0;
    uint64_t blocks = (size - start) / PAGE_SIZE, rest = blocks % SEGMENT_BLOCKS;
    uint64_t capacity = blocks / SEGMENT_BLOCKS * SEGMENT_PAGES + (rest > 2 * SEGMENT_MAPS ? rest - 2 * SEGMENT_MAPS : 0);
    uint64_t most = (uint64_t)MAP_BLOCKS_MAX / SEGMENT_MAPS * SEGMENT_PAGES;
    return capacity < most ? capacity : most;
}

uint32_t pages_record_max(const struct pages *p)
{
    uint64_t blocks = p->record_max / LOG_BLOCK;
    return (uint32_t)(blocks - 1 - blocks / 512 - 1);
}

static int grow_once(struct pages *p, struct loop *loop)
{
    uint32_t chunks[VOLUMES_MAX];
    if (p->options.take_chunks == NULL)
        return ERR_NO_SPACE;
    uint64_t before = mirror_size(p->mirror);
    int err = p->options.take_chunks(p->options.take_chunks_arg, chunks);
    if (err == 0)
        err = mirror_grow(p->mirror, loop, chunks);
    if (err == 0 && mirror_size(p->mirror) <= before)
        err = ERR_NO_SPACE;
    return err;
}

/* Room for the pages at home; tries to stay ahead, which may fail for want of space. */
static int grow_for(struct pages *p, struct loop *loop, uint32_t database_pages)
{
    while (database_pages > pages_capacity(p)) {
        int err = grow_once(p, loop);
        if (err != 0)
            return err;
    }
    if (database_pages > p->database_pages && database_pages + GROW_AHEAD_PAGES > pages_capacity(p)) {
        int err = grow_once(p, loop);
        return err == ERR_NO_SPACE ? 0 : err;
    }
    return 0;
}

/* Where a record goes and what it uses up, if it fits now. */
static bool find_room(struct pages *p, uint64_t len, uint64_t reserve, struct log_record *ret)
{
    uint64_t off = log_place(p->log_head, len, p->log_size);
    uint64_t skip = off == p->log_head ? 0 : p->log_size - p->log_head;
    if (p->log_used + skip + len + reserve > p->log_size)
        return false;
    *ret = (struct log_record){.off = off, .len = len, .span = skip + len};
    return true;
}

static int make_room(struct pages *p, struct loop *loop, uint64_t len, uint64_t reserve, struct log_record *ret)
{
    int err = 0;
    bool found = false;
    for (int i = 0; i < LOG_FULL_TRIES && err == 0 && !found; i++) {
        pthread_mutex_lock(&p->lock);
        found = find_room(p, len, reserve, ret);
        p->commit_waits = !found;
        pthread_mutex_unlock(&p->lock);
        if (!found)
            err = pages_checkpoint_run(p, loop, true);
    }
    pthread_mutex_lock(&p->lock);
    p->commit_waits = false;
    pthread_mutex_unlock(&p->lock);
    return err == 0 && !found ? ERR_BUSY : err;
}

/* A commit on its way. */
struct commit {
    uint64_t sequence, epoch;
    uint32_t count, database_pages;
    struct page_version **versions;
    struct log_entry *entries;
    struct mirror_range *ranges;
    struct log_header *header;
    struct log_record record;
};

static void commit_free(struct pages *p, struct commit *c)
{
    for (uint32_t i = 0; c->versions != NULL && i < c->count; i++)
        page_version_free(p, c->versions[i]);
    free(c->versions);
    free(c->entries);
    free(c->ranges);
    free(c->header);
}

static int commit_build(struct pages *p, struct commit *c, const struct page_image *images)
{
    c->versions = calloc(c->count + 1, sizeof(struct page_version *));
    c->entries = calloc(c->count + 1, sizeof *c->entries);
    c->ranges = calloc(c->count + 1, sizeof *c->ranges);
    if (c->versions == NULL || c->entries == NULL || c->ranges == NULL)
        return ERR_NO_MEMORY;
    uint32_t header_len = log_header_blocks(c->count) * LOG_BLOCK;
    uint64_t off = LOG_SPACE_OFF + c->record.off;
    for (uint32_t i = 0; i < c->count; i++) {
        struct page_version *v = c->versions[i] = page_version_new(p, images[i].number, c->sequence, images[i].data);
        if (v == NULL)
            return ERR_NO_MEMORY;
        v->crc = page_crc(v->number, v->sequence, v->data);
        c->entries[i] = (struct log_entry){v->number, v->crc};
        c->ranges[i + 1] = (struct mirror_range){off + header_len + (uint64_t)i * PAGE_SIZE, v->data, PAGE_SIZE};
    }
    c->header = page_log_header_new(&p->store->uuid, c->sequence, c->epoch, p->last_crc, c->database_pages, c->entries, c->count);
    if (c->header == NULL)
        return ERR_NO_MEMORY;
    c->ranges[0] = (struct mirror_range){off, c->header, header_len};
    c->record.epoch = c->epoch;
    c->record.crc = c->header->crc;
    c->record.database_pages = c->database_pages;
    return 0;
}

/* The record is durable: everybody may see it. Takes the versions. */
static void publish(struct pages *p, struct commit *c)
{
    p->sequence = c->sequence;
    p->epoch = c->epoch;
    p->last_crc = c->record.crc;
    p->database_pages = c->database_pages;
    p->log_bytes += c->record.len;
    p->log_wraps += c->record.span != c->record.len || c->record.off == 0;
    for (uint32_t i = 0; i < c->count; i++) {
        page_cache_add_dirty(p, c->versions[i]);
        c->versions[i] = NULL;
    }
    page_cache_evict(p);
}

static int commit(struct pages *p, struct loop *loop, const struct page_image *images, struct commit *c, uint64_t reserve)
{
    uint64_t len = log_record_len(c->count);
    if (len > p->record_max)
        return ERR_COMMIT_TOO_LARGE;
    int err = grow_for(p, loop, c->database_pages);
    if (err == 0)
        err = make_room(p, loop, len, reserve, &c->record);
    if (err != 0)
        return err;
    c->sequence = p->sequence + 1;
    err = commit_build(p, c, images);
    if (err != 0)
        return err;
    err = mirror_write(p->mirror, loop, c->ranges, c->count + 1, true);
    pthread_mutex_lock(&p->lock);
    if (err == 0)
        err = page_log_record_push(p, &c->record);
    if (err == 0)
        publish(p, c);
    else
        p->failed = true;
    pthread_mutex_unlock(&p->lock);
    return err;
}

int pages_commit(struct pages *p, struct loop *loop, const struct page_image *images, uint32_t count, uint32_t database_pages,
                 uint64_t *ret_sequence)
{
    if (p->options.read_only || p->failed)
        return ERR_READ_ONLY;
    struct commit c = {.count = count, .database_pages = database_pages, .epoch = p->epoch};
    int err = commit(p, loop, images, &c, LOG_RESERVE);
    commit_free(p, &c);
    if (err != 0)
        return err;
    *ret_sequence = c.sequence;
    pthread_mutex_lock(&p->lock);
    void (*notify)(void *) = p->notify;
    void *arg = p->notify_arg;
    pthread_mutex_unlock(&p->lock);
    if (notify != NULL && pages_checkpoint_due(p))
        notify(arg);
    return 0;
}

int pages_commit_epoch(struct pages *p, struct loop *loop)
{
    struct commit c = {.count = 0, .database_pages = p->database_pages, .epoch = p->epoch + 1};
    int err = commit(p, loop, NULL, &c, 0);
    commit_free(p, &c);
    return err;
}
