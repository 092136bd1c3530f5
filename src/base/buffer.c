#include "base/buffer.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/container.h"

static bool first_is_grantable(const struct buffer_pool *pool)
{
    return pool->waiters_head && pool->waiters_head->count <= pool->free_count;
}

static void pop_slabs(struct buffer_pool *pool, uint32_t count, void **slabs)
{
    for (uint32_t i = 0; i < count; i++)
        slabs[i] = pool->memory + (size_t)pool->free_index[--pool->free_count] * BUFFER_SLAB_SIZE;
}

static void unlink_waiter(struct buffer_pool *pool, struct buffer_waiter **link)
{
    struct buffer_waiter *waiter = *link;
    *link = waiter->next;
    if (!waiter->next)
        pool->waiters_tail = link;
    waiter->next = NULL;
    waiter->queued = false;
}

static void grant_waiters(struct task *task)
{
    struct buffer_pool *pool = container_of(task, struct buffer_pool, grant);
    pool->grant_posted = false;
    while (first_is_grantable(pool)) {
        struct buffer_waiter *waiter = pool->waiters_head;
        unlink_waiter(pool, &pool->waiters_head);
        pop_slabs(pool, waiter->count, waiter->slabs);
        waiter->granted(waiter);
    }
}

static void post_grant(struct buffer_pool *pool)
{
    if (pool->grant_posted || !first_is_grantable(pool))
        return;
    pool->grant_posted = true;
    loop_post(pool->loop, &pool->grant);
}

int buffer_pool_init(struct buffer_pool *pool, struct loop *loop, uint32_t slab_count)
{
    assert(slab_count > 0);
    uint32_t *free_index = malloc(slab_count * sizeof(*free_index));
    if (!free_index)
        return ERR_NO_MEMORY;
    void *memory = mmap(NULL, (size_t)slab_count * BUFFER_SLAB_SIZE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        free(free_index);
        return ERR_NO_MEMORY;
    }
    *pool = (struct buffer_pool){
        .loop = loop,
        .memory = memory,
        .count = slab_count,
        .free_count = slab_count,
        .free_index = free_index,
        .grant = {.run = grant_waiters},
    };
    pool->waiters_tail = &pool->waiters_head;
    for (uint32_t i = 0; i < slab_count; i++)
        free_index[i] = slab_count - 1 - i;
    return 0;
}

void buffer_pool_fini(struct buffer_pool *pool)
{
    assert(!pool->waiters_head);
    assert(pool->free_count == pool->count);
    munmap(pool->memory, (size_t)pool->count * BUFFER_SLAB_SIZE);
    free(pool->free_index);
    *pool = (struct buffer_pool){0};
}

int buffer_take(struct buffer_pool *pool, uint32_t count, void **slabs)
{
    if (count > pool->count)
        return ERR_TOO_LARGE;
    if (pool->waiters_head || count > pool->free_count)
        return ERR_WOULD_BLOCK;
    pop_slabs(pool, count, slabs);
    return 0;
}

void buffer_wait(struct buffer_pool *pool, struct buffer_waiter *waiter)
{
    assert(!waiter->queued);
    assert(waiter->count <= pool->count);
    waiter->next = NULL;
    waiter->queued = true;
    *pool->waiters_tail = waiter;
    pool->waiters_tail = &waiter->next;
    post_grant(pool);
}

void buffer_wait_cancel(struct buffer_pool *pool, struct buffer_waiter *waiter)
{
    if (!waiter->queued)
        return;
    struct buffer_waiter **link = &pool->waiters_head;
    while (*link != waiter)
        link = &(*link)->next;
    unlink_waiter(pool, link);
    post_grant(pool);
}

void buffer_give(struct buffer_pool *pool, uint32_t count, void **slabs)
{
    assert(count <= pool->count - pool->free_count);
    for (uint32_t i = 0; i < count; i++) {
        size_t off = (size_t)((uint8_t *)slabs[i] - pool->memory);
        assert(off % BUFFER_SLAB_SIZE == 0 && off / BUFFER_SLAB_SIZE < pool->count);
        pool->free_index[pool->free_count++] = (uint32_t)(off / BUFFER_SLAB_SIZE);
    }
    post_grant(pool);
}
