/* Slabs of aligned memory for bodies and shards: bounded, one pool per loop, used on that loop's thread only.
 *
 * All body bytes in flight on a loop live in its pool; when the pool is empty, requests wait in order (buffer_wait) with
 * their sockets unread. A window of k+m slabs is taken all or nothing, so that waiters never deadlock holding a part. */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/loop.h"

#define BUFFER_SLAB_SIZE (256u << 10)
#define BUFFER_ALIGN 4096u

struct buffer_pool {
    struct loop *loop;
    uint8_t *memory;      /* one mapping: count slabs, registered with io_uring where that is allowed */
    uint32_t count;
    uint32_t free_count;
    uint32_t *free_index; /* stack of free slab numbers */
    struct buffer_waiter *waiters_head, **waiters_tail;
    struct task grant;    /* posted when the first waiter may have become grantable */
    bool grant_posted;
};

/* Waits for count slabs; granted runs from the loop (never from inside buffer_wait) with them taken into slabs[]. */
struct buffer_waiter {
    uint32_t count;
    void **slabs;
    void (*granted)(struct buffer_waiter *);
    struct buffer_waiter *next;
    bool queued;
};

int buffer_pool_init(struct buffer_pool *, struct loop *, uint32_t slab_count) MUST_CHECK;
/* All slabs are back, nobody waits, and the loop runs no more. */
void buffer_pool_fini(struct buffer_pool *);

/* Takes count slabs into slabs[], all or none. ERR_WOULD_BLOCK when there are not enough or others wait already;
 * ERR_TOO_LARGE when the pool could never hold that many. */
int buffer_take(struct buffer_pool *, uint32_t count, void **slabs) MUST_CHECK;
void buffer_wait(struct buffer_pool *, struct buffer_waiter *);
void buffer_wait_cancel(struct buffer_pool *, struct buffer_waiter *);
void buffer_give(struct buffer_pool *, uint32_t count, void **slabs);

#endif
