/* Values of single header fields: dates, ranges, entity tags, copy sources, ids; and lookups of headers. */
#include "wire_test.h"

#include "wire/copy_source.h"
#include "wire/etag.h"
#include "wire/header.h"
#include "wire/http_date.h"
#include "wire/range.h"
#include "wire/version_id.h"

#define SECOND 1000000ull

static void test_header(void **state)
{
    (void)state;
    const struct header items[] = {
        {slice_string("Host"), slice_string("h")}, {slice_string("X-Amz-Meta-A"), slice_string("1")},
        {slice_string("x-amz-meta-a"), slice_string("2")}, {slice_string("Empty"), {NULL, 0}},
    };
    struct headers headers = {items, COUNT(items)};
    assert_ptr_equal(header_find(headers, "HOST"), &items[0]);
    assert_null(header_find(headers, "hos"));
    assert_slice(header_value(headers, "x-AMZ-meta-a"), "1");
    assert_slice(header_value(headers, "empty"), "");
    assert_null(header_value(headers, "x").data);
    assert_int_equal(header_count(headers, "x-amz-meta-a"), 2);
    assert_true(header_name_starts_with(items[1].name, "x-amz-"));
    assert_false(header_name_starts_with(items[0].name, "x-amz-"));
    assert_false(header_name_starts_with(slice_string("x-amz"), "x-amz-"));
}

static void test_http_date(void **state)
{
    (void)state;
    uint64_t us, now = 1767225600 * SECOND; /* 2026-01-01 */
    static const char *const forms[] = {"Sun, 06 Nov 1994 08:49:37 GMT", " Sunday, 06-Nov-94 08:49:37 GMT ",
        "Sun Nov  6 08:49:37 1994", "Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 06 Nov 1994 08:49:37 +0000"};
    for (size_t i = 0; i < COUNT(forms); i++) {
        assert_int_equal(http_date_parse(slice_string(forms[i]), now, &us), 0);
        assert_int_equal(us, 784111777 * SECOND);
    }
    char text[HTTP_DATE_SIZE];
    static const struct { uint64_t s; const char *text; } pairs[] = {
        {0, "Thu, 01 Jan 1970 00:00:00 GMT"}, {68169600, "Tue, 29 Feb 1972 00:00:00 GMT"},
        {951782400, "Tue, 29 Feb 2000 00:00:00 GMT"}, {951868800, "Wed, 01 Mar 2000 00:00:00 GMT"},
        {1798761599, "Thu, 31 Dec 2026 23:59:59 GMT"}, {4107542400, "Mon, 01 Mar 2100 00:00:00 GMT"},
        {253402300799, "Fri, 31 Dec 9999 23:59:59 GMT"},
    };
    for (size_t i = 0; i < COUNT(pairs); i++) {
        http_date_format(pairs[i].s * SECOND + 999999, text);
        assert_string_equal(text, pairs[i].text);
        assert_int_equal(http_date_parse(slice_string(text), now, &us), 0);
        assert_int_equal(us, pairs[i].s * SECOND);
    }
    http_date_format(UINT64_MAX, text);
    assert_string_equal(text, pairs[6].text);
    /* Two digits: at most 50 years ahead. */
    assert_int_equal(http_date_parse(slice_string("Tuesday, 01-Jan-76 00:00:00 GMT"), now, &us), 0);
    assert_int_equal(us, 3345062400 * SECOND);
    assert_int_equal(http_date_parse(slice_string("Saturday, 01-Jan-77 00:00:00 GMT"), now, &us), 0);
    assert_int_equal(us, 220924800 * SECOND);
    static const char *const bad[] = {"", "Sun", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 GMTx",
        "Sun, 31 Nov 1994 08:49:37 GMT", "Sun, 29 Feb 2100 00:00:00 GMT", "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 06 Xxx 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 Nov 1969 08:49:37 GMT",
        "Xyz, 06 Nov 1994 08:49:37 GMT", "Sun, 6 Nov 1994 08:49:37 GMT", "1994-11-06"};
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(http_date_parse(slice_string(bad[i]), now, &us), ERR_MALFORMED);
}

