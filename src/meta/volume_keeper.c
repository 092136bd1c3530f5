/* See volume_keeper.h. Everything in struct kept is the keeper's own thread's but what is atomic. */
#include "meta/volume_keeper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/log.h"
#include "meta/mirror_role.h"
#include "meta/volume_probe.h"
#include "meta/writer.h"
#include "volume/device.h"
#include "volume/device_io.h"

struct kept {
    struct volume_probe *probe;
    uint64_t out_since_us;              /* 0: in service */
    uint64_t back_since_us;             /* 0: it was never out */
    uint64_t well_since_us, delay_us, next_probe_us, next_try_us;
    uint64_t no_mirror_since_us;
    uint32_t well_count;
    bool revived, has_role;             /* of this return */
    _Atomic bool ready;
    _Atomic bool refused;               /* the store could not take it back: its return begins anew */
};

struct volume_keeper {
    struct meta *meta;
    struct store *store;
    struct loop *loop;                  /* without threads: the stepper's */
    uint64_t return_delay_us, mirror_delay_us;
    uint64_t tick_us, probe_every_us, scan_every_us; /* shorter where the return delay is */
    uint64_t next_step_us, next_scan_us;
    _Atomic uint64_t leaving;
    _Atomic uint32_t level_index;
    _Atomic uint64_t level_done, level_total;
    int path_errs[VOLUMES_MAX];         /* what was said of a path last */
    bool threaded;
    pthread_t thread;
    struct timer tick;
    struct task wake;
    atomic_bool stopping;
    struct kept kept[VOLUMES_MAX];
};

/* --- the writer's thread --- */

struct on_writer {
    struct meta_exclusive exclusive;
    int (*run)(struct meta *, struct loop *, uint32_t index);
    uint32_t index;
    bool done;
};

static int run_on_writer(struct meta *meta, struct loop *loop, struct meta_exclusive *x)
{
    struct on_writer *o = container_of(x, struct on_writer, exclusive);
    int err = o->run(meta, loop, o->index);
    placement_volumes_changed(meta->placement);
    return err;
}

static void on_writer_done(struct meta_exclusive *x) { container_of(x, struct on_writer, exclusive)->done = true; }
static bool is_true(void *arg) { return *(bool *)arg; }

static int wait_exclusive(struct volume_keeper *k, struct meta_exclusive *x, bool *done)
{
    if (!k->threaded)
        return x->run(k->meta, k->loop, x); /* the stepper is the writer */
    x->loop = k->loop;
    meta_exclusive(k->meta, x);
    int err = loop_run_until(k->loop, is_true, done);
    if (err != 0) {
        log_error("meta-keeper: its loop failed: %s", err_text(err));
        abort(); /* what it waits for lies on this stack */
    }
    return x->err;
}

static int on_writer(struct volume_keeper *k, int (*run)(struct meta *, struct loop *, uint32_t), uint32_t index)
{
    struct on_writer o = {.exclusive = {.run = run_on_writer, .done = on_writer_done}, .run = run, .index = index};
    return wait_exclusive(k, &o.exclusive, &o.done);
}

static int revive(struct meta *meta, struct loop *loop, uint32_t index)
{
    struct store_message message;
    int err = store_revive(meta->store, loop, index, &message);
    return err == ERR_EXISTS ? 0 : err;
}

/* --- volumes out of service --- */

static const char *path_of(const struct volume *v)
{
    return v->device.path != NULL ? v->device.path : "?";
}

static void begin_anew(struct kept *e)
{
    e->well_since_us = 0;
    e->well_count = 0;
    e->revived = e->has_role = false;
    atomic_store(&e->ready, false);
}

static void longer_delay(struct kept *e)
{
    e->delay_us = e->delay_us * 2 < KEEPER_RETURN_DELAY_MAX_US ? e->delay_us * 2 : KEEPER_RETURN_DELAY_MAX_US;
}

static void has_failed(struct volume_keeper *k, uint32_t i, int err)
{
    struct kept *e = &k->kept[i];
    begin_anew(e);
    longer_delay(e);
    log_warning("volume %u (%s) failed again on its way back (%s): it is tried again in %llu s", i,
                path_of(&k->store->volumes[i]), err_text(err), (unsigned long long)(e->delay_us / 1000000));
}

