/* Which volumes hold a mirror of the metadata, and the steps by which one gets or loses that role:
 *
 *   NONE -> (chunk list as long as the others') -> LEVELLING: written to -> pages_level -> CURRENT: read, and counts
 *   CURRENT, LEVELLING -> NONE -> (nothing in flight any more) -> chunk list empty, its chunks are free
 *
 * min(N, 2m+1) mirrors are wanted among the N members that are to stay. All but mirror_role_wanted on the writer's thread. */
#ifndef META_MIRROR_ROLE_H
#define META_MIRROR_ROLE_H

#include "meta/state.h"

/* leaving: bit per volume that is not to stay, besides those that drain. */
uint32_t mirror_role_wanted(const struct store *, uint64_t leaving);
/* Mirrors, CURRENT (or LEVELLING, too), on volumes that are to stay. */
uint32_t mirror_role_count(const struct store *, uint64_t leaving, bool levelling_too);

/* Nothing is done when it is a mirror already. ERR_NO_SPACE: too few free chunks; ERR_BUSY: late I/O is in flight; ERR_IO: the
 * volume failed meanwhile. */
int mirror_role_begin(struct meta *, struct loop *, uint32_t index) MUST_CHECK;
/* After pages_level. ERR_IO: it was put out meanwhile. */
int mirror_role_finish(struct meta *, struct loop *, uint32_t index) MUST_CHECK;
/* ERR_QUORUM: fewer than m+1 current mirrors would be left. */
int mirror_role_drop(struct meta *, struct loop *, uint32_t index) MUST_CHECK;
/* The chunks of a volume that has been no mirror for long are free again. ERR_BUSY: late I/O is in flight. */
int mirror_role_release(struct meta *, struct loop *, uint32_t index) MUST_CHECK;

#endif
