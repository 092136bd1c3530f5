/* Renews the store's lease on a thread of its own, so that nothing else can make it late. */
#ifndef INGOT_LEASE_KEEPER_H
#define INGOT_LEASE_KEEPER_H

#include <pthread.h>

#include "ingot/engine.h"
#include "volume/store.h"

struct lease_keeper {
    struct store *store;
    struct loop *loop;
    uint64_t pause_us;
    pthread_t thread;
    bool started, stop;
    struct timer timer;
    struct task renew_task, stop_task;
    void (*lost)(void *arg); /* may be NULL; once, on the keeper's thread: nothing may be acknowledged any more */
    void *arg;
    bool told;
};

int lease_keeper_start(struct lease_keeper *, struct store *, struct engine *, uint64_t lease_ms, void (*lost)(void *),
                       void *arg) MUST_CHECK;
void lease_keeper_stop(struct lease_keeper *);

#endif