static void went_out(struct volume_keeper *k, struct kept *e, bool failed, uint64_t now)
{
    bool soon = failed && e->back_since_us != 0 && now - e->back_since_us < KEEPER_STEADY_US + e->delay_us;
    if (soon)
        longer_delay(e);
    else
        e->delay_us = k->return_delay_us;
    e->out_since_us = now;
    e->next_probe_us = now;
    begin_anew(e);
}

/* Starts and judges probes. */
static void look(struct volume_keeper *k, uint32_t i, uint64_t now)
{
    struct kept *e = &k->kept[i];
    bool well;
    if (volume_probe_take(e->probe, &well)) {
        if (well && e->well_count++ == 0)
            e->well_since_us = now;
        if (!well)
            begin_anew(e);
    } else if (volume_probe_late(e->probe, now)) {
        begin_anew(e);
    }
    if (now >= e->next_probe_us && volume_probe_start(e->probe, k->loop, &k->store->volumes[i], now))
        e->next_probe_us = now + k->probe_every_us;
}

static void bring_back(struct volume_keeper *k, uint32_t i, uint64_t now)
{
    struct kept *e = &k->kept[i];
    struct volume *v = &k->store->volumes[i];
    uint64_t leaving = atomic_load(&k->leaving);
    bool long_enough = e->well_count >= KEEPER_PROBES_MIN && now - e->well_since_us >= e->delay_us;
    int err = 0;
    if (!long_enough || now < e->next_try_us)
        return;
    if (!e->revived)
        err = on_writer(k, revive, i);
    e->revived = err == 0;
    if (err == 0 && e->has_role && atomic_load(&v->mirror) == MIRROR_NONE)
        err = ERR_IO; /* it failed as a mirror */
    if (err == 0 && atomic_load(&v->mirror) == MIRROR_NONE &&
        mirror_role_count(k->store, leaving, true) < mirror_role_wanted(k->store, leaving)) {
        err = on_writer(k, mirror_role_begin, i);
        if (err == ERR_BUSY || err == ERR_NO_SPACE || err == ERR_NO_MEMORY) {
            log_warning_limited("volume %u (%s) cannot mirror the metadata yet: %s", i, path_of(v), err_text(err));
            e->next_try_us = now + k->probe_every_us;
            err = err == ERR_NO_SPACE ? 0 : err;
            if (err != 0)
                return;
        }
    }
    if (err != 0) {
        has_failed(k, i, err);
        return;
    }
    e->has_role |= atomic_load(&v->mirror) != MIRROR_NONE;
    atomic_store(&e->ready, atomic_load(&v->mirror) != MIRROR_LEVELLING);
}

static void watch_volume(struct volume_keeper *k, uint32_t i, uint64_t now)
{
    struct kept *e = &k->kept[i];
    struct volume *v = &k->store->volumes[i];
    int state = atomic_load(&v->state);
    if (state == VOLUME_IN || state == VOLUME_DRAINING || state == VOLUME_FREE) {
        if (e->out_since_us != 0 && state != VOLUME_FREE)
            e->back_since_us = now;
        e->out_since_us = 0;
        atomic_store(&e->ready, false);
        return;
    }
    if (e->out_since_us == 0)
        went_out(k, e, state == VOLUME_OUT, now);
    if (state == VOLUME_OFFLINE || !v->present || atomic_load(&k->leaving) >> i & 1) {
        begin_anew(e);
        return;
    }
    if (atomic_exchange(&e->refused, false))
        has_failed(k, i, ERR_IO);
    look(k, i, now);
    bring_back(k, i, now);
}

/* --- members that were missing --- */

struct attach { struct meta_exclusive exclusive; struct device *device; uint32_t index; struct store_message message; bool done; };

static int run_attach(struct meta *meta, struct loop *loop, struct meta_exclusive *x)
{
    struct attach *a = container_of(x, struct attach, exclusive);
    int err = store_attach_device(meta->store, loop, a->device, &a->index, &a->message);
    if (err == 0)
        placement_volumes_changed(meta->placement);
    return err;
}

static void attach_done(struct meta_exclusive *x) { container_of(x, struct attach, exclusive)->done = true; }

static bool some_missing(const struct volume_keeper *k)
{
    bool missing = false;
    for (uint32_t i = 0; i < k->store->volume_slots; i++)
        missing |= atomic_load(&k->store->volumes[i].state) != VOLUME_FREE && !k->store->volumes[i].present;
    return missing;
}

static bool is_open(const struct volume_keeper *k, const char *path)
{
    bool open = false;
    for (uint32_t i = 0; i < VOLUMES_MAX && !open; i++) {
        const struct volume *v = &k->store->volumes[i];
        open = v->device.path != NULL && (strcmp(path, v->device.path) == 0 || device_same(path, v->device.path));
    }
    return open;
}

