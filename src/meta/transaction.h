/* An open transaction: what the tables work on, and what the commit owes to placement/.
 *
 * A write transaction gathers the extents its requests added and freed. Each request begins with a mark of both lists and is
 * cut back to it when it fails, as the savepoint cuts back its rows. */
#ifndef META_TRANSACTION_H
#define META_TRANSACTION_H

#include "meta/connection.h"
#include "meta/meta.h"

struct extent_batch { struct extent *extents; size_t count, capacity; }; /* without their crcs */

struct meta_tx {
    struct meta *meta;
    struct connection *connection;
    struct clock *clock;            /* NULL in reads */
    uint64_t failed_volumes;
    struct extent_batch added, freed;
    bool buckets_changed;
    uint64_t read_epoch;            /* bucket epoch before the transaction began; 0 while one was changing */
    struct { size_t added, freed; } mark;
};

void meta_tx_mark(struct meta_tx *);
void meta_tx_cut(struct meta_tx *);   /* back to the mark */
void meta_tx_clear(struct meta_tx *); /* nothing added or freed; keeps the memory */
void meta_tx_fini(struct meta_tx *);

/* The bucket epoch of a read (see bucket_cache.h); 0: rows must not be kept. */
uint64_t meta_tx_bucket_epoch(const struct meta_tx *);

#endif
