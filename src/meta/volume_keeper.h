/* Watches over the volumes that are out of service, and over which volumes mirror the metadata.
 *
 *  - A volume that is OUT is probed: a real read and a real durable write within a bound. One that answered well for a
 *    while, longer each time it fails soon after its return, becomes a level mirror again, if it is to be one, and is then
 *    ready: repair/ brings its data level and puts it IN. Nobody else puts volumes in.
 *  - A member that was missing is looked for under the configured paths.
 *  - A mirror that is lost for long, drains or leaves is replaced by another volume, levelled from scratch.
 *
 * A thread and loop of its own ("meta-keeper"); without threads it is stepped by meta_step(). Every change of membership
 * runs on the writer's thread. */
#ifndef META_VOLUME_KEEPER_H
#define META_VOLUME_KEEPER_H

#include "meta/state.h"

#define KEEPER_TICK_US 250000u
#define KEEPER_PROBE_EVERY_US 1000000u
#define KEEPER_PROBE_BOUND_US 300000u    /* as late as a write may be in service */
#define KEEPER_PROBES_MIN 3u             /* in a row */
#define KEEPER_RETURN_DELAY_US 10000000ull
#define KEEPER_RETURN_DELAY_MAX_US 3600000000ull
#define KEEPER_STEADY_US 600000000ull    /* in service for so long, a volume is trusted as before */
#define KEEPER_MIRROR_DELAY_US 900000000ull
#define KEEPER_SCAN_EVERY_US 5000000u
#define KEEPER_RELEASE_US 60000000u      /* longer than any I/O of a former mirror stays uncounted */

#define LEAVING_SETTING "leaving_volumes" /* bit per index */

struct volume_keeper;

int volume_keeper_open(struct meta *, struct volume_keeper **ret) MUST_CHECK;
/* Before the writer is closed. NULL is fine. */
void volume_keeper_close(struct volume_keeper *);
/* Without threads: one step if one is due. False: nothing was done. */
bool volume_keeper_step(struct volume_keeper *, struct loop *);

/* Volumes that are to leave: out of service, they do not come back. Writer's thread; any thread reads. */
uint64_t volume_keeper_leaving(struct volume_keeper *);
void volume_keeper_set_leaving(struct volume_keeper *, uint64_t leaving);

/* See meta/volumes.h. */
bool volume_keeper_ready(struct volume_keeper *, uint32_t index);
void volume_keeper_refused(struct volume_keeper *, uint32_t index);
void volume_keeper_progress(struct volume_keeper *, uint32_t *ret_index, uint64_t *ret_done, uint64_t *ret_total);

#endif
