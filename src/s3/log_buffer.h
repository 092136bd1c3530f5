/* Access log records of all reactors on their way into the database: lines gather here for a second or so (what a crash may lose),
 * and are written many at a time. Journal records do not come here: they are written with what they tell of (object/journal.h).
 *
 * Any thread; the lock is held for a few instructions. Bounded: past LOG_BUFFER_MAX lines are dropped, counted and told. */
#ifndef S3_LOG_BUFFER_H
#define S3_LOG_BUFFER_H

#include "object/object.h"
#include "meta/log.h"

#define LOG_BUFFER_MAX (8u << 20)
#define LOG_CHUNK_MAX (64u << 10)        /* one row */
#define LOG_WRITE_MAX (256u << 10)       /* one transaction */
#define LOG_STREAM_MAX (256ull << 20)    /* a stream whose objects cannot be delivered takes no more */

struct log_buffer;
/* dropped(arg, lines): lines that are lost. */
int log_buffer_new(void (*dropped)(void *arg, uint64_t lines), void *arg, struct log_buffer **ret) MUST_CHECK;
void log_buffer_free(struct log_buffer *);

/* One line of the stream (its target, format, head and roll_us count), logged at time_us. */
void log_buffer_append(struct log_buffer *, const struct log_stream_row *, uint64_t time_us, struct slice line);

/* A line that memory was too short for. */
void log_buffer_lost(struct log_buffer *);
bool log_buffer_empty(struct log_buffer *); /* any thread */

/* Writes what is there: done on the reactor's loop when everything appended before is in the database, or dropped. */
struct log_drain {
    struct object_reactor *reactor;
    struct log_buffer *buffer;
    void (*done)(struct log_drain *);
    int err; /* of a write; its lines are back in the buffer */
    /* private */
    struct log_chunk *chunks;
    uint64_t full_lines;
    unsigned rounds;
    struct meta_write write;
};
void log_drain_start(struct log_drain *);

#endif
