#include "admin/health.h"

#include "base/container.h"
#include "base/digest.h"
#include "base/log.h"
#include "meta/tables.h"

#define PROBE_LATE_US 6000000ull

/* --- Refreshing, on the control loop --- */

static int probe_run(struct meta_tx *tx, struct meta_write *write)
{
    (void)write;
    return setting_set_u64(tx, "write_probe", meta_tx_clock(tx));
}

static void probe_done(struct meta_write *write)
{
    struct health_state *state = container_of(write, struct health_state, probe);
    state->probing = false;
    state->probe_err = write->err;
    if (!state->probed && state->refresh.armed)
        loop_timer_set(state->admin->control, &state->refresh, loop_now_us(state->admin->control));
    state->probed = true;
}

/* Commits of others since the last time show as much as a write of our own. */
static void probe_writes(struct health_state *state, uint64_t commits)
{
    struct admin *admin = state->admin;
    if (state->probing)
        return;
    bool others = commits != state->commits_seen;
    state->commits_seen = commits + !others;
    if (others && !state->probe_err)
        return;
    state->probing = true;
    state->probe_started_us = loop_now_us(admin->control);
    state->probe = (struct meta_write){.run = probe_run, .done = probe_done, .loop = admin->control};
    meta_write(admin->meta, &state->probe);
}

static void refresh_volumes(struct health_state *state)
{
    struct store *store = state->admin->store;
    int64_t online = 0, all = 0, read_errors = 0, write_errors = 0, corrupt = 0, repaired = 0;
    for (uint32_t i = 0; i < store->volume_slots; i++) {
        const struct volume *volume = &store->volumes[i];
        if (volume->state == VOLUME_FREE)
            continue;
        all++;
        online += volume_writable(volume);
        read_errors += (int64_t)volume->read_errors;
        write_errors += (int64_t)volume->write_errors;
        corrupt += (int64_t)volume->corrupt_units;
        repaired += (int64_t)volume->repaired_units;
    }
    metric_set(state->metrics, GAUGE_volumes_all, all);
    metric_set(state->metrics, GAUGE_volumes_online, online);
    metric_set(state->metrics, GAUGE_volumes_offline, all - online);
    metric_set(state->metrics, GAUGE_volume_read_errors, read_errors);
    metric_set(state->metrics, GAUGE_volume_write_errors, write_errors);
    metric_set(state->metrics, GAUGE_corrupt_units, corrupt);
    metric_set(state->metrics, GAUGE_repaired_units, repaired);
    state->admin->read_ready = all - online <= store->parity_count;
}

static uint64_t refresh_capacity(struct health_state *state)
{
    struct store *store = state->admin->store;
    struct capacity capacity;
    uint64_t raw_free = 0;
    if (placement_capacity(state->admin->placement, &capacity))
        return 0;
    for (uint32_t i = 0; i < store->volume_slots; i++)
        raw_free += (uint64_t)capacity.volumes[i].free_chunks * store->chunk_size;
    metric_set(state->metrics, GAUGE_capacity_raw_bytes, (int64_t)capacity.raw);
    metric_set(state->metrics, GAUGE_capacity_raw_free_bytes, (int64_t)raw_free);
    metric_set(state->metrics, GAUGE_capacity_usable_bytes, (int64_t)capacity.usable);
    metric_set(state->metrics, GAUGE_capacity_usable_free_bytes, (int64_t)capacity.available);
    metric_set(state->metrics, GAUGE_can_lose_volumes, capacity.can_lose);
    return capacity.available;
}

static uint64_t refresh_metadata(struct health_state *state)
{
    struct meta_status status;
    meta_status(state->admin->meta, &status);
    metric_set(state->metrics, GAUGE_commits, (int64_t)status.commits);
    metric_set(state->metrics, GAUGE_metadata_rows, (int64_t)status.rows_written);
    metric_set(state->metrics, GAUGE_metadata_log_used_bytes, (int64_t)status.log_used);
    metric_set(state->metrics, GAUGE_metadata_database_bytes, (int64_t)status.database_size);
    metric_set(state->metrics, GAUGE_metadata_cache_hits, (int64_t)status.cache_hits);
    metric_set(state->metrics, GAUGE_metadata_cache_misses, (int64_t)status.cache_misses);
    metric_set(state->metrics, GAUGE_metadata_write_queue, (int64_t)status.write_queue);
    return status.commits;
}

