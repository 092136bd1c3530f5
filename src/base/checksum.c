/* S3's additional checksums as streams: thin over ISA-L, libcrypto, libxxhash and crc64nvme.c. */
#include "base/digest.h"

#include <assert.h>
#include <endian.h>
#include <isa-l/crc.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static const struct {
    const char *name;
    size_t len;
    const EVP_MD *(*method)(void); /* libcrypto's; NULL: another library's */
} kinds[] = {
    [CHECKSUM_NONE] = {NULL, 0, NULL},
    [CHECKSUM_CRC32] = {"CRC32", 4, NULL},
    [CHECKSUM_CRC32C] = {"CRC32C", 4, NULL},
    [CHECKSUM_CRC64NVME] = {"CRC64NVME", 8, NULL},
    [CHECKSUM_SHA1] = {"SHA1", 20, EVP_sha1},
    [CHECKSUM_SHA256] = {"SHA256", 32, EVP_sha256},
    [CHECKSUM_SHA512] = {"SHA512", 64, EVP_sha512},
    [CHECKSUM_MD5] = {"MD5", 16, EVP_md5},
    [CHECKSUM_XXHASH64] = {"XXHASH64", 8, NULL},
    [CHECKSUM_XXHASH3] = {"XXHASH3", 8, NULL},
    [CHECKSUM_XXHASH128] = {"XXHASH128", 16, NULL},
};
static_assert(sizeof kinds / sizeof *kinds == CHECKSUM_KIND_COUNT, "each kind has a name and a length");

size_t checksum_len(enum checksum_kind kind)
{
    return (size_t)kind < CHECKSUM_KIND_COUNT ? kinds[kind].len : 0;
}

const char *checksum_name(enum checksum_kind kind)
{
    return (size_t)kind < CHECKSUM_KIND_COUNT ? kinds[kind].name : NULL;
}

bool checksum_is_crc(enum checksum_kind kind)
{
    return kind == CHECKSUM_CRC32 || kind == CHECKSUM_CRC32C || kind == CHECKSUM_CRC64NVME;
}

bool checksum_composes(enum checksum_kind kind)
{
    return kind != CHECKSUM_NONE && kind != CHECKSUM_CRC64NVME;
}

/* After a successful init the libraries allocate nothing and cannot fail; if one does, no digest may come out of it. */
static void insist(bool ok)
{
    if (!ok)
        abort();
}

static void *new_state(enum checksum_kind kind)
{
    XXH3_state_t *xxhash3;
    switch (kind) {
    case CHECKSUM_XXHASH64: {
        XXH64_state_t *xxhash64 = XXH64_createState();
        insist(!xxhash64 || XXH64_reset(xxhash64, 0) == XXH_OK);
        return xxhash64;
    }
    case CHECKSUM_XXHASH3:
        xxhash3 = XXH3_createState();
        insist(!xxhash3 || XXH3_64bits_reset(xxhash3) == XXH_OK);
        return xxhash3;
    case CHECKSUM_XXHASH128:
        xxhash3 = XXH3_createState();
        insist(!xxhash3 || XXH3_128bits_reset(xxhash3) == XXH_OK);
        return xxhash3;
    default:
        break;
    }
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (context && EVP_DigestInit_ex(context, kinds[kind].method(), NULL) != 1) {
        EVP_MD_CTX_free(context);
        return NULL;
    }
    return context;
}

int checksum_init(struct checksum_stream *stream, enum checksum_kind kind)
{
    struct checksum_stream made = {.kind = kind};
    if ((size_t)kind >= CHECKSUM_KIND_COUNT)
        return ERR_INVALID;
    if (kind != CHECKSUM_NONE && !checksum_is_crc(kind)) {
        made.state = new_state(kind);
        if (!made.state)
            return ERR_NO_MEMORY;
    }
    *stream = made;
    return 0;
}

void checksum_update(struct checksum_stream *stream, const void *data, size_t len)
{
    if (len == 0)
        return;
    switch (stream->kind) {
    case CHECKSUM_NONE: break;
    case CHECKSUM_CRC32: stream->crc = crc32_gzip_refl((uint32_t)stream->crc, data, len); break;
    case CHECKSUM_CRC32C: stream->crc = crc32c((uint32_t)stream->crc, data, len); break;
    case CHECKSUM_CRC64NVME: stream->crc = crc64nvme(stream->crc, data, len); break;
    case CHECKSUM_XXHASH64: insist(XXH64_update(stream->state, data, len) == XXH_OK); break;
    case CHECKSUM_XXHASH3: insist(XXH3_64bits_update(stream->state, data, len) == XXH_OK); break;
    case CHECKSUM_XXHASH128: insist(XXH3_128bits_update(stream->state, data, len) == XXH_OK); break;
    default: insist(EVP_DigestUpdate(stream->state, data, len) == 1); break;
    }
}

void checksum_final(struct checksum_stream *stream, uint8_t *digest)
{
    uint32_t crc32 = htobe32((uint32_t)stream->crc);
    uint64_t crc64 = htobe64(stream->crc);
    switch (stream->kind) {
    case CHECKSUM_NONE: break;
    case CHECKSUM_CRC32:
    case CHECKSUM_CRC32C: memcpy(digest, &crc32, sizeof crc32); break;
    case CHECKSUM_CRC64NVME: memcpy(digest, &crc64, sizeof crc64); break;
    case CHECKSUM_XXHASH64: XXH64_canonicalFromHash((XXH64_canonical_t *)digest, XXH64_digest(stream->state)); break;
    case CHECKSUM_XXHASH3: XXH64_canonicalFromHash((XXH64_canonical_t *)digest, XXH3_64bits_digest(stream->state)); break;
    case CHECKSUM_XXHASH128: XXH128_canonicalFromHash((XXH128_canonical_t *)digest, XXH3_128bits_digest(stream->state)); break;
    default: insist(EVP_DigestFinal_ex(stream->state, digest, NULL) == 1); break;
    }
}

void checksum_fini(struct checksum_stream *stream)
{
    if (stream->kind == CHECKSUM_XXHASH64)
        XXH64_freeState(stream->state);
    else if (stream->kind == CHECKSUM_XXHASH3 || stream->kind == CHECKSUM_XXHASH128)
        XXH3_freeState(stream->state);
    else
        EVP_MD_CTX_free(stream->state);
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
    assert(checksum_is_crc(kind));
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