/* It answers: so that the writer's thread is not held up by one that does not. */
static int answers(struct volume_keeper *k, struct device *d)
{
    uint8_t block[BLOCK_SIZE];
    struct device_request r = {.device = d, .kind = IO_READ, .off = PROBE_OFF, .data = block, .len = sizeof block};
    int err = d->size < VOLUME_SIZE_MIN ? ERR_FOREIGN : device_io(k->loop, &r, 1, KEEPER_PROBE_BOUND_US);
    return err != 0 ? err : r.result;
}

static void try_path(struct volume_keeper *k, uint32_t n)
{
    const char *path = k->meta->options.volume_paths[n];
    struct device d;
    struct attach a = {.exclusive = {.run = run_attach, .done = attach_done}, .device = &d};
    int err = device_open(k->loop, path, false, 0, &d);
    if (err < 0)
        snprintf(a.message.text, sizeof a.message.text, "%s", device_open_text(err));
    if (err == 0) {
        d.index = DEVICE_INDEX_MAX - 1; /* until it has its slot */
        err = answers(k, &d);
        if (err != 0)
            device_close(&d, err == ERR_TIMEOUT);
        else
            err = wait_exclusive(k, &a.exclusive, &a.done);
    }
    if (err == 0)
        log_notice("volume %u is there again as %s: it is brought level", a.index, path);
    else if (err != k->path_errs[n] && err != ERR_NOT_FOUND) /* that was said when it went, or at the start */
        log_warning("%s is no volume to go on with: %s", path, a.message.text[0] != '\0' ? a.message.text : err_text(err));
    k->path_errs[n] = err;
}

static void scan_paths(struct volume_keeper *k, uint64_t now)
{
    const struct meta_options *o = &k->meta->options;
    if (now < k->next_scan_us)
        return;
    k->next_scan_us = now + k->scan_every_us;
    for (uint32_t n = 0; n < o->volume_path_count && n < VOLUMES_MAX && some_missing(k); n++)
        if (!is_open(k, o->volume_paths[n]))
            try_path(k, n);
}

/* --- mirrors --- */

static void level_progress(void *arg, uint64_t done, uint64_t total)
{
    struct volume_keeper *k = arg;
    atomic_store(&k->level_done, done);
    atomic_store(&k->level_total, total);
}

/* The volume's own fault or that of all: an I/O error of a volume in service is membership's to judge. */
static void level_failed(struct volume_keeper *k, uint32_t i, int err)
{
    struct volume *v = &k->store->volumes[i];
    bool in_service = volume_writable(v);
    if (in_service && (err == ERR_IO || err == ERR_TIMEOUT))
        volume_suspect(v, loop_now_us(k->loop));
    int drop_err = on_writer(k, mirror_role_drop, i);
    if (drop_err != 0)
        log_error("volume %u stays a mirror that is not level: %s", i, err_text(drop_err));
    if (in_service)
        log_warning("volume %u (%s) could not be made a mirror of the metadata: %s", i, path_of(v), err_text(err));
    else
        has_failed(k, i, err);
    k->kept[i].next_try_us = loop_now_us(k->loop) + k->kept[i].delay_us;
}

static void level(struct volume_keeper *k, uint32_t i)
{
    struct volume *v = &k->store->volumes[i];
    atomic_store(&k->level_done, 0);
    atomic_store(&k->level_total, 0);
    atomic_store(&k->level_index, i);
    int err = pages_level(k->meta->pages, k->loop, i, level_progress, k);
    if (err == 0)
        err = on_writer(k, mirror_role_finish, i);
    atomic_store(&k->level_index, VOLUMES_MAX);
    if (err == 0)
        log_notice("volume %u (%s) mirrors the metadata", i, path_of(v));
    else if (err == ERR_BUSY || err == ERR_CANCELLED || err == ERR_NO_MEMORY)
        k->kept[i].next_try_us = loop_now_us(k->loop) + k->probe_every_us;
    else
        level_failed(k, i, err);
}

static bool may_come_back(const struct volume_keeper *k, uint32_t i, uint64_t leaving, uint64_t now)
{
    const struct volume *v = &k->store->volumes[i];
    int state = atomic_load(&v->state);
    return (state == VOLUME_OUT || state == VOLUME_OFFLINE) && atomic_load(&v->mirror) == MIRROR_NONE && !(leaving >> i & 1) &&
           now - k->kept[i].out_since_us < k->mirror_delay_us;
}

