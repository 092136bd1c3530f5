/* The run that crash tests cut short: one seeded sequence that crosses checkpoints, the end of the metadata log, growth of the
 * database, reuse of extents' space, and a volume that goes out of service. It counts each, and asserts at its end that each
 * happened. */
#ifndef SIM_SIM_SCRIPT_H
#define SIM_SIM_SCRIPT_H

#include "sim_model.h"

struct sim_script {
    struct sim_store store;
    struct sim_model model;
    void (*after_operation)(struct sim_script *); /* a branch may be taken here */
    void *arg;
    struct sim_shape shape;                       /* zeros: six disks, 4+2 */
    uint64_t outs, returns;
};

/* Runs it all, and judges the end. False, with the reason on stderr. */
bool sim_script_run(struct sim_script *, uint64_t seed);
void sim_script_free(struct sim_script *);

/* In a branch: crashes, opens, judges, writes something new. Ends the process by an assertion when something is wrong. */
void sim_script_crash_and_look(struct sim_script *, enum sim_crash);

#endif
