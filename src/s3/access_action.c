/* Which action of policies an operation is, and which permission of ACLs allows it. */
#include <stdio.h>
#include <string.h>

#include "s3/access.h"

/* Operations whose action is not called as they are. "": nothing to decide, or decided for each key. */
static const struct { const char *operation, *action; } others[] = {
    {"ListBuckets", "s3:ListAllMyBuckets"}, {"HeadBucket", "s3:ListBucket"}, {"ListObjects", "s3:ListBucket"},
    {"ListObjectsV2", "s3:ListBucket"}, {"ListObjectVersions", "s3:ListBucketVersions"},
    {"ListMultipartUploads", "s3:ListBucketMultipartUploads"}, {"ListParts", "s3:ListMultipartUploadParts"},
    {"HeadObject", "s3:GetObject"}, {"CopyObject", "s3:PutObject"}, {"PostObject", "s3:PutObject"},
    {"CreateMultipartUpload", "s3:PutObject"}, {"UploadPart", "s3:PutObject"}, {"UploadPartCopy", "s3:PutObject"},
    {"CompleteMultipartUpload", "s3:PutObject"}, {"DeleteObjects", ""}, {"Preflight", ""},
    {"GetBucketCors", "s3:GetBucketCORS"}, {"PutBucketCors", "s3:PutBucketCORS"}, {"DeleteBucketCors", "s3:PutBucketCORS"},
    {"DeleteBucketTagging", "s3:PutBucketTagging"},
    {"GetBucketLifecycleConfiguration", "s3:GetLifecycleConfiguration"},
    {"PutBucketLifecycleConfiguration", "s3:PutLifecycleConfiguration"}, {"DeleteBucketLifecycle", "s3:PutLifecycleConfiguration"},
    {"GetBucketEncryption", "s3:GetEncryptionConfiguration"}, {"PutBucketEncryption", "s3:PutEncryptionConfiguration"},
    {"DeleteBucketEncryption", "s3:PutEncryptionConfiguration"},
    {"GetBucketAccelerateConfiguration", "s3:GetAccelerateConfiguration"},
    {"PutBucketAccelerateConfiguration", "s3:PutAccelerateConfiguration"},
    {"GetObjectLockConfiguration", "s3:GetBucketObjectLockConfiguration"},
    {"PutObjectLockConfiguration", "s3:PutBucketObjectLockConfiguration"},
    {"GetPublicAccessBlock", "s3:GetBucketPublicAccessBlock"}, {"PutPublicAccessBlock", "s3:PutBucketPublicAccessBlock"},
    {"DeletePublicAccessBlock", "s3:PutBucketPublicAccessBlock"},
    {"DeleteBucketOwnershipControls", "s3:PutBucketOwnershipControls"}};

/* Configurations that have no operation of their own. */
static const struct { const char *subresource, *get, *put; } configurations[] = {
    {"notification", "s3:GetBucketNotification", "s3:PutBucketNotification"},
    {"logging", "s3:GetBucketLogging", "s3:PutBucketLogging"},
    {"encryption", "s3:GetEncryptionConfiguration", "s3:PutEncryptionConfiguration"},
    {"object-lock", "s3:GetBucketObjectLockConfiguration", "s3:PutBucketObjectLockConfiguration"},
    {"replication", "s3:GetReplicationConfiguration", "s3:PutReplicationConfiguration"},
    {"website", "s3:GetBucketWebsite", "s3:PutBucketWebsite"},
    {"inventory", "s3:GetInventoryConfiguration", "s3:PutInventoryConfiguration"},
    {"analytics", "s3:GetAnalyticsConfiguration", "s3:PutAnalyticsConfiguration"},
    {"metrics", "s3:GetMetricsConfiguration", "s3:PutMetricsConfiguration"},
    {"intelligent-tiering", "s3:GetIntelligentTieringConfiguration", "s3:PutIntelligentTieringConfiguration"},
    {"retention", "s3:GetObjectRetention", "s3:PutObjectRetention"},
    {"legal-hold", "s3:GetObjectLegalHold", "s3:PutObjectLegalHold"}};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *configuration_action(const struct s3_request *r)
{
    const struct subresource *sub = router_subresource(&r->query);
    for (size_t i = 0; sub && i < COUNT(configurations); i++)
        if (strcmp(sub->name, configurations[i].subresource) == 0)
            return r->operation->writes ? configurations[i].put : configurations[i].get;
    return r->operation->writes ? "s3:PutBucketConfiguration" : "s3:GetBucketConfiguration";
}

