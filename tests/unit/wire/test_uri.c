/* Targets, percent coding, queries, names, and where bucket and key stand. */
#include "wire_test.h"

#include "wire/uri.h"

static void test_split(void **state)
{
    (void)state;
    static const struct { const char *target, *authority, *path, *query; } good[] = {
        {"/", NULL, "/", NULL},
        {"/?", NULL, "/", ""},
        {"//a/../b?c=/?d", NULL, "//a/../b", "c=/?d"},
        {"/%zz\xff", NULL, "/%zz\xff", NULL},
        {"http://h:1/p?q", "h:1", "/p", "q"},
        {"http://h", "h", "/", NULL},
        {"http://h?q", "h", "/", "q"},
    };
    for (size_t i = 0; i < COUNT(good); i++) {
        struct uri uri;
        assert_int_equal(uri_split(slice_string(good[i].target), &uri), 0);
        assert_slice(uri.path, good[i].path);
        if (good[i].authority)
            assert_slice(uri.authority, good[i].authority);
        else
            assert_null(uri.authority.data);
        if (good[i].query)
            assert_slice(uri.query, good[i].query);
        else
            assert_null(uri.query.data);
    }
    static const char *const bad[] = {"", "*", "a", "://h/", "http:///p", "?a://b", "/a b", "/a\tb", "/a\x7f"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct uri uri;
        assert_int_equal(uri_split(slice_string(bad[i]), &uri), ERR_MALFORMED);
    }
    struct uri uri;
    assert_int_equal(uri_split(slice_of("/\0", 2), &uri), ERR_MALFORMED);
}

static void test_encode(void **state)
{
    (void)state;
    struct text text = {0};
    char all[256];
    for (int i = 0; i < 256; i++)
        all[i] = (char)i;
    uri_encode(&text, slice_of(all, 256), false);
    char back[256];
    size_t len;
    assert_int_equal(uri_decode(slice_of(text.data, text.len), true, back, sizeof(back), &len), 0);
    assert_int_equal(len, 256);
    assert_memory_equal(back, all, 256);
    text_clear(&text);
    uri_encode(&text, slice_string("aZ09-._~/ +%\xc3\xa4"), true);
    assert_string_equal(text.data, "aZ09-._~/%20%2B%25%C3%A4");
    text_clear(&text);
    uri_encode(&text, slice_string("/"), false);
    assert_string_equal(text.data, "%2F");
    text_free(&text);
}

static void test_decode(void **state)
{
    (void)state;
    char buffer[8];
    size_t len;
    assert_int_equal(uri_decode(slice_string("a+%2b%C3"), false, buffer, 4, &len), 0);
    assert_int_equal(len, 4);
    assert_memory_equal(buffer, "a++\xc3", 4);
    assert_int_equal(uri_decode(slice_string("a+"), true, buffer, 8, &len), 0);
    assert_memory_equal(buffer, "a ", 2);
    assert_int_equal(uri_decode(slice_string("abcd"), false, buffer, 3, &len), ERR_TOO_LARGE);
    static const char *const bad[] = {"%", "%1", "a%", "%g1", "%1g", "%%20"};
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(uri_decode(slice_string(bad[i]), false, buffer, 8, &len), ERR_MALFORMED);
}

