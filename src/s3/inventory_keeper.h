/* Writes the inventory reports that are due, one after the other. Lives on one reactor's loop. */
#ifndef S3_INVENTORY_KEEPER_H
#define S3_INVENTORY_KEEPER_H

#include "s3/inventory_report.h"

struct inventory_keeper {
    struct object_reactor *reactor;
    uint64_t day_us;
    bool busy; /* work is under way that names this struct and the loop */
    /* private */
    struct timer timer;
    bool stopping, found, reporting;
    struct meta_read read;
    struct meta_write write;
    struct inventory_report report;
    uint64_t retry_us;
    void (*stopped)(void *arg);
    void *stopped_arg;
};

/* On the loop's thread, or before it runs. day_us: how long a day of schedules is. */
void inventory_keeper_start(struct inventory_keeper *, struct object_reactor *, uint64_t day_us);
/* On the loop's thread. A report under way is given up, and is due again at the next start; stopped(arg) then. */
void inventory_keeper_stop(struct inventory_keeper *, void (*stopped)(void *arg), void *arg);

#endif
