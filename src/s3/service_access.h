/* What a service of S3 (access logs, inventories) may write: it asks the target's bucket policy as any caller does. */
#ifndef S3_SERVICE_ACCESS_H
#define S3_SERVICE_ACCESS_H

#include "meta/tables.h"

/* The bucket on whose behalf the service writes. */
struct service_source { struct slice bucket; int64_t owner_id; };

/* Whether the target's policy lets the service (such as "logging.s3.amazonaws.com") put any object behind the prefix. In run of a read or write. */
int service_may_put(struct meta_tx *, const struct bucket_row *target, struct slice bucket, struct slice prefix, const char *service,
                    const struct service_source *, bool *ret_allowed) MUST_CHECK;

#endif
