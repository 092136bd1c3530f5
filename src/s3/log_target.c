/* See log_target.h. */
#include "s3/log_target.h"

#include <stdio.h>

#include "meta/attribute.h"
#include "object/lock.h"
#include "s3/access.h"

#define SERVICE "logging.s3.amazonaws.com"

struct question {
    struct slice source_arn;
    char number[ACCOUNT_NUMBER_LEN + 1], canonical_id[CANONICAL_ID_LEN + 1]; /* of the account that owns the source */
};

static int values(void *arg, struct slice key, struct slice *ret)
{
    const struct question *q = arg;
    if (slice_equal_string_nocase(key, "aws:SourceArn")) {
        ret[0] = q->source_arn;
    } else if (slice_equal_string_nocase(key, "aws:SourceAccount")) {
        ret[0] = slice_string(q->number);
        ret[1] = slice_string(q->canonical_id); /* as Ceph has it */
        return 2;
    } else if (slice_equal_string_nocase(key, "aws:PrincipalIsAWSService") || slice_equal_string_nocase(key, "aws:SecureTransport")) {
        ret[0] = slice_string("true");
    } else {
        return -1;
    }
    return 1;
}

static int fill_account(struct meta_tx *tx, int64_t owner_id, struct question *q)
{
    struct account_row row;
    int err = account_get(tx, owner_id, &row);
    if (err)
        return err == ERR_NOT_FOUND ? 0 : err;
    snprintf(q->number, sizeof q->number, "%.*s", (int)row.number.len, row.number.data);
    snprintf(q->canonical_id, sizeof q->canonical_id, "%.*s", (int)row.canonical_id.len, row.canonical_id.data);
    return 0;
}

static bool allows(const struct policy *policy, struct slice bucket, struct slice prefix, const struct log_source *source,
                   struct question *question)
{
    static const struct policy_principal service = {.service = {SERVICE, sizeof SERVICE - 1}};
    struct text resource = {0}, arn = {0};
    text_append_format(&resource, "arn:aws:s3:::%.*s/", (int)bucket.len, bucket.data);
    text_append(&resource, prefix.data, prefix.len);
    text_append_format(&arn, "arn:aws:s3:::%.*s", (int)source->bucket.len, source->bucket.data);
    bool allowed = false;
    if (!resource.failed && !arn.failed) {
        question->source_arn = slice_of(arn.data, arn.len);
        const struct policy_request request = {.action = slice_string("s3:PutObject"), .resource = slice_of(resource.data, resource.len),
                                               .principal = &service, .values = values, .arg = question};
        allowed = policy_evaluate(policy, &request).effect == POLICY_ALLOW;
    }
    text_free(&resource);
    text_free(&arn);
    return allowed;
}

/* The service asks the target's policy as any caller does, for any object behind the prefix. */
static int ask_policy(struct meta_tx *tx, const struct bucket_row *target, struct slice bucket, struct slice prefix,
                      const struct log_source *source, bool *ret_allowed)
{
    struct slice document;
    struct policy *policy;
    struct question question = {0};
    char message[POLICY_MESSAGE_SIZE];
    if (attribute_find(target->attributes, ATTRIBUTE_CONFIGURATION, POLICY_NAME, &document))
        return 0;
    int err = policy_parse(document, POLICY_BUCKET, bucket, &policy, message);
    if (err)
        return err == ERR_NO_MEMORY ? err : ERR_CORRUPT;
    err = fill_account(tx, source->owner_id, &question);
    if (!err)
        *ret_allowed = allows(policy, bucket, prefix, source, &question);
    policy_free(policy);
    return err;
}

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

int log_target_find(struct meta_tx *tx, struct slice bucket, struct slice prefix, const struct log_source *source, struct log_target *ret)
{
    struct bucket_row row;
    *ret = (struct log_target){0};
    int err = bucket_get(tx, bucket, &row);
    if (err)
        return err;
    *ret = (struct log_target){.id = row.id, .region = row.region, .unusable = why_unusable(&row)};
    return ask_policy(tx, &row, bucket, prefix, source, &ret->allowed);
}
