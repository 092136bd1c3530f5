/* See encryption.h. */
#include "object/encryption.h"

#include <endian.h>
#include <string.h>

#include "base/digest.h"
#include "base/seal.h"
#include "meta/meta.h"
#include "object/kms.h"
#include "volume/store.h"

#define FORMAT_VERSION 1
#define HEAD_LEN 12
#define FLAG_BUCKET_KEY 1
#define SEALED_LEN (DATA_KEY_LEN + SEAL_OVERHEAD)

/* --- the attribute --- */

static void put_head(const struct encryption *e, uint8_t head[HEAD_LEN])
{
    uint32_t version = htole32(e->key_version);
    uint16_t id_len = htole16((uint16_t)e->key_id.len), context_len = htole16((uint16_t)e->context.len);
    memset(head, 0, HEAD_LEN);
    head[0] = FORMAT_VERSION;
    head[1] = (uint8_t)e->mode;
    head[2] = e->bucket_key ? FLAG_BUCKET_KEY : 0;
    memcpy(head + 4, &version, sizeof(version));
    memcpy(head + 8, &id_len, sizeof(id_len));
    memcpy(head + 10, &context_len, sizeof(context_len));
}

static void format(const struct encryption *e, struct text *value)
{
    uint8_t head[HEAD_LEN];
    put_head(e, head);
    text_append(value, head, sizeof(head));
    text_append(value, e->key_id.data, e->key_id.len);
    text_append(value, e->context.data, e->context.len);
    text_append(value, e->sealed.data, e->sealed.len);
}

static int parse(struct slice value, struct encryption *ret)
{
    uint32_t version;
    uint16_t id_len, context_len;
    if (value.len < HEAD_LEN || value.data[0] != FORMAT_VERSION)
        return ERR_CORRUPT;
    memcpy(&version, value.data + 4, sizeof(version));
    memcpy(&id_len, value.data + 8, sizeof(id_len));
    memcpy(&context_len, value.data + 10, sizeof(context_len));
    id_len = le16toh(id_len);
    context_len = le16toh(context_len);
    size_t rest = value.len - HEAD_LEN;
    if (rest < id_len || rest - id_len < context_len)
        return ERR_CORRUPT;
    rest -= (size_t)id_len + context_len;
    *ret = (struct encryption){
        .mode = (enum encryption_mode)(uint8_t)value.data[1],
        .bucket_key = value.data[2] & FLAG_BUCKET_KEY,
        .key_version = le32toh(version),
        .key_id = slice_of(value.data + HEAD_LEN, id_len),
        .context = slice_of(value.data + HEAD_LEN + id_len, context_len),
        .sealed = slice_of(value.data + value.len - rest, rest),
    };
    return ret->mode >= ENCRYPTION_S3 && ret->mode <= ENCRYPTION_CUSTOMER ? 0 : ERR_CORRUPT;
}

int encryption_of(struct slice attributes, struct encryption *ret)
{
    struct slice value;
    int err = attribute_find(attributes, ATTRIBUTE_ENCRYPTION, "", &value);
    *ret = (struct encryption){0};
    if (err)
        return err == ERR_NOT_FOUND ? 0 : err;
    err = parse(value, ret);
    return !err && ret->sealed.len != SEALED_LEN ? ERR_CORRUPT : err;
}

int encryption_default(struct slice bucket_attributes, struct encryption *ret)
{
    struct slice value;
    *ret = (struct encryption){0};
    int err = bucket_attributes.len ? attribute_find(bucket_attributes, ATTRIBUTE_CONFIGURATION, BUCKET_ENCRYPTION_NAME, &value) : ERR_NOT_FOUND;
    if (err)
        return err == ERR_NOT_FOUND ? 0 : err;
    err = parse(value, ret);
    return !err && (ret->sealed.len || ret->mode == ENCRYPTION_CUSTOMER) ? ERR_CORRUPT : err;
}

void encryption_format_default(const struct encryption *e, struct text *value)
{
    format(e, value);
}

/* --- the keys that seal data keys --- */

