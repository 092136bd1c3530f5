/* The metadata store over a source of connections: requests in, answers out, start and stop. What lies below the connections
 * is meta.c's. */
#include <stdlib.h>

#include "base/container.h"
#include "meta/checkpoint.h"
#include "meta/reader.h"
#include "meta/state.h"
#include "meta/tables.h"
#include "meta/transaction.h"
#include "meta/volume_keeper.h"
#include "meta/writer.h"

struct store *meta_store(struct meta *meta)
{
    return meta->store;
}

struct placement *meta_placement(struct meta *meta)
{
    return meta->placement;
}

bool meta_writable(struct meta *meta)
{
    return atomic_load_explicit(&meta->writable, memory_order_acquire);
}

struct loop *meta_new_loop(struct meta *meta, const char *name)
{
    return meta->options.new_loop(meta->options.new_loop_arg, name);
}

/* --- loops --- */

struct connection *meta_connection_of(struct meta *meta, struct loop *loop)
{
    for (size_t i = 0; i < META_LOOPS_MAX; i++) {
        if (atomic_load_explicit(&meta->attached[i].loop, memory_order_acquire) == loop)
            return meta->attached[i].connection;
    }
    return NULL;
}

static int attach(struct meta *meta, struct loop *loop, struct connection *c)
{
    int err = ERR_OVERLOAD;
    pthread_mutex_lock(&meta->attach_lock);
    for (size_t i = 0; i < META_LOOPS_MAX && err != 0; i++) {
        struct attached_loop *a = &meta->attached[i];
        if (atomic_load_explicit(&a->loop, memory_order_relaxed) != NULL)
            continue;
        a->connection = c;
        atomic_store_explicit(&a->loop, loop, memory_order_release);
        err = 0;
    }
    pthread_mutex_unlock(&meta->attach_lock);
    return err;
}

int meta_attach_loop(struct meta *meta, struct loop *loop)
{
    if (meta_connection_of(meta, loop) != NULL)
        return 0;
    struct connection *c;
    int err = connection_open(&meta->source, loop, false, &c);
    if (err != 0)
        return err;
    err = attach(meta, loop, c);
    if (err != 0)
        connection_close(c);
    return err;
}

void meta_detach_loop(struct meta *meta, struct loop *loop)
{
    struct connection *c = NULL;
    pthread_mutex_lock(&meta->attach_lock);
    for (size_t i = 0; i < META_LOOPS_MAX && c == NULL; i++) {
        struct attached_loop *a = &meta->attached[i];
        if (atomic_load_explicit(&a->loop, memory_order_relaxed) != loop)
            continue;
        c = a->connection;
        a->connection = NULL;
        atomic_store_explicit(&a->loop, NULL, memory_order_release);
    }
    pthread_mutex_unlock(&meta->attach_lock);
    connection_close(c);
}

/* --- reads --- */

static void read_done(struct task *task)
{
    struct meta_read *request = container_of(task, struct meta_read, task);
    request->done(request);
}

void meta_answer_read(struct meta_read *request, int err)
{
    request->err = err;
    request->task.run = read_done;
    loop_post(request->loop, &request->task);
}

int meta_run_read(struct meta *meta, struct connection *c, bool cache_only, struct meta_read *request)
{
    uint64_t epoch = atomic_load_explicit(&meta->bucket_epoch, memory_order_acquire);
    struct meta_tx tx = {.meta = meta, .connection = c, .read_epoch = epoch % 2 == 0 ? epoch : 0};
    connection_set_cache_only(c, cache_only);
    int err = connection_run(c, STATEMENT_BEGIN_READ);
    if (err != 0)
        return err;
    err = request->run(&tx, request);
    connection_reset(c);
    int end = sqlite3_get_autocommit(c->db) ? 0 : connection_run(c, STATEMENT_ROLLBACK);
    return err != 0 ? err : end;
}

/* The calling loop's own connection answers from the page cache; what is not there goes to the readers. Where there are
 * none, the caller waits for the device itself. */
void meta_read(struct meta *meta, struct meta_read *request)
{
    struct connection *c = meta_connection_of(meta, request->loop);
    if (c == NULL && meta->readers == NULL) {
        meta_answer_read(request, ERR_INVALID);
        return;
    }
    int err = c == NULL ? ERR_WOULD_BLOCK : meta_run_read(meta, c, meta->readers != NULL, request);
    if (err == ERR_WOULD_BLOCK && meta->readers != NULL)
        readers_submit(meta->readers, request);
    else
        meta_answer_read(request, err);
}

/* --- writes --- */

static void write_done(struct task *task)
{
    struct meta_write *request = container_of(task, struct meta_write, task);
    request->done(request);
}

void meta_answer_write(struct meta_write *request, int err)
{
    request->err = err;
    request->task.run = write_done;
    loop_post(request->loop, &request->task);
}

