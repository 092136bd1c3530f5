/* The common part of the real loops; see loop_core.h. */
#include "volume/loop_core.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

int loop_core_init(struct loop_core *core, const struct loop_ops *ops, const char *name)
{
    *core = (struct loop_core){.head = {.ops = ops, .name = name}, .wake_fd = -1};
    core->ready_tail = &core->ready_head;
    for (unsigned i = 0; i < LOOP_TIMER_CLASSES; i++)
        core->timers[i].prev = core->timers[i].next = &core->timers[i];
    if (getrandom(core->random_state, sizeof core->random_state, 0) != sizeof core->random_state)
        return ERR_IO;
    core->random_state[0] |= 1; /* the generator must not start from all zeros */
    core->wake_fd = eventfd(0, EFD_CLOEXEC);
    return core->wake_fd < 0 ? err_from_errno(errno) : 0;
}

void loop_core_fini(struct loop_core *core)
{
    if (core->wake_fd >= 0)
        close(core->wake_fd);
    core->wake_fd = -1;
}

void loop_core_kick(struct loop_core *core)
{
    if (!atomic_exchange(&core->sleeping, false))
        return;
    uint64_t one = 1;
    ssize_t n;
    do
        n = write(core->wake_fd, &one, sizeof one);
    while (n < 0 && errno == EINTR);
    assert(n == sizeof one); /* the counter of an eventfd that is read at each wake-up cannot fill */
}

void loop_core_wake_consume(struct loop_core *core)
{
    uint64_t count;
    ssize_t n;
    do
        n = read(core->wake_fd, &count, sizeof count);
    while (n < 0 && errno == EINTR);
    assert(n == sizeof count);
}

void loop_core_post(struct loop *loop, struct task *task)
{
    struct loop_core *core = (struct loop_core *)loop;
    struct task *newest = atomic_load_explicit(&core->posted, memory_order_relaxed);
    do
        task->next = newest;
    while (!atomic_compare_exchange_weak(&core->posted, &newest, task));
    loop_core_kick(core);
}

bool loop_core_take_posted(struct loop_core *core)
{
    if (!atomic_load(&core->posted))
        return core->ready_head != NULL;
    struct task *newest = atomic_exchange(&core->posted, NULL), *oldest = NULL, **tail = &newest->next;
    while (newest) {
        struct task *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    *core->ready_tail = oldest;
    core->ready_tail = tail; /* the newest is now the last: its next is where the list goes on */
    return true;
}

void loop_core_run_tasks(struct loop_core *core, bool (*stop)(void *), void *arg)
{
    loop_core_take_posted(core);
    /* Nothing is appended to the list before the next take, so this ends even when tasks post themselves. */
    while (core->ready_head) {
        struct task *task = core->ready_head;
        core->ready_head = task->next;
        if (!core->ready_head)
            core->ready_tail = &core->ready_head;
        task->next = NULL;
        task->run(task);
        if (stop(arg))
            return;
    }
}

uint64_t loop_core_now_us(struct loop *loop)
{
    (void)loop;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t loop_core_wall_us(struct loop *loop)
{
    (void)loop;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static uint64_t rotate(uint64_t x, int by)
{
    return x << by | x >> (64 - by);
}

/* xoshiro256** (Blackman and Vigna). */
uint64_t loop_core_random(struct loop *loop)
{
    uint64_t *s = ((struct loop_core *)loop)->random_state;
    uint64_t result = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

static void unlink_timer(struct timer *timer)
{
    timer->prev->next = timer->next;
    timer->next->prev = timer->prev;
    timer->prev = timer->next = NULL;
    timer->armed = false;
}

static unsigned class_of(uint64_t delay_us)
{
    unsigned bits = delay_us ? 64 - (unsigned)__builtin_clzll(delay_us) : 0;
    return bits < LOOP_TIMER_CLASSES ? bits : LOOP_TIMER_CLASSES - 1;
}

void loop_core_timer_set(struct loop *loop, struct timer *timer, uint64_t at_us)
{
    struct loop_core *core = (struct loop_core *)loop;
    if (timer->armed)
        unlink_timer(timer);
    uint64_t now_us = loop_core_now_us(loop);
    struct timer *head = &core->timers[class_of(at_us > now_us ? at_us - now_us : 0)], *before = head->prev;
    while (before != head && before->at_us > at_us)
        before = before->prev;
    timer->at_us = at_us;
    timer->prev = before;
    timer->next = before->next;
    before->next->prev = timer;
    before->next = timer;
    timer->armed = true;
}

void loop_core_timer_cancel(struct loop *loop, struct timer *timer)
{
    (void)loop;
    if (timer->armed)
        unlink_timer(timer);
}

static struct timer *first_timer(struct loop_core *core)
{
    struct timer *first = NULL;
    for (unsigned i = 0; i < LOOP_TIMER_CLASSES; i++) {
        struct timer *head = &core->timers[i], *timer = head->next;
        if (timer != head && (!first || timer->at_us < first->at_us))
            first = timer;
    }
    return first;
}

void loop_core_run_timers(struct loop_core *core, bool (*stop)(void *), void *arg)
{
    struct timer *timer = first_timer(core);
    if (!timer)
        return;
    /* One reading of the clock: a timer that arms itself for now runs in the next turn at the earliest. */
    uint64_t now_us = loop_core_now_us(&core->head);
    while (timer && timer->at_us < now_us) {
        unlink_timer(timer);
        timer->fire(timer);
        if (stop(arg))
            return;
        timer = first_timer(core);
    }
}

uint64_t loop_core_next_timer_us(struct loop_core *core)
{
    const struct timer *timer = first_timer(core);
    if (!timer)
        return UINT64_MAX;
    uint64_t now_us = loop_core_now_us(&core->head);
    /* Microseconds are rounded down, so a timer is due when the clock has passed at_us. */
    return timer->at_us >= now_us ? timer->at_us - now_us + 1 : 0;
}

int loop_core_io_error(int number)
{
    return number == EOPNOTSUPP ? ERR_UNSUPPORTED : err_from_errno(number);
}
