/* Formatting, opening, snapshots and reads of the page store. The parts behind them are listed in pages_core.h. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "meta/pages_core.h"

#define FORMAT_SEQUENCE 1

static uint64_t ring_size(const struct store *s)
{
    return s->log_size / LOG_BLOCK * (uint64_t)LOG_BLOCK;
}

int pages_format(struct mirror *m, struct store *s, struct loop *loop)
{
    if (mirror_size(m) < LOG_SPACE_OFF + ring_size(s) || ring_size(s) < 4 * LOG_RESERVE)
        return ERR_NO_SPACE;
    uint8_t *image = calloc(2, 4096);
    if (image == NULL)
        return ERR_NO_MEMORY;
    struct root_header *r = (struct root_header *)image;
    *r = (struct root_header){.store_uuid = s->uuid, .root_sequence = 1, .checkpoint_sequence = FORMAT_SEQUENCE, .log_size = ring_size(s)};
    pages_root_seal(r, NULL);
    struct mirror_range ranges[2] = {{pages_root_slot_off(1), image, 4096}, {pages_root_slot_off(0), image + 4096, 4096}};
    int err = mirror_write(m, loop, ranges, 2, true);
    free(image);
    return err;
}

static void destroy(struct pages *p)
{
    if (p->plan != NULL)
        pages_plan_free(p, p->plan);
    page_cache_fini(p);
    for (uint32_t i = 0; i < p->map_count; i++)
        free(p->map[i]);
    free(p->map);
    free(p->map_slots);
    free(p->records);
    pthread_cond_destroy(&p->slot_free);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

int pages_open(struct mirror *m, struct store *s, const struct pages_options *options, struct loop *loop, struct pages **ret,
               struct store_message *message)
{
    struct pages *p = calloc(1, sizeof *p);
    if (p == NULL)
        return ERR_NO_MEMORY;
    p->mirror = m;
    p->store = s;
    p->options = *options;
    p->log_size = ring_size(s);
    p->record_max = p->log_size / 2 / LOG_BLOCK * LOG_BLOCK;
    if (p->record_max > LOG_RECORD_MAX)
        p->record_max = LOG_RECORD_MAX;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->slot_free, NULL);
    int err = page_cache_init(p);
    if (err == 0)
        err = pages_recover(p, loop, message);
    if (err != 0) {
        destroy(p);
        return err;
    }
    *ret = p;
    return 0;
}

void pages_close(struct pages *p)
{
    if (p != NULL)
        destroy(p);
}

void pages_set_notify(struct pages *p, void (*notify)(void *), void *arg)
{
    pthread_mutex_lock(&p->lock);
    p->notify = notify;
    p->notify_arg = arg;
    pthread_mutex_unlock(&p->lock);
}

void pages_snapshot_begin(struct pages *p, struct pages_snapshot *s)
{
    pthread_mutex_lock(&p->lock);
    s->sequence = p->sequence;
    s->page_count = p->database_pages;
    pages_snapshot_insert(p, s);
    pthread_mutex_unlock(&p->lock);
}

void pages_snapshot_end(struct pages *p, struct pages_snapshot *s)
{
    pthread_mutex_lock(&p->lock);
    pages_snapshot_remove(p, s);
    pthread_mutex_unlock(&p->lock);
}

uint64_t pages_sequence(struct pages *p)
{
    pthread_mutex_lock(&p->lock);
    uint64_t sequence = p->sequence;
    pthread_mutex_unlock(&p->lock);
    return sequence;
}

uint64_t pages_oldest(struct pages *p)
{
    pthread_mutex_lock(&p->lock);
    uint64_t sequence = p->oldest != NULL ? p->oldest->sequence : p->sequence;
    pthread_mutex_unlock(&p->lock);
    return sequence;
}

struct page_wanted { uint32_t number, crc; uint64_t sequence; };

static bool page_right(void *arg, const void *data)
{
    const struct page_wanted *want = arg;
    return page_crc(want->number, want->sequence, data) == want->crc;
}

static struct page_version *page_version_at_home(struct pages *p, const struct page_wanted *want)
{
    struct page_version *v = page_version_new(p, want->number, want->sequence, NULL);
    if (v != NULL)
        v->crc = want->crc;
    return v;
}

/* From its home, which does not change while the snapshot lives (P1). */
static int read_home(struct pages *p, struct loop *loop, const struct map_entry *e, uint32_t number, uint32_t off, void *data,
                     uint32_t len)
{
    struct page_wanted want = {number, e->crc, page_map_entry_sequence(e)};
    struct page_version *v = page_version_at_home(p, &want);
    if (v == NULL)
        return ERR_NO_MEMORY;
    int err = mirror_read(p->mirror, loop, page_home_off(p->log_size, number), v->data, PAGE_SIZE, page_right, &want,
                          !p->options.read_only);
    if (err != 0) {
        page_version_free(p, v);
        return err;
    }
    memcpy(data, v->data + off, len);
    pthread_mutex_lock(&p->lock);
    page_cache_add_clean(p, v);
    pthread_mutex_unlock(&p->lock);
    return 0;
}

