/* Which volumes are in service: the data path, the flushes and the mirrors report suspects; here, on the metadata writer's
 * thread, they are put out, as long as the store can do without them. */
#ifndef META_MEMBERSHIP_H
#define META_MEMBERSHIP_H

#include "meta/meta.h"

/* How long a volume that could not be put out is left alone before it is looked at again. */
#define MEMBERSHIP_RETRY_US 1000000ull

/* The store could lose all these volumes (bit per index) on top of those it lacks: at most m members bad in all, and m + 1
 * current mirrors of the metadata left. */
bool membership_can_lose(const struct store *, uint64_t volumes);

/* True when a volume is suspected: any thread, no I/O. */
bool membership_pending(const struct store *, uint64_t now_us);

/* Puts suspects out, the longest suspected first; those the store cannot lose stay, and are looked at again later. Writer's
 * thread. An error means that no generation is in force: nothing more may be acknowledged. */
int membership_review(struct meta *, struct loop *) MUST_CHECK;

#endif
