/* See batch.h. */
#include "meta/batch.h"

#include <stdlib.h>

#include "base/container.h"
#include "base/log.h"
#include "meta/membership.h"
#include "meta/tables.h"
#include "meta/usage.h"

struct flush { struct io io; struct batch *batch; uint32_t volume_index; };

void batch_init(struct batch *b)
{
    *b = (struct batch){0};
    b->tail = &b->head;
}

void batch_add(struct batch *b, struct meta_write *request)
{
    request->next = NULL;
    *b->tail = request;
    b->tail = &request->next;
    b->count++;
}

static void flush_done(struct io *io)
{
    struct flush *f = container_of(io, struct flush, io);
    struct batch *b = f->batch;
    if (b != NULL) {
        uint64_t bit = 1ull << f->volume_index;
        b->pending &= ~bit;
        if (io->result != 0)
            b->failed |= bit;
        b->flushes[f->volume_index] = NULL;
    }
    free(f);
}

static int submit_one(struct batch *b, struct volume *v, struct loop *loop)
{
    struct flush *f = calloc(1, sizeof *f);
    if (f == NULL)
        return ERR_NO_MEMORY;
    f->batch = b;
    f->volume_index = v->index;
    f->io.kind = IO_FLUSH;
    f->io.device = &v->device;
    f->io.done = flush_done;
    b->flushes[v->index] = f;
    b->pending |= 1ull << v->index;
    loop_submit(loop, &f->io);
    return 0;
}

void batch_submit(struct batch *b, struct meta *meta, struct loop *loop)
{
    uint64_t volumes = 0;
    for (const struct meta_write *w = b->head; w != NULL; w = w->next)
        volumes |= w->flush_volumes;
    b->submitted_us = loop_now_us(loop);
    for (; volumes != 0; volumes &= volumes - 1) {
        struct volume *v = &meta->store->volumes[__builtin_ctzll(volumes)];
        if (!volume_writable(v))
            b->failed |= 1ull << v->index;
        else if (b->flush_err == 0)
            b->flush_err = submit_one(b, v, loop);
    }
}

struct wait { struct batch *batch; struct loop *loop; uint64_t until_us; struct timer timer; };

static bool wait_over(void *arg)
{
    const struct wait *w = arg;
    return w->batch->pending == 0 || loop_now_us(w->loop) >= w->until_us;
}

static void wait_fire(struct timer *timer)
{
    (void)timer; /* it only wakes the loop, which then asks wait_over */
}

static void wait_until(struct batch *b, struct loop *loop, uint64_t until_us)
{
    struct wait w = {.batch = b, .loop = loop, .until_us = until_us, .timer = {.fire = wait_fire}};
    loop_timer_set(loop, &w.timer, until_us);
    int err = loop_wait(loop, wait_over, &w);
    if (err != 0)
        log_error("metadata writer: waiting for flushes: %s", err_text(err));
    loop_timer_cancel(loop, &w.timer);
}

static void abandon_late(struct batch *b)
{
    for (uint64_t left = b->pending; left != 0; left &= left - 1) {
        uint32_t index = (uint32_t)__builtin_ctzll(left);
        b->flushes[index]->batch = NULL;
        b->flushes[index] = NULL;
    }
    b->failed |= b->pending;
    b->pending = 0;
}

void batch_await(struct batch *b, struct meta *meta, struct loop *loop)
{
    if (b->pending != 0)
        wait_until(b, loop, b->submitted_us + FLUSH_DEADLINE_US);
    if (b->pending != 0 && !membership_can_lose(meta->store, b->pending | b->failed))
        wait_until(b, loop, b->submitted_us + FLUSH_GIVE_UP_US);
    abandon_late(b);
    for (uint64_t left = b->failed; left != 0; left &= left - 1) {
        struct volume *v = &meta->store->volumes[__builtin_ctzll(left)];
        if (volume_writable(v))
            volume_suspect(v, loop_now_us(loop));
    }
}

