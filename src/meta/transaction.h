/* An open transaction: what the tables work on, and what the commit owes to placement/.
 *
 * A transaction is bounded by what it changes, far below what one commit can hold: no commit holds the others up for long, and
 * what it keeps in memory stays small. See meta_tx_full() for single requests that change much, batch.h for many of them.
 *
 * A write transaction gathers the extents its requests added and freed, and the usage they changed. Each request begins with a mark of these lists and is
 * cut back to it when it fails, as the savepoint cuts back its rows. */
#ifndef META_TRANSACTION_H
#define META_TRANSACTION_H

#include "meta/connection.h"
#include "meta/meta.h"
#include "meta/tables.h"

struct usage_change { int64_t bucket_id; struct bucket_usage usage; };
struct usage_batch { struct usage_change *changes; size_t count, capacity; };
struct extent_batch { struct extent *extents; size_t count, capacity; }; /* without their crcs */

struct meta_tx {
    struct meta *meta;
    struct connection *connection;
    struct clock *clock;            /* NULL in reads */
    uint64_t failed_volumes;
    struct extent_batch added, freed, moved; /* moved: the places they had */
    struct usage_batch usage;       /* see usage.h */
    bool buckets_changed, identities_changed;
    uint64_t read_epoch;            /* bucket epoch before the transaction began; 0 while one was changing */
    uint32_t changed_max;           /* pages; a transaction that changed so many takes on no further request */
    uint32_t request_changed_max;   /* nor does a request anything more: so that the last one fits, too */
    struct connection_pages begun;  /* as it began */
    struct { size_t added, freed, moved, usage; uint32_t changed; } mark;
};

/* A write transaction was begun on the connection. */
int meta_tx_begun(struct meta_tx *) MUST_CHECK;
/* How many pages the commit will write: those changed, those added, those taken from the free ones. Somewhat less than the
 * truth when pages were freed and others taken. */
int meta_tx_changed(struct meta_tx *, uint32_t *ret) MUST_CHECK;
void meta_tx_mark(struct meta_tx *, uint32_t changed);
void meta_tx_cut(struct meta_tx *);   /* back to the mark */
void meta_tx_clear(struct meta_tx *); /* nothing added, freed or moved; keeps the memory */
void meta_tx_fini(struct meta_tx *);

/* The bucket epoch of a read (see bucket_cache.h); 0: rows must not be kept. */
uint64_t meta_tx_bucket_epoch(const struct meta_tx *);

#endif