int pages_read(struct pages *p, struct loop *loop, const struct pages_snapshot *s, uint32_t number, uint32_t off, void *data,
               uint32_t len, bool cache_only)
{
    if (number == 0 || number > s->page_count || off + len > PAGE_SIZE)
        return ERR_INVALID;
    pthread_mutex_lock(&p->lock);
    struct page_version *v = page_cache_find(p, number, s->sequence);
    if (v != NULL) {
        p->hits++;
        page_cache_touch(v);
        atomic_fetch_add_explicit(&v->pins, 1, memory_order_relaxed);
        pthread_mutex_unlock(&p->lock);
        memcpy(data, v->data + off, len);
        atomic_fetch_sub_explicit(&v->pins, 1, memory_order_release);
        return 0;
    }
    struct map_entry e = page_map_get(p, number);
    bool hole = page_map_entry_sequence(&e) == 0;
    p->misses += !hole;
    pthread_mutex_unlock(&p->lock);
    if (hole) {
        memset(data, 0, len);
        return 0;
    }
    return cache_only ? ERR_WOULD_BLOCK : read_home(p, loop, &e, number, off, data, len);
}

/* Those that have to be read; none when the first of them has not. */
static uint32_t find_missing(struct pages *p, const struct pages_snapshot *s, const uint32_t *numbers, uint32_t count,
                             struct page_wanted *ret)
{
    uint32_t missing = 0;
    pthread_mutex_lock(&p->lock);
    for (uint32_t i = 0; i < count && (i == 0 || missing > 0); i++) {
        if (numbers[i] == 0 || numbers[i] > s->page_count || page_cache_find(p, numbers[i], s->sequence) != NULL)
            continue;
        struct map_entry e = page_map_get(p, numbers[i]);
        if (page_map_entry_sequence(&e) != 0)
            ret[missing++] = (struct page_wanted){numbers[i], e.crc, page_map_entry_sequence(&e)};
    }
    pthread_mutex_unlock(&p->lock);
    return missing;
}

void pages_read_ahead(struct pages *p, struct loop *loop, const struct pages_snapshot *s, const uint32_t *numbers, uint32_t count)
{
    struct page_wanted wanted[MIRROR_READ_AHEAD_MAX];
    struct mirror_piece pieces[MIRROR_READ_AHEAD_MAX];
    assert(count <= MIRROR_READ_AHEAD_MAX);
    uint32_t missing = find_missing(p, s, numbers, count, wanted), got = 0;
    for (; got < missing; got++) {
        struct page_version *v = page_version_at_home(p, &wanted[got]);
        if (v == NULL)
            break;
        pieces[got] = (struct mirror_piece){.off = page_home_off(p->log_size, wanted[got].number), .data = v->data};
    }
    mirror_read_ahead(p->mirror, loop, pieces, got, PAGE_SIZE);
    pthread_mutex_lock(&p->lock);
    for (uint32_t i = 0; i < got; i++) {
        struct page_version *v = container_of(pieces[i].data, struct page_version, data);
        if (pieces[i].read && page_right(&wanted[i], v->data))
            page_cache_add_clean(p, v);
        else
            page_version_free(p, v);
    }
    pthread_mutex_unlock(&p->lock);
}

void pages_status(struct pages *p, struct pages_status *ret)
{
    pthread_mutex_lock(&p->lock);
    *ret = (struct pages_status){
        .sequence = p->sequence, .checkpoint_sequence = p->root.checkpoint_sequence, .database_pages = p->database_pages,
        .space_size = mirror_size(p->mirror), .log_size = p->log_size, .log_used = p->log_used,
        .cache_size = p->options.cache_size,
        .cache_used = (p->queues[QUEUE_SMALL].count + p->queues[QUEUE_MAIN].count) * PAGE_SIZE,
        .dirty = p->queues[QUEUE_DIRTY].count, .hits = p->hits, .misses = p->misses, .log_bytes = p->log_bytes,
        .checkpoint_bytes = p->checkpoint_bytes, .checkpoints = p->checkpoints, .log_wraps = p->log_wraps};
    pthread_mutex_unlock(&p->lock);
}
