/* aws-chunked bodies: S3's published examples cut at every place, and every way to be malformed. */
#include "wire_test.h"

#include <stdlib.h>

#include "wire/aws_chunked.h"

#define A64K 65536
#define CHUNK_1 "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"
#define CHUNK_2 "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"
#define CHUNK_3 "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"
#define T_CHUNK_1 "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2"
#define T_CHUNK_2 "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7"
#define T_CHUNK_3 "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992"
#define T_TRAILER "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435"

/* The signing key and seed of the examples ("Transferring payload in multiple chunks" in S3's API reference). */
static struct sigv4_chain example_chain(bool trailer)
{
    struct sigv4_chain chain = {.amz_date = "20130524T000000Z", .scope = "20130524/us-east-1/s3/aws4_request"};
    size_t len;
    assert_int_equal(hex_decode(slice_string("dbb893acc010964918f1fd433add87c70e8b0db6be30c1fbeafefa5ec6ba8378"),
                                chain.key, SHA256_LEN, &len), 0);
    const char *seed = trailer ? "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e"
                               : "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";
    assert_int_equal(hex_decode(slice_string(seed), chain.previous, SHA256_LEN, &len), 0);
    return chain;
}

/* Feeds text in pieces of input_max, takes payload in pieces of take_max; returns the outcome, payload in *payload. */
static int decode(struct aws_chunked *d, struct slice text, size_t input_max, size_t take_max, struct text *payload)
{
    const char *data = text.data;
    size_t left = text.len;
    while (left && !aws_chunked_done(d)) {
        size_t used, part = left < input_max ? left : input_max;
        struct slice span;
        int err = aws_chunked_frame(d, data, part, &used, &span);
        if (err)
            return err;
        assert_true(used + span.len <= part);
        assert_true(span.len == 0 || span.data == data + used);
        assert_true(used + span.len > 0 || aws_chunked_done(d));
        size_t taken = span.len < take_max ? span.len : take_max;
        aws_chunked_take(d, span.data, taken);
        text_append(payload, span.data, taken);
        data += used + taken;
        left -= used + taken;
    }
    int err = aws_chunked_finish(d);
    if (!err)
        assert_int_equal(left, 0);
    return err;
}

static void append_example(struct text *text, const char *tail)
{
    char *a = malloc(A64K);
    assert_non_null(a);
    memset(a, 'a', A64K);
    bool trailer = tail != NULL;
    text_append_format(text, "10000;chunk-signature=%s\r\n", trailer ? T_CHUNK_1 : CHUNK_1);
    text_append(text, a, A64K);
    text_append_format(text, "\r\n400;chunk-signature=%s\r\n", trailer ? T_CHUNK_2 : CHUNK_2);
    text_append(text, a, 1024);
    text_append_format(text, "\r\n0;chunk-signature=%s\r\n%s", trailer ? T_CHUNK_3 : CHUNK_3, trailer ? tail : "\r\n");
    free(a);
}

static struct digest_engine *engine;

static int decode_example(struct slice text, bool trailer, size_t input_max, size_t take_max)
{
    static struct aws_chunked d;
    struct sigv4_chain chain = example_chain(trailer);
    struct text payload = {0};
    enum payload_mode mode = trailer ? PAYLOAD_STREAM_SIGNED_TRAILER : PAYLOAD_STREAM_SIGNED;
    assert_int_equal(aws_chunked_init(&d, mode, 66560, &chain, engine), 0);
    int err = decode(&d, text, input_max, take_max, &payload);
    if (!err) {
        assert_int_equal(payload.len, 66560);
        struct headers trailers = aws_chunked_trailers(&d);
        assert_int_equal(trailers.count, trailer ? 1 : 0);
        if (trailer)
            assert_slice(header_value(trailers, "x-amz-checksum-crc32c"), "sOO8/Q==");
    }
    aws_chunked_fini(&d);
    text_free(&payload);
    return err;
}

