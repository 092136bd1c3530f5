/* Whether a volume answers: one real read and one real durable write of its probe block (docs/FORMAT.md), each within a
 * bound. At most one is under way per volume, so that a hung one keeps one block. On one loop. */
#ifndef META_VOLUME_PROBE_H
#define META_VOLUME_PROBE_H

#include "volume/store.h"

struct volume_probe;

int volume_probe_new(struct volume_probe **ret) MUST_CHECK;
/* Its loop is gone or runs on: one under way frees itself. NULL is fine. */
void volume_probe_free(struct volume_probe *);

/* False: one is still under way. */
bool volume_probe_start(struct volume_probe *, struct loop *, struct volume *, uint64_t now_us);
/* True, once, when one has ended. */
bool volume_probe_take(struct volume_probe *, bool *ret_well);
/* One is under way and past its bound. */
bool volume_probe_late(const struct volume_probe *, uint64_t now_us);

#endif
