/* Which action of policies an operation is, and which permission of ACLs allows it. */
#include "s3/access.h"

/* One row per operation. One without is denied to everybody: a new operation cannot be forgotten here. */
struct row { enum access_action bucket, object, version; /* as the request names only a bucket; a key; a key and a version */ };
#define BUCKET(name) {.bucket = ACTION_##name}
#define OBJECT(name) {.object = ACTION_##name, .version = ACTION_##name}
#define VERSION(name, versioned) {.object = ACTION_##name, .version = ACTION_##versioned}
#define ELSEWHERE {ACTION_NONE, ACTION_NONE, ACTION_NONE}

static const struct row rows[OPERATION_COUNT] = {
    [OPERATION_CallService] = ELSEWHERE, /* by the action of IAM or STS that its form names */
    [OPERATION_ListBuckets] = BUCKET(ListAllMyBuckets),
    [OPERATION_CreateBucket] = BUCKET(CreateBucket),
    [OPERATION_HeadBucket] = BUCKET(ListBucket),
    [OPERATION_DeleteBucket] = BUCKET(DeleteBucket),
    [OPERATION_GetBucketLocation] = BUCKET(GetBucketLocation),
    [OPERATION_GetBucketVersioning] = BUCKET(GetBucketVersioning),
    [OPERATION_PutBucketVersioning] = BUCKET(PutBucketVersioning),
    [OPERATION_GetBucketTagging] = BUCKET(GetBucketTagging),
    [OPERATION_PutBucketTagging] = BUCKET(PutBucketTagging),
    [OPERATION_DeleteBucketTagging] = BUCKET(PutBucketTagging),
    [OPERATION_GetBucketCors] = BUCKET(GetBucketCORS),
    [OPERATION_PutBucketCors] = BUCKET(PutBucketCORS),
    [OPERATION_DeleteBucketCors] = BUCKET(PutBucketCORS),
    [OPERATION_GetBucketLifecycleConfiguration] = BUCKET(GetLifecycleConfiguration),
    [OPERATION_PutBucketLifecycleConfiguration] = BUCKET(PutLifecycleConfiguration),
    [OPERATION_DeleteBucketLifecycle] = BUCKET(PutLifecycleConfiguration),
    [OPERATION_GetBucketInventoryConfiguration] = BUCKET(GetInventoryConfiguration),
    [OPERATION_ListBucketInventoryConfigurations] = BUCKET(GetInventoryConfiguration),
    [OPERATION_PutBucketInventoryConfiguration] = BUCKET(PutInventoryConfiguration),
    [OPERATION_DeleteBucketInventoryConfiguration] = BUCKET(PutInventoryConfiguration),
    [OPERATION_GetBucketEncryption] = BUCKET(GetEncryptionConfiguration),
    [OPERATION_PutBucketEncryption] = BUCKET(PutEncryptionConfiguration),
    [OPERATION_DeleteBucketEncryption] = BUCKET(PutEncryptionConfiguration),
    [OPERATION_GetBucketWebsite] = BUCKET(GetBucketWebsite),
    [OPERATION_PutBucketWebsite] = BUCKET(PutBucketWebsite),
    [OPERATION_DeleteBucketWebsite] = BUCKET(DeleteBucketWebsite),
    [OPERATION_Website] = ELSEWHERE, /* of each object that it tries */
    [OPERATION_GetBucketPolicy] = BUCKET(GetBucketPolicy),
    [OPERATION_PutBucketPolicy] = BUCKET(PutBucketPolicy),
    [OPERATION_DeleteBucketPolicy] = BUCKET(DeleteBucketPolicy),
    [OPERATION_GetBucketPolicyStatus] = BUCKET(GetBucketPolicyStatus),
    [OPERATION_GetPublicAccessBlock] = BUCKET(GetBucketPublicAccessBlock),
    [OPERATION_PutPublicAccessBlock] = BUCKET(PutBucketPublicAccessBlock),
    [OPERATION_DeletePublicAccessBlock] = BUCKET(PutBucketPublicAccessBlock),
    [OPERATION_GetBucketOwnershipControls] = BUCKET(GetBucketOwnershipControls),
    [OPERATION_PutBucketOwnershipControls] = BUCKET(PutBucketOwnershipControls),
    [OPERATION_DeleteBucketOwnershipControls] = BUCKET(PutBucketOwnershipControls),
    [OPERATION_GetBucketRequestPayment] = BUCKET(GetBucketRequestPayment),
    [OPERATION_PutBucketRequestPayment] = BUCKET(PutBucketRequestPayment),
    [OPERATION_GetBucketAccelerateConfiguration] = BUCKET(GetAccelerateConfiguration),
    [OPERATION_PutBucketAccelerateConfiguration] = BUCKET(PutAccelerateConfiguration),
    [OPERATION_GetBucketLogging] = BUCKET(GetBucketLogging),
    [OPERATION_PutBucketLogging] = BUCKET(PutBucketLogging),
    [OPERATION_PostBucketLogging] = BUCKET(PostBucketLogging),
    [OPERATION_GetObjectLockConfiguration] = BUCKET(GetBucketObjectLockConfiguration),
    [OPERATION_PutObjectLockConfiguration] = BUCKET(PutBucketObjectLockConfiguration),
    [OPERATION_Preflight] = ELSEWHERE, /* browsers ask without credentials; it says what CORS allows and nothing else */
    [OPERATION_GetAcl] = {ACTION_GetBucketAcl, ACTION_GetObjectAcl, ACTION_GetObjectVersionAcl},
    [OPERATION_PutAcl] = {ACTION_PutBucketAcl, ACTION_PutObjectAcl, ACTION_PutObjectVersionAcl},
    [OPERATION_ListObjects] = BUCKET(ListBucket),
    [OPERATION_ListObjectsV2] = BUCKET(ListBucket),
    [OPERATION_ListObjectVersions] = BUCKET(ListBucketVersions),
    [OPERATION_ListMultipartUploads] = BUCKET(ListBucketMultipartUploads),
    [OPERATION_DeleteObjects] = ELSEWHERE, /* for each key */
    [OPERATION_PutObject] = OBJECT(PutObject),
    [OPERATION_PostObject] = {ACTION_PutObject, ACTION_PutObject, ACTION_PutObject}, /* its form holds the key */
    [OPERATION_GetObject] = VERSION(GetObject, GetObjectVersion),
    [OPERATION_HeadObject] = VERSION(GetObject, GetObjectVersion),
    [OPERATION_DeleteObject] = VERSION(DeleteObject, DeleteObjectVersion),
    [OPERATION_CopyObject] = OBJECT(PutObject),
    [OPERATION_RenameObject] = OBJECT(PutObject), /* and of the source GetObject and DeleteObject */
    [OPERATION_GetObjectAttributes] = VERSION(GetObjectAttributes, GetObjectVersionAttributes),
    [OPERATION_GetObjectTagging] = VERSION(GetObjectTagging, GetObjectVersionTagging),
    [OPERATION_PutObjectTagging] = VERSION(PutObjectTagging, PutObjectVersionTagging),
    [OPERATION_DeleteObjectTagging] = VERSION(DeleteObjectTagging, DeleteObjectVersionTagging),
    [OPERATION_GetObjectRetention] = OBJECT(GetObjectRetention),
    [OPERATION_PutObjectRetention] = OBJECT(PutObjectRetention),
    [OPERATION_GetObjectLegalHold] = OBJECT(GetObjectLegalHold),
    [OPERATION_PutObjectLegalHold] = OBJECT(PutObjectLegalHold),
    [OPERATION_CreateMultipartUpload] = OBJECT(PutObject),
    [OPERATION_UploadPart] = OBJECT(PutObject),
    [OPERATION_UploadPartCopy] = OBJECT(PutObject),
    [OPERATION_CompleteMultipartUpload] = OBJECT(PutObject),
    [OPERATION_AbortMultipartUpload] = OBJECT(AbortMultipartUpload),
    [OPERATION_ListParts] = OBJECT(ListMultipartUploadParts),
};

