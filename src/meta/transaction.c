/* See transaction.h. */
#include "meta/transaction.h"

#include <assert.h>
#include <stdlib.h>

#include "meta/clock.h"
#include "meta/state.h"

static int append(struct extent_batch *b, const struct extent *extent)
{
    if (b->count == b->capacity) {
        size_t capacity = b->capacity > 0 ? b->capacity * 2 : 64;
        struct extent *grown = realloc(b->extents, capacity * sizeof *grown);
        if (grown == NULL)
            return ERR_NO_MEMORY;
        b->extents = grown;
        b->capacity = capacity;
    }
    struct extent *copy = &b->extents[b->count++];
    *copy = *extent;
    copy->crcs = NULL;
    copy->crc_count = 0;
    return 0;
}

int meta_tx_freed(struct meta_tx *tx, const struct extent *extent)
{
    return append(&tx->freed, extent);
}

int meta_tx_moved(struct meta_tx *tx, const struct extent *extent)
{
    return append(&tx->moved, extent);
}

int meta_tx_added(struct meta_tx *tx, const struct extent *extent)
{
    return append(&tx->added, extent);
}

uint64_t meta_tx_clock(struct meta_tx *tx)
{
    assert(tx->clock != NULL);
    return clock_next(tx->clock);
}

uint64_t meta_tx_failed_volumes(struct meta_tx *tx)
{
    return tx->failed_volumes;
}

struct meta *meta_tx_meta(struct meta_tx *tx)
{
    return tx->meta;
}

uint64_t meta_tx_bucket_epoch(const struct meta_tx *tx)
{
    if (tx->clock != NULL)
        return 0;
    return meta_bucket_epoch(tx->meta);
}

uint64_t meta_bucket_epoch(const struct meta *meta)
{
    uint64_t epoch = atomic_load_explicit(&meta->bucket_epoch, memory_order_acquire);
    return epoch % 2 == 0 ? epoch : 0;
}

uint64_t meta_identity_epoch(const struct meta *meta)
{
    uint64_t epoch = atomic_load_explicit(&meta->identity_epoch, memory_order_acquire);
    return epoch % 2 == 0 ? epoch : 0;
}

uint64_t meta_tx_read_epoch(const struct meta_tx *tx)
{
    return tx->read_epoch;
}

int meta_tx_begun(struct meta_tx *tx)
{
    return connection_pages(tx->connection, &tx->begun);
}

int meta_tx_changed(struct meta_tx *tx, uint32_t *ret)
{
    struct connection_pages now;
    int64_t journaled;
    int err = connection_pages(tx->connection, &now);
    if (err == 0)
        err = connection_journaled(tx->connection, &journaled);
    if (err != 0)
        return err;
    int64_t added = now.count > tx->begun.count ? now.count - tx->begun.count : 0;
    int64_t taken = now.free < tx->begun.free ? tx->begun.free - now.free : 0;
    *ret = (uint32_t)(journaled + added + taken);
    return 0;
}

int meta_tx_full(struct meta_tx *tx, bool *ret)
{
    uint32_t changed;
    int err = meta_tx_changed(tx, &changed);
    if (err == 0)
        *ret = changed >= tx->mark.changed + tx->request_changed_max;
    return err;
}

void meta_tx_mark(struct meta_tx *tx, uint32_t changed)
{
    tx->mark.changed = changed;
    tx->mark.added = tx->added.count;
    tx->mark.freed = tx->freed.count;
    tx->mark.moved = tx->moved.count;
    tx->mark.usage = tx->usage.count;
}

void meta_tx_cut(struct meta_tx *tx)
{
    tx->added.count = tx->mark.added;
    tx->freed.count = tx->mark.freed;
    tx->moved.count = tx->mark.moved;
    tx->usage.count = tx->mark.usage;
}

void meta_tx_clear(struct meta_tx *tx)
{
    tx->added.count = 0;
    tx->freed.count = 0;
    tx->moved.count = 0;
    tx->usage.count = 0;
    tx->buckets_changed = tx->identities_changed = false;
    meta_tx_mark(tx, 0);
}

void meta_tx_fini(struct meta_tx *tx)
{
    free(tx->added.extents);
    free(tx->freed.extents);
    free(tx->moved.extents);
    free(tx->usage.changes);
}
