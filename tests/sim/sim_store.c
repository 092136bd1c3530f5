/* See sim_store.h. */
#include "sim_store.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLABS 96
#define PAGE_CACHE (8u << 20)
#define RENEW_US 1500000u
#define STEP_EVERY 1000
#define LEASE_MS 60000u /* nobody renews it while a metadata thread waits: everything is one thread here */

static const struct uuid boot_id = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};
static const struct seal_key sealing_key = {{7}};
static const char *const paths[SIM_STORE_DISKS_MAX] = {"d0", "d1", "d2", "d3", "d4", "d5", "d6", "d7", "d8", "d9", "d10", "d11"};

static struct loop *new_loop(void *arg, const char *name)
{
    return sim_loop_new(arg, name);
}

static int open_above(struct sim_store *s)
{
    struct meta_options options = {.page_cache_size = PAGE_CACHE, .new_loop = new_loop, .new_loop_arg = s->world};
    int err = placement_open(s->store, &s->placement);
    if (err == 0)
        err = meta_open(s->store, s->placement, &options, s->control, &s->meta, &s->message);
    if (err != 0)
        return err;
    s->reactor_loop = sim_loop_new(s->world, "reactor");
    err = meta_attach_loop(s->meta, s->reactor_loop);
    if (err == 0)
        err = buffer_pool_init(&s->buffers, s->reactor_loop, SLABS);
    if (err == 0)
        err = md5_engine_new(&s->md5);
    s->reactor = (struct object_reactor){s->reactor_loop, s->meta, s->placement, &s->buffers, s->md5, "us-east-1"};
    s->renew_at_us = sim_now_us(s->world) + RENEW_US;
    return err;
}

static void close_parts(struct sim_store *s)
{
    if (s->meta)
        meta_close(s->meta);
    if (s->placement)
        placement_close(s->placement);
    if (s->reactor_loop) {
        buffer_pool_fini(&s->buffers);
        md5_engine_free(s->md5);
        loop_free(s->reactor_loop);
    }
    if (s->store)
        store_close(s->store, s->control);
    if (s->control)
        loop_free(s->control);
    s->meta = NULL;
    s->placement = NULL;
    s->reactor_loop = s->control = NULL;
    s->store = NULL;
}

int sim_store_open(struct sim_store *s)
{
    struct device devices[SIM_STORE_DISKS_MAX];
    uint32_t count = 0;
    for (uint32_t i = s->shape.disk_count; i-- > 0;)
        if (!s->unplugged[i])
            devices[count++] = *s->disks[i];
    struct store_options options = {.devices = devices, .device_count = count, .boot_id = &boot_id, .sealing_key = &sealing_key,
                                    .lease_ms = LEASE_MS};
    s->message.text[0] = '\0';
    s->control = sim_loop_new(s->world, "control");
    int err = store_open(&options, s->control, &s->store, &s->message);
    if (err == 0)
        err = open_above(s);
    if (err != 0)
        close_parts(s);
    return err;
}

void sim_store_new(struct sim_store *s, uint64_t seed, struct sim_shape shape)
{
    *s = (struct sim_store){.shape = shape, .meta_steps_per_mille = 100};
    int err = sim_world_new(seed, &s->world);
    assert(err == 0 && shape.disk_count <= SIM_STORE_DISKS_MAX);
    struct device devices[SIM_STORE_DISKS_MAX];
    for (uint32_t i = 0; i < shape.disk_count; i++) {
        s->disks[i] = sim_device_new(s->world, paths[i], shape.disk_size);
        devices[i] = *s->disks[i];
    }
    s->control = sim_loop_new(s->world, "control");
    struct store_format format = {.devices = devices, .device_count = shape.disk_count, .data_count = shape.data_count,
                                  .parity_count = shape.parity_count, .boot_id = &boot_id, .sealing_key = &sealing_key};
    err = store_format(&format, s->control, &s->store, &s->message);
    if (err == 0)
        err = meta_format(s->store, s->control, &s->message);
    if (err == 0) {
        close_parts(s);
        err = sim_store_open(s);
    }
    if (err != 0)
        fprintf(stderr, "sim: seed %llu: %s: %s\n", (unsigned long long)seed, err_text(err), s->message.text);
    assert(err == 0);
}

void sim_store_close(struct sim_store *s)
{
    close_parts(s);
}

void sim_store_crash(struct sim_store *s, enum sim_crash crash)
{
    sim_crash_now(s->world, crash);
    s->meta = NULL;
    s->placement = NULL;
    s->reactor_loop = s->control = NULL;
    s->store = NULL;
}

void sim_store_free(struct sim_store *s)
{
    sim_world_free(s->world);
    s->world = NULL;
}

/* --- running --- */

static void renew(struct sim_store *s)
{
    if (sim_now_us(s->world) < s->renew_at_us)
        return;
    s->renew_at_us = sim_now_us(s->world) + RENEW_US;
    int err = store_lease_renew(s->store, s->control);
    (void)err; /* a lease that is not held stops the writer */
}

static bool all_steps(struct sim_store *s)
{
    bool worked = false;
    while (meta_step(s->meta))
        worked = true;
    return worked;
}

int sim_store_run(struct sim_store *s, bool (*stop)(void *), void *arg)
{
    uint64_t until_us = sim_now_us(s->world) + SIM_PATIENCE_US;
    while (!stop(arg)) {
        renew(s);
        if (sim_random_below(s->world, STEP_EVERY) < s->meta_steps_per_mille)
            meta_step(s->meta);
        if (stop(arg))
            break;
        bool alive = sim_step(s->world) || all_steps(s);
        if (!alive || sim_now_us(s->world) > until_us)
            return ERR_TIMEOUT;
    }
    return 0;
}

static bool is_set(void *arg)
{
    return *(bool *)arg;
}

int sim_store_wait(struct sim_store *s, const bool *done)
{
    return sim_store_run(s, is_set, (void *)done);
}

struct pass { struct sim_world *world; uint64_t until_us; };

static bool passed(void *arg)
{
    const struct pass *p = arg;
    return sim_now_us(p->world) >= p->until_us;
}

static void wake(struct timer *timer)
{
    (void)timer;
}

void sim_store_pass(struct sim_store *s, uint64_t us)
{
    struct pass pass = {s->world, sim_now_us(s->world) + us};
    struct timer timer = {.fire = wake};
    loop_timer_set(s->control, &timer, pass.until_us);
    int err = sim_store_run(s, passed, &pass);
    assert(err == 0);
    loop_timer_cancel(s->control, &timer);
}

uint64_t sim_amount(const char *name, uint64_t fallback, uint64_t all)
{
    const char *value = getenv(name), *everything = getenv("SIM_ALL");
    if (value)
        return strtoull(value, NULL, 10);
    return everything && *everything == '1' ? all : fallback;
}
