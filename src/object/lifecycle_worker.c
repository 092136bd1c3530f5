/* See lifecycle_worker.h. A step: look (a read) → act, or walk and note (a read and a write) → pause → look. */
#include "object/lifecycle_worker.h"

#include <string.h>

#include "base/container.h"
#include "base/log.h"

#define STOP 1

enum stage { STAGE_VERSIONS = 0, STAGE_UPLOADS = 1 };

/* --- between steps --- */

static uint64_t poll_us(const struct lifecycle_worker *w)
{
    uint64_t us = w->options.day_us / 20;
    return us > LIFECYCLE_POLL_MAX_US ? LIFECYCLE_POLL_MAX_US : us < LIFECYCLE_POLL_MIN_US ? LIFECYCLE_POLL_MIN_US : us;
}

static void again_in(struct lifecycle_worker *w, uint64_t us)
{
    arena_free(&w->arena);
    w->busy = false;
    if (!w->stopping)
        loop_timer_set(w->options.loop, &w->timer, loop_now_us(w->options.loop) + us);
}

static void write_step(struct lifecycle_worker *w, int (*run)(struct meta_tx *, struct meta_write *), void (*done)(struct meta_write *))
{
    w->step_us = loop_now_us(w->options.loop);
    w->random = loop_random(w->options.loop);
    w->write = (struct meta_write){.run = run, .done = done, .loop = w->options.loop};
    meta_write(w->options.meta, &w->write);
}

static void read_step(struct lifecycle_worker *w, int (*run)(struct meta_tx *, struct meta_read *), void (*done)(struct meta_read *))
{
    w->now_us = loop_wall_us(w->options.loop);
    w->read = (struct meta_read){.run = run, .done = done, .loop = w->options.loop};
    meta_read(w->options.meta, &w->read);
}

/* Half of the time is the others'. */
static void pause_after_write(struct lifecycle_worker *w)
{
    again_in(w, loop_now_us(w->options.loop) - w->step_us);
}

static void failed(struct lifecycle_worker *w, int err, const char *doing)
{
    if (err != ERR_SHUTDOWN && err != ERR_CANCELLED)
        log_warning_limited("lifecycle: %s: %s", doing, err_text(err));
    again_in(w, LIFECYCLE_POLL_MAX_US / 10);
}

static void add_counts(struct lifecycle_counts *to, const struct lifecycle_counts *c)
{
    to->expired += c->expired;
    to->noncurrent += c->noncurrent;
    to->markers += c->markers;
    to->uploads += c->uploads;
    to->transitions += c->transitions;
}

/* --- what is due --- */

struct gather { struct arena *arena; struct lifecycle_due_row *rows; uint32_t count, max; };

static int gather_row(void *arg, const struct lifecycle_due_row *row)
{
    struct gather *g = arg;
    if (g->count == g->max)
        return STOP;
    g->rows[g->count] = *row;
    g->rows[g->count].key = arena_copy(g->arena, row->key);
    return g->rows[g->count++].key.data ? 0 : ERR_NO_MEMORY;
}

static int gather_due(struct meta_tx *tx, struct gather *g, uint64_t now_us)
{
    int err = lifecycle_due_list(tx, now_us, gather_row, g);
    return err == STOP ? 0 : err;
}

static int run_act(struct meta_tx *tx, struct meta_write *write)
{
    struct lifecycle_worker *w = container_of(write, struct lifecycle_worker, write);
    struct lifecycle_due_row rows[LIFECYCLE_BATCH];
    struct arena arena = {0};
    struct gather g = {&arena, rows, 0, w->limit};
    w->counts = (struct lifecycle_counts){0};
    int err = gather_due(tx, &g, meta_tx_clock(tx));
    bool full = false;
    for (uint32_t i = 0; i < g.count && !err && !full; i++) {
        err = lifecycle_tx_act(tx, &rows[i], w->random + i, &w->counts);
        if (!err)
            err = meta_tx_full(tx, &full);
    }
    arena_free(&arena);
    return err;
}

/* The first row cannot be done: later again. */
static int run_put_off(struct meta_tx *tx, struct meta_write *write)
{
    (void)write;
    struct lifecycle_due_row row;
    struct arena arena = {0};
    struct gather g = {&arena, &row, 0, 1};
    uint64_t now_us = meta_tx_clock(tx);
    int err = gather_due(tx, &g, now_us);
    if (!err && g.count) {
        row.due_us = now_us + LIFECYCLE_RETRY_US;
        err = lifecycle_due_put(tx, &row);
    }
    arena_free(&arena);
    return err;
}

