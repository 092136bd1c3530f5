/* See router.h. */
#include "s3/router.h"

/* Configurations S3 knows; those that have no operation of their own below are never there yet. S3_OK: answered with an empty document by configuration.c. */
static const struct subresource subresources[] = {
    {"lifecycle", S3_NoSuchLifecycleConfiguration},
    {"replication", S3_ReplicationConfigurationNotFoundError},
    {"notification", S3_OK},
    {"analytics", S3_NoSuchConfiguration},
    {"metrics", S3_NoSuchConfiguration},
    {"intelligent-tiering", S3_NoSuchConfiguration},
};

const struct subresource *router_subresource(const struct query *query)
{
    for (unsigned i = 0; i < sizeof subresources / sizeof *subresources; i++)
        if (query_has(query, subresources[i].name))
            return &subresources[i];
    return NULL;
}

/* Of S3, not of Ingot. */
static const char *const unknown[] = {"torrent", "restore", "select", "append", "session", "metadataTable",
                                      "metadataConfiguration", "encryptionKey"};

static enum s3_error find(enum operation_id id, enum operation_id *ret)
{
    *ret = id;
    return S3_OK;
}

enum method { METHOD_OTHER, METHOD_GET, METHOD_HEAD, METHOD_PUT, METHOD_POST, METHOD_DELETE, METHOD_OPTIONS };

static enum method method_of(struct slice method)
{
    static const char *const names[] = {[METHOD_GET] = "GET", [METHOD_HEAD] = "HEAD", [METHOD_PUT] = "PUT",
                                        [METHOD_POST] = "POST", [METHOD_DELETE] = "DELETE", [METHOD_OPTIONS] = "OPTIONS"};
    for (unsigned i = METHOD_GET; i <= METHOD_OPTIONS; i++)
        if (slice_equal_string(method, names[i]))
            return (enum method)i;
    return METHOD_OTHER;
}

/* Configurations of buckets with an operation for each method. */
static const struct { const char *name; enum operation_id get, put, delete; } configurations[] = {
    {"website", OPERATION_GetBucketWebsite, OPERATION_PutBucketWebsite, OPERATION_DeleteBucketWebsite},
    {"policy", OPERATION_GetBucketPolicy, OPERATION_PutBucketPolicy, OPERATION_DeleteBucketPolicy},
    {"policyStatus", OPERATION_GetBucketPolicyStatus, OPERATION_COUNT, OPERATION_COUNT},
    {"publicAccessBlock", OPERATION_GetPublicAccessBlock, OPERATION_PutPublicAccessBlock, OPERATION_DeletePublicAccessBlock},
    {"ownershipControls", OPERATION_GetBucketOwnershipControls, OPERATION_PutBucketOwnershipControls,
     OPERATION_DeleteBucketOwnershipControls},
    {"requestPayment", OPERATION_GetBucketRequestPayment, OPERATION_PutBucketRequestPayment, OPERATION_COUNT},
    {"accelerate", OPERATION_GetBucketAccelerateConfiguration, OPERATION_PutBucketAccelerateConfiguration, OPERATION_COUNT}};

/* False: the query names none. */
static bool find_configuration(enum method method, const struct query *q, enum operation_id *ret)
{
    for (unsigned i = 0; i < sizeof configurations / sizeof *configurations; i++) {
        if (!query_has(q, configurations[i].name))
            continue;
        *ret = method == METHOD_GET ? configurations[i].get : method == METHOD_PUT ? configurations[i].put
             : method == METHOD_DELETE ? configurations[i].delete : OPERATION_COUNT;
        return true;
    }
    return false;
}

