/* See log_delivery.h. Steps: read what goes into the object; put it; in its commit the records go. Again while there is more. */
#include "object/log_delivery.h"

#include <stdlib.h>

#include "base/container.h"
#include "wire/access_log.h"

static void next(struct log_delivery *d);

static void finish(struct log_delivery *d, int err)
{
    object_put_free(d->put);
    d->put = NULL;
    d->err = err;
    d->done(d);
}

/* --- what goes into the object --- */

static int take_record(void *arg, const struct log_record_row *row)
{
    struct log_delivery *d = arg;
    if (d->count && !d->all && !d->dropping && row->time_us >= d->until_us)
        return 1;
    if (d->count && d->body.len + row->records.len > LOG_OBJECT_MAX) {
        d->full = true;
        return 1;
    }
    if (!d->count)
        d->until_us += row->time_us; /* it was the stream's roll time */
    text_append(&d->body, row->records.data, row->records.len);
    d->last_id = row->id;
    d->count++;
    return d->body.failed ? ERR_NO_MEMORY : 0;
}

static int find_stream(struct meta_tx *tx, struct log_delivery *d, struct log_stream_row *row)
{
    const struct log_stream_row *wanted = &d->stream;
    return wanted->id ? log_stream_get(tx, wanted->id, row)
                      : log_stream_find(tx, wanted->target_id, wanted->format, wanted->head, row);
}

static int find_target(struct meta_tx *tx, struct log_delivery *d, int64_t target_id)
{
    struct bucket_row bucket;
    int err = bucket_get(tx, slice_of(d->target.data, d->target.len), &bucket);
    if (!err && bucket.id != target_id)
        err = ERR_NO_SUCH_BUCKET;
    if (!err)
        d->owner_id = bucket.owner_id;
    return err;
}

static int run_read(struct meta_tx *tx, struct meta_read *read)
{
    struct log_delivery *d = container_of(read, struct log_delivery, read);
    struct log_stream_row row;
    text_clear(&d->body);
    text_clear(&d->target);
    text_clear(&d->next_key);
    d->count = 0;
    d->full = false;
    d->stream_id = d->last_id = 0;
    int err = find_stream(tx, d, &row);
    if (err && err != ERR_NOT_FOUND)
        return err;
    if (err)
        row = d->stream;
    else
        d->stream_id = row.id;
    d->target_id = row.target_id;
    d->until_us = row.roll_us;
    struct slice head = row.head;
    text_append(&d->target, row.target.data, row.target.len);
    uint64_t now = loop_wall_us(d->reactor->loop);
    access_log_key(&d->next_key, (enum logging_format)(row.format & ~LOG_STREAM_JOURNAL), head, now, now);
    err = d->stream_id ? log_record_list(tx, d->stream_id, take_record, d) : 0;
    err = err == 1 ? 0 : err;
    if (err || d->target.failed || d->next_key.failed)
        return err ? err : ERR_NO_MEMORY;
    return find_target(tx, d, d->target_id);
}

/* --- the object --- */

static int with_commit(struct meta_tx *tx, void *arg)
{
    struct log_delivery *d = arg;
    int err = find_target(tx, d, d->target_id);
    return err || !d->count ? err : log_records_delete(tx, d->stream_id, d->last_id, d->count, d->body.len);
}

static void put_ready(void *arg)
{
    struct log_delivery *d = arg;
    while (d->written < d->body.len) {
        size_t taken = object_put_write(d->put, d->body.data + d->written, d->body.len - d->written);
        d->written += taken;
        if (!taken)
            return;
    }
    if (d->finishing)
        return;
    d->finishing = true;
    object_put_finish(d->put, NULL, NULL);
}

static void put_done(void *arg, int err)
{
    struct log_delivery *d = arg;
    if (err == ERR_CONFLICT) { /* somebody else delivered some of it */
        next(d);
        return;
    }
    if (!err) {
        text_clear(&d->key);
        text_append(&d->key, d->next_key.data, d->next_key.len);
        d->even_empty = false;
    }
    if (!err && d->full)
        next(d);
    else
        finish(d, err ? err : d->key.failed ? ERR_NO_MEMORY : 0);
}

