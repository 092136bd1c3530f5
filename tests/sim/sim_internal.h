/* Inside the simulator: the world (sim_world.c), its disks (sim_disk.c) and crashes (sim_crash.c). */
#ifndef SIM_INTERNAL_H
#define SIM_INTERNAL_H

#include "sim.h"

#define SECTOR 512u
#define BLOCK 4096u

struct random_stream {
    uint64_t state;
};

struct sim_loop {
    struct loop head; /* first */
    struct sim_world *world;
    struct task *task_head, **task_tail;
    struct io *done_head, **done_tail; /* applied, not yet told */
    struct timer timers;               /* head of a circular list by at_us */
};

/* An operation between submission and its effect. */
struct operation {
    struct io *io;
    struct sim_disk *disk;
    struct sim_loop *loop;
    uint64_t due_us;           /* UINT64_MAX: hangs */
    uint64_t seen_seq;         /* completions before it was submitted: what a flush covers */
    uint64_t hash;
    uint64_t log_index;
    struct sim_fault *hung_by;
    unsigned faults;           /* bits 1u << enum sim_fault_kind */
    uint64_t misdirected_off;
    struct operation *next;
};

/* A write in the disk's cache, oldest first. */
struct cached {
    uint64_t off, len;
    uint64_t seq;
    bool durable, doomed; /* doomed: a flush of it failed; a later one only seems to succeed */
    struct cached *next;
    uint8_t data[];
};

struct sim_disk {
    struct device device; /* first */
    struct sim_world *world;
    uint32_t number;
    uint8_t *current, *durable; /* shared with children of sim_fork, copied on write in those of sim_branch */
    int current_fd, durable_fd;
    struct cached *cache_head, **cache_tail;
    struct sim_fault *faults;
    uint64_t min_us, max_us;
};

struct shared_memory {
    void *memory;
    size_t size;
    struct shared_memory *next;
};

struct sim_world {
    uint64_t seed;
    struct random_stream schedule, device, loops_random, scenario;
    uint64_t now_us;
    int64_t wall_shift_us;
    uint64_t completed_count;
    struct sim_loop *loops[SIM_LOOPS_MAX];
    uint32_t loop_count;
    struct sim_disk *disks[SIM_DISKS_MAX];
    uint32_t disk_count;
    struct operation *operations, **operations_tail;
    struct sim_log_entry *log;
    uint64_t log_count, log_capacity;
    uint64_t crash_at; /* in completed_count; 0: never */
    enum sim_crash crash;
    bool in_child, private;
    void (*observer)(void *);
    void *observer_arg;
    struct shared_memory *shared;
    struct sim_fiber *fibers, *fiber; /* fiber: the one that runs */
};

uint64_t random_next(struct random_stream *);
uint64_t random_below(struct random_stream *, uint64_t bound);

void world_seed(struct sim_world *, uint64_t seed);

/* sim_disk.c */
void disk_submit(struct sim_loop *, struct io *);
/* Applies operations whose time has come; they move to their loops' done lists. */
void disks_apply(struct sim_world *);
uint64_t disks_next_us(const struct sim_world *); /* UINT64_MAX: none */
void disk_free(struct sim_disk *);
void cache_clear(struct sim_disk *);
void disks_become_private(struct sim_world *);

/* sim_fiber.c */
void fiber_wait(struct sim_world *, bool (*stop)(void *), void *arg);
void fibers_resume(struct sim_world *);
void fibers_forget(struct sim_world *);

/* sim_crash.c */
void crash_disks(struct sim_world *, enum sim_crash);
void crash_child(struct sim_world *) __attribute__((noreturn));
void operations_forget(struct sim_world *);

#endif