static void test_utf8(void **state)
{
    (void)state;
    static const char *const good[] = {"", "plain and long enough for words", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80",
        "\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "12345678\xc3\xa4"};
    static const char *const bad[] = {"\x80", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2\x41", "\xe0\x9f\xbf",
        "\xed\xa0\x80",
        "\xe1\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xf1\x80\x80", "\xff", "1234567\xc3"};
    for (size_t i = 0; i < COUNT(good); i++)
        assert_true(utf8_valid(slice_string(good[i])));
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(utf8_valid(slice_string(bad[i])));
    assert_true(utf8_valid(slice_of("\0", 1)));
}

static void test_names(void **state)
{
    (void)state;
    static const char *const good[] = {"abc", "a-b", "a.b.c", "123", "1.2.3", "1.2.3.4.5", "my-bucket-2",
        "a23456789012345678901234567890123456789012345678901234567890123"};
    static const char *const bad[] = {"", "ab", "Abc", "a_b", "-ab", "ab-", ".ab", "ab.", "a..b", "a.-b", "a-.b", "a b",
        "192.168.1.1", "xn--abc", "sthree-abc", "amzn-s3-demo-x", "abc-s3alias", "abc--ol-s3", "abc.mrap", "abc--x-s3",
        "a/b", "\xc3\xa4xyz", "a234567890123456789012345678901234567890123456789012345678901234"};
    for (size_t i = 0; i < COUNT(good); i++)
        assert_true(uri_bucket_valid(slice_string(good[i]), false));
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(uri_bucket_valid(slice_string(bad[i]), false));
    assert_true(uri_bucket_valid(slice_string("a_b"), true));
    assert_false(uri_bucket_valid(slice_string("_ab"), true));
    static char key[URI_KEY_LEN_MAX + 1];
    memset(key, 'k', sizeof(key));
    assert_true(uri_key_valid(slice_of(key, URI_KEY_LEN_MAX)));
    assert_false(uri_key_valid(slice_of(key, URI_KEY_LEN_MAX + 1)));
    assert_false(uri_key_valid(slice_of(key, 0)));
    assert_false(uri_key_valid(slice_of("a\0b", 3)));
    assert_false(uri_key_valid(slice_string("\xff")));
    assert_true(uri_key_valid(slice_string("\x1f../%\xef\xbc\x88")));
}

static void test_query(void **state)
{
    (void)state;
    struct query query;
    assert_int_equal(query_parse(slice_string("uploads&prefix=a+b%2Bc&&empty=&=x&pre%66ix=2&a=b=c"), &query), 0);
    assert_int_equal(query.count, 6);
    assert_true(query_has(&query, "uploads"));
    assert_false(query_has(&query, "upload"));
    assert_slice(query_value(&query, "uploads"), "");
    assert_null(query_find(&query, "uploads")->raw_value.data);
    assert_slice(query_value(&query, "prefix"), "a b+c");
    assert_slice(query_find(&query, "prefix")->raw_value, "a+b%2Bc");
    assert_slice(query_value(&query, "empty"), "");
    assert_slice(query_value(&query, ""), "x");
    assert_slice(query.items[4].name, "prefix");
    assert_slice(query.items[4].raw_name, "pre%66ix");
    assert_slice(query_value(&query, "a"), "b=c");
    assert_null(query_value(&query, "missing").data);
    query_fini(&query);
    assert_int_equal(query_parse((struct slice){0}, &query), 0);
    assert_int_equal(query.count, 0);
    query_fini(&query);
    assert_int_equal(query_parse(slice_string("a=%"), &query), ERR_MALFORMED);
    assert_int_equal(query_parse(slice_string("%=a"), &query), ERR_MALFORMED);
    /* Long ones move to the heap. */
    struct text text = {0};
    text_append_string(&text, "a=%41");
    for (int i = 0; i < 500; i++)
        text_append_string(&text, "%42x");
    assert_int_equal(query_parse(slice_of(text.data, text.len), &query), 0);
    assert_int_equal(query_value(&query, "a").len, 1001);
    query_fini(&query);
    text_append_string(&text, "%");
    assert_int_equal(query_parse(slice_of(text.data, text.len), &query), ERR_MALFORMED);
    text_clear(&text);
    for (int i = 0; i < QUERY_PARAMETERS_MAX; i++)
        text_append_string(&text, "&a");
    assert_int_equal(query_parse(slice_of(text.data, text.len), &query), 0);
    query_fini(&query);
    text_append_string(&text, "&a");
    assert_int_equal(query_parse(slice_of(text.data, text.len), &query), ERR_TOO_LARGE);
    text_free(&text);
}

static void test_address(void **state)
{
    (void)state;
    const struct slice domains[] = {slice_string("example.com"), slice_string("s3.example.com")};
    static const struct { const char *path, *host, *bucket, *key; bool virtual_host; } good[] = {
        {"/", "", "", "", false},
        {"/bucket", "127.0.0.1:9000", "bucket", "", false},
        {"/bucket/", "[::1]:9000", "bucket", "", false},
        {"/b%20c/k%2Bx+%2F//./../", "other.org", "b c", "k+x+///./../", false},
        {"/bucket/k", "s3.example.com", "bucket", "k", false},
        {"/bucket/k", "S3.Example.com.:80", "bucket", "k", false},
        {"/k/l", "bucket.s3.example.com:9000", "bucket", "k/l", true},
        {"/", "Bucket.S3.EXAMPLE.com", "bucket", "", true},
        {"//k", "a.b.s3.example.com", "a.b", "/k", true},
        {"/k", "bucket.example.com", "bucket", "k", true},
        {"/bucket/k", "xexample.com", "bucket", "k", false},
        {"/bucket/k", ".example.com", "bucket", "k", false},
    };
    for (size_t i = 0; i < COUNT(good); i++) {
        struct uri_address a;
        assert_int_equal(uri_address_parse(slice_string(good[i].path), slice_string(good[i].host), domains, 2, &a), 0);
        assert_string_equal(a.bucket, good[i].bucket);
        assert_string_equal(a.key, good[i].key);
        assert_slice(uri_address_bucket(&a), good[i].bucket);
        assert_slice(uri_address_key(&a), good[i].key);
        assert_int_equal(a.virtual_host, good[i].virtual_host);
    }
    static char long_path[4000];
    memset(long_path, 'a', sizeof(long_path) - 1);
    memcpy(long_path, "/b/", 3);
    static const struct { const char *path; int err; } bad[] = {
        {"", ERR_MALFORMED}, {"x", ERR_MALFORMED}, {"/%", ERR_MALFORMED}, {"/b/%4", ERR_MALFORMED}, {"//", ERR_INVALID},
        {"//k", ERR_INVALID}, {"/b/%00", ERR_MALFORMED}, {"/b/%ff", ERR_MALFORMED}, {"/%00/k", ERR_INVALID},
        {long_path, ERR_TOO_LARGE},
    };
    struct uri_address a;
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(uri_address_parse(slice_string(bad[i].path), slice_string(""), domains, 2, &a), bad[i].err);
    long_path[2] = 'a';
    assert_int_equal(uri_address_parse(slice_string(long_path), slice_string(""), NULL, 0, &a), ERR_INVALID);
    long_path[2] = '/';
    long_path[3 + URI_KEY_LEN_MAX] = 0;
    assert_int_equal(uri_address_parse(slice_string(long_path), slice_string(""), NULL, 0, &a), 0);
    assert_int_equal(a.key_len, URI_KEY_LEN_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split),  cmocka_unit_test(test_encode), cmocka_unit_test(test_decode),
        cmocka_unit_test(test_utf8),   cmocka_unit_test(test_names),  cmocka_unit_test(test_query),
        cmocka_unit_test(test_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