static enum s3_error find_bucket(enum method method, const struct query *q, enum operation_id *ret)
{
    const struct subresource *sub = router_subresource(q);
    if (query_has(q, "retention") || query_has(q, "legal-hold"))
        return S3_MethodNotAllowed;
    if (find_configuration(method, q, ret))
        return *ret == OPERATION_COUNT ? S3_MethodNotAllowed : S3_OK;
    if (method == METHOD_HEAD)
        return find(OPERATION_HeadBucket, ret);
    if (method == METHOD_POST && query_has(q, "logging"))
        return find(OPERATION_PostBucketLogging, ret);
    if (method == METHOD_POST && !sub)
        return find(query_has(q, "delete") ? OPERATION_DeleteObjects : OPERATION_PostObject, ret);
    if (method == METHOD_POST)
        return S3_NotImplemented;
    if (query_has(q, "acl"))
        return method == METHOD_GET ? find(OPERATION_GetAcl, ret)
                                    : method == METHOD_PUT ? find(OPERATION_PutAcl, ret) : S3_MethodNotAllowed;
    if (query_has(q, "logging"))
        return method == METHOD_GET ? find(OPERATION_GetBucketLogging, ret)
                                    : method == METHOD_PUT ? find(OPERATION_PutBucketLogging, ret) : S3_MethodNotAllowed;
    if (query_has(q, "versioning"))
        return method == METHOD_GET ? find(OPERATION_GetBucketVersioning, ret)
                                    : method == METHOD_PUT ? find(OPERATION_PutBucketVersioning, ret) : S3_MethodNotAllowed;
    if (query_has(q, "tagging"))
        return find(method == METHOD_GET ? OPERATION_GetBucketTagging
                                         : method == METHOD_PUT ? OPERATION_PutBucketTagging : OPERATION_DeleteBucketTagging, ret);
    if (query_has(q, "cors"))
        return find(method == METHOD_GET ? OPERATION_GetBucketCors
                                         : method == METHOD_PUT ? OPERATION_PutBucketCors : OPERATION_DeleteBucketCors, ret);
    if (query_has(q, "lifecycle"))
        return find(method == METHOD_GET ? OPERATION_GetBucketLifecycleConfiguration
                                         : method == METHOD_PUT ? OPERATION_PutBucketLifecycleConfiguration
                                                                : OPERATION_DeleteBucketLifecycle, ret);
    if (query_has(q, "encryption"))
        return find(method == METHOD_GET ? OPERATION_GetBucketEncryption
                                         : method == METHOD_PUT ? OPERATION_PutBucketEncryption : OPERATION_DeleteBucketEncryption, ret);
    if (query_has(q, "object-lock"))
        return method == METHOD_GET ? find(OPERATION_GetObjectLockConfiguration, ret)
                                    : method == METHOD_PUT ? find(OPERATION_PutObjectLockConfiguration, ret) : S3_MethodNotAllowed;
    if (query_has(q, "inventory"))
        return method == METHOD_PUT ? find(OPERATION_PutBucketInventoryConfiguration, ret)
               : method == METHOD_DELETE ? find(OPERATION_DeleteBucketInventoryConfiguration, ret)
               : find(query_has(q, "id") ? OPERATION_GetBucketInventoryConfiguration : OPERATION_ListBucketInventoryConfigurations, ret);
    if (query_has(q, "location"))
        return method == METHOD_GET ? find(OPERATION_GetBucketLocation, ret) : S3_MethodNotAllowed;
    if (sub && method == METHOD_PUT)
        return find(OPERATION_PutBucketConfiguration, ret);
    if (sub)
        return find(method == METHOD_GET ? OPERATION_GetBucketConfiguration : OPERATION_DeleteBucketConfiguration, ret);
    if (method == METHOD_PUT)
        return find(OPERATION_CreateBucket, ret);
    if (method == METHOD_DELETE)
        return find(OPERATION_DeleteBucket, ret);
    if (query_has(q, "uploads"))
        return find(OPERATION_ListMultipartUploads, ret);
    if (query_has(q, "versions"))
        return find(OPERATION_ListObjectVersions, ret);
    return find(slice_equal_string(query_value(q, "list-type"), "2") ? OPERATION_ListObjectsV2 : OPERATION_ListObjects, ret);
}