static void put_off_done(struct meta_write *write)
{
    struct lifecycle_worker *w = container_of(write, struct lifecycle_worker, write);
    if (write->err) {
        failed(w, write->err, "putting off what cannot be done");
        return;
    }
    pthread_mutex_lock(&w->lock);
    w->status.failed++;
    pthread_mutex_unlock(&w->lock);
    pause_after_write(w);
}

/* Failures that are not of a row. */
static bool is_general(int err)
{
    return err == ERR_OVERLOAD || err == ERR_READ_ONLY || err == ERR_SHUTDOWN || err == ERR_NO_MEMORY || err == ERR_CANCELLED;
}

static void act_done(struct meta_write *write)
{
    struct lifecycle_worker *w = container_of(write, struct lifecycle_worker, write);
    if (!write->err) {
        w->limit = w->limit < LIFECYCLE_BATCH / 2 ? w->limit * 2 : LIFECYCLE_BATCH;
        pthread_mutex_lock(&w->lock);
        add_counts(&w->status.counts, &w->counts);
        pthread_mutex_unlock(&w->lock);
        if (w->options.counted)
            w->options.counted(w->options.arg, &w->counts);
        pause_after_write(w);
    } else if (is_general(write->err)) {
        failed(w, write->err, "expiring");
    } else if (w->limit > 1) {
        w->limit = 1; /* until the one that fails is the only one */
        pause_after_write(w);
    } else {
        log_warning_limited("lifecycle: something that is due cannot be done and is put off: %s", err_text(write->err));
        write_step(w, run_put_off, put_off_done);
    }
}

/* --- walks --- */

static int note_found(struct lifecycle_worker *w, struct slice key, int64_t rank, uint64_t due_us)
{
    if (due_us == UINT64_MAX)
        return 0;
    struct lifecycle_due_row *row = &w->found[w->found_count++];
    *row = (struct lifecycle_due_row){w->walk.bucket_id, arena_copy(&w->arena, key), rank, due_us};
    return row->key.data ? 0 : ERR_NO_MEMORY;
}

static int walk_versions(struct meta_tx *tx, struct lifecycle_worker *w, const struct bucket_row *bucket)
{
    struct version_cursor cursor;
    struct version_row row;
    int err = version_seek(tx, bucket->id, w->walk.key, true, &w->walk.rank, &cursor);
    if (err)
        return err;
    for (uint32_t i = 0; i < LIFECYCLE_WALK_BATCH && !err; i++) {
        err = version_next(&cursor, &row);
        if (err)
            break;
        uint64_t due_us;
        err = lifecycle_tx_due(tx, bucket, &row, &due_us);
        if (!err)
            err = note_found(w, row.key, row.rank, due_us);
        w->next.key = arena_copy(&w->arena, row.key);
        w->next.rank = row.rank;
        w->next.looked++;
        if (!err && !w->next.key.data)
            err = ERR_NO_MEMORY;
    }
    version_cursor_close(&cursor);
    if (err != ERR_NOT_FOUND)
        return err;
    w->next.stage = STAGE_UPLOADS;
    w->next.key = slice_of("", 0);
    w->next.rank = INT64_MAX;
    return 0;
}

struct upload_walk { struct meta_tx *tx; struct lifecycle_worker *worker; const struct bucket_row *bucket; uint32_t count; };

static int walk_upload(void *arg, const struct upload_row *row)
{
    struct upload_walk *u = arg;
    struct lifecycle_worker *w = u->worker;
    uint64_t due_us;
    if (u->count++ == LIFECYCLE_WALK_BATCH)
        return STOP;
    int err = lifecycle_tx_upload_due(u->tx, u->bucket, row->key, row->initiated_us, &due_us);
    if (!err)
        err = note_found(w, row->key, -row->id, due_us);
    w->next.key = arena_copy(&w->arena, row->key);
    w->next.rank = row->id;
    w->next.looked++;
    return err ? err : w->next.key.data ? 0 : ERR_NO_MEMORY;
}

static int walk_uploads(struct meta_tx *tx, struct lifecycle_worker *w, const struct bucket_row *bucket)
{
    struct upload_walk u = {tx, w, bucket, 0};
    int err = upload_list(tx, bucket->id, w->walk.key, w->walk.rank, walk_upload, &u);
    w->walk_ended = err == 0;
    return err == STOP ? 0 : err;
}

