/* A few bucket rows kept per connection, so that a HEAD needs one lookup in the database only.
 *
 * Rows are valid for one bucket epoch: a counter of the store that the writer makes odd before it commits a change of any
 * bucket and even again after. A row read while the epoch was even and the same before and after is that epoch's. The
 * writer's own connection keeps none. */
#ifndef META_BUCKET_CACHE_H
#define META_BUCKET_CACHE_H

#include "base/text.h"

#define BUCKET_CACHE_SIZE 16 /* power of two */

struct bucket_row;

struct bucket_cache_entry {
    uint64_t epoch;      /* 0: empty */
    struct bucket_row *row; /* owned, with its strings behind it */
};
struct bucket_cache { struct bucket_cache_entry entries[BUCKET_CACHE_SIZE]; };

/* NULL when there is none of that epoch. */
const struct bucket_row *bucket_cache_find(const struct bucket_cache *, struct slice name, uint64_t epoch);
/* Keeps a copy; does nothing when memory is short. */
void bucket_cache_put(struct bucket_cache *, const struct bucket_row *, uint64_t epoch);
void bucket_cache_fini(struct bucket_cache *);

#endif
