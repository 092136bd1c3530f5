/* Loops, clock and schedule of the simulated world; see sim.h. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "sim_internal.h"

#define WALL_EPOCH_US 1700000000000000ull

/* splitmix64: any seed is a good one. */
uint64_t random_next(struct random_stream *r)
{
    uint64_t z = r->state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

uint64_t random_below(struct random_stream *r, uint64_t bound)
{
    return (uint64_t)((unsigned __int128)random_next(r) * bound >> 64);
}

void world_seed(struct sim_world *w, uint64_t seed)
{
    struct random_stream root = {seed};
    w->seed = seed;
    w->schedule.state = random_next(&root);
    w->device.state = random_next(&root);
    w->loops_random.state = random_next(&root);
    w->scenario.state = random_next(&root);
}

int sim_world_new(uint64_t seed, struct sim_world **ret)
{
    struct sim_world *w = calloc(1, sizeof *w);
    if (!w)
        return ERR_NO_MEMORY;
    world_seed(w, seed);
    w->now_us = 1000000;
    w->operations_tail = &w->operations;
    *ret = w;
    return 0;
}

void sim_world_free(struct sim_world *w)
{
    if (!w)
        return;
    operations_forget(w);
    while (w->loop_count > 0)
        loop_free(&w->loops[0]->head);
    for (uint32_t i = 0; i < w->disk_count; i++)
        disk_free(w->disks[i]);
    while (w->shared) {
        struct shared_memory *s = w->shared;
        w->shared = s->next;
        munmap(s->memory, s->size);
        free(s);
    }
    free(w->log);
    free(w);
}

uint64_t sim_seed(const struct sim_world *w)
{
    return w->seed;
}

uint64_t sim_random(struct sim_world *w)
{
    return random_next(&w->scenario);
}

uint64_t sim_random_below(struct sim_world *w, uint64_t bound)
{
    assert(bound > 0);
    return random_below(&w->scenario, bound);
}

uint64_t sim_now_us(const struct sim_world *w)
{
    return w->now_us;
}

void sim_wall_shift(struct sim_world *w, int64_t by_us)
{
    w->wall_shift_us += by_us;
}

void *sim_shared(struct sim_world *w, size_t size)
{
    struct shared_memory *s = calloc(1, sizeof *s);
    assert(s);
    s->size = size;
    s->memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert(s->memory != MAP_FAILED);
    s->next = w->shared;
    w->shared = s;
    return s->memory;
}

/* --- the loop's operations --- */

static struct sim_loop *sim_loop_of(struct loop *loop)
{
    return (struct sim_loop *)loop;
}

static void submit(struct loop *loop, struct io *io)
{
    disk_submit(sim_loop_of(loop), io);
}

static void post(struct loop *loop, struct task *task)
{
    struct sim_loop *l = sim_loop_of(loop);
    for (struct task *t = l->task_head; t; t = t->next)
        assert(t != task && "a task is posted once at a time");
    task->next = NULL;
    *l->task_tail = task;
    l->task_tail = &task->next;
}

static uint64_t now_us(struct loop *loop)
{
    return sim_loop_of(loop)->world->now_us;
}

static uint64_t wall_us(struct loop *loop)
{
    const struct sim_world *w = sim_loop_of(loop)->world;
    return WALL_EPOCH_US + w->now_us + (uint64_t)w->wall_shift_us;
}

static uint64_t loop_random_next(struct loop *loop)
{
    return random_next(&sim_loop_of(loop)->world->loops_random);
}

static void timer_cancel(struct loop *loop, struct timer *timer)
{
    (void)loop;
    if (!timer->armed)
        return;
    timer->prev->next = timer->next;
    timer->next->prev = timer->prev;
    timer->prev = timer->next = NULL;
    timer->armed = false;
}

static void timer_set(struct loop *loop, struct timer *timer, uint64_t at_us)
{
    struct timer *head = &sim_loop_of(loop)->timers;
    timer_cancel(loop, timer);
    struct timer *before = head->prev;
    while (before != head && before->at_us > at_us)
        before = before->prev;
    timer->at_us = at_us;
    timer->prev = before;
    timer->next = before->next;
    before->next->prev = timer;
    before->next = timer;
    timer->armed = true;
}

static int watch(struct loop *loop, struct watch *unused)
{
    (void)loop;
    (void)unused;
    return ERR_UNSUPPORTED;
}

static void unwatch(struct loop *loop, struct watch *unused)
{
    (void)loop;
    (void)unused;
    assert(!"nothing is watched in the simulator");
}

static void sim_loop_free(struct loop *loop)
{
    struct sim_loop *l = sim_loop_of(loop);
    struct sim_world *w = l->world;
    for (struct operation **at = &w->operations; *at;) { /* what it had in flight is told to nobody */
        struct operation *o = *at;
        if (o->loop == l) {
            *at = o->next;
            free(o);
        } else {
            at = &o->next;
        }
    }
    w->operations_tail = &w->operations;
    while (*w->operations_tail)
        w->operations_tail = &(*w->operations_tail)->next;
    for (uint32_t i = 0; i < w->loop_count; i++)
        if (w->loops[i] == l) {
            memmove(&w->loops[i], &w->loops[i + 1], (w->loop_count - i - 1) * sizeof w->loops[0]);
            w->loop_count--;
            break;
        }
    free(l);
}

/* --- the schedule --- */

enum what { RUN_TASK, RUN_COMPLETION, RUN_TIMER };

static void run_one(struct sim_loop *l, enum what what)
{
    switch (what) {
    case RUN_TASK: {
        struct task *task = l->task_head;
        l->task_head = task->next;
        if (!l->task_head)
            l->task_tail = &l->task_head;
        task->next = NULL;
        task->run(task);
        break;
    }
    case RUN_COMPLETION: {
        struct io *io = l->done_head;
        l->done_head = io->next;
        if (!l->done_head)
            l->done_tail = &l->done_head;
        io->next = NULL;
        io->done(io);
        break;
    }
    case RUN_TIMER: {
        struct timer *timer = l->timers.next;
        timer_cancel(&l->head, timer);
        timer->fire(timer);
        break;
    }
    }
}

/* One step of one loop's own I/O and timers (only not NULL), or of the whole world. */
static bool step(struct sim_world *w, struct sim_loop *only)
{
    struct { struct sim_loop *loop; enum what what; } choices[3 * SIM_LOOPS_MAX];
    uint32_t count = 0;
    uint64_t next_us = UINT64_MAX;
    disks_apply(w);
    for (uint32_t i = 0; i < w->loop_count; i++) {
        struct sim_loop *l = w->loops[i];
        if (only && l != only)
            continue;
        if (l->task_head && !only) {
            choices[count].loop = l;
            choices[count++].what = RUN_TASK;
        }
        if (l->done_head) {
            choices[count].loop = l;
            choices[count++].what = RUN_COMPLETION;
        }
        const struct timer *timer = l->timers.next;
        if (timer != &l->timers && timer->at_us <= w->now_us) {
            choices[count].loop = l;
            choices[count++].what = RUN_TIMER;
        } else if (timer != &l->timers && timer->at_us < next_us) {
            next_us = timer->at_us;
        }
    }
    if (count > 0) {
        uint32_t chosen = (uint32_t)random_below(&w->schedule, count);
        w->now_us++; /* so that nothing goes round for ever in no time */
        run_one(choices[chosen].loop, choices[chosen].what);
        return true;
    }
    uint64_t disk_us = disks_next_us(w);
    if (disk_us < next_us)
        next_us = disk_us;
    if (next_us == UINT64_MAX)
        return false;
    w->now_us = next_us > w->now_us ? next_us : w->now_us;
    return true;
}

static int run_steps(struct sim_world *w, struct sim_loop *only, bool (*stop)(void *), void *arg)
{
    if (w->fiber) {
        fiber_wait(w, stop, arg);
        return 0;
    }
    for (uint64_t i = 0; i < SIM_STEPS_MAX; i++) {
        if (stop(arg))
            return 0;
        bool alive = step(w, only);
        fibers_resume(w);
        if (!alive)
            return stop(arg) ? 0 : ERR_TIMEOUT;
    }
    return ERR_TIMEOUT;
}

static int run_until(struct loop *loop, bool (*stop)(void *), void *arg, bool only_own_io)
{
    struct sim_loop *l = sim_loop_of(loop);
    return run_steps(l->world, only_own_io ? l : NULL, stop, arg);
}

uint64_t sim_next_us(const struct sim_world *w)
{
    uint64_t next_us = disks_next_us(w);
    for (uint32_t i = 0; i < w->loop_count; i++) {
        const struct sim_loop *l = w->loops[i];
        if (l->task_head || l->done_head)
            return w->now_us;
        if (l->timers.next != &l->timers && l->timers.next->at_us < next_us)
            next_us = l->timers.next->at_us;
    }
    return next_us > w->now_us ? next_us : w->now_us;
}

bool sim_step(struct sim_world *w)
{
    assert(!w->fiber);
    bool alive = step(w, NULL);
    fibers_resume(w);
    return alive;
}

int sim_run(struct sim_world *w, bool (*stop)(void *), void *arg)
{
    return run_steps(w, NULL, stop, arg);
}

void sim_settle(struct sim_world *w, uint64_t until_us)
{
    while (w->now_us <= until_us && sim_step(w))
        ;
}

static const struct loop_ops sim_ops = {
    .submit = submit,
    .post = post,
    .now_us = now_us,
    .wall_us = wall_us,
    .random = loop_random_next,
    .timer_set = timer_set,
    .timer_cancel = timer_cancel,
    .watch = watch,
    .unwatch = unwatch,
    .run_until = run_until,
    .free = sim_loop_free,
};

struct loop *sim_loop_new(struct sim_world *w, const char *name)
{
    assert(w->loop_count < SIM_LOOPS_MAX);
    struct sim_loop *l = calloc(1, sizeof *l);
    assert(l);
    l->head = (struct loop){&sim_ops, name};
    l->world = w;
    l->task_tail = &l->task_head;
    l->done_tail = &l->done_head;
    l->timers.prev = l->timers.next = &l->timers;
    w->loops[w->loop_count++] = l;
    return &l->head;
}
