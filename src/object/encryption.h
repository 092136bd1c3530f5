/* Server-side encryption of contents: who holds the key to an object, and how its data key is kept.
 *
 * Every encrypted object or upload has a data key of its own, random, that seals its frames (base/frame.h). What is kept of it is
 * sealed by another: one made from the store's sealing key (SSE-S3), a key of the KMS file (SSE-KMS) or the one that the client sends
 * with each request (SSE-C, kept nowhere: a wrong one does not open the data key). It stands in the version's or the
 * upload's ATTRIBUTE_ENCRYPTION (FORMAT.md, "Encryption attribute"), and says nothing of the object's name: copies share the frames and seal the data
 * key again. Data keys are wiped by whoever got one. */
#ifndef OBJECT_ENCRYPTION_H
#define OBJECT_ENCRYPTION_H

#include "base/frame.h"
#include "meta/attribute.h"

#define CUSTOMER_KEY_LEN 32
#define ENCRYPTION_CONTEXT_MAX 8192
#define BUCKET_ENCRYPTION_NAME "encryption" /* ATTRIBUTE_CONFIGURATION of buckets: an encoded ATTRIBUTE_ENCRYPTION without a data key */

struct meta;
struct kms;

enum encryption_mode { ENCRYPTION_NONE = 0, ENCRYPTION_S3 = 1, ENCRYPTION_KMS = 2, ENCRYPTION_CUSTOMER = 3 };

/* What is asked for, or what there is. Slices are borrowed. */
struct encryption {
    enum encryption_mode mode;
    bool bucket_key;            /* x-amz-server-side-encryption-bucket-key-enabled: told back, means nothing here */
    uint32_t key_version;       /* KMS; of what there is */
    struct slice key_id;        /* KMS; empty in what is asked for: KMS_DEFAULT_KEY_ID */
    struct slice context;       /* KMS: x-amz-server-side-encryption-context as sent */
    const uint8_t *customer_key; /* CUSTOMER_KEY_LEN bytes; CUSTOMER, in what is asked for */
    struct slice sealed;        /* the data key; of what there is */
};

/* Where the keys come from. */
struct encryption_keys { struct meta *meta; struct kms *kms; };

/* Seals data_key as asked and appends the attribute. ERR_KMS_NONE, ERR_KMS_KEY, ERR_IO. */
int encryption_seal(const struct encryption_keys *, const struct encryption *asked, const uint8_t data_key[DATA_KEY_LEN],
                    struct text *attributes) MUST_CHECK;
/* The same with a fresh data key. */
int encryption_begin(const struct encryption_keys *, const struct encryption *asked, struct text *attributes,
                     uint8_t data_key[DATA_KEY_LEN]) MUST_CHECK;

/* What attributes of a version or an upload say; mode NONE without an entry. ERR_CORRUPT. */
int encryption_of(struct slice attributes, struct encryption *ret) MUST_CHECK;
/* customer_key: what the request brought, or NULL. ERR_KEY_NEEDED, ERR_KEY_WRONG; ERR_KEY_UNWANTED: there is none, or not of the client's;
 * ERR_KMS_NONE, ERR_KMS_KEY, ERR_CORRUPT. */
int encryption_open(const struct encryption_keys *, const struct encryption *, const uint8_t *customer_key,
                    uint8_t data_key[DATA_KEY_LEN]) MUST_CHECK;
/* Whether the request brought the right key, if one is needed: as above, but a key of the store's or the KMS's is not looked for. */
int encryption_check(const struct encryption_keys *, const struct encryption *, const uint8_t *customer_key) MUST_CHECK;

/* A bucket's default, from its attributes; mode NONE without one. */
int encryption_default(struct slice bucket_attributes, struct encryption *ret) MUST_CHECK;
void encryption_format_default(const struct encryption *, struct text *value);

/* The ETag of what is encrypted with keys other than the store's own is not the MD5 of the body, and tells nothing of it. */
int encryption_etag(const uint8_t data_key[DATA_KEY_LEN], uint8_t etag[16]) MUST_CHECK;

#endif
