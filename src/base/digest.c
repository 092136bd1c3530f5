/* S3's additional checksums as streams, and SHA-256 and HMAC: thin over libcrypto, ISA-L and crc64nvme.c. */
#include "base/digest.h"

#include <assert.h>
#include <endian.h>
#include <isa-l/crc.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#define CRC_STEP_MAX (1u << 30) /* crc32_iscsi takes an int */

static const struct {
    const char *name;
    size_t len;
} kinds[] = {
    [CHECKSUM_NONE] = {NULL, 0},
    [CHECKSUM_CRC32] = {"CRC32", 4},
    [CHECKSUM_CRC32C] = {"CRC32C", 4},
    [CHECKSUM_CRC64NVME] = {"CRC64NVME", 8},
    [CHECKSUM_SHA1] = {"SHA1", 20},
    [CHECKSUM_SHA256] = {"SHA256", 32},
};
#define KIND_COUNT (sizeof(kinds) / sizeof(kinds[0]))

size_t checksum_len(enum checksum_kind kind)
{
    return (size_t)kind < KIND_COUNT ? kinds[kind].len : 0;
}

const char *checksum_name(enum checksum_kind kind)
{
    return (size_t)kind < KIND_COUNT ? kinds[kind].name : NULL;
}

static bool is_sha(enum checksum_kind kind)
{
    return kind == CHECKSUM_SHA1 || kind == CHECKSUM_SHA256;
}

/* After a successful init libcrypto's SHA allocates nothing and cannot fail; if it does, no digest may come out of it. */
static void insist(int ok)
{
    if (ok != 1)
        abort();
}

int checksum_init(struct checksum_stream *stream, enum checksum_kind kind)
{
    struct checksum_stream made = {.kind = kind};
    if ((size_t)kind >= KIND_COUNT)
        return ERR_INVALID;
    if (is_sha(kind)) {
        EVP_MD_CTX *sha = EVP_MD_CTX_new();
        if (!sha || EVP_DigestInit_ex(sha, kind == CHECKSUM_SHA1 ? EVP_sha1() : EVP_sha256(), NULL) != 1) {
            EVP_MD_CTX_free(sha);
            return ERR_NO_MEMORY;
        }
        made.sha = sha;
    }
    *stream = made;
    return 0;
}

static uint32_t crc32_gzip(uint32_t crc, const void *data, size_t len)
{
    return crc32_gzip_refl(crc, data, len);
}

void checksum_update(struct checksum_stream *stream, const void *data, size_t len)
{
    if (len == 0)
        return;
    switch (stream->kind) {
    case CHECKSUM_NONE: break;
    case CHECKSUM_CRC32: stream->crc = crc32_gzip((uint32_t)stream->crc, data, len); break;
    case CHECKSUM_CRC32C: stream->crc = crc32c((uint32_t)stream->crc, data, len); break;
    case CHECKSUM_CRC64NVME: stream->crc = crc64nvme(stream->crc, data, len); break;
    case CHECKSUM_SHA1:
    case CHECKSUM_SHA256: insist(EVP_DigestUpdate(stream->sha, data, len)); break;
    }
}

void checksum_final(struct checksum_stream *stream, uint8_t digest[CHECKSUM_LEN_MAX])
{
    uint32_t crc = htobe32((uint32_t)stream->crc);
    uint64_t crc64 = htobe64(stream->crc);
    switch (stream->kind) {
    case CHECKSUM_NONE: break;
    case CHECKSUM_CRC32:
    case CHECKSUM_CRC32C: memcpy(digest, &crc, sizeof(crc)); break;
    case CHECKSUM_CRC64NVME: memcpy(digest, &crc64, sizeof(crc64)); break;
    case CHECKSUM_SHA1:
    case CHECKSUM_SHA256: insist(EVP_DigestFinal_ex(stream->sha, digest, NULL)); break;
    }
}

void checksum_fini(struct checksum_stream *stream)
{
    EVP_MD_CTX_free(stream->sha);
    *stream = (struct checksum_stream){0};
}

/* Product of two polynomials modulo the reflected polynomial poly; bit `top` stands for x^0. */
static uint64_t multiply(uint64_t a, uint64_t b, uint64_t poly, uint64_t top)
{
    uint64_t product = 0;
    for (uint64_t bit = top; bit; bit >>= 1) {
        if (a & bit)
            product ^= b;
        b = b & 1 ? b >> 1 ^ poly : b >> 1;
    }
    return product;
}

/* Appending len_b bytes multiplies the first CRC by x^(8 len_b); what the initial and final complement add cancels out. */
uint64_t checksum_crc_combine(enum checksum_kind kind, uint64_t crc_a, uint64_t crc_b, uint64_t len_b)
{
    assert(kind == CHECKSUM_CRC32 || kind == CHECKSUM_CRC32C || kind == CHECKSUM_CRC64NVME);
    uint64_t poly = kind == CHECKSUM_CRC32 ? 0xedb88320u : kind == CHECKSUM_CRC32C ? 0x82f63b78u : 0x9a6c9329ac4bc9b5u;
    uint64_t top = kind == CHECKSUM_CRC64NVME ? 1ull << 63 : 1ull << 31;
    uint64_t power = top >> 8; /* x^8 */
    for (; len_b; len_b >>= 1) {
        if (len_b & 1)
            crc_a = multiply(power, crc_a, poly, top);
        power = multiply(power, power, poly, top);
    }
    return crc_a ^ crc_b;
}

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