/* The volume in service that has most room, among those that are no mirror and have not failed as one just now. */
static bool choose(struct volume_keeper *k, uint64_t leaving, uint64_t now, uint32_t *ret)
{
    struct capacity capacity;
    bool found = false;
    if (placement_capacity(k->meta->placement, &capacity) != 0)
        return false;
    for (uint32_t i = 0; i < k->store->volume_slots; i++) {
        struct volume *v = &k->store->volumes[i];
        if (!volume_takes_chunks(v) || atomic_load(&v->mirror) != MIRROR_NONE || leaving >> i & 1 ||
            atomic_load(&v->suspect_since_us) != 0 || now < k->kept[i].next_try_us)
            continue;
        if (!found || capacity.volumes[i].free_chunks > capacity.volumes[*ret].free_chunks)
            *ret = i;
        found = true;
    }
    return found;
}

static void replace_lost(struct volume_keeper *k, uint64_t now)
{
    uint64_t leaving = atomic_load(&k->leaving);
    uint32_t have = mirror_role_count(k->store, leaving, true), chosen = 0;
    for (uint32_t i = 0; i < k->store->volume_slots; i++)
        have += may_come_back(k, i, leaving, now);
    if (have >= mirror_role_wanted(k->store, leaving) || !choose(k, leaving, now, &chosen))
        return;
    int err = on_writer(k, mirror_role_begin, chosen);
    if (err != 0) {
        log_warning("volume %u (%s) cannot become a mirror of the metadata: %s", chosen,
                    path_of(&k->store->volumes[chosen]), err_text(err));
        k->kept[chosen].next_try_us = now + k->return_delay_us;
    }
}

/* A volume that is to go is a mirror no longer than it has to. */
static void drop_leaving(struct volume_keeper *k)
{
    uint64_t leaving = atomic_load(&k->leaving);
    if (mirror_role_count(k->store, leaving, false) < mirror_role_wanted(k->store, leaving))
        return;
    for (uint32_t i = 0; i < k->store->volume_slots; i++) {
        struct volume *v = &k->store->volumes[i];
        bool goes = atomic_load(&v->state) == VOLUME_DRAINING || leaving >> i & 1;
        if (!goes || atomic_load(&v->mirror) == MIRROR_NONE)
            continue;
        int err = on_writer(k, mirror_role_drop, i);
        if (err != 0 && err != ERR_QUORUM)
            log_warning("volume %u (%s) stays a mirror of the metadata: %s", i, path_of(v), err_text(err));
    }
}

static void release(struct volume_keeper *k, uint32_t i, uint64_t now)
{
    struct volume *v = &k->store->volumes[i];
    struct kept *e = &k->kept[i];
    if (!volume_writable(v) || atomic_load(&v->mirror) != MIRROR_NONE || v->meta_chunk_count == 0) {
        e->no_mirror_since_us = 0;
    } else if (e->no_mirror_since_us == 0) {
        e->no_mirror_since_us = now;
    } else if (now - e->no_mirror_since_us >= KEEPER_RELEASE_US) {
        int err = on_writer(k, mirror_role_release, i);
        if (err != 0 && err != ERR_BUSY)
            log_warning("volume %u (%s): its metadata chunks stay taken: %s", i, path_of(v), err_text(err));
        e->no_mirror_since_us = now;
    }
}

/* --- its life --- */

static void step(struct volume_keeper *k)
{
    uint64_t now = loop_now_us(k->loop);
    scan_paths(k, now);
    for (uint32_t i = 0; i < k->store->volume_slots; i++)
        watch_volume(k, i, now);
    for (uint32_t i = 0; i < k->store->volume_slots && !atomic_load(&k->stopping); i++) {
        struct volume *v = &k->store->volumes[i];
        if (v->present && atomic_load(&v->mirror) == MIRROR_LEVELLING && loop_now_us(k->loop) >= k->kept[i].next_try_us)
            level(k, i);
        release(k, i, now);
    }
    replace_lost(k, now);
    drop_leaving(k);
}

bool volume_keeper_step(struct volume_keeper *k, struct loop *loop)
{
    uint64_t now = loop_now_us(loop);
    if (k->threaded || now < k->next_step_us || !meta_writable(k->meta))
        return false;
    k->loop = loop;
    k->next_step_us = now + k->tick_us;
    step(k);
    return true;
}

