/* What the headers say about a body. */
#include "wire_test.h"

#include "wire/payload.h"

#define HELLO_SHA256 "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"

struct field { const char *name, *value; };

static enum payload_result parse(const struct field *fields, struct payload *p)
{
    struct header items[8];
    uint32_t count = 0;
    for (; count < 8 && fields[count].name; count++)
        items[count] = (struct header){slice_string(fields[count].name), slice_string(fields[count].value)};
    return payload_parse((struct headers){items, count}, p);
}

static void test_plain(void **state)
{
    (void)state;
    struct payload p;
    assert_int_equal(parse((struct field[8]){{0}}, &p), PAYLOAD_OK);
    assert_int_equal(p.mode, PAYLOAD_UNSIGNED);
    assert_int_equal(p.kind, CHECKSUM_NONE);
    assert_false(p.has_md5 || p.has_checksum || p.has_decoded_len || p.in_trailer);
    assert_int_equal(parse((struct field[8]){{"X-Amz-Content-SHA256", HELLO_SHA256},
                                             {"Content-MD5", "XUFAKrxLKna5cZ2REBfFkg=="},
                                             {"x-amz-checksum-crc32", "NhCmhg=="},
                                             {"x-amz-sdk-checksum-algorithm", "crc32"},
                                             {"x-amz-checksum-type", "full_object"}}, &p), PAYLOAD_OK);
    assert_int_equal(p.mode, PAYLOAD_SHA256);
    assert_hex(p.sha256, SHA256_LEN, HELLO_SHA256);
    assert_true(p.has_md5);
    assert_hex(p.md5, MD5_LEN, "5d41402abc4b2a76b9719d911017c592");
    assert_true(p.has_checksum);
    assert_int_equal(p.kind, CHECKSUM_CRC32);
    assert_hex(p.checksum, 4, "3610a686");
    assert_int_equal(p.type, CHECKSUM_FULL_OBJECT);
    assert_int_equal(parse((struct field[8]){{"x-amz-checksum-sha256",
        "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=-2"},
                                             {"x-amz-checksum-type", "COMPOSITE"}}, &p), PAYLOAD_OK);
    assert_true(p.composite);
    assert_int_equal(p.composite_parts, 2);
    assert_int_equal(p.type, CHECKSUM_COMPOSITE);
    assert_int_equal(parse((struct field[8]){{"x-amz-checksum-algorithm", "CRC64NVME"}}, &p), PAYLOAD_OK);
    assert_int_equal(p.kind, CHECKSUM_CRC64NVME);
    assert_false(p.has_checksum);
}

static void test_streams(void **state)
{
    (void)state;
    static const struct { const char *value; enum payload_mode mode; } modes[] = {
        {"STREAMING-AWS4-HMAC-SHA256-PAYLOAD", PAYLOAD_STREAM_SIGNED},
        {"STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", PAYLOAD_STREAM_SIGNED_TRAILER},
        {"STREAMING-UNSIGNED-PAYLOAD-TRAILER", PAYLOAD_STREAM_UNSIGNED_TRAILER},
    };
    struct payload p;
    for (size_t i = 0; i < COUNT(modes); i++) {
        assert_int_equal(parse((struct field[8]){{"x-amz-content-sha256", modes[i].value}}, &p),
                         PAYLOAD_MISSING_DECODED_LENGTH);
        assert_int_equal(parse((struct field[8]){{"x-amz-content-sha256", modes[i].value},
                                                 {"x-amz-decoded-content-length", "66560"}}, &p), PAYLOAD_OK);
        assert_int_equal(p.mode, modes[i].mode);
        assert_true(payload_is_stream(p.mode));
        assert_int_equal(p.decoded_len, 66560);
    }
    assert_int_equal(parse((struct field[8]){{"x-amz-content-sha256", modes[2].value}, {"x-amz-decoded-content-length",
        "1"},
                                             {"x-amz-trailer", "X-Amz-Checksum-CRC64NVME"},
                                             {"x-amz-sdk-checksum-algorithm", "CRC64NVME"}}, &p), PAYLOAD_OK);
    assert_true(p.in_trailer);
    assert_int_equal(p.kind, CHECKSUM_CRC64NVME);
    /* the trailer itself */
    struct header trailer = {slice_string("x-amz-checksum-crc64nvme"), slice_string("AAAAAAAAAAE=")};
    struct headers none = {NULL, 0}, one = {&trailer, 1};
    assert_int_equal(payload_take_trailers(&p, none), PAYLOAD_TRAILER_MISSING);
    trailer.value = slice_string("AAAAAAAAAAE");
    assert_int_equal(payload_take_trailers(&p, one), PAYLOAD_BAD_CHECKSUM);
    assert_false(p.has_checksum);
    trailer.value = slice_string("AAAAAAAAAAE=");
    assert_int_equal(payload_take_trailers(&p, one), PAYLOAD_OK);
    assert_true(p.has_checksum);
    assert_hex(p.checksum, 8, "0000000000000001");
    p.in_trailer = false;
    assert_int_equal(payload_take_trailers(&p, none), PAYLOAD_OK);
}

