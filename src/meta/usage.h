/* How much is in each bucket. Requests only note their changes, in memory (transaction.h); the commit writes them, one row per bucket
 * for all of its requests together. Internal to meta/. */
#ifndef META_USAGE_H
#define META_USAGE_H

#include "meta/tables.h"

int usage_add(struct meta_tx *, int64_t bucket_id, struct bucket_usage change) MUST_CHECK;
/* The last step before the commit. */
int usage_write(struct meta_tx *) MUST_CHECK;
int usage_begin(struct meta_tx *, int64_t bucket_id) MUST_CHECK; /* of a new bucket */
int usage_end(struct meta_tx *, int64_t bucket_id) MUST_CHECK;   /* the bucket goes */

#endif
