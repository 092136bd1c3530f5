/* Router, error table and continuation tokens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "s3/access.h"
#include "s3/error.h"
#include "s3/router.h"
#include "s3/token.h"

struct route { const char *method; bool bucket, key; const char *query; bool copy; enum operation_id id; };

static const struct route routes[] = {
    {"GET", false, false, "", false, OPERATION_ListBuckets},
    {"PUT", true, false, "", false, OPERATION_CreateBucket},
    {"HEAD", true, false, "", false, OPERATION_HeadBucket},
    {"DELETE", true, false, "", false, OPERATION_DeleteBucket},
    {"GET", true, false, "", false, OPERATION_ListObjects},
    {"GET", true, false, "list-type=2&prefix=a", false, OPERATION_ListObjectsV2},
    {"GET", true, false, "list-type=1", false, OPERATION_ListObjects},
    {"GET", true, false, "versions", false, OPERATION_ListObjectVersions},
    {"GET", true, false, "uploads=", false, OPERATION_ListMultipartUploads},
    {"GET", true, false, "location", false, OPERATION_GetBucketLocation},
    {"GET", true, false, "versioning", false, OPERATION_GetBucketVersioning},
    {"PUT", true, false, "versioning", false, OPERATION_PutBucketVersioning},
    {"GET", true, false, "policy", false, OPERATION_GetBucketPolicy},
    {"DELETE", true, false, "publicAccessBlock", false, OPERATION_DeletePublicAccessBlock},
    {"PUT", true, false, "ownershipControls", false, OPERATION_PutBucketOwnershipControls},
    {"GET", true, false, "replication", false, OPERATION_GetBucketConfiguration},
    {"GET", true, false, "logging", false, OPERATION_GetBucketLogging},
    {"PUT", true, false, "logging", false, OPERATION_PutBucketLogging},
    {"POST", true, false, "logging", false, OPERATION_PostBucketLogging},
    {"PUT", true, false, "website", false, OPERATION_PutBucketWebsite},
    {"PUT", true, false, "replication", false, OPERATION_PutBucketConfiguration},
    {"GET", true, false, "lifecycle", false, OPERATION_GetBucketLifecycleConfiguration},
    {"PUT", true, false, "lifecycle", false, OPERATION_PutBucketLifecycleConfiguration},
    {"DELETE", true, false, "lifecycle", false, OPERATION_DeleteBucketLifecycle},
    {"DELETE", true, false, "website", false, OPERATION_DeleteBucketWebsite},
    {"DELETE", true, false, "replication", false, OPERATION_DeleteBucketConfiguration},
    {"PUT", true, true, "renameObject", false, OPERATION_RenameObject},
    {"GET", true, false, "acl", false, OPERATION_GetAcl},
    {"PUT", true, true, "acl", false, OPERATION_PutAcl},
    {"POST", true, false, "delete", false, OPERATION_DeleteObjects},
    {"POST", true, false, "", false, OPERATION_PostObject},
    {"PUT", true, true, "", false, OPERATION_PutObject},
    {"PUT", true, true, "", true, OPERATION_CopyObject},
    {"PUT", true, true, "partNumber=1&uploadId=x", false, OPERATION_UploadPart},
    {"PUT", true, true, "partNumber=1&uploadId=x", true, OPERATION_UploadPartCopy},
    {"GET", true, true, "versionId=null", false, OPERATION_GetObject},
    {"GET", true, true, "partNumber=1", false, OPERATION_GetObject},
    {"HEAD", true, true, "", false, OPERATION_HeadObject},
    {"DELETE", true, true, "", false, OPERATION_DeleteObject},
    {"DELETE", true, true, "uploadId=x", false, OPERATION_AbortMultipartUpload},
    {"GET", true, true, "uploadId=x", false, OPERATION_ListParts},
    {"GET", true, true, "attributes", false, OPERATION_GetObjectAttributes},
    {"POST", true, true, "uploads", false, OPERATION_CreateMultipartUpload},
    {"POST", true, true, "uploadId=x", false, OPERATION_CompleteMultipartUpload},
    {"GET", true, false, "tagging", false, OPERATION_GetBucketTagging},
    {"PUT", true, false, "tagging", false, OPERATION_PutBucketTagging},
    {"DELETE", true, false, "tagging", false, OPERATION_DeleteBucketTagging},
    {"GET", true, false, "cors", false, OPERATION_GetBucketCors},
    {"PUT", true, false, "cors", false, OPERATION_PutBucketCors},
    {"DELETE", true, false, "cors", false, OPERATION_DeleteBucketCors},
    {"OPTIONS", true, true, "", false, OPERATION_Preflight},
    {"OPTIONS", true, true, "torrent", false, OPERATION_Preflight},
    {"PUT", true, true, "tagging", false, OPERATION_PutObjectTagging},
    {"DELETE", true, true, "tagging", false, OPERATION_DeleteObjectTagging},
    {"GET", true, true, "retention", false, OPERATION_GetObjectRetention},
    {"PUT", true, true, "retention", false, OPERATION_PutObjectRetention},
    {"GET", true, true, "legal-hold", false, OPERATION_GetObjectLegalHold},
    {"PUT", true, true, "legal-hold", false, OPERATION_PutObjectLegalHold},
    {"GET", true, false, "requestPayment", false, OPERATION_GetBucketRequestPayment},
    {"PUT", true, false, "requestPayment", false, OPERATION_PutBucketRequestPayment},
    {"GET", true, false, "accelerate", false, OPERATION_GetBucketAccelerateConfiguration},
    {"PUT", true, false, "accelerate", false, OPERATION_PutBucketAccelerateConfiguration},
    {"GET", true, false, "object-lock", false, OPERATION_GetObjectLockConfiguration},
    {"PUT", true, false, "object-lock", false, OPERATION_PutObjectLockConfiguration},
};

static enum s3_error route(const char *method, bool bucket, bool key, const char *text, bool copy, enum operation_id *id)
{
    static struct query query;
    assert_int_equal(query_parse(slice_string(text), &query), 0);
    enum s3_error e = router_find(slice_string(method), bucket, key, &query, copy, id);
    query_fini(&query);
    return e;
}

static void routes_lead_to_operations(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        enum operation_id id = OPERATION_COUNT;
        const struct route *r = &routes[i];
        if (route(r->method, r->bucket, r->key, r->query, r->copy, &id) != S3_OK || id != r->id)
            fail_msg("%s ?%s", r->method, r->query);
    }
}

static enum access_action action_of(const char *method, bool key, const char *text)
{
    static struct s3_request r;
    enum operation_id id = OPERATION_COUNT;
    memset(&r, 0, sizeof r);
    assert_int_equal(query_parse(slice_string(text), &r.query), 0);
    assert_int_equal(router_find(slice_string(method), true, key, &r.query, false, &id), S3_OK);
    r.operation = operation_get(id);
    r.address.key_len = key ? 1 : 0;
    enum access_action action = access_action(&r);
    query_fini(&r.query);
    return action;
}

/* One without an action would be refused to everybody. */
static void operations_have_actions(void **state)
{
    (void)state;
    static struct s3_request r;
    for (int id = 0; id < OPERATION_COUNT; id++) {
        if (strstr(operation_get((enum operation_id)id)->name, "BucketConfiguration"))
            continue; /* by their subresource, below */
        r.operation = operation_get((enum operation_id)id);
        assert_int_equal(operation_id(r.operation), id);
        r.address.key_len = 0;
        enum access_action bucket = access_action(&r);
        r.address.key_len = 1;
        if (bucket == ACTION_UNKNOWN && access_action(&r) == ACTION_UNKNOWN)
            fail_msg("%s has no action", r.operation->name);
    }
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        if (routes[i].bucket && !routes[i].copy)
            assert_int_not_equal(action_of(routes[i].method, routes[i].key, routes[i].query), ACTION_UNKNOWN);
}

