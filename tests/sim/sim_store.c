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
#define RETURN_US 300000u
#define MIRROR_US 60000000u
#define REPAIR_EVERY_US 20000u
#define IDLE_US 2000u /* a thread with work does not sleep longer */
#define TICK_US 10000u
#define SETTLE_US 3000000u
#define LEASE_MS 60000u /* nobody renews it while a metadata thread waits: everything is one thread here */

static const struct uuid boot_id = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};
static const struct seal_key sealing_key = {{7}};
static const char *const paths[SIM_STORE_DISKS_MAX] = {"d0", "d1", "d2", "d3", "d4", "d5", "d6", "d7", "d8", "d9", "d10", "d11"};

static struct loop *new_loop(void *arg, const char *name)
{
    return sim_loop_new(arg, name);
}

static void tick(struct timer *timer)
{
    (void)timer; /* so that threads look at their clocks */
}

static int open_repair(struct sim_store *s)
{
    s->repair_loop = sim_loop_new(s->world, "repair");
    int err = meta_attach_loop(s->meta, s->repair_loop);
    if (err == 0)
        err = buffer_pool_init(&s->repair_buffers, s->repair_loop, SLABS);
    struct repair_options options = {.meta = s->meta, .loop = s->repair_loop, .buffers = &s->repair_buffers, .rate = 1ull << 40,
                                     .out_delay_us = MIRROR_US, .poll_us = REPAIR_EVERY_US};
    s->repair_at_us = sim_now_us(s->world);
    return err ? err : repair_new(&options, &s->repair);
}

static int open_above(struct sim_store *s)
{
    struct meta_options options = {.page_cache_size = PAGE_CACHE, .new_loop = new_loop, .new_loop_arg = s->world,
                                   .return_delay_us = RETURN_US, .mirror_delay_us = MIRROR_US};
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
        err = digest_engine_new(DIGEST_MD5, &s->md5);
    s->reactor = (struct object_reactor){s->reactor_loop, s->meta, s->placement, &s->buffers, s->md5, "us-east-1", NULL};
    s->renew_at_us = sim_now_us(s->world) + RENEW_US;
    s->meta_fiber = sim_fiber_new(s->world);
    s->repair_fiber = sim_fiber_new(s->world);
    s->lease_fiber = sim_fiber_new(s->world);
    s->ticker = (struct timer){.fire = tick};
    s->lease_loop = sim_loop_new(s->world, "lease");
    if (err == 0 && !s->store->read_only)
        err = open_repair(s);
    return err;
}

static void close_parts(struct sim_store *s)
{
    repair_free(s->repair);
    s->repair = NULL;
    if (s->lease_loop) {
        sim_fiber_free(s->meta_fiber);
        sim_fiber_free(s->repair_fiber);
        sim_fiber_free(s->lease_fiber);
        loop_timer_cancel(s->lease_loop, &s->ticker);
        loop_free(s->lease_loop);
        s->lease_loop = NULL;
    }
    if (s->meta)
        meta_close(s->meta);
    if (s->placement)
        placement_close(s->placement);
    if (s->reactor_loop) {
        buffer_pool_fini(&s->buffers);
        digest_engine_free(s->md5);
        loop_free(s->reactor_loop);
    }
    if (s->repair_loop) {
        buffer_pool_fini(&s->repair_buffers);
        loop_free(s->repair_loop);
    }
    if (s->store)
        store_close(s->store, s->control);
    if (s->control)
        loop_free(s->control);
    s->meta = NULL;
    s->placement = NULL;
    s->reactor_loop = s->repair_loop = s->control = NULL;
    s->store = NULL;
}

