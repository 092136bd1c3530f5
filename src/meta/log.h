/* Records of access logs on their way into objects: written in the transaction that commits them, deleted in the one that
 * commits the object they are delivered in. A stream is what goes into one object after the other: records of one target bucket
 * whose objects' keys begin alike. Called inside run, as meta/tables.h says. */
#ifndef META_LOG_H
#define META_LOG_H

#include "meta/tables.h"

struct log_stream_row {
    int64_t id;
    int64_t target_id;     /* the bucket's; negative: it is gone, and what lies here goes too */
    struct slice target;   /* its name */
    uint32_t format;       /* enum logging_format; + LOG_STREAM_JOURNAL for journal records */
    struct slice head;     /* of the objects' keys */
    uint64_t size;         /* bytes of its records */
    uint64_t roll_us;      /* an object holds records of so long a time */
};
#define LOG_STREAM_JOURNAL 16u

struct log_record_row { int64_t id; uint64_t time_us; struct slice records; }; /* time of the first of its lines */

/* Puts records at the end of the stream of that target, format and head, which is made if need be; its roll_us is this one now. */
int log_append(struct meta_tx *, const struct log_stream_row *, uint64_t time_us, struct slice records) MUST_CHECK;
int log_stream_find(struct meta_tx *, int64_t target_id, uint32_t format, struct slice head, struct log_stream_row *ret) MUST_CHECK; /* ERR_NOT_FOUND */
int log_stream_get(struct meta_tx *, int64_t id, struct log_stream_row *ret) MUST_CHECK; /* ERR_NOT_FOUND */
int log_stream_list(struct meta_tx *, int (*fn)(void *, const struct log_stream_row *), void *arg) MUST_CHECK;
/* In order; stops when fn returns non-zero, which it returns. */
int log_record_list(struct meta_tx *, int64_t stream_id, int (*fn)(void *, const struct log_record_row *), void *arg) MUST_CHECK;
int log_record_first(struct meta_tx *, int64_t stream_id, uint64_t *ret_time_us) MUST_CHECK; /* ERR_NOT_FOUND */
/* Deletes the first records up to last_id, which are count with size bytes in all; the stream goes with its last record.
 * ERR_CONFLICT: somebody else deleted some of them. */
int log_records_delete(struct meta_tx *, int64_t stream_id, int64_t last_id, uint32_t count, uint64_t size) MUST_CHECK;
/* With the bucket that its records were for. */
int log_target_gone(struct meta_tx *, int64_t target_id) MUST_CHECK;

#endif
