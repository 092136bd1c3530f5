/* The simulated world: loops, a clock and disks in one thread, on a seeded schedule.
 *
 * The same code that a server runs meets here a device that fails in every way of the fault model. One seed is one run:
 * schedule, latencies, torn writes and faults follow from it alone, so a failing seed is a regression test.
 *
 *   struct sim_world *w;  sim_world_new(seed, &w);
 *   struct loop *writer = sim_loop_new(w, "writer"), *reactor = sim_loop_new(w, "reactor");
 *   struct device *d = sim_device_new(w, "d0", 64 << 20);          (store_options.devices takes copies of it)
 *   ... loop_submit, loop_post, timers, loop_wait as in the server ...
 *   sim_run(w, stop, arg);                                          (all loops, until stop)
 *
 * Crashes: sim_crash_at() and sim_fork(). The body runs in a child process, whose disks are shared memory; with the n-th
 * operation that completes, the crash is applied to the disks and the child ends at once, as by kill -9, whatever its
 * stack. The parent then opens the same disks with new loops. Acknowledgements are kept outside by memory from
 * sim_shared():
 *
 *   struct acks *acks = sim_shared(w, sizeof *acks);
 *   for (uint64_t n = 1; ; n++) {
 *       sim_disks_clear(w);  memset(acks, 0, sizeof *acks);
 *       sim_crash_at(w, n, SIM_POWER_CUT);
 *       if (sim_fork(w, body, arg) == SIM_FINISHED) break;         (n is past the last operation)
 *       ... open, check against acks ...
 *   }
 *
 * Rules of the disks:
 *  - A write lands in the disk's volatile cache when it completes; reads see the cache.
 *  - IO_FLUSH makes durable what was completed before it was submitted; IO_WRITE_DURABLE itself only.
 *  - A power cut keeps what is durable and of everything else, in flight included, any subset of 512-byte sectors.
 *  - A kill (SIM_KILL) keeps the cache; operations in flight happen or not, whole 4 KiB blocks of them.
 *  - Operations on one disk complete in any order.
 *  - Misuse is asserted: unaligned operations, data that changes while a write is in flight, an io submitted twice.
 *
 * loop_wait() on a simulated loop advances the clock, applies every disk operation whose time has come, and runs
 * completions and timers of that loop only; loop_run_until() runs all loops. Inside a fiber both wait while the world goes on. Both return ERR_TIMEOUT when nothing is left
 * that could ever happen (a deadlock), or after SIM_STEPS_MAX steps. loop_watch() is ERR_UNSUPPORTED. */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include "base/error.h"
#include "base/loop.h"

#define SIM_STEPS_MAX 20000000ull
#define SIM_LOOPS_MAX 32
#define SIM_DISKS_MAX 64

struct sim_world;

/* --- the world --- */

int sim_world_new(uint64_t seed, struct sim_world **ret) MUST_CHECK;
/* Frees loops and disks too; what was in flight or posted never happens. */
void sim_world_free(struct sim_world *);
uint64_t sim_seed(const struct sim_world *);
/* For scenarios: a stream of its own, so that drawing from it does not change the schedule. */
uint64_t sim_random(struct sim_world *);
uint64_t sim_random_below(struct sim_world *, uint64_t bound); /* bound > 0 */
uint64_t sim_now_us(const struct sim_world *);
/* Moves the wall clock (not the monotonic one) of all loops. */
void sim_wall_shift(struct sim_world *, int64_t by_us);

/* Never NULL (asserts); freed by loop_free or with the world. name is borrowed. */
struct loop *sim_loop_new(struct sim_world *, const char *name);

/* Runs one thing, of any loop: a task, a timer or a completion; advances the clock when nothing is due. False when nothing is
 * left to happen. */
bool sim_step(struct sim_world *);
/* When the next thing happens; UINT64_MAX: never. */
uint64_t sim_next_us(const struct sim_world *);
/* Steps until stop(arg): 0; ERR_TIMEOUT: nothing left, or too many steps. */
int sim_run(struct sim_world *, bool (*stop)(void *), void *arg) MUST_CHECK;
/* Steps until nothing is left but hung operations, or until the clock passes until_us. */
void sim_settle(struct sim_world *, uint64_t until_us);

/* --- fibers --- */

/* Something that waits on loops of its own with loop_wait() or loop_run_until(), as a thread of the server does, while every
 * other loop goes on. One at a time runs at all; it gives way only where it waits. pthread locks held there would never be got
 * by others. */
struct sim_fiber;
struct sim_fiber *sim_fiber_new(struct sim_world *);
void sim_fiber_free(struct sim_fiber *); /* not busy */
/* Runs run(arg) until it first waits or ends; resumed between the world's steps. It must not be busy. */
void sim_fiber_start(struct sim_fiber *, void (*run)(void *), void *arg);
bool sim_fiber_busy(const struct sim_fiber *);

