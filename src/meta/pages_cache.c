/* Page versions in memory. A hash of newest versions, each leading to older ones. Clean versions are in two queues: SMALL takes
 * what was read once, MAIN what was asked for again; a scan runs through SMALL alone and leaves MAIN as it was. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/digest.h"
#include "meta/pages_core.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, len) ((void)0)
#define ASAN_UNPOISON_MEMORY_REGION(at, len) ((void)0)
#endif

#define HEAT_MAX 3
#define VERSION_BLOCK_LEN (1u << 20)
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

struct page_version_block { struct page_version_block *next; struct page_version versions[]; };

static void pool_give(struct page_version_pool *pool, struct page_version *v)
{
    v->next = pool->free;
    pool->free = v;
    ASAN_POISON_MEMORY_REGION(v, sizeof *v);
}

static bool pool_grow(struct page_version_pool *pool)
{
    struct page_version_block *b = mmap(NULL, VERSION_BLOCK_LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (b == MAP_FAILED)
        return false;
    b->next = pool->blocks;
    pool->blocks = b;
    for (size_t i = (VERSION_BLOCK_LEN - sizeof *b) / sizeof b->versions[0]; i-- > 0;)
        pool_give(pool, &b->versions[i]);
    return true;
}

static void pool_fini(struct page_version_pool *pool)
{
    while (pool->blocks != NULL) {
        struct page_version_block *b = pool->blocks;
        pool->blocks = b->next;
        ASAN_UNPOISON_MEMORY_REGION(b, VERSION_BLOCK_LEN);
        munmap(b, VERSION_BLOCK_LEN);
    }
    pthread_mutex_destroy(&pool->lock);
}

struct page_version *page_version_new(struct pages *p, uint32_t number, uint64_t sequence, const void *data)
{
    struct page_version_pool *pool = &p->pool;
    pthread_mutex_lock(&pool->lock);
    struct page_version *v = pool->free != NULL || pool_grow(pool) ? pool->free : NULL;
    if (v != NULL) {
        ASAN_UNPOISON_MEMORY_REGION(v, sizeof *v);
        pool->free = v->next;
    }
    pthread_mutex_unlock(&pool->lock);
    if (v == NULL)
        return NULL;
    memset(v, 0, offsetof(struct page_version, data));
    v->number = number;
    v->sequence = sequence;
    if (data != NULL)
        memcpy(v->data, data, PAGE_SIZE);
    return v;
}

void page_version_free(struct pages *p, struct page_version *v)
{
    if (v == NULL)
        return;
    pthread_mutex_lock(&p->pool.lock);
    pool_give(&p->pool, v);
    pthread_mutex_unlock(&p->pool.lock);
}

int page_cache_init(struct pages *p)
{
    uint64_t want = (p->options.cache_size + p->log_size / 2) / PAGE_SIZE;
    uint32_t count = 1024;
    while (count < want && count < 1u << 26)
        count *= 2;
    pthread_mutex_init(&p->pool.lock, NULL);
    p->buckets = calloc(count, sizeof(struct page_version *));
    p->bucket_mask = count - 1;
    return p->buckets == NULL ? ERR_NO_MEMORY : 0;
}

void page_cache_fini(struct pages *p)
{
    free(p->buckets);
    pool_fini(&p->pool); /* with all versions */
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
    page_version_free(p, v);
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
            page_version_free(p, v);
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

/* Dirty versions have their share of the memory, up to the half of it. */
static uint64_t clean_limit(const struct pages *p)
{
    uint64_t limit = p->options.cache_size / PAGE_SIZE, dirty = p->queues[QUEUE_DIRTY].count;
    return limit - (dirty < limit / 2 ? dirty : limit / 2);
}

void page_cache_evict(struct pages *p)
{
    uint64_t limit = clean_limit(p);
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