int sim_store_open(struct sim_store *s)
{
    struct device devices[SIM_STORE_DISKS_MAX];
    uint32_t count = 0;
    for (uint32_t i = s->shape.disk_count; i-- > 0;)
        if (!s->unplugged[i])
            devices[count++] = *s->disks[i];
    struct store_options options = {.devices = devices, .device_count = count, .boot_id = &boot_id, .sealing_key = &sealing_key, .read_only = s->read_only,
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

static bool fibers_idle(void *arg)
{
    struct sim_store *s = arg;
    return !sim_fiber_busy(s->meta_fiber) && !sim_fiber_busy(s->repair_fiber) && !sim_fiber_busy(s->lease_fiber);
}

void sim_store_close(struct sim_store *s)
{
    s->stopping = true;
    sim_store_pass(s, SETTLE_US); /* reads that were late come back to their buffers */
    int err = sim_store_run(s, fibers_idle, s);
    assert(err == 0);
    s->stopping = false;
    close_parts(s);
}

void sim_store_crash(struct sim_store *s, enum sim_crash crash)
{
    sim_crash_now(s->world, crash);
    s->repair = NULL;
    s->meta = NULL;
    s->lease_loop = s->repair_loop = NULL;
    s->placement = NULL;
    s->reactor_loop = s->repair_loop = s->control = NULL;
    s->store = NULL;
}

void sim_store_free(struct sim_store *s)
{
    sim_world_free(s->world);
    s->world = NULL;
}

/* --- running --- */

static void renew(void *arg)
{
    struct sim_store *s = arg;
    int err = store_lease_renew(s->store, s->lease_loop);
    (void)err; /* a lease that is not held stops the writer */
    s->renew_at_us = sim_now_us(s->world) + RENEW_US;
}

static void step_meta(void *arg)
{
    struct sim_store *s = arg;
    meta_step(s->meta);
}

static void step_repair(void *arg)
{
    struct sim_store *s = arg;
    bool worked;
    s->last_repair_err = repair_step(s->repair, &worked);
    s->repairs_idle = worked || s->last_repair_err ? 0 : s->repairs_idle + 1;
    if (!worked || s->last_repair_err)
        s->repair_at_us = sim_now_us(s->world) + REPAIR_EVERY_US;
}

static void start_fibers(struct sim_store *s, bool meta)
{
    uint64_t now = sim_now_us(s->world);
    if (meta && !sim_fiber_busy(s->meta_fiber))
        sim_fiber_start(s->meta_fiber, step_meta, s);
    if (!s->stopping && now >= s->renew_at_us && !sim_fiber_busy(s->lease_fiber))
        sim_fiber_start(s->lease_fiber, renew, s);
    if (!s->stopping && s->repair && !s->no_repair && now >= s->repair_at_us && !sim_fiber_busy(s->repair_fiber))
        sim_fiber_start(s->repair_fiber, step_repair, s);
}

int sim_store_run(struct sim_store *s, bool (*stop)(void *), void *arg)
{
    uint64_t until_us = sim_now_us(s->world) + SIM_PATIENCE_US;
    while (!stop(arg)) {
        if (!s->ticker.armed)
            loop_timer_set(s->lease_loop, &s->ticker, sim_now_us(s->world) + TICK_US);
        bool idle = sim_next_us(s->world) > sim_now_us(s->world) + IDLE_US;
        start_fibers(s, idle || sim_random_below(s->world, STEP_EVERY) < s->meta_steps_per_mille);
        if (stop(arg))
            break;
        if (!sim_step(s->world) || sim_now_us(s->world) > until_us)
            return ERR_TIMEOUT;
    }
    return 0;
}

uint32_t sim_store_out(const struct sim_store *s)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < s->store->volume_slots; i++) {
        int state = atomic_load(&s->store->volumes[i].state);
        count += state != VOLUME_FREE && state != VOLUME_IN;
    }
    return count;
}

bool sim_store_heal(struct sim_store *s, uint64_t patience_us)
{
    uint64_t until_us = sim_now_us(s->world) + patience_us;
    while (sim_now_us(s->world) < until_us) {
        sim_store_pass(s, REPAIR_EVERY_US);
        if (sim_store_out(s) > 0)
            s->repairs_idle = 0;
        if (s->repairs_idle > 4 && !s->last_repair_err && sim_store_out(s) == 0)
            return true;
    }
    return false;
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