static void test_every_day(void **state)
{
    (void)state;
    char before[ISO_DATE_SIZE] = "", text[ISO_DATE_SIZE];
    for (uint64_t day = 0; day < 150000; day++) {
        uint64_t us = day * 86400 * SECOND + 45296789000ull, back;
        iso_date_format(us, text);
        assert_true(strcmp(before, text) < 0);
        assert_int_equal(iso_date_parse(slice_string(text), &back), 0);
        assert_int_equal(back, us);
        memcpy(before, text, sizeof(text));
    }
}

static void test_iso_date(void **state)
{
    (void)state;
    static const struct { const char *text; uint64_t us; } good[] = {
        {"1994-11-06T08:49:37.000Z", 784111777 * SECOND}, {"19941106T084937Z", 784111777 * SECOND},
        {"1994-11-06T08:49:37Z", 784111777 * SECOND}, {"1994-11-06T09:49:37+01:00", 784111777 * SECOND},
        {"1994-11-06T07:19:37-0130", 784111777 * SECOND}, {"1994-11-06 08:49:37", 784111777 * SECOND},
        {"1994-11-06T08:49:37.1234567Z", 784111777 * SECOND + 123456}, {"1994-11-06", 784080000 * SECOND},
        {"19941106", 784080000 * SECOND}, {"1994-11-06T08:49Z", 784111740 * SECOND}, {"19941106T0849Z",
         784111740 * SECOND},
        {"1994-11-06T10:49:37+02", 784111777 * SECOND}, {"1994-11-06T08:49:60Z", 784111799 * SECOND},
    };
    uint64_t us;
    for (size_t i = 0; i < COUNT(good); i++) {
        assert_int_equal(iso_date_parse(slice_string(good[i].text), &us), 0);
        assert_int_equal(us, good[i].us);
    }
    static const char *const bad[] = {"", "1994", "1994-11", "1994-1106", "1994-11-06T", "1994-11-06X08:49:37Z",
        "1994-11-06T08:49:37.Z", "1994-11-06T08:4937Z", "1994-11-06T08:49:37Zx", "1994-13-06", "1994-11-06T08:60:00Z",
        "1994-11-06T08:49:61Z", "1994-11-06T08:49:37+24:00", "1994-11-06T08:49:37+1", "1970-01-01T00:00:00+01:00",
        "1969-12-31T23:59:59Z"};
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(iso_date_parse(slice_string(bad[i]), &us), ERR_MALFORMED);
    char text[ISO_BASIC_DATE_SIZE];
    iso_date_format_basic(784111777 * SECOND, text);
    assert_string_equal(text, "19941106T084937Z");
    assert_int_equal(iso_date_parse_basic(slice_string(text), &us), 0);
    assert_int_equal(us, 784111777 * SECOND);
    assert_int_equal(iso_date_parse_basic(slice_string("1994-11-06T08:49:37Z"), &us), ERR_MALFORMED);
    assert_int_equal(iso_date_parse_basic(slice_string("19941106T084937Z "), &us), ERR_MALFORMED);
}

static void test_range(void **state)
{
    (void)state;
    static const struct { const char *text; bool suffix; uint64_t first, last; } good[] = {
        {"bytes=0-0", false, 0, 0}, {"bytes=5-100", false, 5, 100}, {"bytes=9-", false, 9, UINT64_MAX}, {"bytes=-3", true, 3, UINT64_MAX},
        {"bytes=-0", true, 0, UINT64_MAX}, {" Bytes =1-2 ", false, 1, 2}, {"bytes=0-99999999999999999999999", false, 0, UINT64_MAX},
        {"bytes=-99999999999999999999999", true, UINT64_MAX, UINT64_MAX},
    };
    for (size_t i = 0; i < COUNT(good); i++) {
        struct range range;
        assert_int_equal(range_parse(slice_string(good[i].text), &range), 0);
        assert_int_equal(range.suffix, good[i].suffix);
        assert_true(range.first == good[i].first && range.last == good[i].last);
    }
    static const char *const bad[] = {"", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=1", "bytes=2-1",
        "bytes=0-1,3-4",
        "items=0-1", "bytes 0-1", "bytes=0-1x", "bytes=--1", "bytes=+1-2", "bytes=1-2-3", "bytes= -1", "bytes= 1-2", "bytes=1 -2", "bytes=1- 2"};
    struct range range;
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(range_parse(slice_string(bad[i]), &range), ERR_MALFORMED);
        assert_int_equal(range_parse_copy_source(slice_string(bad[i]), &range), ERR_MALFORMED);
    }
    assert_int_equal(range_parse_copy_source(slice_string("bytes=1-2"), &range), 0);
    assert_int_equal(range.first, 1);
    assert_int_equal(range.last, 2);
    assert_int_equal(range_parse_copy_source(slice_string("bytes=1-"), &range), ERR_MALFORMED);
    assert_int_equal(range_parse_copy_source(slice_string("bytes=-1"), &range), ERR_MALFORMED);
}