/* Configurations that have no operation of their own. */
static const struct { const char *subresource; enum access_action get, put; } configurations[] = {
    {"notification", ACTION_GetBucketNotification, ACTION_PutBucketNotification},
    {"replication", ACTION_GetReplicationConfiguration, ACTION_PutReplicationConfiguration},
    {"analytics", ACTION_GetAnalyticsConfiguration, ACTION_PutAnalyticsConfiguration},
    {"metrics", ACTION_GetMetricsConfiguration, ACTION_PutMetricsConfiguration},
    {"intelligent-tiering", ACTION_GetIntelligentTieringConfiguration, ACTION_PutIntelligentTieringConfiguration}};

static enum access_action configuration_action(const struct s3_request *r)
{
    const struct subresource *sub = router_subresource(&r->query);
    for (size_t i = 0; sub && i < sizeof configurations / sizeof *configurations; i++)
        if (slice_equal_string(slice_string(sub->name), configurations[i].subresource))
            return r->operation->writes ? configurations[i].put : configurations[i].get;
    return ACTION_UNKNOWN;
}

enum access_action access_action(const struct s3_request *r)
{
    enum operation_id id = operation_id(r->operation);
    const struct row *row = &rows[id];
    if (id == OPERATION_GetBucketConfiguration || id == OPERATION_PutBucketConfiguration || id == OPERATION_DeleteBucketConfiguration)
        return configuration_action(r);
    if (!r->address.key_len)
        return row->bucket;
    return row->version != row->object && query_has(&r->query, "versionId") ? row->version : row->object;
}