static int run_walk(struct meta_tx *tx, struct meta_read *read)
{
    struct lifecycle_worker *w = container_of(read, struct lifecycle_worker, read);
    struct bucket_row bucket;
    struct slice rules;
    w->next = w->walk;
    w->found_count = 0;
    w->walk_ended = false;
    int err = bucket_get_by_id(tx, w->walk.bucket_id, &bucket);
    if (err == ERR_NO_SUCH_BUCKET || (!err && !lifecycle_tx_rules(&bucket, &rules)))
        return 0; /* its rows are cleared by the write */
    if (err)
        return err;
    return w->walk.stage == STAGE_VERSIONS ? walk_versions(tx, w, &bucket) : walk_uploads(tx, w, &bucket);
}

/* No rules speak of the bucket any more. */
static int clear(struct meta_tx *tx, struct lifecycle_worker *w)
{
    struct lifecycle_due_row rows[LIFECYCLE_BATCH];
    struct arena arena = {0};
    struct gather g = {&arena, rows, 0, LIFECYCLE_BATCH};
    int err = lifecycle_due_list_bucket(tx, w->walk.bucket_id, gather_row, &g);
    bool more = err == STOP;
    err = err == STOP ? 0 : err;
    for (uint32_t i = 0; i < g.count && !err; i++)
        err = lifecycle_due_delete(tx, w->walk.bucket_id, rows[i].key, rows[i].rank);
    arena_free(&arena);
    return err || more ? err : lifecycle_walk_delete(tx, w->walk.bucket_id);
}

static int run_note(struct meta_tx *tx, struct meta_write *write)
{
    struct lifecycle_worker *w = container_of(write, struct lifecycle_worker, write);
    struct lifecycle_walk_row now;
    struct bucket_row bucket;
    struct slice rules;
    int err = lifecycle_walk_get(tx, w->walk.bucket_id, &now);
    if (err)
        return err == ERR_NOT_FOUND ? 0 : err;
    if (now.begun != w->walk.begun)
        return 0; /* other rules since: from the start */
    err = bucket_get_by_id(tx, w->walk.bucket_id, &bucket);
    if (err && err != ERR_NO_SUCH_BUCKET)
        return err;
    if (err || !lifecycle_tx_rules(&bucket, &rules))
        return clear(tx, w);
    for (uint32_t i = 0; i < w->found_count && !err; i++)
        err = lifecycle_due_advance(tx, &w->found[i]);
    if (err)
        return err;
    return w->walk_ended ? lifecycle_walk_delete(tx, w->walk.bucket_id) : lifecycle_walk_put(tx, &w->next);
}

static void note_done(struct meta_write *write)
{
    struct lifecycle_worker *w = container_of(write, struct lifecycle_worker, write);
    if (write->err)
        failed(w, write->err, "noting what is due");
    else
        pause_after_write(w);
}

static void walk_done(struct meta_read *read)
{
    struct lifecycle_worker *w = container_of(read, struct lifecycle_worker, read);
    if (read->err)
        failed(w, read->err, "looking through a bucket");
    else
        write_step(w, run_note, note_done);
}

static void start_walk(struct lifecycle_worker *w)
{
    w->walk_after = w->walk.bucket_id;
    w->found = arena_take(&w->arena, LIFECYCLE_WALK_BATCH * sizeof *w->found);
    if (!w->found)
        failed(w, ERR_NO_MEMORY, "looking through a bucket");
    else
        read_step(w, run_walk, walk_done);
}

/* --- looking for work --- */

static int touch_segment(void *arg, const struct segment_row *segment)
{
    (void)arg;
    (void)segment;
    return 0;
}

/* Reads what acting on the row reads, so that it lies in the page cache. */
static int warm(struct meta_tx *tx, const struct lifecycle_due_row *due)
{
    struct version_row row;
    struct upload_row upload;
    if (due->rank < 0) {
        int err = upload_at(tx, -due->rank, &upload);
        return err == ERR_NO_SUCH_UPLOAD ? 0 : err;
    }
    int err = version_at(tx, due->bucket_id, due->key, due->rank, &row);
    if (err == ERR_NO_SUCH_VERSION)
        return 0;
    return err || !row.content_id ? err : content_segments(tx, row.content_id, 0, row.size, touch_segment, NULL);
}

