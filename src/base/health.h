/* The addresses under /-/ (and MinIO's aliases): who knows the answers is above who serves them, so the answers come by a
 * callback. Given to the servers at start by ingot/; implemented by admin/health.c. */
#ifndef BASE_HEALTH_H
#define BASE_HEALTH_H

#include "base/text.h"

struct health_answer {
    unsigned status;          /* 200, 401, 503 */
    const char *content_type; /* static */
    struct text body;         /* text_free by the caller */
};

struct health {
    /* Answers GET and HEAD of a path: /-/live, /-/ready, /-/ready/read, /-/ready/write, /-/metrics, /minio/health/live,
     * /minio/health/ready, /minio/health/cluster, /minio/health/cluster/read, /minio/v2/metrics/cluster. No request to these
     * is authorised by S3's rules; authorization is the request's header, for the metrics token. Any thread; never
     * blocks. ERR_NOT_FOUND: not one of these paths; ERR_NO_MEMORY. */
    int (*answer)(void *arg, struct slice path, struct slice authorization, struct health_answer *ret);
    void *arg;
};

#endif
