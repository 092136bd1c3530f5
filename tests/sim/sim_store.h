/* A whole store below s3/ in a simulated world: volumes, metadata, placement, objects and repair on one seeded schedule.
 *
 * Four loops: control (opening, checkpoints, the keeper of volumes, the lease), reactor (requests), repair, and the metadata
 * writer's own. The steps of metadata and repair are taken between steps of the world, at moments that the seed chooses. */
#ifndef SIM_SIM_STORE_H
#define SIM_SIM_STORE_H

#include "object/object.h"
#include "repair/repair.h"
#include "sim.h"

#define SIM_STORE_DISKS_MAX 12
#define SIM_PATIENCE_US (600ull * 1000000) /* no single wait of a scenario takes longer */

struct sim_shape { uint32_t disk_count; uint8_t data_count, parity_count; uint64_t disk_size; };

struct sim_store {
    struct sim_world *world;
    struct sim_shape shape;
    struct device *disks[SIM_STORE_DISKS_MAX];
    bool unplugged[SIM_STORE_DISKS_MAX]; /* left out by the next opening */
    bool read_only;          /* the next opening asks for no more */
    struct loop *control, *reactor_loop;
    struct store *store;
    struct placement *placement;
    struct meta *meta;
    struct buffer_pool buffers;
    struct digest_engine *md5;
    struct object_reactor reactor;
    struct loop *repair_loop;
    struct buffer_pool repair_buffers;
    struct repair *repair;
    struct sim_fiber *meta_fiber, *repair_fiber, *lease_fiber; /* the server's threads */
    struct loop *lease_loop;
    uint64_t repair_at_us;
    uint64_t repairs_idle;   /* repair steps in a row that found nothing to do */
    int last_repair_err;
    uint64_t renew_at_us;
    uint32_t meta_steps_per_mille; /* how eagerly the writer works */
    bool no_repair;
    bool stopping;
    struct timer ticker;
    struct store_message message;
};

/* Makes the world and its disks, formats, opens. Asserts success. */
void sim_store_new(struct sim_store *, uint64_t seed, struct sim_shape);
/* Opens what is on the disks, with new loops: 0, or the err with ->message; *ret_read_only of the store may be looked at. */
int sim_store_open(struct sim_store *) MUST_CHECK;
/* As a server that is told to stop. */
void sim_store_close(struct sim_store *);
/* The crash: everything in memory is forgotten (never freed; for branches, which end soon) and the disks get what they get. */
void sim_store_crash(struct sim_store *, enum sim_crash);
void sim_store_free(struct sim_store *); /* after close */

/* Runs the world and the metadata steps until stop(arg): 0, or ERR_TIMEOUT. */
int sim_store_run(struct sim_store *, bool (*stop)(void *), void *arg) MUST_CHECK;
int sim_store_wait(struct sim_store *, const bool *done) MUST_CHECK;
/* Runs until nothing is out of service, and the repair has nothing left to do; false after patience_us. */
bool sim_store_heal(struct sim_store *, uint64_t patience_us);
/* Runs for so long, whatever happens. */
void sim_store_pass(struct sim_store *, uint64_t us);

/* A number from the environment, or fallback; SIM_ALL=1: all. */
uint64_t sim_amount(const char *name, uint64_t fallback, uint64_t all);
uint32_t sim_store_out(const struct sim_store *); /* members that are not IN */

#endif
