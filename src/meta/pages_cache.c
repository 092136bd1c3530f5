/* Page versions in memory. A hash of newest versions, each leading to older ones. Clean versions are in two queues: SMALL takes
 * what was read once, MAIN what was asked for again; a scan runs through SMALL alone and leaves MAIN as it was. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "meta/pages_core.h"

#define HEAT_MAX 3
#define SMALL_SHARE 10 /* SMALL may have 1/SMALL_SHARE of the cache before it is evicted from first */

uint32_t page_crc(uint32_t number, uint64_t sequence, const void *data)
{
    uint32_t head[3] = {number, (uint32_t)sequence, (uint32_t)(sequence >> 32)};
    return crc32c(crc32c(0, head, sizeof head), data, PAGE_SIZE);
}

static uint32_t bucket_of(const struct pages *p, uint32_t number)
{
    return (number * 2654435761u >> 7 ^ number) & p->bucket_mask;
}

int page_cache_init(struct pages *p)
{
    uint64_t want = (p->options.cache_size + p->log_size / 2) / PAGE_SIZE;
    uint32_t count = 1024;
    while (count < want && count < 1u << 26)
        count *= 2;
    p->buckets = calloc(count, sizeof(struct page_version *));
    p->bucket_mask = count - 1;
    return p->buckets == NULL ? ERR_NO_MEMORY : 0;
}

void page_cache_fini(struct pages *p)
{
    for (uint32_t i = 0; p->buckets != NULL && i <= p->bucket_mask; i++) {
        for (struct page_version *page = p->buckets[i]; page != NULL;) {
            struct page_version *next_page = page->bucket_next;
            for (struct page_version *v = page; v != NULL;) {
                struct page_version *older = v->older;
                free(v);
                v = older;
            }
            page = next_page;
        }
    }
    free(p->buckets);
}

struct page_version *page_version_new(uint32_t number, uint64_t sequence, const void *data)
{
    struct page_version *v = malloc(sizeof *v);
    if (v == NULL)
        return NULL;
    memset(v, 0, offsetof(struct page_version, data));
    v->number = number;
    v->sequence = sequence;
    memcpy(v->data, data, PAGE_SIZE);
    return v;
}

static void queue_remove(struct pages *p, struct page_version *v)
{
    if (v->queue == QUEUE_NONE)
        return;
    struct page_version_list *l = &p->queues[v->queue];
    *(v->prev != NULL ? &v->prev->next : &l->head) = v->next;
    *(v->next != NULL ? &v->next->prev : &l->tail) = v->prev;
    l->count--;
    v->queue = QUEUE_NONE;
}

static void queue_add(struct pages *p, struct page_version *v, enum queue queue)
{
    assert(v->queue == QUEUE_NONE);
    struct page_version_list *l = &p->queues[queue];
    v->prev = l->tail;
    v->next = NULL;
    *(l->tail != NULL ? &l->tail->next : &l->head) = v;
    l->tail = v;
    l->count++;
    v->queue = (uint8_t)queue;
}

static void old_remove(struct pages *p, struct page_version *v)
{
    if (!v->in_old)
        return;
    *(v->old_prev != NULL ? &v->old_prev->old_next : &p->old_head) = v->old_next;
    *(v->old_next != NULL ? &v->old_next->old_prev : &p->old_tail) = v->old_prev;
    v->in_old = false;
}

static void old_add(struct pages *p, struct page_version *v)
{
    v->old_prev = p->old_tail;
    v->old_next = NULL;
    *(p->old_tail != NULL ? &p->old_tail->old_next : &p->old_head) = v;
    p->old_tail = v;
    v->in_old = true;
}

static struct page_version **page_slot(struct pages *p, uint32_t number)
{
    struct page_version **at = &p->buckets[bucket_of(p, number)];
    while (*at != NULL && (*at)->number != number)
        at = &(*at)->bucket_next;
    return at;
}

static void version_drop(struct pages *p, struct page_version *v)
{
    struct page_version **at = page_slot(p, v->number);
    if (*at == v) {
        if (v->older != NULL) {
            v->older->bucket_next = v->bucket_next;
            *at = v->older;
        } else {
            *at = v->bucket_next;
        }
    } else {
        struct page_version *newer = *at;
        while (newer->older != v)
            newer = newer->older;
        newer->older = v->older;
    }
    queue_remove(p, v);
    old_remove(p, v);
    free(v);
}