static enum s3_error find_put(const struct query *q, bool has_copy_source, enum operation_id *ret)
{
    if (query_has(q, "uploadId") || query_has(q, "partNumber"))
        return find(has_copy_source ? OPERATION_UploadPartCopy : OPERATION_UploadPart, ret);
    return find(has_copy_source ? OPERATION_CopyObject : OPERATION_PutObject, ret);
}

static enum s3_error find_object(enum method method, const struct query *q, bool has_copy_source, enum operation_id *ret)
{
    const struct subresource *sub = router_subresource(q);
    if (method == METHOD_HEAD)
        return find(OPERATION_HeadObject, ret);
    if (find_configuration(method, q, ret))
        return S3_MethodNotAllowed;
    if (method == METHOD_POST) {
        if (query_has(q, "uploads"))
            return find(OPERATION_CreateMultipartUpload, ret);
        return query_has(q, "uploadId") ? find(OPERATION_CompleteMultipartUpload, ret) : S3_MethodNotAllowed;
    }
    if (query_has(q, "acl"))
        return method == METHOD_GET ? find(OPERATION_GetAcl, ret)
                                    : method == METHOD_PUT ? find(OPERATION_PutAcl, ret) : S3_MethodNotAllowed;
    if (query_has(q, "tagging"))
        return find(method == METHOD_GET ? OPERATION_GetObjectTagging
                                         : method == METHOD_PUT ? OPERATION_PutObjectTagging : OPERATION_DeleteObjectTagging, ret);
    if (query_has(q, "retention"))
        return method == METHOD_GET ? find(OPERATION_GetObjectRetention, ret)
                                    : method == METHOD_PUT ? find(OPERATION_PutObjectRetention, ret) : S3_MethodNotAllowed;
    if (query_has(q, "legal-hold"))
        return method == METHOD_GET ? find(OPERATION_GetObjectLegalHold, ret)
                                    : method == METHOD_PUT ? find(OPERATION_PutObjectLegalHold, ret) : S3_MethodNotAllowed;
    if (query_has(q, "renameObject"))
        return method == METHOD_PUT ? find(OPERATION_RenameObject, ret) : S3_MethodNotAllowed;
    if (sub)
        return S3_MethodNotAllowed;
    if (method == METHOD_PUT)
        return find_put(q, has_copy_source, ret);
    if (method == METHOD_DELETE)
        return find(query_has(q, "uploadId") ? OPERATION_AbortMultipartUpload : OPERATION_DeleteObject, ret);
    if (query_has(q, "uploadId"))
        return find(OPERATION_ListParts, ret);
    if (query_has(q, "uploads") || query_has(q, "versions"))
        return S3_InvalidRequest; /* lists of a bucket */
    return find(query_has(q, "attributes") ? OPERATION_GetObjectAttributes : OPERATION_GetObject, ret);
}

enum s3_error router_find(struct slice method_name, bool has_bucket, bool has_key, const struct query *q, bool has_copy_source,
                          enum operation_id *ret)
{
    enum method method = method_of(method_name);
    if (method == METHOD_OTHER)
        return S3_MethodNotAllowed;
    if (method == METHOD_OPTIONS)
        return find(OPERATION_Preflight, ret);
    for (unsigned i = 0; i < sizeof unknown / sizeof *unknown; i++)
        if (query_has(q, unknown[i]))
            return S3_NotImplemented;
    if (!has_bucket && method == METHOD_POST)
        return find(OPERATION_CallService, ret);
    if (!has_bucket)
        return method == METHOD_GET || method == METHOD_HEAD ? find(OPERATION_ListBuckets, ret) : S3_MethodNotAllowed;
    return has_key ? find_object(method, q, has_copy_source, ret) : find_bucket(method, q, ret);
}

enum s3_error router_website(struct slice name)
{
    enum method method = method_of(name);
    return method == METHOD_GET || method == METHOD_HEAD ? S3_OK : S3_MethodNotAllowed;
}
