/* An InventoryConfiguration: which reports of a bucket's objects are written, how often, and where to. Pure. */
#ifndef WIRE_INVENTORY_H
#define WIRE_INVENTORY_H

#include "wire/xml_read.h"

#define INVENTORY_ID_MAX 64
#define INVENTORY_PREFIX_MAX 512 /* of the destination: leaves room for what follows it in a key */

/* OptionalFields, in the order of a report's columns. X(name in the configuration and in the report's schema) */
#define INVENTORY_FIELDS(X) \
    X(Size) X(LastModifiedDate) X(ETag) X(StorageClass) X(IsMultipartUploaded) X(ReplicationStatus) X(EncryptionStatus) \
    X(ObjectLockRetainUntilDate) X(ObjectLockMode) X(ObjectLockLegalHoldStatus) X(IntelligentTieringAccessTier) X(BucketKeyStatus) \
    X(ChecksumAlgorithm) X(ObjectAccessControlList) X(ObjectOwner) X(LifecycleExpirationDate)
enum inventory_field {
#define X(name) INVENTORY_##name,
    INVENTORY_FIELDS(X)
#undef X
    INVENTORY_FIELD_COUNT
};
const char *inventory_field_name(enum inventory_field);

enum inventory_encryption { INVENTORY_NOT_ENCRYPTED, INVENTORY_SSE_S3, INVENTORY_SSE_KMS };
struct inventory_configuration {
    struct slice id;                 /* 1 to INVENTORY_ID_MAX letters, digits and ._- */
    bool enabled, all_versions, weekly;
    struct slice prefix;             /* data NULL: all keys */
    uint32_t fields;                 /* bit per inventory_field */
    struct slice bucket;             /* the destination's name */
    struct slice account, destination_prefix; /* data NULL without */
    enum inventory_encryption encryption;
    struct slice key_id;             /* of SSE-KMS */
    struct xml_document *document;   /* what the slices point into */
};

/* ERR_MALFORMED: no such document, an unknown element, a value out of S3's set. ERR_INVALID: the destination is no ARN of a bucket, or its
 * prefix is too long. ERR_UNSUPPORTED: a format other than CSV. inventory_fini after success only. */
int inventory_parse(const void *data, size_t len, struct inventory_configuration *ret) MUST_CHECK;
void inventory_fini(struct inventory_configuration *);
/* The element InventoryConfiguration, as S3 answers it; root: with the namespace. */
void inventory_format(const struct inventory_configuration *, bool root, struct text *);
bool inventory_id_valid(struct slice id);

/* A report's columns ("Bucket, Key, …"), as the manifest names them. */
void inventory_schema(const struct inventory_configuration *, struct text *);

#endif
