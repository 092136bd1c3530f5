/* A store opened by this process: volumes, placement, metadata, and a control loop on the thread that opened it. */
#ifndef INGOT_OPENED_H
#define INGOT_OPENED_H

#include "admin/admin.h"
#include "base/config.h"
#include "ingot/engine.h"
#include "ingot/lease_keeper.h"

struct opened {
    struct engine engine;
    struct loop *control;
    struct store *store;
    struct lease_keeper lease; /* from the opening of the volumes to their closing: recovery may take longer than a lease */
    struct placement *placement;
    struct meta *meta;
    struct admin admin;
    char message[640]; /* after opened_open: why not; or, on success, what people should know (may be empty) */
};

/* The loop alone and the sealing key: what format needs too. */
int opened_engine(struct opened *, const struct config *) MUST_CHECK;
/* *ret_given: a key was given. ERR_INVALID with message. */
int opened_sealing_key(struct opened *, const struct config *, struct seal_key *ret, bool *ret_given) MUST_CHECK;

/* Opens everything. read_only: without the lease, nothing is written. On failure all is closed again. lease_lost (may be
 * NULL; on the lease's thread, perhaps before this returns): as lost in lease_keeper.h. */
int opened_open(struct opened *, const struct config *, bool read_only, void (*lease_lost)(void *), void *arg) MUST_CHECK;
void opened_close(struct opened *);

#endif