static void test_etag(void **state)
{
    (void)state;
    static const struct { const char *list, *tag; bool weak_too, matches; } cases[] = {
        {"\"a\"", "a", false, true}, {"a", "a", false, true}, {"*", "x", false, true}, {"\"*\"", "x", false, false},
        {"\"a\", \"b\"", "b", false, true}, {"a,b", "b", false, true}, {"W/\"a\"", "a", false, false},
        {"W/\"a\"", "a", true, true}, {"\"a,b\"", "a,b", false, true}, {"\"a,b\"", "b", false, false}, {"", "a", true,
         false},
        {" , ,", "a", true, false}, {"\"a", "a", false, true}, {"a b", "a", false, false}, {"\"\"", "", false, true},
        {"\"a\"\"b\"", "b", false, true},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(etag_list_matches(slice_string(cases[i].list), slice_string(cases[i].tag), cases[i].weak_too),
                         cases[i].matches);
    assert_false(etag_list_matches((struct slice){0}, slice_string("a"), true));
    assert_slice(etag_unquote(slice_string(" \"a\" ")), "a");
    assert_slice(etag_unquote(slice_string("\"")), "\"");
    uint8_t etag[20];
    uint32_t len;
    assert_int_equal(etag_parse(slice_string("\"000102030405060708090a0b0c0d0e0F\""), etag, &len), 0);
    assert_int_equal(len, 16);
    assert_hex(etag, 16, "000102030405060708090a0b0c0d0e0f");
    assert_int_equal(etag_parse(slice_string("000102030405060708090a0b0c0d0e0f-10000"), etag, &len), 0);
    assert_int_equal(len, 20);
    assert_hex(etag, 20, "000102030405060708090a0b0c0d0e0f00002710");
    static const char *const bad[] = {"", "00", "000102030405060708090a0b0c0d0e0g", "000102030405060708090a0b0c0d0e0f-",
        "000102030405060708090a0b0c0d0e0f-0", "000102030405060708090a0b0c0d0e0f-x", "000102030405060708090a0b0c0d0e0f1",
        "000102030405060708090a0b0c0d0e0f-4294967296"};
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(etag_parse(slice_string(bad[i]), etag, &len), ERR_MALFORMED);
}

static void test_copy_source(void **state)
{
    (void)state;
    static const struct { const char *value, *bucket, *key, *version_id; } good[] = {
        {"bucket/key", "bucket", "key", NULL}, {"/bucket/key", "bucket", "key", NULL},
        {"bucket/a+b c/%2B%20\xc3\xa4", "bucket", "a+b c/+ \xc3\xa4", NULL}, {"bucket/%uFF08%", "bucket", "%uFF08%",
         NULL},
        {"bucket%2Fdir%2fkey", "bucket", "dir/key", NULL}, {"%2Fbucket%2Fkey", "bucket", "key", NULL},
        {"bucket/key?versionId=null", "bucket", "key", "null"}, {"bucket/key?x=1", "bucket", "key?x=1", NULL},
        {"bucket/key?versionId=", "bucket", "key", ""}, {"bucket//key", "bucket", "/key", NULL},
        {"bucket/a?versionId=b?versionId=c", "bucket", "a?versionId=b", "c"}, {"bucket/a%3FversionId=b", "bucket",
         "a?versionId=b", NULL},
    };
    struct copy_source source;
    for (size_t i = 0; i < COUNT(good); i++) {
        assert_int_equal(copy_source_parse(slice_string(good[i].value), &source), 0);
        assert_string_equal(source.bucket, good[i].bucket);
        assert_string_equal(source.key, good[i].key);
        assert_int_equal(source.bucket_len, strlen(good[i].bucket));
        assert_int_equal(source.key_len, strlen(good[i].key));
        if (good[i].version_id)
            assert_slice(source.version_id, good[i].version_id);
        else
            assert_null(source.version_id.data);
    }
    static char long_value[2000];
    memset(long_value, 'a', sizeof(long_value) - 1);
    assert_int_equal(copy_source_parse(slice_string(long_value), &source), ERR_MALFORMED);
    long_value[1] = '/';
    assert_int_equal(copy_source_parse(slice_string(long_value), &source), ERR_TOO_LARGE);
    long_value[1] = 'a';
    long_value[1500] = '/';
    assert_int_equal(copy_source_parse(slice_string(long_value), &source), ERR_INVALID);
    static const char *const bad[] = {"", "/", "bucket", "/bucket", "bucket/", "//key", "bucket/%ff", "bucket/%00",
        "?versionId=a"};
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(copy_source_parse(slice_string(bad[i]), &source), ERR_MALFORMED);
    assert_int_equal(copy_source_parse(slice_string("b%00/k"), &source), ERR_INVALID);
}

static void test_rename_source(void **state)
{
    (void)state;
    static const struct { const char *value, *key; } good[] = {
        {"key", "key"}, {"/key", "key"}, {"bucket/key", "key"}, {"/bucket/key", "key"}, {"bucket/bucket/key", "bucket/key"},
        {"dir/key", "dir/key"}, {"/dir/key", "dir/key"}, {"bucket/", "bucket/"}, {"bucket", "bucket"}, {"bucket2/key", "bucket2/key"},
        {"%2Fbucket%2fa%20b", "a b"}, {"key?versionId=1", "key?versionId=1"}, {"//key", "/key"}, {" key ", "key"},
    };
    struct copy_source source;
    for (size_t i = 0; i < COUNT(good); i++) {
        assert_int_equal(rename_source_parse(slice_string(good[i].value), slice_string("bucket"), &source), 0);
        assert_string_equal(source.key, good[i].key);
        assert_int_equal(source.key_len, strlen(good[i].key));
        assert_string_equal(source.bucket, "bucket");
        assert_null(source.version_id.data);
    }
    static const char *const bad[] = {"", "/", "%ff", "bucket/%00"};
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(rename_source_parse(slice_string(bad[i]), slice_string("bucket"), &source), ERR_MALFORMED);
    static char long_value[1026];
    memset(long_value, 'a', sizeof(long_value) - 1);
    assert_int_equal(rename_source_parse(slice_string(long_value), slice_string("bucket"), &source), ERR_TOO_LARGE);
}

static void test_version_id(void **state)
{
    (void)state;
    char text[VERSION_ID_TEXT_SIZE], before[VERSION_ID_TEXT_SIZE] = "";
    for (int i = 0; i < 256; i++) {
        uint8_t id[VERSION_ID_LEN], back[VERSION_ID_LEN];
        for (int j = 0; j < VERSION_ID_LEN; j++)
            id[j] = (uint8_t)(i + j * (i & 1) * 37);
        id[0] = (uint8_t)i;
        version_id_format(id, text);
        assert_int_equal(strlen(text), VERSION_ID_TEXT_LEN);
        assert_true(strcmp(before, text) < 0);
        assert_int_equal(version_id_parse(slice_string(text), back), 0);
        assert_memory_equal(id, back, VERSION_ID_LEN);
        memcpy(before, text, sizeof(text));
    }
    static const char *const bad[] = {"", "null", "0000000000000000000000000", "000000000000000000000000000",
        "0000000000000000000000000w", "0000000000000000000000000A", "00000000000000000000000001"};
    uint8_t id[VERSION_ID_LEN];
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(version_id_parse(slice_string(bad[i]), id), ERR_MALFORMED);
    assert_true(version_id_is_null(slice_string("null")));
    assert_false(version_id_is_null(slice_string("Null")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header),   cmocka_unit_test(test_http_date), cmocka_unit_test(test_every_day),
        cmocka_unit_test(test_iso_date), cmocka_unit_test(test_range),     cmocka_unit_test(test_etag),
        cmocka_unit_test(test_copy_source), cmocka_unit_test(test_rename_source), cmocka_unit_test(test_version_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
