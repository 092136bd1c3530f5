/* See encryption.h. */
#include "s3/encryption.h"

#include <stdio.h>
#include <string.h>

#include "s3/answer.h"
#include "wire/encryption.h"

#define NAME "x-amz-server-side-encryption"

static struct slice prefixed(struct s3_request *r, const char *prefix, const char *name)
{
    char full[96];
    snprintf(full, sizeof full, "%sserver-side-encryption-customer-%s", prefix, name);
    return request_header(r, full);
}

static bool refuse(struct s3_request *r, const char *message, struct slice value)
{
    answer_bad_argument(r, message, NAME, value);
    return false;
}

/* A key must not cross a network that others can read; what comes from this host does not cross one. */
static bool may_send_key(struct s3_request *r)
{
    const char *peer = http_peer(r->http);
    switch (r->reactor->server->customer_keys) {
    case S3_CUSTOMER_KEYS_ALWAYS:
        return true;
    case S3_CUSTOMER_KEYS_LOOPBACK:
        if (strncmp(peer, "127.", 4) == 0 || strncmp(peer, "[::1]:", 6) == 0 || strncmp(peer, "::ffff:127.", 11) == 0 || strcmp(peer, "local") == 0)
            return true;
        break;
    case S3_CUSTOMER_KEYS_TLS:
        break;
    }
    if (http_is_tls(r->http))
        return true;
    answer_error_text(r, S3_InvalidRequest, "Requests specifying Server Side Encryption with Customer provided keys must be made over a secure connection.");
    return false;
}

static bool take_key(struct s3_request *r, struct slice text, struct slice digest, const uint8_t **ret)
{
    uint8_t bytes[256], claimed[MD5_LEN], md5[MD5_LEN];
    size_t len, md5_len;
    if (base64_decode(text, bytes, sizeof bytes, &len))
        return refuse(r, "The secret key was invalid for the specified algorithm.", slice_of(NULL, 0));
    md5_of(bytes, len, md5);
    if (base64_decode(digest, claimed, sizeof claimed, &md5_len) || md5_len != MD5_LEN || memcmp(md5, claimed, MD5_LEN) != 0)
        return refuse(r, "The calculated MD5 hash of the key did not match the hash that was provided.", slice_of(NULL, 0));
    if (len != CUSTOMER_KEY_LEN)
        return refuse(r, "The secret key was invalid for the specified algorithm.", slice_of(NULL, 0));
    *ret = (const uint8_t *)arena_copy(&r->arena, slice_of((const char *)bytes, len)).data;
    explicit_bzero(bytes, sizeof bytes);
    if (!*ret)
        answer_error(r, S3_SlowDown);
    return *ret != NULL;
}

bool encryption_headers_key(struct s3_request *r, const char *prefix, const uint8_t **ret_key)
{
    struct slice algorithm = prefixed(r, prefix, "algorithm"), key = prefixed(r, prefix, "key"), digest = prefixed(r, prefix, "key-md5");
    *ret_key = NULL;
    if (!algorithm.data && !key.data && !digest.data)
        return true;
    if (!may_send_key(r))
        return false;
    if (!algorithm.data)
        return refuse(r, "Requests specifying Server Side Encryption with Customer provided keys must provide a valid encryption algorithm.", algorithm);
    if (!slice_equal_string(algorithm, "AES256")) {
        struct answer_field fields[] = {{"ArgumentName", slice_string(NAME)}, {"ArgumentValue", algorithm}};
        answer_failure(r, 400, "InvalidEncryptionAlgorithmError", "The Encryption request you specified is not valid. Supported value: AES256.", fields, 2);
        return false;
    }
    if (!key.data)
        return refuse(r, "Requests specifying Server Side Encryption with Customer provided keys must provide an appropriate secret key.", key);
    if (!digest.data)
        return refuse(r, "Requests specifying Server Side Encryption with Customer provided keys must provide the MD5 of the secret key.", digest);
    return take_key(r, key, digest, ret_key);
}

bool encryption_headers_read(struct s3_request *r, const uint8_t **ret_key)
{
    for (uint32_t i = 0; i < r->header_count; i++)
        if (header_name_starts_with(r->headers[i].name, NAME) && !header_name_starts_with(r->headers[i].name, NAME "-customer-")) {
            answer_bad_argument(r, NAME " header is not supported for this operation.", NAME, r->headers[i].value);
            return false;
        }
    return encryption_headers_key(r, "x-amz-", ret_key);
}

