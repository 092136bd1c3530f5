/* Every second: what the reactors logged into the database, and what is due into objects of the target buckets. Lives on one
 * reactor's loop. */
#ifndef S3_LOG_KEEPER_H
#define S3_LOG_KEEPER_H

#include "object/log_delivery.h"
#include "s3/log_buffer.h"

struct log_keeper {
    struct object_reactor *reactor;
    bool busy;                /* work is under way that names this struct and the loop */
    /* private */
    struct log_buffer *buffer;
    struct timer timer;
    struct log_drain drain;
    struct log_due due;
    struct log_delivery delivery;
    uint32_t index;
    bool failed, stopping;
    void (*stopped)(void *arg);
    void *stopped_arg;
};

/* On the loop's thread, or before it runs. */
void log_keeper_start(struct log_keeper *, struct object_reactor *, struct log_buffer *);
/* On the loop's thread: once nothing is logged any more. What is still in memory goes to the database; stopped(arg) then. */
void log_keeper_stop(struct log_keeper *, void (*stopped)(void *arg), void *arg);

#endif
