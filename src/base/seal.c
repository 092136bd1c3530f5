#include "base/seal.h"

#include <errno.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/random.h>

#define SEAL_VERSION 1
#define NONCE_LEN 12
#define TAG_LEN 16
_Static_assert(1 + NONCE_LEN + TAG_LEN == SEAL_OVERHEAD, "FORMAT.md, Sealed secret");

/* Runs the cipher over context and input. encrypt: writes the tag; else checks it. */
static int run_cipher(EVP_CIPHER_CTX *cipher, bool encrypt, const struct seal_key *key, const uint8_t *nonce,
                      const void *context, size_t context_len, const uint8_t *in, size_t len, uint8_t *out, uint8_t *tag)
{
    uint8_t end[TAG_LEN]; /* GCM writes nothing at the end, but libcrypto wants a place */
    int written;
    if (EVP_CipherInit_ex(cipher, EVP_aes_256_gcm(), NULL, key->bytes, nonce, encrypt) != 1)
        return ERR_NO_MEMORY;
    if (context_len && EVP_CipherUpdate(cipher, NULL, &written, context, (int)context_len) != 1)
        return ERR_NO_MEMORY;
    if (len && EVP_CipherUpdate(cipher, out, &written, in, (int)len) != 1)
        return ERR_NO_MEMORY;
    if (!encrypt && EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_SET_TAG, TAG_LEN, tag) != 1)
        return ERR_NO_MEMORY;
    if (EVP_CipherFinal_ex(cipher, end, &written) != 1)
        return encrypt ? ERR_NO_MEMORY : ERR_CORRUPT;
    if (encrypt && EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_GET_TAG, TAG_LEN, tag) != 1)
        return ERR_NO_MEMORY;
    return 0;
}

int seal(const struct seal_key *key, const uint8_t nonce[12], const void *context, size_t context_len, const void *plain,
         size_t len, uint8_t *sealed)
{
    if (len > INT_MAX || context_len > INT_MAX)
        return ERR_TOO_LARGE;
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    if (!cipher)
        return ERR_NO_MEMORY;
    sealed[0] = SEAL_VERSION;
    memcpy(sealed + 1, nonce, NONCE_LEN);
    int err = run_cipher(cipher, true, key, nonce, context, context_len, plain, len, sealed + 1 + NONCE_LEN,
                         sealed + 1 + NONCE_LEN + len);
    EVP_CIPHER_CTX_free(cipher);
    return err;
}

int unseal(const struct seal_key *key, const void *context, size_t context_len, const uint8_t *sealed, size_t sealed_len,
           uint8_t *plain, size_t *ret_len)
{
    uint8_t tag[TAG_LEN];
    if (sealed_len < SEAL_OVERHEAD || sealed[0] != SEAL_VERSION)
        return ERR_CORRUPT;
    size_t len = sealed_len - SEAL_OVERHEAD;
    if (len > INT_MAX || context_len > INT_MAX)
        return ERR_TOO_LARGE;
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    if (!cipher)
        return ERR_NO_MEMORY;
    memcpy(tag, sealed + sealed_len - TAG_LEN, TAG_LEN);
    int err = run_cipher(cipher, false, key, sealed + 1, context, context_len, sealed + 1 + NONCE_LEN, len, plain, tag);
    EVP_CIPHER_CTX_free(cipher);
    if (err) {
        OPENSSL_cleanse(plain, len); /* nothing that was not authenticated gets out */
        return err;
    }
    *ret_len = len;
    return 0;
}

int random_bytes(void *bytes, size_t len)
{
    uint8_t *at = bytes;
    while (len) {
        ssize_t got = getrandom(at, len, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_from_errno(errno);
        at += got;
        len -= (size_t)got;
    }
    return 0;
}