struct page_version *page_cache_find(struct pages *p, uint32_t number, uint64_t sequence)
{
    struct page_version *v = *page_slot(p, number);
    while (v != NULL && v->sequence > sequence)
        v = v->older;
    return v;
}

bool page_is_dirty(struct pages *p, uint32_t number, uint64_t sequence)
{
    for (struct page_version *v = *page_slot(p, number); v != NULL; v = v->older)
        if (v->queue == QUEUE_DIRTY && v->sequence <= sequence)
            return true;
    return false;
}

void page_cache_touch(struct page_version *v)
{
    if (v->heat < HEAT_MAX)
        v->heat++;
}

void page_cache_add_dirty(struct pages *p, struct page_version *v)
{
    struct page_version **at = page_slot(p, v->number);
    struct page_version *before = *at;
    v->older = before;
    v->bucket_next = before != NULL ? before->bucket_next : NULL;
    *at = v;
    queue_add(p, v, QUEUE_DIRTY);
    if (before == NULL)
        return;
    before->bucket_next = NULL;
    before->superseded_at = v->sequence;
    v->heat = before->heat;
    /* P2: v is durable; only a snapshot taken since the one before was committed can still see that one. */
    if (p->newest == NULL || p->newest->sequence < before->sequence)
        version_drop(p, before);
    else
        old_add(p, before);
}

void page_cache_add_clean(struct pages *p, struct page_version *v)
{
    struct page_version **at = page_slot(p, v->number);
    struct page_version *newer = NULL;
    for (struct page_version *i = *at; i != NULL; i = i->older) {
        if (i->sequence <= v->sequence) {
            free(v);
            return;
        }
        newer = i;
    }
    if (newer == NULL) {
        v->bucket_next = NULL;
        *at = v;
    } else {
        newer->older = v;
        v->superseded_at = newer->sequence;
    }
    queue_add(p, v, QUEUE_SMALL);
    page_cache_evict(p);
}

void page_cache_make_clean(struct pages *p, struct page_version *v)
{
    queue_remove(p, v);
    queue_add(p, v, v->superseded_at == 0 ? QUEUE_MAIN : QUEUE_SMALL);
}

/* One step of the clock on a queue: true when a version was dropped. */
static bool evict_one(struct pages *p, enum queue queue)
{
    struct page_version *v = p->queues[queue].head;
    if (atomic_load(&v->pins) == 0 && v->heat == 0) {
        version_drop(p, v);
        return true;
    }
    bool promote = queue == QUEUE_SMALL && v->heat > 0;
    queue_remove(p, v);
    if (v->heat > 0)
        v->heat--;
    queue_add(p, v, promote ? QUEUE_MAIN : queue);
    return false;
}

void page_cache_evict(struct pages *p)
{
    uint64_t limit = p->options.cache_size / PAGE_SIZE;
    struct page_version_list *small = &p->queues[QUEUE_SMALL], *main_queue = &p->queues[QUEUE_MAIN];
    /* Every turn cools or drops a version: HEAT_MAX + 1 rounds suffice unless readers pin what is left. */
    uint64_t turns = (small->count + main_queue->count) * (HEAT_MAX + 1) + 1;
    while (small->count + main_queue->count > limit && turns-- > 0) {
        bool from_small = small->count > 0 && (small->count > limit / SMALL_SHARE || main_queue->count == 0);
        evict_one(p, from_small ? QUEUE_SMALL : QUEUE_MAIN);
    }
}

void page_cache_prune(struct pages *p)
{
    while (p->old_head != NULL && (p->oldest == NULL || p->old_head->superseded_at <= p->oldest->sequence))
        version_drop(p, p->old_head);
}

void pages_snapshot_insert(struct pages *p, struct pages_snapshot *s)
{
    struct pages_snapshot *before = p->newest;
    while (before != NULL && before->sequence > s->sequence)
        before = before->prev;
    s->prev = before;
    s->next = before != NULL ? before->next : p->oldest;
    *(before != NULL ? &before->next : &p->oldest) = s;
    *(s->next != NULL ? &s->next->prev : &p->newest) = s;
}

void pages_snapshot_remove(struct pages *p, struct pages_snapshot *s)
{
    bool was_oldest = p->oldest == s;
    *(s->prev != NULL ? &s->prev->next : &p->oldest) = s->next;
    *(s->next != NULL ? &s->next->prev : &p->newest) = s->prev;
    s->prev = s->next = NULL;
    if (was_oldest)
        page_cache_prune(p);
}
