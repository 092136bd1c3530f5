/* See frame.h. */
#include "base/frame.h"

#include <endian.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"

#define NONCE_LEN 12

struct frame_cipher {
    EVP_CIPHER_CTX *context; /* holds the key; both directions */
    uint8_t salt[FRAME_SALT_LEN];
};

static int derive(const uint8_t data_key[DATA_KEY_LEN], uint32_t part_number, const uint8_t *salt, uint8_t key[SHA256_LEN])
{
    static const char purpose[] = "ingot frames 1"; /* with its NUL */
    uint8_t message[sizeof(purpose) + sizeof(part_number) + FRAME_SALT_LEN];
    uint32_t number = htole32(part_number);
    memcpy(message, purpose, sizeof(purpose));
    memcpy(message + sizeof(purpose), &number, sizeof(number));
    memcpy(message + sizeof(purpose) + sizeof(number), salt, FRAME_SALT_LEN);
    return hmac_sha256(data_key, DATA_KEY_LEN, message, sizeof(message), key);
}

int frame_cipher_new(const uint8_t data_key[DATA_KEY_LEN], uint32_t part_number, const uint8_t salt[FRAME_SALT_LEN],
                     struct frame_cipher **ret)
{
    uint8_t key[SHA256_LEN];
    int err = derive(data_key, part_number, salt, key);
    if (err)
        return err;
    struct frame_cipher *c = calloc(1, sizeof(*c));
    if (c)
        c->context = EVP_CIPHER_CTX_new();
    bool good = c && c->context && EVP_CipherInit_ex(c->context, EVP_aes_256_gcm(), NULL, key, NULL, 1) == 1;
    OPENSSL_cleanse(key, sizeof(key));
    if (!good) {
        frame_cipher_free(c);
        return ERR_NO_MEMORY;
    }
    memcpy(c->salt, salt, FRAME_SALT_LEN);
    *ret = c;
    return 0;
}

void frame_cipher_free(struct frame_cipher *c)
{
    if (!c)
        return;
    EVP_CIPHER_CTX_free(c->context); /* wipes the key */
    free(c);
}

static bool start(struct frame_cipher *c, bool encrypt, uint64_t index, bool last)
{
    uint8_t nonce[NONCE_LEN] = {0}, additional = last;
    uint64_t number = htole64(index);
    int len;
    memcpy(nonce, &number, sizeof(number));
    return EVP_CipherInit_ex(c->context, NULL, NULL, NULL, nonce, encrypt) == 1
           && EVP_CipherUpdate(c->context, NULL, &len, &additional, 1) == 1;
}

int frame_seal(struct frame_cipher *c, uint64_t index, bool last, uint8_t *frame, size_t plain_len)
{
    uint8_t *bytes = frame + FRAME_SALT_LEN;
    int len;
    if (plain_len == 0 || plain_len > FRAME_PLAIN_LEN)
        return ERR_INVALID;
    memcpy(frame, c->salt, FRAME_SALT_LEN);
    bool good = start(c, true, index, last) && EVP_CipherUpdate(c->context, bytes, &len, bytes, (int)plain_len) == 1
                && EVP_CipherFinal_ex(c->context, bytes + plain_len, &len) == 1
                && EVP_CIPHER_CTX_ctrl(c->context, EVP_CTRL_GCM_GET_TAG, FRAME_TAG_LEN, bytes + plain_len) == 1;
    return good ? 0 : ERR_NO_MEMORY;
}

int frame_open(struct frame_cipher *c, uint64_t index, bool last, uint8_t *frame, size_t frame_len)
{
    uint8_t *bytes = frame + FRAME_SALT_LEN, end[FRAME_TAG_LEN];
    int len;
    if (frame_len <= FRAME_OVERHEAD || frame_len > FRAME_PLAIN_LEN + FRAME_OVERHEAD)
        return ERR_CORRUPT;
    size_t plain_len = frame_len - FRAME_OVERHEAD;
    if (memcmp(frame, c->salt, FRAME_SALT_LEN) != 0)
        return ERR_CORRUPT;
    if (!start(c, false, index, last) || EVP_CipherUpdate(c->context, bytes, &len, bytes, (int)plain_len) != 1
        || EVP_CIPHER_CTX_ctrl(c->context, EVP_CTRL_GCM_SET_TAG, FRAME_TAG_LEN, bytes + plain_len) != 1)
        return ERR_NO_MEMORY;
    if (EVP_CipherFinal_ex(c->context, end, &len) == 1)
        return 0;
    OPENSSL_cleanse(bytes, plain_len);
    return ERR_CORRUPT;
}