static void tick(struct timer *timer) { (void)timer; }
static void wake(struct task *task) { (void)task; }

static bool tick_over(void *arg)
{
    const struct volume_keeper *k = arg;
    return !k->tick.armed || atomic_load(&k->stopping);
}

static void *thread_main(void *arg)
{
    struct volume_keeper *k = arg;
    int err = 0;
    while (!atomic_load(&k->stopping) && err == 0) {
        if (meta_writable(k->meta))
            step(k);
        loop_timer_set(k->loop, &k->tick, loop_now_us(k->loop) + k->tick_us);
        err = loop_run_until(k->loop, tick_over, k);
    }
    if (err != 0)
        log_error("meta-keeper: %s: volumes do not come back any more", err_text(err));
    if (k->tick.armed)
        loop_timer_cancel(k->loop, &k->tick);
    return NULL;
}

static uint64_t least(uint64_t a, uint64_t b) { return a < b ? a : b; }

static void set_pace(struct volume_keeper *k, const struct meta_options *o)
{
    k->return_delay_us = o->return_delay_us != 0 ? o->return_delay_us : KEEPER_RETURN_DELAY_US;
    k->mirror_delay_us = o->mirror_delay_us != 0 ? o->mirror_delay_us : KEEPER_MIRROR_DELAY_US;
    k->probe_every_us = least(KEEPER_PROBE_EVERY_US, k->return_delay_us / 10 + 1);
    k->scan_every_us = least(KEEPER_SCAN_EVERY_US, k->return_delay_us);
    k->tick_us = least(KEEPER_TICK_US, k->probe_every_us);
}

static int start(struct volume_keeper *k)
{
    if (!k->meta->options.threads)
        return 0;
    k->loop = meta_new_loop(k->meta, "meta-keeper");
    if (k->loop == NULL)
        return ERR_NO_MEMORY;
    k->threaded = true;
    if (pthread_create(&k->thread, NULL, thread_main, k) == 0)
        return 0;
    k->threaded = false;
    loop_free(k->loop);
    return ERR_NO_MEMORY;
}

int volume_keeper_open(struct meta *meta, struct volume_keeper **ret)
{
    struct volume_keeper *k = calloc(1, sizeof *k);
    if (k == NULL)
        return ERR_NO_MEMORY;
    k->meta = meta;
    k->store = meta->store;
    set_pace(k, &meta->options);
    k->tick.fire = tick;
    k->wake.run = wake;
    atomic_store(&k->level_index, VOLUMES_MAX);
    atomic_store(&k->leaving, meta->leaving_volumes);
    pages_level_stop(meta->pages, false);
    int err = 0;
    for (uint32_t i = 0; i < VOLUMES_MAX && err == 0; i++)
        err = volume_probe_new(&k->kept[i].probe);
    if (err == 0)
        err = start(k);
    if (err != 0) {
        volume_keeper_close(k);
        return err;
    }
    *ret = k;
    return 0;
}

void volume_keeper_close(struct volume_keeper *k)
{
    if (k == NULL)
        return;
    if (k->threaded) {
        atomic_store(&k->stopping, true);
        pages_level_stop(k->meta->pages, true);
        loop_post(k->loop, &k->wake);
        pthread_join(k->thread, NULL);
        loop_free(k->loop);
    }
    for (uint32_t i = 0; i < VOLUMES_MAX; i++)
        volume_probe_free(k->kept[i].probe);
    free(k);
}

uint64_t volume_keeper_leaving(struct volume_keeper *k) { return atomic_load(&k->leaving); }
void volume_keeper_set_leaving(struct volume_keeper *k, uint64_t leaving) { atomic_store(&k->leaving, leaving); }

bool volume_keeper_ready(struct volume_keeper *k, uint32_t index)
{
    const struct volume *v = &k->store->volumes[index];
    return atomic_load(&k->kept[index].ready) && v->present && atomic_load(&v->state) == VOLUME_OUT &&
           atomic_load(&v->mirror) != MIRROR_LEVELLING;
}

void volume_keeper_refused(struct volume_keeper *k, uint32_t index)
{
    atomic_store(&k->kept[index].ready, false);
    atomic_store(&k->kept[index].refused, true);
}

void volume_keeper_progress(struct volume_keeper *k, uint32_t *ret_index, uint64_t *ret_done, uint64_t *ret_total)
{
    *ret_index = atomic_load(&k->level_index);
    *ret_done = atomic_load(&k->level_done);
    *ret_total = atomic_load(&k->level_total);
}
