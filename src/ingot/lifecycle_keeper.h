/* The background work for lifecycle rules (object/lifecycle_worker.h) on a thread and loop of its own. */
#ifndef INGOT_LIFECYCLE_KEEPER_H
#define INGOT_LIFECYCLE_KEEPER_H

#include "base/metric.h"
#include "ingot/engine.h"
#include "object/lifecycle_worker.h"

struct lifecycle_keeper {
    struct meta *meta;
    struct loop *loop;
    struct metrics *metrics;
    struct lifecycle_worker worker;
    pthread_t thread;
    bool attached, made, started;
    struct task stop_task;
};

/* Zero-initialised before. On failure lifecycle_keeper_stop() still frees. day_us 0: true days. */
int lifecycle_keeper_start(struct lifecycle_keeper *, struct meta *, struct engine *, struct metrics *, uint64_t day_us) MUST_CHECK;
/* Ends after the step in hand. */
void lifecycle_keeper_stop(struct lifecycle_keeper *);

#endif
