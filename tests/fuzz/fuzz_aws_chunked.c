/* Chunked bodies: a byte for the mode, one for the size of pieces, two for the decoded length, the body. Pieces of any
 * size must lead to the same outcome. */
#include <string.h>

#include "fuzz.h"
#include "wire/aws_chunked.h"

struct outcome { int err; uint64_t payload_len; uint32_t hash, trailer_count; };

static struct outcome decode(const uint8_t *body, size_t len, enum payload_mode mode, uint64_t decoded_len,
                             size_t piece_max)
{
    static struct aws_chunked d;
    static const struct sigv4_chain chain = {.amz_date = "20130524T000000Z",
                                             .scope = "20130524/us-east-1/s3/aws4_request"};
    struct outcome o = {.hash = 1};
    struct digest_engine *engine;
    must(digest_engine_new(DIGEST_SHA256, &engine) == 0);
    must(aws_chunked_init(&d, mode, decoded_len, &chain, engine) == 0);
    while (len && !aws_chunked_done(&d)) {
        size_t piece = len < piece_max ? len : piece_max, used;
        struct slice span;
        if (aws_chunked_frame(&d, body, piece, &used, &span))
            break;
        must(used + span.len <= piece && (const uint8_t *)span.data == body + used);
        must(used + span.len > 0 || aws_chunked_done(&d));
        aws_chunked_take(&d, span.data, span.len);
        for (size_t i = 0; i < span.len; i++)
            o.hash = o.hash * 31 + (uint8_t)span.data[i];
        o.payload_len += span.len;
        body += used + span.len;
        len -= used + span.len;
    }
    must(o.payload_len <= decoded_len);
    o.err = aws_chunked_finish(&d);
    must(o.err != 0 || o.payload_len == decoded_len);
    struct headers trailers = aws_chunked_trailers(&d);
    o.trailer_count = trailers.count;
    for (uint32_t i = 0; i < trailers.count; i++)
        for (size_t j = 0; j < trailers.items[i].name.len; j++)
            must(trailers.items[i].name.data[j] < 'A' || trailers.items[i].name.data[j] > 'Z');
    aws_chunked_fini(&d);
    digest_engine_free(engine);
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const enum payload_mode modes[] = {PAYLOAD_STREAM_UNSIGNED_TRAILER, PAYLOAD_STREAM_SIGNED,
                                              PAYLOAD_STREAM_SIGNED_TRAILER};
    if (len < 4)
        return 0;
    enum payload_mode mode = modes[data[0] % 3];
    uint64_t decoded_len = (uint64_t)data[2] | (uint64_t)data[3] << 8;
    struct outcome whole = decode(data + 4, len - 4, mode, decoded_len, SIZE_MAX);
    struct outcome pieces = decode(data + 4, len - 4, mode, decoded_len, data[1] + 1u);
    must(whole.err == pieces.err);
    must(whole.err || (whole.payload_len == pieces.payload_len && whole.hash == pieces.hash &&
                       whole.trailer_count == pieces.trailer_count));
    return 0;
}