/* NULL: writes would succeed. */
static const char *why_not_writable(const struct health_state *state, uint64_t now_us, uint64_t available)
{
    struct admin *admin = state->admin;
    if (admin->store->read_only)
        return "the store is read-only";
    if (!store_lease_held(admin->store, now_us))
        return "the lease is not held";
    if (!meta_writable(admin->meta))
        return "the metadata takes no writes";
    if (available == 0)
        return "no space is left";
    if (state->probe_err)
        return err_text(state->probe_err);
    if (!state->probed)
        return "none was tried yet";
    if (state->probing && now_us - state->probe_started_us > PROBE_LATE_US)
        return "a small write does not end";
    return NULL;
}

static void refresh(struct timer *timer)
{
    struct health_state *state = container_of(timer, struct health_state, refresh);
    struct admin *admin = state->admin;
    refresh_volumes(state);
    uint64_t available = refresh_capacity(state);
    probe_writes(state, refresh_metadata(state));
    uint64_t now_us = loop_now_us(admin->control); /* not before the probe began */
    static const char ready[] = "";
    const char *why = why_not_writable(state, now_us, available);
    bool writable = why == NULL;
    if (state->told && state->told != (why ? why : ready)) /* not the first time, before anything was tried */
        log_notice("%s%s", writable ? "writes are accepted" : "writes are not accepted: ", writable ? "" : why);
    state->told = why ? why : ready;
    admin->write_ready = writable;
    metric_set(state->metrics, GAUGE_read_ready, admin->read_ready);
    metric_set(state->metrics, GAUGE_write_ready, writable);
    loop_timer_set(admin->control, &state->refresh, now_us + HEALTH_REFRESH_US);
}

void health_start(struct health_state *state, struct admin *admin, struct metrics *metrics, const char *metrics_token,
                  struct health *ret_health)
{
    *state = (struct health_state){.admin = admin, .metrics = metrics, .metrics_token = metrics_token,
                                   .refresh = {.fire = refresh}};
    metric_set(metrics, GAUGE_start_time, (int64_t)(admin->started_us / 1000000));
    refresh(&state->refresh);
    *ret_health = (struct health){.answer = health_answer, .arg = state};
}

void health_stop(struct health_state *state)
{
    if (state->admin)
        loop_timer_cancel(state->admin->control, &state->refresh);
}

bool health_idle(void *arg)
{
    return !((struct health_state *)arg)->probing;
}

/* --- Answering, any thread --- */

static void say(struct health_answer *answer, bool good, const char *what)
{
    answer->status = good ? 200 : 503;
    answer->content_type = "text/plain; charset=utf-8";
    text_append_format(&answer->body, "%s%s\n", good ? "" : "not ", what);
}

static bool token_matches(const struct health_state *state, struct slice authorization)
{
    struct slice token = slice_string(state->metrics_token);
    if (token.len == 0)
        return true;
    if (!slice_starts_with(authorization, "Bearer ") || authorization.len != token.len + 7)
        return false;
    return constant_time_equal(authorization.data + 7, token.data, token.len);
}

static void answer_metrics(const struct health_state *state, struct slice authorization, bool aliases,
                           struct health_answer *answer)
{
    answer->content_type = "text/plain; version=0.0.4; charset=utf-8";
    if (!token_matches(state, authorization)) {
        answer->status = 401;
        text_append_string(&answer->body, "a bearer token is needed\n");
        return;
    }
    answer->status = 200;
    if (!aliases)
        metrics_format(state->metrics, &answer->body);
    metrics_format_aliases(state->metrics, &answer->body);
}

int health_answer(void *arg, struct slice path, struct slice authorization, struct health_answer *ret)
{
    const struct health_state *state = arg;
    bool reads = state->admin->read_ready, writes = state->admin->write_ready;
    struct health_answer answer = {0};
    if (slice_equal_string(path, "/-/live") || slice_equal_string(path, "/minio/health/live"))
        say(&answer, true, "live");
    else if (slice_equal_string(path, "/-/ready") || slice_equal_string(path, "/minio/health/ready") ||
             slice_equal_string(path, "/minio/health/cluster"))
        say(&answer, reads && writes, reads && !writes ? "ready for writes, ready for reads" : "ready");
    else if (slice_equal_string(path, "/-/ready/read") || slice_equal_string(path, "/minio/health/cluster/read"))
        say(&answer, reads, "ready for reads");
    else if (slice_equal_string(path, "/-/ready/write"))
        say(&answer, writes, "ready for writes");
    else if (slice_equal_string(path, "/-/metrics"))
        answer_metrics(state, authorization, false, &answer);
    else if (slice_equal_string(path, "/minio/v2/metrics/cluster"))
        answer_metrics(state, authorization, true, &answer);
    else
        return ERR_NOT_FOUND;
    if (answer.body.failed) {
        text_free(&answer.body);
        return ERR_NO_MEMORY;
    }
    *ret = answer;
    return 0;
}
