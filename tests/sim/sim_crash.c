/* Crashes: what is left of the disks, and the child process that dies with them; see sim.h. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim_internal.h"

#define EXIT_FINISHED 91
#define EXIT_CRASHED 92

enum survival { NONE, ALL, PREFIX, SCATTERED, SURVIVAL_COUNT };

/* Writes what survives of data, in pieces of unit bytes, to an image. */
static void survive(struct sim_disk *d, uint8_t *image, uint64_t off, const uint8_t *data, uint64_t len, uint32_t unit)
{
    struct random_stream *random = &d->world->device;
    enum survival survival = (enum survival)random_below(random, SURVIVAL_COUNT);
    uint64_t pieces = len / unit, prefix = random_below(random, pieces + 1);
    for (uint64_t i = 0; i < pieces; i++) {
        bool kept = survival == ALL || (survival == PREFIX && i < prefix) ||
                    (survival == SCATTERED && random_below(random, 2) == 0);
        if (kept)
            memcpy(image + off + i * unit, data + i * unit, unit);
    }
}

static bool changes_disk(const struct operation *o)
{
    const struct io *io = o->io;
    bool write = io->kind == IO_WRITE || io->kind == IO_WRITE_DURABLE;
    return write && !(o->faults & (1u << SIM_FAULT_LOSE_WRITE | 1u << SIM_FAULT_ENOSPC)) && io->off <= o->disk->device.size &&
           io->len <= o->disk->device.size - io->off;
}

static uint64_t landing_off(const struct operation *o)
{
    return o->faults & 1u << SIM_FAULT_MISDIRECT ? o->misdirected_off : o->io->off;
}

static void cut_power(struct sim_disk *d)
{
    for (struct cached *c = d->cache_head; c; c = c->next) {
        if (c->durable)
            memcpy(d->durable + c->off, c->data, c->len);
        else
            survive(d, d->durable, c->off, c->data, c->len, SECTOR);
    }
    for (struct operation *o = d->world->operations; o; o = o->next)
        if (o->disk == d && changes_disk(o)) {
            survive(d, d->durable, landing_off(o), o->io->data, o->io->len, SECTOR);
            memcpy(d->current + landing_off(o), d->durable + landing_off(o), o->io->len);
        }
    for (struct cached *c = d->cache_head; c; c = c->next)
        memcpy(d->current + c->off, d->durable + c->off, c->len);
    cache_clear(d);
}

static void kill_process(struct sim_disk *d)
{
    for (struct operation *o = d->world->operations; o; o = o->next)
        if (o->disk == d && changes_disk(o)) {
            survive(d, d->current, landing_off(o), o->io->data, o->io->len, BLOCK);
            /* In the cache like every other write, so that a power cut may still take it. */
            uint64_t len = o->io->len;
            struct cached *c = malloc(sizeof *c + len);
            assert(c);
            *c = (struct cached){.off = landing_off(o), .len = len, .seq = d->world->completed_count};
            memcpy(c->data, d->current + c->off, len);
            *d->cache_tail = c;
            d->cache_tail = &c->next;
        }
}

void crash_disks(struct sim_world *w, enum sim_crash crash)
{
    for (uint32_t i = 0; i < w->disk_count; i++) {
        if (crash == SIM_POWER_CUT)
            cut_power(w->disks[i]);
        else
            kill_process(w->disks[i]);
    }
}

void operations_forget(struct sim_world *w)
{
    while (w->operations) {
        struct operation *o = w->operations;
        w->operations = o->next;
        free(o);
    }
    w->operations_tail = &w->operations;
}

void sim_crash_now(struct sim_world *w, enum sim_crash crash)
{
    crash_disks(w, crash);
    operations_forget(w);
    fibers_forget(w);
    for (uint32_t i = 0; i < w->loop_count; i++) {
        struct sim_loop *l = w->loops[i];
        l->task_head = NULL;
        l->task_tail = &l->task_head;
        l->done_head = NULL;
        l->done_tail = &l->done_head;
        while (l->timers.next != &l->timers)
            loop_timer_cancel(&l->head, l->timers.next);
    }
}

void sim_crash_at(struct sim_world *w, uint64_t n, enum sim_crash crash)
{
    w->crash_at = n ? w->completed_count + n : 0;
    w->crash = crash;
}

/* The cache of a process that is gone counts as flushed: only the images are shared. */
static void settle_caches(struct sim_world *w)
{
    for (uint32_t i = 0; i < w->disk_count; i++)
        for (struct cached *c = w->disks[i]->cache_head; c; c = c->next)
            memcpy(w->disks[i]->durable + c->off, w->disks[i]->current + c->off, c->len);
}

void crash_child(struct sim_world *w)
{
    assert(w->in_child && "sim_crash_at is for sim_fork");
    crash_disks(w, w->crash);
    settle_caches(w);
    _exit(EXIT_CRASHED);
}

enum sim_end sim_fork(struct sim_world *w, void (*body)(void *), void *arg)
{
    fflush(NULL);
    pid_t pid = fork();
    assert(pid >= 0);
    if (pid == 0) {
        w->in_child = true;
        body(arg);
        settle_caches(w);
        _exit(EXIT_FINISHED);
    }
    int status;
    pid_t ended = waitpid(pid, &status, 0);
    assert(ended == pid);
    if (!WIFEXITED(status) || (WEXITSTATUS(status) != EXIT_FINISHED && WEXITSTATUS(status) != EXIT_CRASHED)) {
        fprintf(stderr, "sim: the child of the world with seed %llu failed (crash at %llu)\n", (unsigned long long)w->seed,
                (unsigned long long)w->crash_at);
        abort();
    }
    w->crash_at = 0;
    for (uint32_t i = 0; i < w->disk_count; i++) /* this process's cache is the past */
        cache_clear(w->disks[i]);
    return WEXITSTATUS(status) == EXIT_CRASHED ? SIM_CRASHED : SIM_FINISHED;
}

bool sim_branch(struct sim_world *w, void (*body)(void *), void *arg)
{
    fflush(NULL);
    pid_t pid = fork();
    assert(pid >= 0);
    if (pid == 0) {
        if (!w->private)
            disks_become_private(w);
        w->private = true;
        w->observer = NULL;
        body(arg);
        fflush(NULL);
        _exit(EXIT_FINISHED);
    }
    int status;
    pid_t ended = waitpid(pid, &status, 0);
    assert(ended == pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_FINISHED)
        return true;
    fprintf(stderr, "sim: a branch of the world with seed %llu failed, after operation %llu\n", (unsigned long long)w->seed,
            (unsigned long long)w->completed_count);
    return false;
}

void sim_observe(struct sim_world *w, void (*observer)(void *), void *arg)
{
    w->observer = observer;
    w->observer_arg = arg;
}

uint64_t sim_completed(const struct sim_world *w)
{
    return w->completed_count;
}

void sim_reseed(struct sim_world *w, uint64_t seed)
{
    world_seed(w, seed);
}
