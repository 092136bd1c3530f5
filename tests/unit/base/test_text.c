#include "check.h"

#include <string.h>

#include "base/text.h"

static void appends_grow(void **state)
{
    (void)state;
    struct text text = {0};
    for (int i = 0; i < 1000; i++)
        text_append_format(&text, "%d,", i);
    assert_false(text.failed);
    assert_int_equal(text.len, strlen(text.data));
    assert_memory_equal(text.data, "0,1,2,", 6);
    assert_string_equal(text.data + text.len - 8, "998,999,");
    text_clear(&text);
    text_append(&text, NULL, 0);
    assert_string_equal(text.data, "");
    text_append_string(&text, "a\xff");
    text_append_hex(&text, "\x01\xfe", 2);
    assert_string_equal(text.data, "a\xff" "01fe");
    text_free(&text);
    assert_null(text.data);
}

static void exact_fit_keeps_the_nul(void **state)
{
    (void)state;
    for (size_t len = 60; len < 70; len++) {
        struct text text = {0};
        for (size_t i = 0; i < len; i++)
            text_append(&text, "x", 1);
        assert_true(text.capacity > text.len);
        assert_int_equal(strlen(text.data), len);
        text_free(&text);
    }
}

static void failure_sticks(void **state)
{
    (void)state;
    struct text text = {0};
    text_append_string(&text, "kept");
    text_append_hex(&text, "", SIZE_MAX / 2);
    assert_true(text.failed);
    text_append_string(&text, " not");
    assert_string_equal(text.data, "kept");
    text_clear(&text);
    assert_false(text.failed);
    text_free(&text);
}

static void base64_both_ways(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"}, {"\xfb\xff\xfe", "+//+"},
    };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        struct text text = {0};
        char bytes[16];
        size_t len = 99;
        text_append_base64(&text, pairs[i][0], strlen(pairs[i][0]));
        assert_string_equal(text.data, pairs[i][1]);
        assert_int_equal(base64_decode(slice_string(pairs[i][1]), bytes, sizeof(bytes), &len), 0);
        assert_int_equal(len, strlen(pairs[i][0]));
        assert_memory_equal(bytes, pairs[i][0], len);
        text_free(&text);
    }
}

static void base64_refuses(void **state)
{
    (void)state;
    static const char *const wrong[] = {"Z", "Zg", "Zg=", "=", "====", "Zg=a", "Z===", "Zm9v\n", "Zm9 ", "Zh==", "Zm9=",
                                        "-_-_", "Zg==Zg=="};
    char bytes[16];
    size_t len = 99;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(base64_decode(slice_string(wrong[i]), bytes, sizeof(bytes), &len), ERR_INVALID);
    assert_int_equal(base64_decode(slice_string("Zm9v"), bytes, 2, &len), ERR_INVALID);
    assert_int_equal(len, 99);
}

static void hex_decodes_exactly(void **state)
{
    (void)state;
    uint8_t bytes[4];
    size_t len = 99;
    assert_int_equal(hex_decode(slice_string("00fFA9"), bytes, 4, &len), 0);
    assert_int_equal(len, 3);
    assert_memory_equal(bytes, "\x00\xff\xa9", 3);
    len = 99;
    assert_int_equal(hex_decode(slice_string("0"), bytes, 4, &len), ERR_INVALID);
    assert_int_equal(hex_decode(slice_string("0g"), bytes, 4, &len), ERR_INVALID);
    assert_int_equal(hex_decode(slice_string("/0"), bytes, 4, &len), ERR_INVALID);
    assert_int_equal(hex_decode(slice_string("0011223344"), bytes, 4, &len), ERR_INVALID);
    assert_int_equal(len, 99);
}

static void numbers(void **state)
{
    (void)state;
    uint64_t value = 7;
    assert_int_equal(slice_parse_u64(slice_string("18446744073709551615"), &value), 0);
    assert_true(value == UINT64_MAX);
    static const char *const wrong[] = {"", "18446744073709551616", "99999999999999999999", "+1", "-1", " 1", "1 ", "0x1"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(slice_parse_u64(slice_string(wrong[i]), &value), ERR_INVALID);
    assert_true(value == UINT64_MAX);
    assert_int_equal(slice_parse_u64(slice_string("000"), &value), 0);
    assert_true(value == 0);
}

static void slices(void **state)
{
    (void)state;
    assert_true(slice_equal_string(slice_trim(slice_string(" \t a b\t ")), "a b"));
    assert_int_equal(slice_trim(slice_string(" \t ")).len, 0);
    assert_true(slice_equal_string_nocase(slice_string("x-AMZ-date"), "X-Amz-Date"));
    assert_false(slice_equal_string_nocase(slice_string("x-amz-dat"), "x-amz-date"));
    assert_false(slice_equal_string_nocase(slice_string("@"), "`"));
    assert_true(slice_equal_nocase(slice_string("ETag"), slice_string("etaG")));
    assert_false(slice_equal_nocase(slice_string("etag"), slice_string("etags")));
    assert_true(slice_starts_with(slice_string("abc"), "ab"));
    assert_true(slice_starts_with(slice_of(NULL, 0), ""));
    assert_false(slice_starts_with(slice_string("a"), "ab"));
    assert_true(slice_equal(slice_of(NULL, 0), slice_string("")));
    assert_false(slice_equal_string(slice_of("a\0b", 3), "a"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_grow), cmocka_unit_test(exact_fit_keeps_the_nul), cmocka_unit_test(failure_sticks),
        cmocka_unit_test(base64_both_ways), cmocka_unit_test(base64_refuses), cmocka_unit_test(hex_decodes_exactly),
        cmocka_unit_test(numbers), cmocka_unit_test(slices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