static int begin(struct meta_tx *tx, struct loop *loop)
{
    int err = connection_run(tx->connection, STATEMENT_BEGIN_WRITE);
    if (err == 0)
        err = meta_tx_begun(tx);
    uint64_t ceiling;
    if (err == 0 && clock_begin(tx->clock, loop_wall_us(loop), &ceiling))
        err = setting_set_u64(tx, "clock_ceiling", ceiling);
    return err;
}

static void roll_back(struct meta_tx *tx)
{
    connection_reset(tx->connection);
    meta_tx_clear(tx);
    clock_end(tx->clock, false);
    if (sqlite3_get_autocommit(tx->connection->db))
        return;
    int err = connection_run(tx->connection, STATEMENT_ROLLBACK);
    if (err != 0)
        log_error("metadata writer: rolling back: %s", err_text(err));
}

/* The only request of its transaction needs no savepoint. */
static bool run_alone(struct meta_tx *tx, struct meta_write *request)
{
    request->err = request->run(tx, request);
    connection_reset(tx->connection);
    if (request->err == 0 && sqlite3_get_autocommit(tx->connection->db))
        request->err = ERR_IO;
    return true;
}

/* One request in its savepoint; *changed: pages of the transaction, before and after. False: the transaction is gone, or can no
 * longer be trusted. */
static bool run_request(struct meta_tx *tx, struct meta_write *request, uint32_t *changed)
{
    struct connection *c = tx->connection;
    meta_tx_mark(tx, *changed);
    request->err = connection_run(c, STATEMENT_SAVEPOINT);
    if (request->err != 0)
        return !sqlite3_get_autocommit(c->db);
    request->err = request->run(tx, request);
    connection_reset(c);
    if (sqlite3_get_autocommit(c->db)) {
        if (request->err == 0)
            request->err = ERR_IO;
        return false;
    }
    if (request->err != 0) {
        meta_tx_cut(tx);
        if (connection_run(c, STATEMENT_ROLLBACK_TO) != 0)
            return false;
    }
    int err = connection_run(c, STATEMENT_RELEASE);
    if (err == 0)
        err = meta_tx_changed(tx, changed);
    if (err != 0 && request->err == 0)
        request->err = err;
    return err == 0;
}

/* Takes request out of the batch and answers it: the others run again without it. */
static void answer_early(struct batch *b, struct meta_write **place)
{
    struct meta_write *request = *place;
    *place = request->next;
    if (*place == NULL)
        b->tail = place;
    b->count--;
    meta_answer_write(request, request->err);
}

/* Runs the first requests in one open transaction: up to most, until it has changed enough. Returns how many succeeded; -1:
 * start again, one was taken out. */
static int run_requests(struct batch *b, struct meta_tx *tx, uint32_t most)
{
    int succeeded = 0;
    uint32_t changed = 0;
    bool alone = b->count == 1 || most == 1;
    b->ran = 0;
    for (struct meta_write **place = &b->head; b->ran < most && *place != NULL && changed < tx->changed_max;
         place = &(*place)->next) {
        if (!(alone ? run_alone(tx, *place) : run_request(tx, *place, &changed))) {
            roll_back(tx);
            answer_early(b, place);
            return -1;
        }
        b->ran++;
        succeeded += (*place)->err == 0;
    }
    return succeeded;
}

static void fail_those_that_ran(struct batch *b, int err, bool uncertain)
{
    struct meta_write *w = b->head;
    for (uint32_t i = 0; i < b->ran; i++, w = w->next) {
        if (w->err == 0) {
            w->err = err;
            w->uncertain = uncertain;
        }
    }
}

void batch_refuse(struct batch *b, int err)
{
    for (struct meta_write *w = b->head; w != NULL; w = w->next)
        w->err = err;
    b->ran = b->count;
}

static void settle_extents(struct meta_tx *tx)
{
    struct placement *p = meta_placement(tx->meta);
    for (size_t i = 0; i < tx->added.count; i++)
        placement_commit(p, &tx->added.extents[i]);
    for (size_t i = 0; i < tx->freed.count; i++)
        freed_add(&tx->meta->freed, tx->meta->pages, p, &tx->freed.extents[i], false);
    for (size_t i = 0; i < tx->moved.count; i++)
        freed_add(&tx->meta->freed, tx->meta->pages, p, &tx->moved.extents[i], true);
    freed_settle(&tx->meta->freed, tx->meta->pages, p);
}

