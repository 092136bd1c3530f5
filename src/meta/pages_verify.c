/* One mirror's homes, map blocks and root against what they should be; what is wrong is rewritten and read back. Shared by
 * levelling and scrubbing. A copy that stays wrong is counted as bad and not as mended; err is for a mirror that fails. */
#include <stdlib.h>
#include <string.h>

#include "meta/pages_core.h"

/* What one map block's homes should hold: a snapshot keeps it so (P1). */
struct expectation {
    struct pages_snapshot snapshot;
    uint32_t first, count;
    struct map_entry entries[MAP_ENTRIES];
    bool skip[MAP_ENTRIES]; /* never written, or a newer image is on its way home */
};

static void expect(struct pages *p, uint32_t block, struct expectation *e)
{
    pages_snapshot_begin(p, &e->snapshot);
    pthread_mutex_lock(&p->lock);
    e->first = page_map_first(block);
    e->count = page_map_count(block);
    for (uint32_t i = 0; i < e->count; i++) {
        e->entries[i] = page_map_get(p, e->first + i);
        e->skip[i] = page_map_entry_sequence(&e->entries[i]) == 0 || page_is_dirty(p, e->first + i, e->snapshot.sequence);
    }
    while (e->count > 0 && e->skip[e->count - 1])
        e->count--;
    pthread_mutex_unlock(&p->lock);
}

static bool is_right(const struct expectation *e, uint32_t i, const void *data)
{
    return page_crc(e->first + i, page_map_entry_sequence(&e->entries[i]), data) == e->entries[i].crc;
}

struct wanted { const struct expectation *expectation; uint32_t index; };

static bool check_wanted(void *arg, const void *data)
{
    const struct wanted *w = arg;
    return is_right(w->expectation, w->index, data);
}

/* The right image of a page: from another mirror, or from memory when all are wrong. */
static int right_image(struct pages *p, struct loop *loop, const struct expectation *e, uint32_t i, void *data)
{
    struct wanted w = {e, i};
    int err = mirror_read(p->mirror, loop, page_home_off(p->log_size, e->first + i), data, PAGE_SIZE, check_wanted, &w, false);
    if (err == 0)
        return 0;
    pthread_mutex_lock(&p->lock);
    struct page_version *v = page_cache_find(p, e->first + i, page_map_entry_sequence(&e->entries[i]));
    if (v != NULL && is_right(e, i, v->data)) {
        memcpy(data, v->data, PAGE_SIZE);
        err = 0;
    }
    pthread_mutex_unlock(&p->lock);
    return err;
}

static int rewrite(struct pages *p, struct loop *loop, uint32_t volume_index, uint64_t off, const void *data, uint32_t len)
{
    struct mirror_range range = {off, data, len};
    return mirror_write_one(p->mirror, loop, volume_index, &range, 1);
}

/* Reads the run; block by block when it cannot be read as a whole. Unreadable blocks become zeros, and so do those behind one
 * that does not answer in time: a volume that hangs is not waited for at each. */
static void read_run(struct pages *p, struct loop *loop, uint32_t volume_index, const struct expectation *e, uint8_t *data)
{
    uint64_t off = page_home_off(p->log_size, e->first);
    int err = mirror_read_one(p->mirror, loop, volume_index, off, data, e->count * PAGE_SIZE);
    if (err == 0)
        return;
    for (uint32_t i = 0; i < e->count; i++) {
        uint8_t *page = data + (size_t)i * PAGE_SIZE;
        if (err != ERR_TIMEOUT)
            err = mirror_read_one(p->mirror, loop, volume_index, off + (uint64_t)i * PAGE_SIZE, page, PAGE_SIZE);
        if (err != 0)
            memset(page, 0, PAGE_SIZE);
    }
}

static int mend_run(struct pages *p, struct loop *loop, uint32_t volume_index, const struct expectation *e, uint8_t *data,
                    struct pages_scrub *s)
{
    struct volume *v = &p->store->volumes[volume_index];
    bool written[MAP_ENTRIES] = {false};
    uint32_t count = 0;
    for (uint32_t i = 0; i < e->count; i++) {
        uint8_t *page = data + (size_t)i * PAGE_SIZE;
        if (e->skip[i])
            continue;
        s->checked++;
        if (is_right(e, i, page))
            continue;
        s->bad++;
        if (atomic_load(&v->mirror) == MIRROR_CURRENT)
            atomic_fetch_add(&v->corrupt_units, 1);
        if (right_image(p, loop, e, i, page) != 0)
            continue;
        int err = rewrite(p, loop, volume_index, page_home_off(p->log_size, e->first + i), page, PAGE_SIZE);
        if (err != 0)
            return err;
        written[i] = true;
        count++;
    }
    if (count == 0)
        return 0;
    int err = mirror_flush_one(p->mirror, loop, volume_index);
    if (err != 0)
        return err;
    read_run(p, loop, volume_index, e, data);
    for (uint32_t i = 0; i < e->count; i++) {
        if (!written[i] || !is_right(e, i, data + (size_t)i * PAGE_SIZE))
            continue;
        s->mended++;
        if (atomic_load(&v->mirror) == MIRROR_CURRENT)
            atomic_fetch_add(&v->repaired_units, 1);
    }
    return 0;
}

int pages_verify_homes(struct pages *p, struct loop *loop, uint32_t volume_index, uint32_t block, struct pages_scrub *s)
{
    struct expectation *e = malloc(sizeof *e);
    uint8_t *data = malloc(MAP_ENTRIES * PAGE_SIZE);
    int err = ERR_NO_MEMORY;
    if (e != NULL && data != NULL) {
        expect(p, block, e);
        if (e->count > 0)
            read_run(p, loop, volume_index, e, data);
        err = e->count > 0 ? mend_run(p, loop, volume_index, e, data, s) : 0;
        pages_snapshot_end(p, &e->snapshot);
    }
    free(e);
    free(data);
    return err;
}

int pages_verify_maps(struct pages *p, struct loop *loop, uint32_t volume_index, struct pages_scrub *s)
{
    struct map_block got;
    bool flush = false;
    for (uint32_t i = 0; i < p->map_count; i++) {
        uint64_t off = map_block_off(p->log_size, i, p->map_slots[i]);
        s->checked++;
        if (mirror_read_one(p->mirror, loop, volume_index, off, &got, sizeof got) == 0 && memcmp(&got, p->map[i], sizeof got) == 0)
            continue;
        s->bad++;
        int err = rewrite(p, loop, volume_index, off, p->map[i], sizeof got);
        if (err == 0)
            err = mirror_read_one(p->mirror, loop, volume_index, off, &got, sizeof got);
        if (err != 0)
            return err;
        s->mended += memcmp(&got, p->map[i], sizeof got) == 0;
        flush = true;
    }
    int err = flush ? mirror_flush_one(p->mirror, loop, volume_index) : 0;
    void *root = NULL;
    uint32_t len, written = 0;
    if (err == 0)
        err = pages_root_image(p, &root, &len);
    if (err == 0)
        err = pages_root_level(p, loop, volume_index, root, &written);
    free(root);
    s->checked++;
    s->bad += written;
    s->mended += err == 0 ? written : 0;
    return err;
}
