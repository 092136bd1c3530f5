/* Fibers: code that waits on a loop of its own, as a thread does, while all other loops go on; see sim.h.
 *
 * The world's steps are taken by the main context only. A fiber that waits leaves its condition behind and switches back; it is
 * resumed between steps once that holds. */
#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "sim_internal.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#define SWITCH_BEGIN(save, bottom, size) __sanitizer_start_switch_fiber(save, bottom, size)
#define SWITCH_END(save, bottom, size) __sanitizer_finish_switch_fiber(save, bottom, size)
#else
#define SWITCH_BEGIN(save, bottom, size) ((void)(save), (void)(bottom), (void)(size))
#define SWITCH_END(save, bottom, size) ((void)(save), (void)(bottom), (void)(size))
#endif

#define STACK_SIZE (4u << 20)

struct sim_fiber {
    struct sim_world *world;
    ucontext_t context, main;
    void *stack, *fake, *main_fake;
    const void *main_bottom;
    size_t main_size;
    void (*run)(void *);
    void *arg;
    bool (*stop)(void *);
    void *stop_arg;
    bool busy;
    struct sim_fiber *next;
};

static void enter(struct sim_fiber *f)
{
    assert(!f->world->fiber);
    f->world->fiber = f;
    SWITCH_BEGIN(&f->main_fake, f->stack, STACK_SIZE);
    int err = swapcontext(&f->main, &f->context);
    SWITCH_END(f->main_fake, NULL, NULL);
    assert(err == 0);
    f->world->fiber = NULL;
}

static void leave(struct sim_fiber *f)
{
    SWITCH_BEGIN(&f->fake, f->main_bottom, f->main_size);
    int err = swapcontext(&f->context, &f->main);
    SWITCH_END(f->fake, &f->main_bottom, &f->main_size);
    assert(err == 0);
}

/* Never returns: between two runs it rests here. */
static void body(unsigned high, unsigned low)
{
    struct sim_fiber *f = (struct sim_fiber *)((uintptr_t)high << 32 | (uintptr_t)low);
    SWITCH_END(NULL, &f->main_bottom, &f->main_size);
    for (;;) {
        f->run(f->arg);
        f->busy = false;
        leave(f);
    }
}

struct sim_fiber *sim_fiber_new(struct sim_world *w)
{
    struct sim_fiber *f = calloc(1, sizeof *f);
    assert(f);
    f->world = w;
    f->stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert(f->stack != MAP_FAILED);
    int err = getcontext(&f->context);
    assert(err == 0);
    f->context.uc_stack.ss_sp = f->stack;
    f->context.uc_stack.ss_size = STACK_SIZE;
    uintptr_t address = (uintptr_t)f;
    makecontext(&f->context, (void (*)(void))body, 2, (unsigned)(address >> 32), (unsigned)address);
    f->next = w->fibers;
    w->fibers = f;
    return f;
}

void sim_fiber_free(struct sim_fiber *f)
{
    assert(!f->busy);
    for (struct sim_fiber **at = &f->world->fibers; *at; at = &(*at)->next)
        if (*at == f) {
            *at = f->next;
            break;
        }
    munmap(f->stack, STACK_SIZE);
    free(f);
}

bool sim_fiber_busy(const struct sim_fiber *f)
{
    return f->busy;
}

void sim_fiber_start(struct sim_fiber *f, void (*run)(void *), void *arg)
{
    assert(!f->busy);
    f->run = run;
    f->arg = arg;
    f->stop = NULL;
    f->busy = true;
    enter(f);
}

void fiber_wait(struct sim_world *w, bool (*stop)(void *), void *arg)
{
    struct sim_fiber *f = w->fiber;
    f->stop = stop;
    f->stop_arg = arg;
    while (!stop(arg))
        leave(f);
    f->stop = NULL;
}

void fibers_resume(struct sim_world *w)
{
    for (bool again = true; again;) {
        again = false;
        for (struct sim_fiber *f = w->fibers; f; f = f->next)
            if (f->busy && f->stop(f->stop_arg)) {
                enter(f);
                again = true;
            }
    }
}

void fibers_forget(struct sim_world *w)
{
    w->fibers = NULL;
    w->fiber = NULL;
}