/* --- what is known of actions --- */

static const char *const names[ACTION_COUNT] = {
#define X(name, level) [ACTION_##name] = "s3:" #name,
#include "wire/policy_action.def"
#undef X
};

const char *access_action_name(enum access_action action)
{
    return names[action] ? names[action] : "";
}

#define OF_BUCKET(permission) {permission, false}
#define OF_OBJECT(permission) {permission, true}
static const struct access_permission permissions[ACTION_COUNT] = {
    [ACTION_ListBucket] = OF_BUCKET(ACL_READ),
    [ACTION_ListBucketVersions] = OF_BUCKET(ACL_READ),
    [ACTION_ListBucketMultipartUploads] = OF_BUCKET(ACL_READ),
    [ACTION_PutObject] = OF_BUCKET(ACL_WRITE),
    [ACTION_DeleteObject] = OF_BUCKET(ACL_WRITE),
    [ACTION_AbortMultipartUpload] = OF_BUCKET(ACL_WRITE),
    [ACTION_ListMultipartUploadParts] = OF_BUCKET(ACL_WRITE),
    [ACTION_GetBucketAcl] = OF_BUCKET(ACL_READ_ACP),
    [ACTION_PutBucketAcl] = OF_BUCKET(ACL_WRITE_ACP),
    [ACTION_GetObject] = OF_OBJECT(ACL_READ),
    [ACTION_GetObjectVersion] = OF_OBJECT(ACL_READ),
    [ACTION_GetObjectAttributes] = OF_OBJECT(ACL_READ),
    [ACTION_GetObjectVersionAttributes] = OF_OBJECT(ACL_READ),
    [ACTION_GetObjectAcl] = OF_OBJECT(ACL_READ_ACP),
    [ACTION_GetObjectVersionAcl] = OF_OBJECT(ACL_READ_ACP),
    [ACTION_PutObjectAcl] = OF_OBJECT(ACL_WRITE_ACP),
    [ACTION_PutObjectVersionAcl] = OF_OBJECT(ACL_WRITE_ACP),
};

struct access_permission access_permission(enum access_action action)
{
    return permissions[action];
}