static void start_put(struct log_delivery *d)
{
    struct text attributes = {0};
    attribute_append(&attributes, ATTRIBUTE_HEADER, slice_string("content-type"), slice_string("text/plain"));
    struct object_put_options options = {
        .reactor = d->reactor,
        .target = PUT_OBJECT,
        .bucket = slice_of(d->target.data, d->target.len),
        .key = slice_of(d->next_key.data, d->next_key.len),
        .attributes = slice_of(attributes.data, attributes.len),
        .owner_id = d->owner_id,
        .size = d->body.len,
        .checksum = CHECKSUM_CRC64NVME,
        .with = with_commit,
        .ready = put_ready,
        .done = put_done,
        .arg = d,
    };
    object_put_free(d->put);
    d->put = NULL;
    d->written = 0;
    d->finishing = false;
    int err = attributes.failed ? ERR_NO_MEMORY : object_put_new(&options, &d->put);
    text_free(&attributes);
    if (err)
        finish(d, err);
    else
        put_ready(d);
}

/* --- a target that is gone --- */

/* A slice of the records per transaction. */
static int run_drop(struct meta_tx *tx, struct meta_write *write)
{
    struct log_delivery *d = container_of(write, struct log_delivery, write);
    text_clear(&d->body);
    d->count = 0;
    d->full = false;
    int err = log_record_list(tx, d->stream_id, take_record, d);
    if (err && err != 1)
        return err;
    return d->count ? log_records_delete(tx, d->stream_id, d->last_id, d->count, d->body.len) : 0;
}

static void drop_done(struct meta_write *write)
{
    struct log_delivery *d = container_of(write, struct log_delivery, write);
    if (!write->err && d->full)
        meta_write(d->reactor->meta, write);
    else
        finish(d, write->err ? write->err : ERR_NO_SUCH_BUCKET);
}

static void drop(struct log_delivery *d)
{
    d->dropping = true;
    d->write = (struct meta_write){.run = run_drop, .done = drop_done, .loop = d->reactor->loop};
    meta_write(d->reactor->meta, &d->write);
}

static void read_done(struct meta_read *read)
{
    struct log_delivery *d = container_of(read, struct log_delivery, read);
    bool due = d->all || d->full || loop_wall_us(d->reactor->loop) >= d->until_us + LOG_DELIVERY_DELAY_US;
    if (read->err == ERR_NO_SUCH_BUCKET && d->stream_id) {
        drop(d);
    } else if (read->err) {
        finish(d, read->err);
    } else if (d->count ? due : d->even_empty) {
        start_put(d);
    } else {
        finish(d, 0);
    }
}

static void next(struct log_delivery *d)
{
    d->read = (struct meta_read){.run = run_read, .done = read_done, .loop = d->reactor->loop};
    meta_read(d->reactor->meta, &d->read);
}

void log_delivery_start(struct log_delivery *d)
{
    next(d);
}

void log_delivery_fini(struct log_delivery *d)
{
    object_put_free(d->put);
    text_free(&d->key);
    text_free(&d->next_key);
    text_free(&d->body);
    text_free(&d->target);
}

/* --- which are due --- */

struct due_walk { struct meta_tx *tx; struct log_due *due; };

static int take_if_due(void *arg, const struct log_stream_row *row)
{
    struct due_walk *walk = arg;
    struct log_due *due = walk->due;
    uint64_t first_us;
    int err = log_record_first(walk->tx, row->id, &first_us);
    if (err)
        return err;
    if (row->target_id < 0 || row->size >= LOG_OBJECT_MAX || due->now_us >= first_us + row->roll_us + LOG_DELIVERY_DELAY_US)
        due->ids[due->count++] = row->id;
    return due->count == LOG_DUE_MAX;
}

static int run_due(struct meta_tx *tx, struct meta_read *read)
{
    struct log_due *due = container_of(read, struct log_due, read);
    struct due_walk walk = {tx, due};
    due->count = 0;
    int err = log_stream_list(tx, take_if_due, &walk);
    return err == 1 ? 0 : err;
}

static void due_done(struct meta_read *read)
{
    struct log_due *due = container_of(read, struct log_due, read);
    due->err = read->err;
    due->done(due);
}

void log_due_start(struct log_due *due)
{
    due->now_us = loop_wall_us(due->reactor->loop);
    due->read = (struct meta_read){.run = run_due, .done = due_done, .loop = due->reactor->loop};
    meta_read(due->reactor->meta, &due->read);
}
