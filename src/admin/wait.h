/* Starting work of the metadata store from a thread that has no loop, and waiting for it. The control loop must run. */
#ifndef ADMIN_WAIT_H
#define ADMIN_WAIT_H

#include "admin/admin.h"

/* run on the metadata writer's thread between batches; arg is the caller's. Returns what run returned. */
int admin_exclusive(struct admin *, int (*run)(struct meta *, struct loop *writer, void *arg), void *arg) MUST_CHECK;
/* run on a thread of its own with a loop that may wait for devices (meta/job.h). */
int admin_job(struct admin *, int (*run)(struct meta *, struct loop *, void *arg), void *arg) MUST_CHECK;
/* run in a transaction that writes; again when its batch is redone, so it sets what it gives back afresh. */
int admin_write(struct admin *, int (*run)(struct meta_tx *, void *arg), void *arg) MUST_CHECK;
/* run in one snapshot, on a thread that may wait for devices. */
int admin_read(struct admin *, int (*run)(struct meta_tx *, void *arg), void *arg) MUST_CHECK;

#endif
