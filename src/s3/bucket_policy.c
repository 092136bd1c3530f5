/* GetBucketPolicy, PutBucketPolicy, DeleteBucketPolicy, GetBucketPolicyStatus. The document is kept as it was sent. */
#include "s3/access.h"
#include "s3/answer.h"
#include "s3/attribute_write.h"
#include "s3/body.h"
#include "s3/operations.h"
#include "wire/xml_write.h"

static void answer_no_content(struct s3_request *r)
{
    answer_empty(r, 204);
}

void get_bucket_policy_start(struct s3_request *r)
{
    const struct policy *policy = r->access.bucket->policy;
    if (policy)
        answer_json(r, 200, policy_text(policy));
    else
        answer_error(r, S3_NoSuchBucketPolicy);
}

void get_bucket_policy_status_start(struct s3_request *r)
{
    const struct access_bucket *b = r->access.bucket;
    struct text t = {0};
    xml_declaration(&t);
    xml_open_root(&t, "PolicyStatus");
    xml_element_bool(&t, "IsPublic", (b->policy_public && !(b->public_access_block & RESTRICT_PUBLIC_BUCKETS))
                                        || (acl_is_public(b->acl) && !(b->public_access_block & IGNORE_PUBLIC_ACLS)));
    xml_close(&t, "PolicyStatus");
    answer_xml(r, 200, &t);
}

void put_bucket_policy_start(struct s3_request *r)
{
    char message[POLICY_MESSAGE_SIZE] = "";
    struct slice document = body_document(r);
    struct policy *policy;
    struct text entry = {0};
    int err = policy_parse(document, POLICY_BUCKET, request_bucket(r), &policy, message);
    if (err) {
        if (err == ERR_MALFORMED)
            answer_error_text(r, S3_MalformedPolicy, message);
        else
            answer_error(r, err == ERR_TOO_LARGE ? S3_PolicyTooLarge : S3_SlowDown);
        return;
    }
    bool public = policy_is_public(policy);
    policy_free(policy);
    if (public && (r->access.bucket->public_access_block & BLOCK_PUBLIC_POLICY)) {
        access_deny(r, "BlockPublicPolicy: the policy is public");
        return;
    }
    attribute_append(&entry, ATTRIBUTE_CONFIGURATION, slice_string(POLICY_NAME), document);
    if (entry.failed)
        answer_error(r, S3_SlowDown);
    else
        attribute_write(r, ATTRIBUTE_CONFIGURATION, POLICY_NAME, slice_of(entry.data, entry.len), answer_no_content);
    text_free(&entry);
}

void delete_bucket_policy_start(struct s3_request *r)
{
    attribute_write(r, ATTRIBUTE_CONFIGURATION, POLICY_NAME, slice_of("", 0), answer_no_content);
}
