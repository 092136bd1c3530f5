/* Takes the records of one stream of access logs into an object of their target bucket. The object and the deletion of the
 * records are one transaction: each record is delivered once, whoever delivers at the same time and whenever power goes. */
#ifndef OBJECT_LOG_DELIVERY_H
#define OBJECT_LOG_DELIVERY_H

#include "meta/log.h"
#include "object/object.h"

#define LOG_OBJECT_MAX (1u << 20)         /* bytes of records after which an object is full */
#define LOG_DELIVERY_DELAY_US 5000000u    /* an object is delivered so long after its time: later records begin another */

struct log_delivery {
    struct object_reactor *reactor;
    struct log_stream_row stream;  /* id 0: found by target_id, format and head. Slices live until done */
    bool all;                      /* records of any time; otherwise one object's, when it is due */
    bool even_empty;               /* an object even if there is no record; for all */
    void (*done)(struct log_delivery *);
    int err;                       /* ERR_NO_SUCH_BUCKET: the target is gone */
    struct text key;               /* out: of the last object; empty: there was none */
    /* private */
    struct meta_read read;
    struct object_put *put;
    struct text body, target, next_key;
    int64_t stream_id, last_id, target_id, owner_id;
    uint64_t until_us;
    uint32_t count;
    bool full, dropping, finishing;
    size_t written;
    struct meta_write write;
};
void log_delivery_start(struct log_delivery *);
void log_delivery_fini(struct log_delivery *);

/* Streams of which an object is due, or full, or whose target is gone (negative target_id): their ids. */
#define LOG_DUE_MAX 64
struct log_due {
    struct object_reactor *reactor;
    void (*done)(struct log_due *);
    int err;
    int64_t ids[LOG_DUE_MAX];
    uint32_t count;
    uint64_t now_us;               /* private */
    struct meta_read read;
};
void log_due_start(struct log_due *);

#endif
