/* See service_access.h. */
#include "s3/service_access.h"

#include <stdio.h>

#include "meta/attribute.h"
#include "s3/access.h"

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
    } else if (slice_equal_string_nocase(key, "s3:x-amz-acl")) {
        ret[0] = slice_string("bucket-owner-full-control"); /* what services write belongs to the bucket's owner */
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

static bool allows(const struct policy *policy, struct slice bucket, struct slice prefix, const char *service, const struct service_source *source,
                   struct question *question)
{
    const struct policy_principal principal = {.service = slice_string(service)};
    struct text resource = {0}, arn = {0};
    text_append_format(&resource, "arn:aws:s3:::%.*s/", (int)bucket.len, bucket.data);
    text_append(&resource, prefix.data, prefix.len);
    text_append_format(&arn, "arn:aws:s3:::%.*s", (int)source->bucket.len, source->bucket.data);
    bool allowed = false;
    if (!resource.failed && !arn.failed) {
        question->source_arn = slice_of(arn.data, arn.len);
        const struct policy_request request = {.action = slice_string("s3:PutObject"), .resource = slice_of(resource.data, resource.len),
                                               .principal = &principal, .values = values, .arg = question};
        allowed = policy_evaluate(policy, &request).effect == POLICY_ALLOW;
    }
    text_free(&resource);
    text_free(&arn);
    return allowed;
}

int service_may_put(struct meta_tx *tx, const struct bucket_row *target, struct slice bucket, struct slice prefix, const char *service,
                    const struct service_source *source, bool *ret_allowed)
{
    struct slice document;
    struct policy *policy;
    struct question question = {0};
    char message[POLICY_MESSAGE_SIZE];
    *ret_allowed = false;
    if (attribute_find(target->attributes, ATTRIBUTE_CONFIGURATION, POLICY_NAME, &document))
        return 0;
    int err = policy_parse(document, POLICY_BUCKET, bucket, &policy, message);
    if (err)
        return err == ERR_NO_MEMORY ? err : ERR_CORRUPT;
    err = fill_account(tx, source->owner_id, &question);
    if (!err)
        *ret_allowed = allows(policy, bucket, prefix, service, source, &question);
    policy_free(policy);
    return err;
}
