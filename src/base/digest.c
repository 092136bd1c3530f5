/* CRC32C, SHA-256 and HMAC of one buffer: thin over ISA-L and libcrypto. */
#include "base/digest.h"

#include <isa-l/crc.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#define CRC_STEP_MAX (1u << 30) /* crc32_iscsi takes an int */

uint32_t crc32c(uint32_t seed, const void *data, size_t len)
{
    const uint8_t *at = data;
    uint32_t crc = ~seed;
    while (len) {
        size_t step = len < CRC_STEP_MAX ? len : CRC_STEP_MAX;
        crc = crc32_iscsi((unsigned char *)(uintptr_t)at, (int)step, crc);
        at += step;
        len -= step;
    }
    return ~crc;
}

int sha256_of(const void *data, size_t len, uint8_t digest[SHA256_LEN])
{
    return EVP_Digest(data, len, digest, NULL, EVP_sha256(), NULL) == 1 ? 0 : ERR_NO_MEMORY;
}

static int hmac(const EVP_MD *kind, const void *key, size_t key_len, const void *data, size_t len, uint8_t *mac)
{
    if (key_len > INT_MAX)
        return ERR_TOO_LARGE;
    /* NULL would mean "the key of last time" to libcrypto. */
    return HMAC(kind, key_len ? key : "", (int)key_len, data, len, mac, NULL) ? 0 : ERR_NO_MEMORY;
}

int hmac_sha256(const void *key, size_t key_len, const void *data, size_t len, uint8_t mac[SHA256_LEN])
{
    return hmac(EVP_sha256(), key, key_len, data, len, mac);
}

int hmac_sha1(const void *key, size_t key_len, const void *data, size_t len, uint8_t mac[SHA1_LEN])
{
    return hmac(EVP_sha1(), key, key_len, data, len, mac);
}

bool constant_time_equal(const void *a, const void *b, size_t len)
{
    return CRYPTO_memcmp(a, b, len) == 0;
}