static void actions(void **state)
{
    (void)state;
    assert_int_equal(action_of("GET", true, ""), ACTION_GetObject);
    assert_int_equal(action_of("HEAD", true, "versionId=null"), ACTION_GetObjectVersion);
    assert_int_equal(action_of("HEAD", false, ""), ACTION_ListBucket);
    assert_int_equal(action_of("DELETE", true, ""), ACTION_DeleteObject);
    assert_int_equal(action_of("DELETE", true, "versionId=x"), ACTION_DeleteObjectVersion);
    assert_int_equal(action_of("DELETE", true, "uploadId=x"), ACTION_AbortMultipartUpload);
    assert_int_equal(action_of("PUT", false, "acl"), ACTION_PutBucketAcl);
    assert_int_equal(action_of("PUT", true, "acl"), ACTION_PutObjectAcl);
    assert_int_equal(action_of("GET", true, "acl&versionId=x"), ACTION_GetObjectVersionAcl);
    assert_int_equal(action_of("DELETE", false, "tagging"), ACTION_PutBucketTagging);
    assert_int_equal(action_of("GET", false, "replication"), ACTION_GetReplicationConfiguration);
    assert_int_equal(action_of("DELETE", false, "inventory"), ACTION_PutInventoryConfiguration);
    assert_int_equal(action_of("POST", false, "delete"), ACTION_NONE);
    assert_int_equal(action_of("POST", false, ""), ACTION_PutObject);
    assert_string_equal(access_action_name(ACTION_GetObjectVersionAcl), "s3:GetObjectVersionAcl");
    assert_int_equal(access_permission(ACTION_GetObjectVersionAcl).permission, ACL_READ_ACP);
    assert_true(access_permission(ACTION_GetObject).of_object);
    assert_false(access_permission(ACTION_DeleteObject).of_object);
    assert_int_equal(access_permission(ACTION_PutBucketPolicy).permission, 0);
}

