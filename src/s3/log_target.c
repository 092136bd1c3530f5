/* See log_target.h. */
#include "s3/log_target.h"

#include "meta/attribute.h"
#include "object/lock.h"
#include "s3/access.h"

#define SERVICE "logging.s3.amazonaws.com"

/* S3's rules for targets: logs are for the bucket's owner to read, and to delete. */
static const char *why_unusable(const struct bucket_row *row)
{
    struct slice value;
    struct lock_configuration lock;
    if (!lock_of_bucket(row->attributes, &lock) && lock.mode != LOCK_NONE)
        return "The target bucket must not have a default retention";
    if (!attribute_find(row->attributes, ATTRIBUTE_CONFIGURATION, REQUEST_PAYMENT_NAME, &value) && slice_equal_string(value, REQUESTER_PAYS))
        return "The target bucket must not have Requester Pays enabled";
    return NULL;
}

int log_target_find(struct meta_tx *tx, struct slice bucket, struct slice prefix, const struct service_source *source, struct log_target *ret)
{
    struct bucket_row row;
    *ret = (struct log_target){0};
    int err = bucket_get(tx, bucket, &row);
    if (err)
        return err;
    *ret = (struct log_target){.id = row.id, .region = row.region, .unusable = why_unusable(&row)};
    return service_may_put(tx, &row, bucket, prefix, SERVICE, source, &ret->allowed);
}
