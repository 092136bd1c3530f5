/* The background repair (repair/repair.h) on a thread, loop and buffers of its own. */
#ifndef INGOT_REPAIR_KEEPER_H
#define INGOT_REPAIR_KEEPER_H

#include <pthread.h>

#include "ingot/engine.h"
#include "repair/repair.h"

struct repair_keeper {
    struct meta *meta;
    struct loop *loop;
    struct buffer_pool buffers;
    struct repair *repair;
    pthread_t thread;
    bool attached, started;
};

/* Zero-initialised before. On failure repair_keeper_stop() still frees. */
int repair_keeper_start(struct repair_keeper *, struct meta *, struct engine *) MUST_CHECK;
/* Ends after the extent in hand. */
void repair_keeper_stop(struct repair_keeper *);

#endif
