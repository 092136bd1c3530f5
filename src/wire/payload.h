/* What the headers say about a body's coding and digests. Pure. */
#ifndef WIRE_PAYLOAD_H
#define WIRE_PAYLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/text.h"
#include "wire/header.h"

enum payload_mode {
    PAYLOAD_UNSIGNED = 0,            /* UNSIGNED-PAYLOAD, or no x-amz-content-sha256 at all */
    PAYLOAD_SHA256,                  /* the hash of the whole body */
    PAYLOAD_STREAM_SIGNED,           /* STREAMING-AWS4-HMAC-SHA256-PAYLOAD */
    PAYLOAD_STREAM_SIGNED_TRAILER,   /* STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER */
    PAYLOAD_STREAM_UNSIGNED_TRAILER, /* STREAMING-UNSIGNED-PAYLOAD-TRAILER */
};
static inline bool payload_is_stream(enum payload_mode m) { return m >= PAYLOAD_STREAM_SIGNED; }

enum payload_result {
    PAYLOAD_OK = 0,
#define X(name, code, status, text) PAYLOAD_##name,
#include "wire/payload.def"
#undef X
};
const char *payload_result_code(enum payload_result);
unsigned payload_result_status(enum payload_result);
const char *payload_result_text(enum payload_result);

enum checksum_type { CHECKSUM_TYPE_NONE = 0, CHECKSUM_FULL_OBJECT = 1, CHECKSUM_COMPOSITE = 2 };

struct payload {
    enum payload_mode mode;
    uint8_t sha256[SHA256_LEN];    /* PAYLOAD_SHA256 */
    bool has_decoded_len;          /* x-amz-decoded-content-length; always set for streams */
    uint64_t decoded_len;
    bool has_md5;                  /* Content-MD5 */
    uint8_t md5[MD5_LEN];
    enum checksum_kind kind;       /* the one algorithm that the headers name, in whatever way; or none */
    bool has_checksum;             /* x-amz-checksum-KIND holds the value */
    uint8_t checksum[CHECKSUM_LEN_MAX];
    bool composite;                /* the value had "-N" behind (CompleteMultipartUpload): checksum of checksums */
    uint32_t composite_parts;
    bool in_trailer;               /* x-amz-trailer announces x-amz-checksum-KIND */
    enum checksum_type type;       /* x-amz-checksum-type */
};

/* Looks at x-amz-content-sha256, x-amz-decoded-content-length, Content-MD5, x-amz-checksum-*, x-amz-trailer,
 * x-amz-sdk-checksum-algorithm, x-amz-checksum-algorithm, x-amz-checksum-type. */
enum payload_result payload_parse(struct headers, struct payload *ret) MUST_CHECK;

/* The checksum that came in the trailers: when in_trailer sets has_checksum and checksum (PAYLOAD_TRAILER_MISSING, PAYLOAD_BAD_CHECKSUM);
 * else there may be none (PAYLOAD_TRAILER_UNANNOUNCED). */
enum payload_result payload_take_trailers(struct payload *, struct headers trailers) MUST_CHECK;

/* "CRC32", "crc64nvme", …; CHECKSUM_NONE for anything else. ASCII case ignored. */
enum checksum_kind checksum_kind_parse(struct slice);
/* "x-amz-checksum-crc32", …; NULL for none. */
const char *checksum_header_name(enum checksum_kind);

/* The stored Content-Encoding: value without its aws-chunked members ("aws-chunked, gzip" is "gzip", "aws-chunked" is
 * nothing). Appends. */
void payload_strip_aws_chunked(struct slice content_encoding, struct text *);

#endif