static int sealing_key(const struct encryption_keys *keys, const struct encryption *e, uint32_t version, uint32_t *ret_version,
                       struct seal_key *ret)
{
    static const char *const purposes[] = {[ENCRYPTION_S3] = "ingot sse-s3 1", [ENCRYPTION_KMS] = "ingot sse-kms 1",
                                           [ENCRYPTION_CUSTOMER] = "ingot sse-c 1"};
    uint8_t root[KMS_KEY_LEN];
    int err = 0;
    *ret_version = 0;
    if (e->mode == ENCRYPTION_KMS) {
        err = kms_find(keys->kms, e->key_id, version, ret_version, root);
        if (err)
            return err;
    } else {
        memcpy(root, e->mode == ENCRYPTION_S3 ? meta_store(keys->meta)->sealing_key.bytes : e->customer_key, sizeof(root));
    }
    err = hmac_sha256(root, sizeof(root), purposes[e->mode], strlen(purposes[e->mode]), ret->bytes);
    explicit_bzero(root, sizeof(root));
    return err;
}
_Static_assert(SEAL_KEY_LEN == KMS_KEY_LEN && SEAL_KEY_LEN == CUSTOMER_KEY_LEN && SEAL_KEY_LEN == SHA256_LEN, "one length of keys");

/* What the sealed data key is bound to: everything beside it but the flags. */
static void bind(const struct encryption *e, struct text *context)
{
    struct encryption bound = *e;
    bound.bucket_key = false;
    bound.sealed = slice_of(NULL, 0);
    format(&bound, context);
}

int encryption_seal(const struct encryption_keys *keys, const struct encryption *asked, const uint8_t data_key[DATA_KEY_LEN],
                    struct text *attributes)
{
    struct encryption e = *asked;
    struct seal_key key;
    struct text context = {0}, value = {0};
    uint8_t nonce[12], sealed[SEALED_LEN];
    if (e.mode == ENCRYPTION_KMS && !e.key_id.len)
        e.key_id = slice_string(KMS_DEFAULT_KEY_ID);
    int err = sealing_key(keys, &e, 0, &e.key_version, &key);
    if (err)
        return err;
    bind(&e, &context);
    err = context.failed ? ERR_NO_MEMORY : random_bytes(nonce, sizeof(nonce));
    if (!err)
        err = seal(&key, nonce, context.data, context.len, data_key, DATA_KEY_LEN, sealed);
    explicit_bzero(&key, sizeof(key));
    if (!err) {
        e.sealed = slice_of((const char *)sealed, sizeof(sealed));
        format(&e, &value);
        attribute_append(attributes, ATTRIBUTE_ENCRYPTION, slice_of("", 0), slice_of(value.data, value.len));
        err = value.failed || attributes->failed ? ERR_NO_MEMORY : 0;
    }
    text_free(&context);
    text_free(&value);
    return err;
}

int encryption_begin(const struct encryption_keys *keys, const struct encryption *asked, struct text *attributes,
                     uint8_t data_key[DATA_KEY_LEN])
{
    int err = random_bytes(data_key, DATA_KEY_LEN);
    return err ? err : encryption_seal(keys, asked, data_key, attributes);
}

int encryption_open(const struct encryption_keys *keys, const struct encryption *e, const uint8_t *customer_key,
                    uint8_t data_key[DATA_KEY_LEN])
{
    struct encryption with_key = *e;
    struct seal_key key;
    struct text context = {0};
    uint32_t version;
    size_t len;
    if (e->mode != ENCRYPTION_CUSTOMER && customer_key)
        return ERR_KEY_UNWANTED;
    if (e->mode == ENCRYPTION_CUSTOMER && !customer_key)
        return ERR_KEY_NEEDED;
    with_key.customer_key = customer_key;
    int err = sealing_key(keys, &with_key, e->key_version, &version, &key);
    if (err)
        return err;
    bind(e, &context);
    err = context.failed ? ERR_NO_MEMORY
                         : unseal(&key, context.data, context.len, (const uint8_t *)e->sealed.data, e->sealed.len, data_key, &len);
    explicit_bzero(&key, sizeof(key));
    text_free(&context);
    return err == ERR_CORRUPT && e->mode == ENCRYPTION_CUSTOMER ? ERR_KEY_WRONG : err;
}

int encryption_check(const struct encryption_keys *keys, const struct encryption *e, const uint8_t *customer_key)
{
    if (e->mode != ENCRYPTION_CUSTOMER)
        return customer_key ? ERR_KEY_UNWANTED : 0;
    uint8_t data_key[DATA_KEY_LEN];
    int err = encryption_open(keys, e, customer_key, data_key);
    explicit_bzero(data_key, sizeof(data_key));
    return err;
}

int encryption_etag(const uint8_t data_key[DATA_KEY_LEN], uint8_t etag[16])
{
    uint8_t mac[SHA256_LEN], message[5 + MD5_LEN] = "etag";
    memcpy(message + 5, etag, MD5_LEN);
    int err = hmac_sha256(data_key, DATA_KEY_LEN, message, sizeof(message), mac);
    if (!err)
        memcpy(etag, mac, MD5_LEN);
    return err;
}