static void refusals(void **state)
{
    (void)state;
    enum operation_id id;
    assert_int_equal(route("PATCH", true, true, "", false, &id), S3_MethodNotAllowed);
    assert_int_equal(route("PUT", false, false, "", false, &id), S3_MethodNotAllowed);
    assert_int_equal(route("POST", true, true, "", false, &id), S3_MethodNotAllowed);
    assert_int_equal(route("POST", true, false, "lifecycle", false, &id), S3_NotImplemented);
    assert_int_equal(route("GET", true, true, "torrent", false, &id), S3_NotImplemented);
    assert_int_equal(route("GET", true, true, "policy", false, &id), S3_MethodNotAllowed);
    assert_int_equal(route("GET", true, false, "retention", false, &id), S3_MethodNotAllowed);
}

static void errors_have_codes(void **state)
{
    (void)state;
    for (int e = S3_OK + 1; e < S3_ERROR_COUNT; e++) {
        assert_true(s3_error_status((enum s3_error)e) >= 300 && s3_error_status((enum s3_error)e) < 600);
        assert_true(*s3_error_code((enum s3_error)e) && *s3_error_text((enum s3_error)e));
    }
    assert_int_equal(s3_error_of(0), S3_OK);
    assert_int_equal(s3_error_of(ERR_NO_SUCH_KEY), S3_NoSuchKey);
    assert_int_equal(s3_error_of(ERR_OVERLOAD), S3_SlowDown);
    assert_int_equal(s3_error_of(ERR_CORRUPT), S3_InternalError);
    assert_string_equal(s3_error_code(S3_NoSuchKey), "NoSuchKey");
    assert_int_equal(s3_error_status(S3_SlowDown), 503);
    assert_int_equal(s3_error_status(S3_InsufficientStorage), 507);
}

static void tokens_come_back(void **state)
{
    (void)state;
    char key[TOKEN_KEY_MAX], after[TOKEN_KEY_MAX];
    memset(key, 0xfe, sizeof key);
    for (size_t len = 0; len <= sizeof key; len += 256) {
        struct text t = {0};
        size_t got;
        bool prefix;
        token_format(&t, slice_of(key, len), len == 256);
        assert_false(t.failed);
        assert_int_equal(token_parse(slice_of(t.data, t.len), after, &got, &prefix), 0);
        assert_int_equal(got, len);
        assert_memory_equal(after, key, len);
        assert_int_equal(prefix, len == 256);
        t.data[t.len / 2] = t.data[t.len / 2] == 'A' ? 'B' : 'A';
        assert_int_equal(token_parse(slice_of(t.data, t.len), after, &got, &prefix), ERR_MALFORMED);
        text_free(&t);
    }
    size_t got;
    bool prefix;
    assert_int_equal(token_parse(slice_string(""), after, &got, &prefix), ERR_MALFORMED);
    assert_int_equal(token_parse(slice_string("!"), after, &got, &prefix), ERR_MALFORMED);
    assert_int_equal(token_parse(slice_string("AAAA"), after, &got, &prefix), ERR_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(routes_lead_to_operations),
        cmocka_unit_test(operations_have_actions),
        cmocka_unit_test(actions),
        cmocka_unit_test(refusals),
        cmocka_unit_test(errors_have_codes),
        cmocka_unit_test(tokens_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
