/* The aws-chunked body coding ("Signature calculations ... chunked upload" in S3's API reference), decoded as it comes.
 *
 * Nothing of the payload is copied: aws_chunked_frame() eats framing and shows the payload bytes that follow in the
 * input; aws_chunked_take() eats as many of them as the caller could use. Signatures are checked some chunks later, at the
 * latest before the trailers, since digests of many chunks are cheaper together: so bytes already handed out may turn out
 * bad, and the caller drops everything when any call fails. Pure.
 *
 *     while (len > 0 && !aws_chunked_done(d)) {
 *         aws_chunked_frame(d, data, len, &used, &span);  data += used, len -= used;
 *         n = consumer takes up to span.len of span.data;
 *         aws_chunked_take(d, span.data, n);              data += n, len -= n;
 *         if (n < span.len) break;                        (go on from here later)
 *     }
 */
#ifndef WIRE_AWS_CHUNKED_H
#define WIRE_AWS_CHUNKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "wire/payload.h"
#include "wire/sigv4.h"

#define AWS_CHUNKED_LINE_MAX 1024     /* of a chunk's header line */
#define AWS_CHUNKED_TRAILER_MAX 4096  /* bytes of all trailer lines */
#define AWS_CHUNKED_TRAILERS_MAX 16
#define AWS_CHUNKED_UNCHECKED_MAX 16u /* chunks whose signature is still to be checked */

struct aws_chunked {
    enum payload_mode mode;
    uint32_t state;
    uint64_t decoded_len;   /* promised by x-amz-decoded-content-length */
    uint64_t taken_len;     /* payload bytes so far */
    uint64_t chunk_left;
    struct sigv4_chain chain;
    struct digest_engine *engine;
    /* A ring: chunks in their order, the last one perhaps not ended. */
    struct aws_chunk { struct digest_stream *sha256; uint8_t signature[SHA256_LEN]; } unchecked[AWS_CHUNKED_UNCHECKED_MAX];
    uint32_t unchecked_first, unchecked_count;
    bool trailer_signed;
    int err;                /* the first failure stays */
    uint32_t line_len;
    uint32_t trailer_len;
    uint32_t trailer_count;
    uint32_t extra;         /* bytes of the empty line behind the end */
    struct header trailer_items[AWS_CHUNKED_TRAILERS_MAX]; /* names in lower case; point into trailer */
    char line[AWS_CHUNKED_LINE_MAX];
    char trailer[AWS_CHUNKED_TRAILER_MAX];
};

/* mode: one of the stream modes. chain: from sigv4_verify; NULL only for PAYLOAD_STREAM_UNSIGNED_TRAILER. engine: of
 * SHA-256, used until fini. ERR_INVALID for another mode. Not to be moved. */
int aws_chunked_init(struct aws_chunked *, enum payload_mode mode, uint64_t decoded_len, const struct sigv4_chain *,
                     struct digest_engine *engine) MUST_CHECK;
void aws_chunked_fini(struct aws_chunked *);

/* Eats framing from data: *ret_used bytes. *ret_span: payload bytes that follow (at data + *ret_used), empty when the
 * input ran out or the body is complete. Bytes behind the end are not eaten. Errors: ERR_MALFORMED (framing, more bytes
 * than decoded_len), ERR_INCOMPLETE_BODY (fewer), ERR_SIGNATURE, ERR_TOO_LARGE (a line or the trailers past their
 * bound), ERR_NO_MEMORY. */
int aws_chunked_frame(struct aws_chunked *, const void *data, size_t len, size_t *ret_used,
                      struct slice *ret_span) MUST_CHECK;
/* The next len bytes of payload (0 up to the span's length). */
void aws_chunked_take(struct aws_chunked *, const void *data, size_t len);

/* All chunks have been read: what is malformed, or not there, is the trailers. */
bool aws_chunked_in_trailer(const struct aws_chunked *);
/* The last chunk and the trailers have been read and verified. */
bool aws_chunked_done(const struct aws_chunked *);
/* After done: how many bytes of data belong to one empty line more behind the trailers, which MinIO's Go client writes (and S3 takes).
 * 0: what is there is too much. */
size_t aws_chunked_extra(struct aws_chunked *, const void *data, size_t len);
/* At the end of the body: 0 when done, else the failure so far or ERR_INCOMPLETE_BODY. */
int aws_chunked_finish(struct aws_chunked *) MUST_CHECK;
/* After done; without x-amz-trailer-signature. */
struct headers aws_chunked_trailers(const struct aws_chunked *);

#endif