/* --- disks --- */

/* Full of zeros; size a multiple of 4096. The world owns it; path is borrowed. index: the next free one. */
struct device *sim_device_new(struct sim_world *, const char *path, uint64_t size);
/* What reads would see now, for looking and for spoiling (both copies follow an edit by sim_disk_edit only). */
const uint8_t *sim_disk_bytes(const struct device *);
/* Writes past every rule, durable at once: to swap images, to spoil a superblock. */
void sim_disk_edit(struct device *, uint64_t off, const void *data, uint64_t len);
/* Flips bit_count bits chosen by the seed within the range: bit rot. */
void sim_disk_rot(struct device *, uint64_t off, uint64_t len, uint32_t bit_count);
/* Copies the whole content (a clone, a stale image). Sizes must be equal. */
void sim_disk_copy(struct device *to, const struct device *from);
/* All disks to zeros, all faults gone, the log empty. */
void sim_disks_clear(struct sim_world *);
/* Latency of one operation is drawn between the bounds; a flush takes four times as long. Default 50 to 500. */
void sim_disk_latency(struct device *, uint64_t min_us, uint64_t max_us);

/* --- faults --- */

enum sim_fault_kind {
    SIM_FAULT_EIO,          /* fails, having done nothing; a write: or a part of it */
    SIM_FAULT_ENOSPC,       /* writes */
    SIM_FAULT_HANG,         /* does not complete while the fault is there; afterwards it does */
    SIM_FAULT_SLOW,         /* delay_us more */
    SIM_FAULT_DROP_FLUSH,   /* flushes and the durability of IO_WRITE_DURABLE: reported, not done */
    SIM_FAULT_LOSE_WRITE,   /* reported, not done */
    SIM_FAULT_MISDIRECT,    /* a write lands at another place, in [target_off, target_off + target_len) */
};

/* The caller's; must live until removed or the world is freed. */
struct sim_fault {
    enum sim_fault_kind kind;
    uint32_t io_kinds;          /* bits 1u << IO_READ ...; 0: all it makes sense for */
    uint64_t off, len;          /* operations that touch this range; len 0: all */
    uint32_t per_mille;         /* of those; 0: all */
    uint32_t count;             /* at most so many times; 0: no limit */
    uint64_t delay_us;
    uint64_t target_off, target_len; /* len 0: the whole disk */
    uint64_t fired_count;       /* how often it struck: a run whose fault never fired has failed */
    struct sim_fault *next;
};

void sim_fault_add(struct device *, struct sim_fault *);
void sim_fault_remove(struct device *, struct sim_fault *);

/* --- the log --- */

struct sim_log_entry {
    uint32_t disk;      /* number of the disk, in order of creation */
    enum io_kind kind;
    uint64_t off, len;
    uint64_t hash;      /* FNV-1a of the data written; 0 for others */
    uint64_t submitted_us;
    bool completed;
};

/* Every operation submitted, in order. */
const struct sim_log_entry *sim_log(const struct sim_world *, uint64_t *ret_count);

/* --- crashes --- */

enum sim_crash { SIM_KILL, SIM_POWER_CUT };
enum sim_end { SIM_FINISHED, SIM_CRASHED };

/* The crash comes with the n-th operation to complete from now on, before anybody hears of it (0: never). */
void sim_crash_at(struct sim_world *, uint64_t n, enum sim_crash);

/* Runs body in a child process. SIM_FINISHED: body returned (the disks keep their caches as if flushed); SIM_CRASHED: the
 * crash came first. A child that ends in any other way ends the parent by an assertion, too; so body asserts by assert(), not by
 * cmocka's macros, which jump into the test runner. Clears the crash; loops, timers and tasks are as they were before. */
enum sim_end sim_fork(struct sim_world *, void (*body)(void *), void *arg);

/* Runs body in a child process that has its own copy of the whole world: what it does to the disks is seen by nobody else.
 * False, with the seed on stderr, when it did not return. May be nested, and called from an observer. To try a crash at a
 * point of a run: branch there, sim_crash_now(), open anew and look. */
bool sim_branch(struct sim_world *, void (*body)(void *), void *arg) MUST_CHECK;
/* Calls observer(arg) after each operation that completes, before its owner hears of it; NULL: no more. */
void sim_observe(struct sim_world *, void (*observer)(void *), void *arg);
/* Operations completed since the world began. */
uint64_t sim_completed(const struct sim_world *);
/* A new seed for what is drawn from now on. */
void sim_reseed(struct sim_world *, uint64_t seed);

/* A power cut or kill in this process, now: operations in flight never complete, tasks and timers are forgotten. */
void sim_crash_now(struct sim_world *, enum sim_crash);

/* Memory that child and parent share; zeros; freed with the world. */
void *sim_shared(struct sim_world *, size_t size);

#endif
