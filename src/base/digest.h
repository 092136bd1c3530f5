/* Digests of object bodies. MD5 and SHA-256 run in vector lanes, several streams at once; CRC64NVME is written here; the others are
 * libcrypto's, ISA-L's and libxxhash's. Vector paths are chosen at run time; none is needed to run. */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* --- MD5 (RFC 1321) and SHA-256 (FIPS 180-4), many streams per engine ---
 * One engine per loop and digest, used on its thread only. A stream gathers its bytes in blocks of its own; full blocks of
 * several streams are hashed side by side when one of them needs room or its result, so no call ever waits for another stream. */
enum digest_kind { DIGEST_MD5, DIGEST_SHA256 };
struct digest_engine;
struct digest_stream;
#define MD5_LEN 16
#define SHA256_LEN 32

int digest_engine_new(enum digest_kind, struct digest_engine **ret) MUST_CHECK;
void digest_engine_free(struct digest_engine *); /* NULL is fine; no stream may be left */
int digest_stream_new(struct digest_engine *, struct digest_stream **ret) MUST_CHECK;
void digest_stream_update(struct digest_stream *, const void *data, size_t len);
/* No more bytes will come: the engine may hash what there is when it suits it. Calling final at once is as good. */
void digest_stream_end(struct digest_stream *);
/* Writes MD5_LEN or SHA256_LEN bytes. The stream is as new then. */
void digest_stream_final(struct digest_stream *, uint8_t *digest);
void digest_stream_reset(struct digest_stream *);
void digest_stream_free(struct digest_stream *); /* NULL is fine; the engine may keep it for the next digest_stream_new */

/* MD5 of one buffer, at once. */
void md5_of(const void *data, size_t len, uint8_t digest[MD5_LEN]);

/* --- S3's additional checksums --- */
enum checksum_kind {
    CHECKSUM_NONE = 0,
    CHECKSUM_CRC32 = 1,     /* ISO 3309 */
    CHECKSUM_CRC32C = 2,    /* Castagnoli */
    CHECKSUM_CRC64NVME = 3, /* NVM Express, reflected 0x9a6c9329ac4bc9b5 */
    CHECKSUM_SHA1 = 4,
    CHECKSUM_SHA256 = 5,
    CHECKSUM_SHA512 = 6,
    CHECKSUM_MD5 = 7,
    CHECKSUM_XXHASH64 = 8,
    CHECKSUM_XXHASH3 = 9, /* its 64 bits */
    CHECKSUM_XXHASH128 = 10,
    CHECKSUM_KIND_COUNT
};
#define CHECKSUM_LEN_MAX 64

/* Bytes of a digest of that kind; 0 for none. */
size_t checksum_len(enum checksum_kind);
/* "CRC32", "SHA256", "XXHASH3", … as S3 writes it; NULL for none. */
const char *checksum_name(enum checksum_kind);
/* A CRC: those of parts can be joined to that of the whole (checksum_crc_combine), so FULL_OBJECT can be. */
bool checksum_is_crc(enum checksum_kind);
/* S3 takes it as COMPOSITE: all but CRC64NVME. */
bool checksum_composes(enum checksum_kind);

struct checksum_stream {
    enum checksum_kind kind;
    uint64_t crc;
    void *state; /* of kinds other than CRCs: libcrypto's or libxxhash's */
};
int checksum_init(struct checksum_stream *, enum checksum_kind) MUST_CHECK;
void checksum_update(struct checksum_stream *, const void *data, size_t len);
/* Writes checksum_len bytes: the digest, big-endian, as S3 sends it in base64. Ends the stream. */
void checksum_final(struct checksum_stream *, uint8_t *digest);
void checksum_fini(struct checksum_stream *); /* after init, whether or not final was called */

/* The CRC of A||B from those of A and B: how FULL_OBJECT checksums of multipart uploads are made. Only for CRC kinds. */
uint64_t checksum_crc_combine(enum checksum_kind, uint64_t crc_a, uint64_t crc_b, uint64_t len_b);

uint32_t crc32c(uint32_t seed, const void *data, size_t len); /* seed 0 at first; chains */
uint64_t crc64nvme(uint64_t seed, const void *data, size_t len);

/* --- SHA-256 of one buffer, and HMAC, by libcrypto --- */
int sha256_of(const void *data, size_t len, uint8_t digest[SHA256_LEN]) MUST_CHECK;
int hmac_sha256(const void *key, size_t key_len, const void *data, size_t len, uint8_t mac[SHA256_LEN]) MUST_CHECK;
/* Of signature version 2. */
#define SHA1_LEN 20
int hmac_sha1(const void *key, size_t key_len, const void *data, size_t len, uint8_t mac[SHA1_LEN]) MUST_CHECK;
/* Compares without giving away where they differ. */
bool constant_time_equal(const void *a, const void *b, size_t len);

#endif