static void test_bad(void **state)
{
    (void)state;
#define STREAM {"x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"}, {"x-amz-decoded-content-length", "1"}
    static const struct { struct field fields[8]; enum payload_result result; } cases[] = {
        {{{"x-amz-content-sha256", ""}}, PAYLOAD_BAD_CONTENT_SHA256},
        {{{"x-amz-content-sha256", "unsigned-payload"}}, PAYLOAD_BAD_CONTENT_SHA256},
        {{{"x-amz-content-sha256", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"}}, PAYLOAD_UNSUPPORTED_STREAM},
        {{{"x-amz-decoded-content-length", "-1"}}, PAYLOAD_BAD_DECODED_LENGTH},
        {{{"Content-MD5", ""}}, PAYLOAD_BAD_MD5},
        {{{"Content-MD5", "XUFAKrxLKna5cZ2REBfF"}}, PAYLOAD_BAD_MD5},
        {{{"x-amz-checksum-crc32", "NhCm"}}, PAYLOAD_BAD_CHECKSUM},
        {{{"x-amz-checksum-crc32", "NhCmhg==-0"}}, PAYLOAD_BAD_CHECKSUM},
        {{{"x-amz-checksum-crc32", "NhCmhg==-10001"}}, PAYLOAD_BAD_CHECKSUM},
        {{{"x-amz-checksum-sha1", "NhCmhg=="}}, PAYLOAD_BAD_CHECKSUM},
        {{{"x-amz-checksum-crc32", "NhCmhg=="}, {"x-amz-checksum-crc32c", "NhCmhg=="}}, PAYLOAD_MANY_CHECKSUMS},
        {{{"x-amz-checksum-crc32", "NhCmhg=="}, {"x-amz-checksum-crc32", "NhCmhg=="}}, PAYLOAD_MANY_CHECKSUMS},
        {{STREAM, {"x-amz-trailer", "x-amz-checksum-crc32,x-amz-checksum-sha1"}}, PAYLOAD_MANY_CHECKSUMS},
        {{STREAM, {"x-amz-trailer", "x-amz-checksum-crc32"}, {"x-amz-checksum-crc32", "NhCmhg=="}},
         PAYLOAD_MANY_CHECKSUMS},
        {{STREAM, {"x-amz-trailer", "x-amz-other"}}, PAYLOAD_BAD_TRAILER},
        {{{"x-amz-trailer", "x-amz-checksum-crc32"}}, PAYLOAD_BAD_TRAILER},
        {{{"x-amz-sdk-checksum-algorithm", "MD4"}}, PAYLOAD_BAD_ALGORITHM},
        {{{"x-amz-sdk-checksum-algorithm", "CRC32"}, {"x-amz-checksum-sha1", "qvTGHdzF6KLavt4PO0gs2a6pQ00="}},
         PAYLOAD_ALGORITHM_CONFLICT},
        {{{"x-amz-checksum-type", "HALF"}}, PAYLOAD_BAD_CHECKSUM_TYPE},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct payload p;
        enum payload_result result = parse(cases[i].fields, &p);
        if (result != cases[i].result)
            print_error("case %zu\n", i);
        assert_int_equal(result, cases[i].result);
        assert_non_null(payload_result_code(result));
        assert_non_null(payload_result_text(result));
        assert_in_range(payload_result_status(result), 400, 501);
    }
}

static void test_names(void **state)
{
    (void)state;
    for (int kind = CHECKSUM_CRC32; kind < CHECKSUM_KIND_COUNT; kind++) {
        assert_int_equal(checksum_kind_parse(slice_string(checksum_name(kind))), kind);
        assert_true(slice_equal_string_nocase(slice_string(checksum_header_name(kind) + 15), checksum_name(kind)));
    }
    assert_int_equal(checksum_kind_parse(slice_string("")), CHECKSUM_NONE);
    assert_null(checksum_header_name(CHECKSUM_NONE));
}

static void test_content_encoding(void **state)
{
    (void)state;
    static const struct { const char *value, *stored; } cases[] = {
        {"aws-chunked", ""}, {"AWS-Chunked,gzip", "gzip"}, {"gzip, aws-chunked", "gzip"}, {"gzip,aws-chunked , br",
         "gzip, br"},
        {"gzip", "gzip"}, {"", ""}, {",,", ""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct text text = {0};
        payload_strip_aws_chunked(slice_string(cases[i].value), &text);
        assert_slice(slice_of(text.len ? text.data : "", text.len), cases[i].stored);
        text_free(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain), cmocka_unit_test(test_streams), cmocka_unit_test(test_bad),
        cmocka_unit_test(test_names), cmocka_unit_test(test_content_encoding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
