/* What operators and the repair do with volumes. What is said to be on the writer's thread runs inside a meta_exclusive. */
#ifndef META_VOLUMES_H
#define META_VOLUMES_H

#include "meta/meta.h"

/* A volume that is OUT has answered well for long enough, and is level as far as the metadata goes: when its data is, too, it
 * may go IN. Any thread. */
bool volumes_ready(struct meta *, uint32_t index);
/* It was ready, and the store put it out again when it was to go IN: it has to show anew that it is well. Any thread. */
void volumes_refused(struct meta *, uint32_t index);
/* A volume that is not to stay: its slots move elsewhere at once, whether it answers or not. Any thread. */
bool volumes_leaving(struct meta *, uint32_t index);

/* Levelling under way: pages; *ret_index is VOLUMES_MAX when there is none. Any thread. */
void volumes_levelling(struct meta *, uint32_t *ret_index, uint64_t *ret_done, uint64_t *ret_total);

/* Writer's thread; with an err *message may say more.
 * drain: IN becomes DRAINING; one that is OUT or OFFLINE is marked as leaving: what it held is rebuilt elsewhere. ERR_NOT_FOUND.
 * offline: out of service until online. ERR_QUORUM: the store cannot do without it.
 * online: no longer offline, draining or leaving; one that was out comes back once it has shown to be well.
 * remove: forgets a drained or leaving volume. ERR_BUSY: something is still on it. */
int volumes_drain(struct meta *, struct loop *, uint32_t index, struct store_message *) MUST_CHECK;
int volumes_offline(struct meta *, struct loop *, uint32_t index, struct store_message *) MUST_CHECK;
int volumes_online(struct meta *, struct loop *, uint32_t index, struct store_message *) MUST_CHECK;
int volumes_remove(struct meta *, struct loop *, uint32_t index, struct store_message *) MUST_CHECK;
int volumes_add(struct meta *, struct loop *, const char *path, const char *label, bool force, uint32_t *ret_index,
                struct store_message *) MUST_CHECK;
int volumes_attach(struct meta *, struct loop *, const char *path, uint32_t *ret_index, struct store_message *) MUST_CHECK;
int volumes_grow(struct meta *, struct loop *, uint32_t index, struct store_message *) MUST_CHECK;

#endif
