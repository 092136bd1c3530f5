/* Extents whose rows a durable commit deleted, and places that moved ones had, until nobody can still find them there.
 *
 * A read that began before the commit sees the old rows and may yet pin their extents: space goes back to placement/ only when
 * every snapshot is at least as new as the commit that freed it. Writer's thread only. */
#ifndef META_FREED_H
#define META_FREED_H

#include "meta/pages.h"
#include "placement/placement.h"

struct freed_entry { uint64_t sequence; struct extent extent; bool moved; };

/* Zero-initialised is empty: a ring in order of sequence. */
struct freed {
    struct freed_entry *entries;
    size_t first, count, capacity;
};

/* Takes note; pages NULL (an ordinary file below): freed at once. When memory is out the space stays taken until the next start. */
void freed_add(struct freed *, struct pages *, struct placement *, const struct extent *, bool moved);
/* The extents of a group that wait here: no row names their space, and it is not free. */
int freed_list_group(const struct freed *, int64_t group_id, int (*fn)(void *, const struct extent *), void *arg) MUST_CHECK;
/* Gives back what can be. */
void freed_settle(struct freed *, struct pages *, struct placement *);
void freed_fini(struct freed *);

#endif