void meta_write(struct meta *meta, struct meta_write *request)
{
    if (meta->writer == NULL) {
        request->uncertain = false;
        meta_answer_write(request, ERR_READ_ONLY);
        return;
    }
    writer_submit(meta->writer, request);
}

static void exclusive_refused(struct task *task)
{
    struct meta_exclusive *x = container_of(task, struct meta_exclusive, task);
    x->done(x);
}

void meta_exclusive(struct meta *meta, struct meta_exclusive *x)
{
    if (meta->writer == NULL) {
        x->err = ERR_READ_ONLY;
        x->task.run = exclusive_refused;
        loop_post(x->loop, &x->task);
        return;
    }
    writer_submit_exclusive(meta->writer, x);
}

/* --- start and stop --- */

struct loading { struct meta_read read; struct placement *placement; uint64_t ceiling, leaving; };

static int load_group(void *arg, const struct group *group)
{
    struct loading *l = arg;
    return placement_load_group(l->placement, group);
}

static int load(struct meta_tx *tx, struct meta_read *read)
{
    struct loading *l = container_of(read, struct loading, read);
    int err = setting_get_u64(tx, "clock_ceiling", &l->ceiling);
    if (err == ERR_NOT_FOUND || (err == 0 && l->ceiling > INT64_MAX / 2))
        return ERR_CORRUPT;
    if (err == 0)
        err = setting_get_u64(tx, LEAVING_SETTING, &l->leaving);
    err = err == ERR_NOT_FOUND ? 0 : err;
    return err != 0 ? err : group_list(tx, INT64_MIN, load_group, l);
}

static void placement_notified(void *arg)
{
    writer_wake(arg);
}

static int start_writer(struct meta *meta, struct loop *loop)
{
    int err = writer_open(meta, loop, &meta->writer);
    if (err != 0)
        return err;
    atomic_store(&meta->writable, true);
    err = writer_start(meta->writer);
    if (err == 0)
        placement_set_notify(meta->placement, placement_notified, meta->writer);
    return err;
}

int meta_start(struct meta *meta, struct loop *loop)
{
    meta->home_loop = loop;
    atomic_store(&meta->bucket_epoch, 2);
    atomic_store(&meta->identity_epoch, 2);
    pthread_mutex_init(&meta->attach_lock, NULL);
    pthread_mutex_init(&meta->job_lock, NULL);
    pthread_cond_init(&meta->job_ended, NULL);
    int err = meta_attach_loop(meta, loop);
    if (err == 0) {
        struct loading l = {.read = {.run = load}, .placement = meta->placement};
        err = meta_run_read(meta, meta_connection_of(meta, loop), false, &l.read);
        clock_init(&meta->clock, l.ceiling);
        meta->leaving_volumes = l.leaving;
    }
    if (err == 0 && meta->options.threads && meta->options.reader_count > 0)
        err = readers_open(meta, meta->options.reader_count < READER_COUNT_MAX ? meta->options.reader_count
                                                                               : READER_COUNT_MAX, &meta->readers);
    if (err == 0 && !meta->options.read_only)
        err = start_writer(meta, loop);
    if (err == 0 && meta->writer != NULL && meta->pages != NULL)
        err = volume_keeper_open(meta, &meta->keeper);
    if (err != 0)
        meta_stop(meta);
    return err;
}

static void end_jobs(struct meta *meta)
{
    pthread_mutex_lock(&meta->job_lock);
    atomic_store(&meta->closing, true);
    while (meta->jobs > 0)
        pthread_cond_wait(&meta->job_ended, &meta->job_lock);
    pthread_mutex_unlock(&meta->job_lock);
    pthread_cond_destroy(&meta->job_ended);
    pthread_mutex_destroy(&meta->job_lock);
}

bool meta_stop(struct meta *meta)
{
    end_jobs(meta);
    volume_keeper_close(meta->keeper);
    meta->keeper = NULL;
    if (meta->writer != NULL)
        placement_set_notify(meta->placement, NULL, NULL);
    writer_close(meta->writer);
    meta->writer = NULL;
    bool was_writable = atomic_exchange(&meta->writable, false);
    readers_close(meta->readers);
    meta->readers = NULL;
    for (size_t i = 0; i < META_LOOPS_MAX; i++)
        connection_close(meta->attached[i].connection);
    pthread_mutex_destroy(&meta->attach_lock);
    return was_writable;
}

bool meta_step(struct meta *meta)
{
    bool worked = meta->writer != NULL && writer_step(meta->writer);
    if (meta->checkpointer != NULL)
        worked |= checkpointer_step(meta->checkpointer, meta->home_loop);
    if (meta->keeper != NULL)
        worked |= volume_keeper_step(meta->keeper, meta->home_loop);
    return worked;
}