/* Versions have actions of their own. */
static const char *versioned(const char *action)
{
    static const struct { const char *plain, *version; } pairs[] = {
        {"s3:GetObject", "s3:GetObjectVersion"}, {"s3:DeleteObject", "s3:DeleteObjectVersion"},
        {"s3:GetObjectAcl", "s3:GetObjectVersionAcl"}, {"s3:PutObjectAcl", "s3:PutObjectVersionAcl"},
        {"s3:GetObjectTagging", "s3:GetObjectVersionTagging"}, {"s3:PutObjectTagging", "s3:PutObjectVersionTagging"},
        {"s3:DeleteObjectTagging", "s3:DeleteObjectVersionTagging"}, {"s3:GetObjectAttributes", "s3:GetObjectVersionAttributes"}};
    for (size_t i = 0; i < COUNT(pairs); i++)
        if (strcmp(action, pairs[i].plain) == 0)
            return pairs[i].version;
    return action;
}

const char *access_action(struct s3_request *r)
{
    const char *name = r->operation->name, *action = NULL;
    if (strcmp(name, "GetAcl") == 0)
        action = r->address.key_len ? "s3:GetObjectAcl" : "s3:GetBucketAcl";
    else if (strcmp(name, "PutAcl") == 0)
        action = r->address.key_len ? "s3:PutObjectAcl" : "s3:PutBucketAcl";
    else if (strstr(name, "Configuration") && (strstr(name, "BucketConfiguration") || strstr(name, "ObjectConfiguration")))
        action = configuration_action(r);
    for (size_t i = 0; !action && i < COUNT(others); i++)
        if (strcmp(name, others[i].operation) == 0)
            action = others[i].action;
    if (action && !*action)
        return NULL;
    if (!action) {
        char made[96];
        int len = snprintf(made, sizeof made, "s3:%s", name);
        action = arena_copy(&r->arena, slice_of(made, (size_t)len)).data;
    }
    return action && r->address.key_len && query_has(&r->query, "versionId") ? versioned(action) : action;
}

unsigned access_permission(const char *action, bool *ret_object)
{
    static const struct { const char *action; unsigned permission; bool object; } table[] = {
        {"s3:ListBucket", ACL_READ, false}, {"s3:ListBucketVersions", ACL_READ, false},
        {"s3:ListBucketMultipartUploads", ACL_READ, false}, {"s3:PutObject", ACL_WRITE, false}, {"s3:DeleteObject", ACL_WRITE, false},
        {"s3:AbortMultipartUpload", ACL_WRITE, false}, {"s3:ListMultipartUploadParts", ACL_WRITE, false},
        {"s3:GetBucketAcl", ACL_READ_ACP, false}, {"s3:PutBucketAcl", ACL_WRITE_ACP, false}, {"s3:GetObject", ACL_READ, true},
        {"s3:GetObjectVersion", ACL_READ, true}, {"s3:GetObjectAttributes", ACL_READ, true},
        {"s3:GetObjectVersionAttributes", ACL_READ, true}, {"s3:GetObjectAcl", ACL_READ_ACP, true},
        {"s3:GetObjectVersionAcl", ACL_READ_ACP, true}, {"s3:PutObjectAcl", ACL_WRITE_ACP, true},
        {"s3:PutObjectVersionAcl", ACL_WRITE_ACP, true}};
    for (size_t i = 0; i < COUNT(table); i++)
        if (strcmp(action, table[i].action) == 0) {
            *ret_object = table[i].object;
            return table[i].permission;
        }
    *ret_object = false;
    return 0;
}