static int run_look(struct meta_tx *tx, struct meta_read *read)
{
    struct lifecycle_worker *w = container_of(read, struct lifecycle_worker, read);
    struct lifecycle_due_row rows[LIFECYCLE_BATCH];
    struct gather g = {&w->arena, rows, 0, w->limit};
    int err = gather_due(tx, &g, w->now_us);
    for (uint32_t i = 0; i < g.count && !err; i++)
        err = warm(tx, &rows[i]);
    if (err)
        return err;
    w->due_count = g.count;
    err = lifecycle_walk_first(tx, w->walk_after, &w->walk);
    if (err == ERR_NOT_FOUND)
        err = lifecycle_walk_first(tx, 0, &w->walk);
    w->has_walk = !err;
    if (err)
        return err == ERR_NOT_FOUND ? 0 : err;
    w->walk.key = arena_copy(&w->arena, w->walk.key);
    return w->walk.key.data ? 0 : ERR_NO_MEMORY;
}

static void look_done(struct meta_read *read)
{
    struct lifecycle_worker *w = container_of(read, struct lifecycle_worker, read);
    if (read->err) {
        failed(w, read->err, "looking for what is due");
        return;
    }
    pthread_mutex_lock(&w->lock);
    w->status.walking = w->has_walk;
    w->status.looked = w->has_walk ? w->walk.looked : 0;
    pthread_mutex_unlock(&w->lock);
    bool walk = w->has_walk && (w->walk_next || !w->due_count);
    w->walk_next = !walk; /* in turns: neither waits for the end of the other */
    if (walk)
        start_walk(w);
    else if (w->due_count)
        write_step(w, run_act, act_done);
    else
        again_in(w, poll_us(w));
}

/* --- life --- */

static int walk_if_rules(void *arg, const struct bucket_row *bucket)
{
    struct slice rules;
    return lifecycle_tx_rules(bucket, &rules) ? lifecycle_tx_rules_changed(arg, bucket->id) : 0;
}

/* With days of another length all that is noted is wrong. */
static int run_begin(struct meta_tx *tx, struct meta_write *write)
{
    struct lifecycle_worker *w = container_of(write, struct lifecycle_worker, write);
    uint64_t day_us;
    int err = setting_get_u64(tx, LIFECYCLE_DAY_SETTING, &day_us);
    if (err == ERR_NOT_FOUND)
        day_us = LIFECYCLE_DAY_US;
    else if (err)
        return err;
    if (day_us == w->options.day_us)
        return 0;
    err = setting_set_u64(tx, LIFECYCLE_DAY_SETTING, w->options.day_us);
    return err ? err : bucket_list(tx, slice_of("", 0), walk_if_rules, tx);
}

static void begin_done(struct meta_write *write)
{
    struct lifecycle_worker *w = container_of(write, struct lifecycle_worker, write);
    if (write->err) {
        failed(w, write->err, "setting the length of a day");
        return;
    }
    w->begun = true;
    again_in(w, 0);
}

static void look(struct task *task)
{
    struct lifecycle_worker *w = container_of(task, struct lifecycle_worker, task);
    if (w->stopping)
        w->busy = false;
    else if (w->begun)
        read_step(w, run_look, look_done);
    else
        write_step(w, run_begin, begin_done);
}

static void wake(struct timer *timer)
{
    struct lifecycle_worker *w = container_of(timer, struct lifecycle_worker, timer);
    w->busy = true;
    loop_post(w->options.loop, &w->task);
}

int lifecycle_worker_init(struct lifecycle_worker *w, const struct lifecycle_worker_options *options)
{
    if (pthread_mutex_init(&w->lock, NULL))
        return ERR_NO_MEMORY;
    w->options = *options;
    w->limit = LIFECYCLE_BATCH;
    w->timer.fire = wake;
    w->task.run = look;
    return 0;
}

void lifecycle_worker_start(struct lifecycle_worker *w)
{
    again_in(w, 0);
}

void lifecycle_worker_stop(struct lifecycle_worker *w)
{
    w->stopping = true;
    loop_timer_cancel(w->options.loop, &w->timer);
}

bool lifecycle_worker_idle(const struct lifecycle_worker *w)
{
    return w->stopping && !w->busy;
}

void lifecycle_worker_fini(struct lifecycle_worker *w)
{
    arena_free(&w->arena);
    pthread_mutex_destroy(&w->lock);
}

void lifecycle_worker_status(struct lifecycle_worker *w, struct lifecycle_worker_status *ret)
{
    pthread_mutex_lock(&w->lock);
    *ret = w->status;
    pthread_mutex_unlock(&w->lock);
}
