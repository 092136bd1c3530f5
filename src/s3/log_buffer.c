/* See log_buffer.h. A chunk is taken out and its write queued under the lock, and the metadata writer keeps the order of its
 * queue: a write that comes later is done later, so an empty drain still waits for the others' lines. */
#include "s3/log_buffer.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/log.h"

struct log_chunk {
    struct log_chunk *next;
    struct log_stream_row stream; /* slices point behind the struct */
    uint64_t time_us;             /* of the first line */
    uint64_t lines;
    struct text text;
};

struct log_buffer {
    pthread_mutex_t lock;
    struct log_chunk *head, **tail;
    size_t size;
    bool dropping; /* told already */
    void (*dropped)(void *arg, uint64_t lines);
    void *arg;
};

int log_buffer_new(void (*dropped)(void *arg, uint64_t lines), void *arg, struct log_buffer **ret)
{
    struct log_buffer *b = calloc(1, sizeof *b);
    if (!b)
        return ERR_NO_MEMORY;
    pthread_mutex_init(&b->lock, NULL);
    b->tail = &b->head;
    b->dropped = dropped;
    b->arg = arg;
    *ret = b;
    return 0;
}

static void chunk_free(struct log_chunk *c)
{
    text_free(&c->text);
    free(c);
}

void log_buffer_free(struct log_buffer *b)
{
    if (!b)
        return;
    while (b->head) {
        struct log_chunk *c = b->head;
        b->head = c->next;
        chunk_free(c);
    }
    pthread_mutex_destroy(&b->lock);
    free(b);
}

static struct log_chunk *chunk_new(const struct log_stream_row *stream, uint64_t time_us)
{
    struct log_chunk *c = malloc(sizeof *c + stream->target.len + stream->head.len);
    if (!c)
        return NULL;
    char *room = (char *)(c + 1);
    *c = (struct log_chunk){.stream = *stream, .time_us = time_us};
    memcpy(room, stream->target.data, stream->target.len);
    c->stream.target = slice_of(room, stream->target.len);
    memcpy(room + stream->target.len, stream->head.data, stream->head.len);
    c->stream.head = slice_of(room + stream->target.len, stream->head.len);
    return c;
}

static struct log_chunk *find(struct log_buffer *b, const struct log_stream_row *stream, size_t len)
{
    for (struct log_chunk *c = b->head; c; c = c->next)
        if (c->stream.target_id == stream->target_id && c->stream.format == stream->format && c->text.len + len <= LOG_CHUNK_MAX
            && slice_equal(c->stream.head, stream->head))
            return c;
    return NULL;
}

/* Under the lock. */
static bool append(struct log_buffer *b, const struct log_stream_row *stream, uint64_t time_us, struct slice line)
{
    if (b->size + line.len > LOG_BUFFER_MAX)
        return false;
    struct log_chunk *c = find(b, stream, line.len);
    if (!c) {
        c = chunk_new(stream, time_us);
        if (!c)
            return false;
        *b->tail = c;
        b->tail = &c->next;
    }
    size_t before = c->text.len;
    text_append(&c->text, line.data, line.len);
    if (c->text.failed) {
        c->text.failed = false; /* what was there before is whole */
        c->text.len = before;
        return false;
    }
    c->stream.roll_us = stream->roll_us;
    c->lines++;
    b->size += line.len;
    return true;
}

static void tell_dropped(struct log_buffer *b, uint64_t lines, bool first)
{
    b->dropped(b->arg, lines);
    if (first)
        log_warning("access log records are dropped: more come than can be written");
}

void log_buffer_append(struct log_buffer *b, const struct log_stream_row *stream, uint64_t time_us, struct slice line)
{
    pthread_mutex_lock(&b->lock);
    bool kept = append(b, stream, time_us, line), first = !kept && !b->dropping;
    b->dropping = !kept;
    pthread_mutex_unlock(&b->lock);
    if (!kept)
        tell_dropped(b, 1, first);
}

bool log_buffer_empty(struct log_buffer *b)
{
    pthread_mutex_lock(&b->lock);
    bool empty = !b->head;
    pthread_mutex_unlock(&b->lock);
    return empty;
}

void log_buffer_lost(struct log_buffer *b)
{
    tell_dropped(b, 1, true);
}

/* --- into the database --- */

/* A target that is gone takes nothing. */
static int write_chunk(struct meta_tx *tx, struct log_drain *d, const struct log_chunk *c)
{
    struct bucket_row target;
    struct log_stream_row there;
    int err = bucket_get(tx, c->stream.target, &target);
    if (err || target.id != c->stream.target_id)
        return err == ERR_NO_SUCH_BUCKET ? 0 : err;
    err = log_stream_find(tx, c->stream.target_id, c->stream.format, c->stream.head, &there);
    if (!err && there.size > LOG_STREAM_MAX) {
        d->full_lines += c->lines;
        return 0;
    }
    if (err && err != ERR_NOT_FOUND)
        return err;
    return log_append(tx, &c->stream, c->time_us, slice_of(c->text.data, c->text.len));
}

static int run(struct meta_tx *tx, struct meta_write *write)
{
    struct log_drain *d = container_of(write, struct log_drain, write);
    int err = 0;
    d->full_lines = 0;
    for (const struct log_chunk *c = d->chunks; c && !err; c = c->next)
        err = c->lines ? write_chunk(tx, d, c) : 0;
    return err;
}

static void write_some(struct log_drain *d);

/* In front again, in their order. */
static void put_back(struct log_buffer *b, struct log_chunk *chunks)
{
    struct log_chunk **last = &chunks;
    size_t size = 0;
    for (; *last; last = &(*last)->next)
        size += (*last)->text.len;
    if (last == &chunks)
        return;
    pthread_mutex_lock(&b->lock);
    if (!b->head)
        b->tail = last;
    *last = b->head;
    b->head = chunks;
    b->size += size;
    pthread_mutex_unlock(&b->lock);
}

static void written(struct meta_write *write)
{
    struct log_drain *d = container_of(write, struct log_drain, write);
    struct log_buffer *b = d->buffer;
    struct log_chunk *chunks = d->chunks;
    d->chunks = NULL;
    d->err = write->err;
    if (write->err) {
        put_back(b, chunks);
        d->done(d);
        return;
    }
    while (chunks) {
        struct log_chunk *c = chunks;
        chunks = c->next;
        chunk_free(c);
    }
    if (d->full_lines)
        tell_dropped(b, d->full_lines, true);
    pthread_mutex_lock(&b->lock);
    bool more = b->head && ++d->rounds < LOG_BUFFER_MAX / LOG_WRITE_MAX; /* what came since is for the next drain */
    pthread_mutex_unlock(&b->lock);
    if (more)
        write_some(d);
    else
        d->done(d);
}

static void write_some(struct log_drain *d)
{
    struct log_buffer *b = d->buffer;
    d->write = (struct meta_write){.run = run, .done = written, .loop = d->reactor->loop};
    pthread_mutex_lock(&b->lock);
    size_t size = 0;
    struct log_chunk **end = &b->head;
    for (; *end && (size == 0 || size + (*end)->text.len <= LOG_WRITE_MAX); end = &(*end)->next)
        size += (*end)->text.len;
    struct log_chunk *rest = *end;
    *end = NULL;
    d->chunks = b->head;
    b->head = rest;
    if (!rest)
        b->tail = &b->head;
    b->size -= size;
    meta_write(d->reactor->meta, &d->write);
    pthread_mutex_unlock(&b->lock);
}

void log_drain_start(struct log_drain *d)
{
    d->err = 0;
    d->rounds = 0;
    write_some(d);
}