static void test_signed(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 2, 7, 85, 86, 4096, 65536, 1 << 20};
    struct text text = {0};
    append_example(&text, NULL);
    for (size_t i = 0; i < COUNT(sizes); i++)
        for (size_t j = 0; j < COUNT(sizes); j += 3)
            assert_int_equal(decode_example(slice_of(text.data, text.len), false, sizes[i], sizes[j]), 0);
    /* Without the last empty line everything has been verified all the same. */
    assert_int_equal(decode_example(slice_of(text.data, text.len - 2), false, 1000, 1000), 0);
    /* Ending earlier is an incomplete body, wherever. */
    for (size_t len = 0; len < text.len - 2; len += len < 200 || len > 65500 ? 1 : 997)
        assert_int_equal(decode_example(slice_of(text.data, len), false, 50000, 50000), ERR_INCOMPLETE_BODY);
    /* A changed byte is seen: in a signature, in the payload, in the last signature. */
    static const size_t offsets[] = {30, 100, 65535, 65700, 66600, 66800};
    for (size_t i = 0; i < COUNT(offsets); i++) {
        char before = text.data[offsets[i]];
        text.data[offsets[i]] = before == '0' ? '1' : '0';
        int err = decode_example(slice_of(text.data, text.len), false, 1000, 1000);
        assert_true(err == ERR_SIGNATURE || err == ERR_MALFORMED);
        text.data[offsets[i]] = before;
    }
    text.data[100] = 'b';
    assert_int_equal(decode_example(slice_of(text.data, text.len), false, 1000, 1000), ERR_SIGNATURE);
    text_free(&text);
}

static void test_signed_trailer(void **state)
{
    (void)state;
    static const struct { const char *tail; int err; } tails[] = {
        {"x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:" T_TRAILER "\r\n\r\n", 0},
        {"X-Amz-Checksum-CRC32C: sOO8/Q== \r\nx-amz-trailer-signature:" T_TRAILER "\r\n\r\n", 0},
        {"x-amz-checksum-crc32c:sOO8/Q==\n\r\nx-amz-trailer-signature:" T_TRAILER "\r\n\r\n", 0},
        {"x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:" T_TRAILER "\r\n", 0},
        {"x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:" T_TRAILER, ERR_INCOMPLETE_BODY},
        {"x-amz-checksum-crc32c:sOO8/Q==\r\n\r\n", ERR_INCOMPLETE_BODY},
        {"x-amz-checksum-crc32c:sOO8/A==\r\nx-amz-trailer-signature:" T_TRAILER "\r\n\r\n", ERR_SIGNATURE},
        {"x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:00\r\n\r\n", ERR_MALFORMED},
        {"x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:" T_TRAILER "\r\nmore:1\r\n\r\n", ERR_MALFORMED},
        {"\r\n", ERR_MALFORMED},
        {":x\r\n\r\n", ERR_MALFORMED},
        {"no colon\r\n\r\n", ERR_MALFORMED},
    };
    for (size_t i = 0; i < COUNT(tails); i++) {
        struct text text = {0};
        append_example(&text, tails[i].tail);
        int err = decode_example(slice_of(text.data, text.len), true, 777, 777);
        if (err != tails[i].err)
            print_error("tail %zu\n", i);
        assert_int_equal(err, tails[i].err);
        text_free(&text);
    }
}

static int decode_unsigned(const char *body, uint64_t decoded_len, size_t input_max, const char *expected)
{
    static struct aws_chunked d;
    struct text payload = {0};
    assert_int_equal(aws_chunked_init(&d, PAYLOAD_STREAM_UNSIGNED_TRAILER, decoded_len, NULL, engine), 0);
    int err = decode(&d, slice_string(body), input_max, 3, &payload);
    if (!err)
        assert_slice(slice_of(payload.len ? payload.data : "", payload.len), expected);
    aws_chunked_fini(&d);
    text_free(&payload);
    return err;
}

static void test_unsigned(void **state)
{
    (void)state;
    static const char good[] = "b\r\nhello world\r\nA;x=y\r\n0123456789\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n";
    for (size_t size = 1; size <= sizeof(good); size++)
        assert_int_equal(decode_unsigned(good, 21, size, "hello world0123456789"), 0);
    static const struct { const char *body; uint64_t len; int err; } cases[] = {
        {"0\r\n\r\n", 0, 0},
        {"0\r\nx-amz-checksum-crc32:AAAAAA==\r\n", 0, 0},
        {"00000000000000000000\r\n\r\n", 0, 0},
        {"", 0, ERR_INCOMPLETE_BODY},
        {"0\r\n", 0, ERR_INCOMPLETE_BODY},
        {"1\r\na\r\n0\r\n\r\n", 2, ERR_INCOMPLETE_BODY},
        {"0\r\n\r\n", 1, ERR_INCOMPLETE_BODY},
        {"2\r\nab\r\n0\r\n\r\n", 1, ERR_MALFORMED},
        {"ffffffffffffffff\r\n", 1, ERR_MALFORMED},
        {"10000000000000000\r\n", 1, ERR_MALFORMED},
        {"g\r\n", 1, ERR_MALFORMED},
        {"\r\n", 1, ERR_MALFORMED},
        {"-1\r\n", 1, ERR_MALFORMED},
        {"1\na\r\n", 1, ERR_MALFORMED},
        {"1\r\nab\r\n", 1, ERR_MALFORMED},
        {"1\r\na\rb\r\n", 1, ERR_MALFORMED},
        {"1 x\r\na\r\n", 1, ERR_MALFORMED},
        {"0;chunk-signature=00\r\n", 0, ERR_MALFORMED},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int err = decode_unsigned(cases[i].body, cases[i].len, 1, "");
        if (err != cases[i].err)
            print_error("case %zu\n", i);
        assert_int_equal(err, cases[i].err);
        assert_int_equal(decode_unsigned(cases[i].body, cases[i].len, 1000, ""), cases[i].err);
    }
}