static bool take_kms(struct s3_request *r, struct encryption *e)
{
    struct slice bucket_key = request_header(r, NAME "-bucket-key-enabled");
    e->bucket_key = bucket_key.data && slice_equal_string_nocase(bucket_key, "true");
    if (bucket_key.data && !e->bucket_key && !slice_equal_string_nocase(bucket_key, "false")) {
        answer_bad_argument(r, "The value is neither true nor false.", NAME "-bucket-key-enabled", bucket_key);
        return false;
    }
    e->key_id = request_header(r, NAME "-aws-kms-key-id");
    e->context = request_header(r, NAME "-context");
    int err = e->context.data ? kms_context_check(e->context) : 0;
    if (err == ERR_INVALID) {
        answer_bad_argument(r, "The encryption context is not a JSON object of strings in base64.", NAME "-context", e->context);
        return false;
    }
    if (err)
        answer_err(r, err);
    return !err;
}

bool encryption_headers(struct s3_request *r, struct encryption *ret)
{
    struct slice method = request_header(r, NAME), key_id = request_header(r, NAME "-aws-kms-key-id"), context = request_header(r, NAME "-context");
    *ret = (struct encryption){0};
    if (method.data && prefixed(r, "x-amz-", "algorithm").data)
        return refuse(r, "Server Side Encryption with Customer provided key is incompatible with the encryption method specified", method);
    if (!encryption_headers_key(r, "x-amz-", &ret->customer_key))
        return false;
    bool kms = method.data && slice_equal_string(method, "aws:kms");
    if ((key_id.data || context.data) && !kms)
        return refuse(r, "A KMS key id or an encryption context goes with aws:kms only.", key_id.data ? key_id : context);
    if (ret->customer_key) {
        ret->mode = ENCRYPTION_CUSTOMER;
    } else if (kms) {
        ret->mode = ENCRYPTION_KMS;
        return take_kms(r, ret);
    } else if (method.data && slice_equal_string(method, "AES256")) {
        ret->mode = ENCRYPTION_S3;
    } else if (method.data && slice_equal_string(method, "aws:kms:dsse")) {
        answer_error(r, S3_NotImplemented);
        return false;
    } else if (method.data) {
        return refuse(r, "The encryption method specified is not supported", method);
    }
    return true;
}

void encryption_answer(struct s3_request *r, struct slice attributes)
{
    struct encryption e;
    if (encryption_of(attributes, &e))
        return; /* whoever needs the key says so */
    if (e.mode == ENCRYPTION_CUSTOMER) {
        struct slice digest = prefixed(r, "x-amz-", "key-md5");
        answer_header(r, NAME "-customer-algorithm", "AES256");
        if (digest.data)
            answer_header_slice(r, NAME "-customer-key-MD5", digest);
        return;
    }
    if (e.mode == ENCRYPTION_S3)
        answer_header(r, NAME, "AES256");
    if (e.mode != ENCRYPTION_KMS)
        return;
    answer_header(r, NAME, "aws:kms");
    answer_header_slice(r, NAME "-aws-kms-key-id", e.key_id);
    if (e.context.len && r->operation->writes)
        answer_header_slice(r, NAME "-context", e.context);
    if (e.bucket_key)
        answer_header(r, NAME "-bucket-key-enabled", "true");
}

bool encryption_answer_err(struct s3_request *r, int err, bool of_upload)
{
    switch (err) {
    case ERR_KEY_NEEDED:
        answer_error_text(r, S3_InvalidRequest, of_upload
            ? "The multipart upload initiate requested encryption. Subsequent part requests must include the appropriate encryption parameters."
            : "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object.");
        return true;
    case ERR_KEY_WRONG:
        if (of_upload)
            answer_error_text(r, S3_InvalidRequest, "The provided encryption parameters did not match the ones used originally.");
        else
            answer_error_text(r, S3_AccessDenied, "Requests specifying Server Side Encryption with Customer provided keys must provide the correct secret key.");
        return true;
    case ERR_KEY_UNWANTED:
        answer_error_text(r, S3_InvalidRequest, of_upload ? "The multipart upload initiate did not request encryption with a customer provided key."
                                                          : "The encryption parameters are not applicable to this object.");
        return true;
    case ERR_KMS_KEY:
        answer_failure(r, 400, "KMS.NotFoundException", "The KMS key does not exist.", NULL, 0);
        return true;
    case ERR_KMS_NONE:
        answer_failure(r, 400, "KMS.NotFoundException", "The KMS key does not exist: there are none, until the option kms_key_file names a file with keys.", NULL, 0);
        return true;
    default:
        return false;
    }
}
