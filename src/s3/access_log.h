/* Server access logging: what a bucket's configuration says, kept per reactor, and a record per request.
 *
 * access_log_load runs before authorisation, so that refused requests are logged too. What it found is true as long as no bucket
 * changes (meta_bucket_epoch): a request to a bucket without logging costs one look into a small table. */
#ifndef S3_ACCESS_LOG_H
#define S3_ACCESS_LOG_H

#include "s3/request.h"
#include "wire/logging.h"

#define S3_LOGGING_CACHE_SIZE 64 /* a power of two */

enum logging_refusal { LOGGING_ALLOWED, LOGGING_NO_TARGET, LOGGING_DENIED };

/* A source bucket and where its records go. Immutable; one reactor's. */
struct s3_logging {
    uint32_t references;
    uint64_t epoch;
    uint64_t modified_us;         /* of the configuration */
    struct logging_configuration configuration; /* enabled: false when there is none */
    enum logging_refusal refusal;
    int64_t target_id, owner_id;  /* the target bucket's id; the source's owner */
    char bucket[64], region[64], owner[CANONICAL_ID_LEN + 1], account[ACCOUNT_NUMBER_LEN + 1];
};

/* Sets r->logging (NULL when there is no bucket or it has no logging), then then(r), now or later; answers when that fails. */
void access_log_load(struct s3_request *, void (*then)(struct s3_request *));
/* The request has ended: its record. */
void access_log_write(struct s3_request *);
/* BATCH.DELETE.OBJECT: one key of a DeleteObjects. code: S3's, or NULL. */
void access_log_write_deleted(struct s3_request *, struct slice key, struct slice version_id, unsigned status, const char *code);
/* Where the bucket's records lie (its slices point into head and the configuration). */
struct log_stream_row;
void access_log_stream(const struct s3_request *, const struct s3_logging *, uint64_t event_us, struct text *head, struct log_stream_row *ret);

void access_log_release(struct s3_logging *); /* NULL is fine */
void access_log_forget(struct s3_reactor *);

#endif