/* One empty line behind the trailers, in one piece or two, and not a byte more. */
static void test_extra_line(void **state)
{
    (void)state;
    static struct aws_chunked d;
    struct text payload = {0};
    static const char body[] = "1\r\na\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\n\r\n";
    for (size_t piece = 1; piece <= 2; piece++) {
        assert_int_equal(aws_chunked_init(&d, PAYLOAD_STREAM_UNSIGNED_TRAILER, 1, NULL, engine), 0);
        assert_int_equal(decode(&d, slice_string(body), 1000, 1000, &payload), 0);
        assert_true(aws_chunked_done(&d));
        assert_int_equal(aws_chunked_extra(&d, "x", 1), 0);
        assert_int_equal(aws_chunked_extra(&d, "\r\n", piece), piece);
        assert_int_equal(aws_chunked_extra(&d, "\n\r\n", 3), piece == 1);
        assert_int_equal(aws_chunked_extra(&d, "\r\n", 2), 0);
        assert_int_equal(aws_chunked_finish(&d), 0);
        aws_chunked_fini(&d);
    }
    text_free(&payload);
}

static void test_bounds(void **state)
{
    (void)state;
    static char body[AWS_CHUNKED_TRAILER_MAX * 2];
    memset(body, '0', AWS_CHUNKED_LINE_MAX + 1);
    assert_int_equal(decode_unsigned(body, 0, 100, ""), ERR_TOO_LARGE);
    strcpy(body, "0\r\n");
    for (int i = 0; i < AWS_CHUNKED_TRAILERS_MAX + 1; i++)
        strcat(body, "a:b\r\n");
    strcat(body, "\r\n");
    assert_int_equal(decode_unsigned(body, 0, 100, ""), ERR_TOO_LARGE);
    strcpy(body, "0\r\n");
    for (int i = 0; i < 5; i++) {
        size_t len = strlen(body);
        memset(body + len, 'a', 900);
        strcpy(body + len + 900, ":b\r\n");
    }
    assert_int_equal(decode_unsigned(body, 0, 100, ""), ERR_TOO_LARGE);
}

static void test_misuse(void **state)
{
    (void)state;
    static struct aws_chunked d;
    struct sigv4_chain chain = example_chain(false);
    assert_int_equal(aws_chunked_init(&d, PAYLOAD_UNSIGNED, 0, &chain, engine), ERR_INVALID);
    assert_int_equal(aws_chunked_init(&d, PAYLOAD_SHA256, 0, &chain, engine), ERR_INVALID);
    assert_int_equal(aws_chunked_init(&d, PAYLOAD_STREAM_SIGNED, 0, NULL, engine), ERR_INVALID);
    /* A signed stream whose chunk names no signature, or two. */
    static const char *const bodies[] = {"1\r\na\r\n",
        "1;chunk-signature=" CHUNK_1 ";chunk-signature=" CHUNK_1 "\r\na\r\n"};
    for (size_t i = 0; i < COUNT(bodies); i++) {
        size_t used;
        struct slice span;
        assert_int_equal(aws_chunked_init(&d, PAYLOAD_STREAM_SIGNED, 1, &chain, engine), 0);
        assert_int_equal(aws_chunked_frame(&d, bodies[i], strlen(bodies[i]), &used, &span), ERR_MALFORMED);
        assert_int_equal(aws_chunked_frame(&d, "x", 1, &used, &span), ERR_MALFORMED); /* the failure stays */
        assert_int_equal(aws_chunked_finish(&d), ERR_MALFORMED);
        assert_false(aws_chunked_done(&d));
        aws_chunked_fini(&d);
    }
}

static int make_engine(void **state)
{
    (void)state;
    return digest_engine_new(DIGEST_SHA256, &engine);
}

static int free_engine(void **state)
{
    (void)state;
    digest_engine_free(engine);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signed),
        cmocka_unit_test(test_signed_trailer),
        cmocka_unit_test(test_unsigned), cmocka_unit_test(test_extra_line),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_misuse),
    };
    return cmocka_run_group_tests(tests, make_engine, free_engine);
}
