/* A bucket's default encryption: Get, Put and DeleteBucketEncryption. */
#include "meta/attribute.h"
#include "s3/answer.h"
#include "s3/attribute_write.h"
#include "s3/body.h"
#include "s3/lookup.h"
#include "s3/operations.h"
#include "wire/encryption.h"

static void got(struct s3_request *r, const struct object_info *info)
{
    struct encryption e;
    struct text t = {0};
    int err = encryption_default(info->attributes, &e);
    if (err) {
        answer_err(r, err);
        return;
    }
    if (e.mode == ENCRYPTION_NONE) {
        answer_error(r, S3_ServerSideEncryptionConfigurationNotFoundError);
        return;
    }
    struct encryption_document document = {.kms = e.mode == ENCRYPTION_KMS, .key_id = e.key_id, .bucket_key = e.bucket_key};
    encryption_document_format(&document, &t);
    answer_xml(r, 200, &t);
}

void get_bucket_encryption_start(struct s3_request *r)
{
    lookup(r, got);
}

static void put_done(struct s3_request *r)
{
    answer_empty(r, 200);
}

static void refuse(struct s3_request *r, int err)
{
    if (err == ERR_INVALID)
        answer_bad_argument(r, "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse, and has 256 printable characters at most",
                            "ApplyServerSideEncryptionByDefault", slice_of("", 0));
    else
        answer_error(r, err == ERR_UNSUPPORTED ? S3_NotImplemented : err == ERR_NO_MEMORY ? S3_SlowDown : S3_MalformedXML);
}

void put_bucket_encryption_start(struct s3_request *r)
{
    struct slice body = body_document(r);
    struct encryption_document document;
    struct text value = {0}, entry = {0};
    int err = encryption_document_parse(body.data, body.len, &document);
    if (err) {
        refuse(r, err);
        return;
    }
    struct encryption e = {.mode = document.kms ? ENCRYPTION_KMS : ENCRYPTION_S3, .key_id = document.key_id, .bucket_key = document.bucket_key};
    encryption_format_default(&e, &value);
    attribute_append(&entry, ATTRIBUTE_CONFIGURATION, slice_string(BUCKET_ENCRYPTION_NAME), slice_of(value.data, value.len));
    encryption_document_fini(&document);
    if (value.failed || entry.failed)
        answer_error(r, S3_SlowDown);
    else
        attribute_write(r, ATTRIBUTE_CONFIGURATION, BUCKET_ENCRYPTION_NAME, slice_of(entry.data, entry.len), put_done);
    text_free(&value);
    text_free(&entry);
}

static void delete_done(struct s3_request *r)
{
    answer_empty(r, 204);
}

void delete_bucket_encryption_start(struct s3_request *r)
{
    attribute_write(r, ATTRIBUTE_CONFIGURATION, BUCKET_ENCRYPTION_NAME, slice_of("", 0), delete_done);
}
