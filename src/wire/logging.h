/* A bucket's BucketLoggingStatus: where its access log goes. Pure.
 *
 * Besides S3's elements those that Ceph's clients know: LoggingType (Standard; Journal: changes only, in the transaction that
 * makes them), ObjectRollTime, RecordsBatchSize, and Filter on keys (for Journal). */
#ifndef WIRE_LOGGING_H
#define WIRE_LOGGING_H

#include "wire/xml_read.h"

#define LOGGING_GRANTS_MAX 100
#define LOGGING_FILTER_RULES_MAX 2
#define LOGGING_PREFIX_MAX 512          /* leaves room for what follows it in a key */
#define LOGGING_ROLL_TIME_DEFAULT_S 300
#define LOGGING_ROLL_TIME_MAX_S 86400

enum logging_type { LOGGING_STANDARD = 0, LOGGING_JOURNAL = 1 };
enum logging_format { LOGGING_SIMPLE = 0, LOGGING_BY_DELIVERY_TIME = 1, LOGGING_BY_EVENT_TIME = 2 };

struct logging_configuration {
    bool enabled;               /* false: an empty BucketLoggingStatus, nothing below is set */
    bool extended;              /* one of Ceph's elements was there */
    struct slice bucket, prefix;
    enum logging_type type;
    enum logging_format format;
    uint32_t roll_time_s, records_batch_size;
    struct slice filter_prefix, filter_suffix; /* data NULL without */
    const struct xml_node *grants; /* TargetGrants, or NULL */
    struct xml_document *document; /* what the slices point into */
};

/* ERR_MALFORMED: no such document, unknown elements, values out of S3's sets. ERR_INVALID: the prefix is too long.
 * ERR_UNSUPPORTED: a filter by regular expression. logging_fini after success only. */
int logging_parse(const void *data, size_t len, struct logging_configuration *ret) MUST_CHECK;
void logging_fini(struct logging_configuration *);
/* The same again, as S3 answers it: with the key format that counts; Ceph's elements only when one was given. */
void logging_format(const struct logging_configuration *, struct text *);
/* As buckets keep it (docs/FORMAT.md): when it was set, and the document. ERR_CORRUPT. */
#define LOGGING_ATTRIBUTE "logging"
int logging_decode(struct slice value, struct logging_configuration *ret, uint64_t *ret_modified_us) MUST_CHECK;
void logging_encode(struct text *, uint64_t modified_us, struct slice document);
/* Whether the filter lets the key through. */
bool logging_wants_key(const struct logging_configuration *, struct slice key);

#endif
