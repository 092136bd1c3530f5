/* The bucket that access logs are delivered to: which one, and whether the logging service may put objects there for a source. */
#ifndef S3_LOG_TARGET_H
#define S3_LOG_TARGET_H

#include "s3/service_access.h"

struct log_target {
    int64_t id;
    struct slice region;  /* of the row: ends with the next lookup of a bucket */
    bool allowed;
    const char *unusable; /* why S3 takes no such bucket as a target; NULL: it does */
};
/* In run of a read. ERR_NO_SUCH_BUCKET. */
int log_target_find(struct meta_tx *, struct slice bucket, struct slice prefix, const struct service_source *, struct log_target *ret) MUST_CHECK;

#endif