static int commit(struct meta_tx *tx)
{
    struct meta *meta = tx->meta;
    int err = usage_write(tx);
    connection_reset(tx->connection);
    if (err != 0)
        return err;
    atomic_fetch_add(&meta->bucket_epoch, tx->buckets_changed);
    atomic_fetch_add(&meta->identity_epoch, tx->identities_changed);
    err = connection_run(tx->connection, STATEMENT_COMMIT);
    atomic_fetch_add(&meta->bucket_epoch, tx->buckets_changed);
    atomic_fetch_add(&meta->identity_epoch, tx->identities_changed);
    return err;
}

/* Whether requests have their outcome; false: too much for one commit, fewer have to be run again. */
static bool finish(struct batch *b, struct meta_tx *tx, struct loop *loop, struct batch_result *result)
{
    struct store *store = tx->meta->store;
    uint64_t generation = store->generation;
    int err = commit(tx);
    if (generation != store->generation)
        placement_volumes_changed(tx->meta->placement);
    if (err == ERR_NO_SPACE || err == ERR_COMMIT_TOO_LARGE || err == ERR_NO_MEMORY || err == ERR_BUSY) {
        roll_back(tx); /* pages.h: nothing was written */
        result->broken = !sqlite3_get_autocommit(tx->connection->db);
        if (err == ERR_COMMIT_TOO_LARGE && b->ran > 1 && !result->broken)
            return false;
        fail_those_that_ran(b, err, false);
        return true;
    }
    /* ERR_ACCESS is the lease too, seen by the mirrors: no word about the client's rights. */
    bool lease_lost = err == ERR_ACCESS || (err == 0 && !store_lease_held(store, loop_now_us(loop)));
    if (err != 0 || lease_lost) {
        log_error("metadata commit: %s; writing stops until the store is opened again",
                  lease_lost ? "the lease on the volumes has ended" : err_text(err));
        fail_those_that_ran(b, lease_lost ? ERR_READ_ONLY : err, true);
        roll_back(tx);
        result->broken = true;
        return true;
    }
    clock_end(tx->clock, true);
    settle_extents(tx);
    meta_tx_clear(tx);
    result->committed = true;
    return true;
}

/* Returns how many succeeded, in a transaction that is open; 0: none, and there is no transaction. */
static int run_first(struct batch *b, struct meta_tx *tx, struct loop *loop, uint32_t most, struct batch_result *result)
{
    int succeeded = -1;
    while (succeeded < 0 && b->count > 0) {
        meta_tx_clear(tx);
        int64_t before = sqlite3_total_changes64(tx->connection->db);
        int err = begin(tx, loop);
        if (err != 0) {
            batch_refuse(b, err);
            roll_back(tx);
            return 0;
        }
        succeeded = run_requests(b, tx, most);
        result->rows = (uint64_t)(sqlite3_total_changes64(tx->connection->db) - before);
        if (succeeded <= 0)
            roll_back(tx);
    }
    return succeeded > 0 ? succeeded : 0;
}

void batch_commit(struct batch *b, struct meta_tx *tx, struct loop *loop, struct batch_result *result)
{
    *result = (struct batch_result){0};
    b->ran = 0;
    if (b->flush_err != 0) {
        batch_refuse(b, b->flush_err);
        return;
    }
    tx->failed_volumes = b->failed;
    uint32_t most = b->count;
    while (run_first(b, tx, loop, most, result) > 0 && !finish(b, tx, loop, result))
        most = b->ran / 2;
}

void batch_answer(struct batch *b)
{
    for (; b->ran > 0; b->ran--) {
        struct meta_write *w = b->head;
        b->head = w->next;
        b->count--;
        meta_answer_write(w, w->err);
    }
    if (b->head == NULL)
        batch_init(b);
}
