/* Quotas of buckets: how much may lie in one, noncurrent versions included, delete markers and unfinished uploads not. Inside transactions;
 * whatever makes more of a bucket is refused once it would be above its quota, and what makes less never is. */
#ifndef OBJECT_QUOTA_H
#define OBJECT_QUOTA_H

#include "meta/tables.h"

#define QUOTA_NAME "quota" /* ATTRIBUTE_CONFIGURATION of buckets: bytes and objects, 8 bytes each, little-endian */

struct quota { uint64_t bytes, objects; }; /* 0: any number */

/* No quota: both 0. ERR_CORRUPT. */
int quota_of_bucket(struct slice bucket_attributes, struct quota *ret) MUST_CHECK;
/* ERR_NO_SUCH_BUCKET. */
int quota_set(struct meta_tx *, struct slice bucket, const struct quota *) MUST_CHECK;
/* After this request has changed the bucket; part_size: of a part that is not in the bucket yet. ERR_QUOTA_EXCEEDED. */
int quota_check(struct meta_tx *, const struct bucket_row *, uint64_t part_size) MUST_CHECK;

#endif
