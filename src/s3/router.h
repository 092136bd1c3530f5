/* Which operation of S3 a request is: from method, bucket, key and sub-resources. Pure. */
#ifndef S3_ROUTER_H
#define S3_ROUTER_H

#include "s3/error.h"
#include "wire/header.h"
#include "wire/uri.h"

struct s3_request;

enum operation_body {
    BODY_NONE,     /* dropped; start runs when it has come */
    BODY_DOCUMENT, /* gathered and checked; start runs then */
    BODY_STREAM,   /* start runs first and sets sink and finish */
};

struct operation {
    const char *name; /* S3's */
    void (*start)(struct s3_request *);
    enum operation_body body;
    bool writes;
    bool anonymous;   /* may be tried without credentials: authorise looks at the ACL of a bucket, start at an object's */
};

/* Every operation, by name. */
#define OPERATIONS(X) \
    X(ListBuckets, list_buckets_start, BODY_NONE, false, false) \
    X(CallService, call_service_start, BODY_DOCUMENT, true, false) \
    X(CreateBucket, create_bucket_start, BODY_DOCUMENT, true, false) \
    X(HeadBucket, head_bucket_start, BODY_NONE, false, true) \
    X(DeleteBucket, delete_bucket_start, BODY_NONE, true, false) \
    X(GetBucketLocation, get_bucket_location_start, BODY_NONE, false, false) \
    X(GetBucketVersioning, get_bucket_versioning_start, BODY_NONE, false, false) \
    X(PutBucketVersioning, put_bucket_versioning_start, BODY_DOCUMENT, true, false) \
    X(GetBucketConfiguration, get_bucket_configuration_start, BODY_NONE, false, false) \
    X(GetBucketWebsite, get_bucket_website_start, BODY_NONE, false, false) \
    X(PutBucketWebsite, put_bucket_website_start, BODY_DOCUMENT, true, false) \
    X(DeleteBucketWebsite, delete_bucket_website_start, BODY_NONE, true, false) \
    X(PutBucketConfiguration, unsupported_start, BODY_NONE, true, false) \
    X(DeleteBucketConfiguration, delete_bucket_configuration_start, BODY_NONE, true, false) \
    X(GetBucketTagging, get_tagging_start, BODY_NONE, false, false) \
    X(PutBucketTagging, put_tagging_start, BODY_DOCUMENT, true, false) \
    X(DeleteBucketTagging, delete_tagging_start, BODY_NONE, true, false) \
    X(GetBucketCors, get_bucket_cors_start, BODY_NONE, false, false) \
    X(PutBucketCors, put_bucket_cors_start, BODY_DOCUMENT, true, false) \
    X(DeleteBucketCors, delete_bucket_cors_start, BODY_NONE, true, false) \
    X(GetBucketLifecycleConfiguration, get_bucket_lifecycle_start, BODY_NONE, false, false) \
    X(PutBucketLifecycleConfiguration, put_bucket_lifecycle_start, BODY_DOCUMENT, true, false) \
    X(DeleteBucketLifecycle, delete_bucket_lifecycle_start, BODY_NONE, true, false) \
    X(GetBucketInventoryConfiguration, get_bucket_inventory_start, BODY_NONE, false, false) \
    X(ListBucketInventoryConfigurations, list_bucket_inventories_start, BODY_NONE, false, false) \
    X(PutBucketInventoryConfiguration, put_bucket_inventory_start, BODY_DOCUMENT, true, false) \
    X(DeleteBucketInventoryConfiguration, delete_bucket_inventory_start, BODY_NONE, true, false) \
    X(GetBucketEncryption, get_bucket_encryption_start, BODY_NONE, false, false) \
    X(PutBucketEncryption, put_bucket_encryption_start, BODY_DOCUMENT, true, false) \
    X(DeleteBucketEncryption, delete_bucket_encryption_start, BODY_NONE, true, false) \
    X(GetBucketPolicy, get_bucket_policy_start, BODY_NONE, false, false) \
    X(PutBucketPolicy, put_bucket_policy_start, BODY_DOCUMENT, true, false) \
    X(DeleteBucketPolicy, delete_bucket_policy_start, BODY_NONE, true, false) \
    X(GetBucketPolicyStatus, get_bucket_policy_status_start, BODY_NONE, false, false) \
    X(GetPublicAccessBlock, get_public_access_block_start, BODY_NONE, false, false) \
    X(PutPublicAccessBlock, put_public_access_block_start, BODY_DOCUMENT, true, false) \
    X(DeletePublicAccessBlock, delete_public_access_block_start, BODY_NONE, true, false) \
    X(GetBucketOwnershipControls, get_bucket_ownership_controls_start, BODY_NONE, false, false) \
    X(PutBucketOwnershipControls, put_bucket_ownership_controls_start, BODY_DOCUMENT, true, false) \
    X(DeleteBucketOwnershipControls, delete_bucket_ownership_controls_start, BODY_NONE, true, false) \
    X(GetBucketRequestPayment, get_bucket_request_payment_start, BODY_NONE, false, false) \
    X(PutBucketRequestPayment, put_bucket_request_payment_start, BODY_DOCUMENT, true, false) \
    X(GetBucketAccelerateConfiguration, get_bucket_accelerate_start, BODY_NONE, false, false) \
    X(PutBucketAccelerateConfiguration, put_bucket_accelerate_start, BODY_DOCUMENT, true, false) \
    X(GetObjectLockConfiguration, get_object_lock_configuration_start, BODY_NONE, false, false) \
    X(PutObjectLockConfiguration, put_object_lock_configuration_start, BODY_DOCUMENT, true, false) \
    X(GetBucketLogging, get_bucket_logging_start, BODY_NONE, false, false) \
    X(PutBucketLogging, put_bucket_logging_start, BODY_DOCUMENT, true, false) \
    X(PostBucketLogging, post_bucket_logging_start, BODY_NONE, true, false) \
    X(Preflight, preflight_start, BODY_NONE, false, true) \
    X(GetAcl, get_acl_start, BODY_NONE, false, false) \
    X(PutAcl, put_acl_start, BODY_DOCUMENT, true, false) \
    X(ListObjects, list_objects_start, BODY_NONE, false, true) \
    X(ListObjectsV2, list_objects_v2_start, BODY_NONE, false, true) \
    X(ListObjectVersions, list_versions_start, BODY_NONE, false, false) \
    X(ListMultipartUploads, list_uploads_start, BODY_NONE, false, false) \
    X(DeleteObjects, delete_objects_start, BODY_DOCUMENT, true, false) \
    X(PutObject, put_object_start, BODY_STREAM, true, false) \
    X(PostObject, post_object_start, BODY_STREAM, true, false) \
    X(GetObject, get_object_start, BODY_NONE, false, true) \
    X(HeadObject, get_object_start, BODY_NONE, false, true) \
    X(DeleteObject, delete_object_start, BODY_NONE, true, false) \
    X(CopyObject, copy_object_start, BODY_NONE, true, false) \
    X(RenameObject, rename_object_start, BODY_NONE, true, false) \
    X(GetObjectAttributes, get_object_attributes_start, BODY_NONE, false, false) \
    X(GetObjectTagging, get_tagging_start, BODY_NONE, false, false) \
    X(PutObjectTagging, put_tagging_start, BODY_DOCUMENT, true, false) \
    X(DeleteObjectTagging, delete_tagging_start, BODY_NONE, true, false) \
    X(GetObjectRetention, get_object_retention_start, BODY_NONE, false, false) \
    X(PutObjectRetention, put_object_retention_start, BODY_DOCUMENT, true, false) \
    X(GetObjectLegalHold, get_object_legal_hold_start, BODY_NONE, false, false) \
    X(PutObjectLegalHold, put_object_legal_hold_start, BODY_DOCUMENT, true, false) \
    X(CreateMultipartUpload, create_upload_start, BODY_NONE, true, false) \
    X(UploadPart, upload_part_start, BODY_STREAM, true, false) \
    X(UploadPartCopy, upload_part_copy_start, BODY_NONE, true, false) \
    X(CompleteMultipartUpload, complete_upload_start, BODY_DOCUMENT, true, false) \
    X(AbortMultipartUpload, abort_upload_start, BODY_NONE, true, false) \
    X(ListParts, list_parts_start, BODY_NONE, false, false) \
    X(Website, website_start, BODY_NONE, false, true)

enum operation_id {
#define X(name, start, body, writes, anonymous) OPERATION_##name,
    OPERATIONS(X)
#undef X
    OPERATION_COUNT
};

/* S3_OK, MethodNotAllowed, NotImplemented for what S3 has and Ingot has not. has_copy_source: x-amz-copy-source is there. */
enum s3_error router_find(struct slice method, bool has_bucket, bool has_key, const struct query *, bool has_copy_source,
                          enum operation_id *ret) MUST_CHECK;
/* The same at the website endpoint, which has one operation. */
enum s3_error router_website(struct slice method) MUST_CHECK;
/* The sub-resource of a bucket or an object that the query names and that has an answer when nothing is configured; NULL. */
struct subresource { const char *name; enum s3_error none; };
const struct subresource *router_subresource(const struct query *);

const struct operation *operation_get(enum operation_id); /* operations.c */
enum operation_id operation_id(const struct operation *);

#endif
