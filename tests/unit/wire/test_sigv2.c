/* Version 2 signatures: the examples of S3's developer guide, requests signed by other implementations, and every way to be
 * refused. */
#include "wire_test.h"

#include <stdio.h>

#include "wire/http_date.h"
#include "wire/sigv2.h"

#define SECRET "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
#define KEY "AKIAIOSFODNN7EXAMPLE"
#define HOST {"Host", "s3.amazonaws.com"}
#define SIGNED(signature) {"Authorization", "AWS " KEY ":" signature}

struct field { const char *name, *value; };

struct example {
    const char *method, *target, *bucket, *now;
    struct field fields[12];
};

/* A request with its storage. */
struct sample {
    struct header items[12];
    struct sigv4_request sent;
    struct query query;
    struct sigv2_request request;
    uint64_t now_us;
};

static void make(struct sample *sample, const struct example *example)
{
    struct uri uri;
    uint32_t count = 0;
    for (; count < 12 && example->fields[count].name; count++) {
        sample->items[count].name = slice_string(example->fields[count].name);
        sample->items[count].value = slice_string(example->fields[count].value);
    }
    assert_int_equal(uri_split(slice_string(example->target), &uri), 0);
    assert_int_equal(query_parse(uri.query, &sample->query), 0);
    sample->sent = (struct sigv4_request){slice_string(example->method), uri.path, uri.query, {sample->items, count}};
    sample->request = (struct sigv2_request){&sample->sent, &sample->query, slice_string(example->bucket)};
    assert_int_equal(http_date_parse(slice_string(example->now), 0, &sample->now_us), 0);
}

static enum sigv4_result verify(const struct example *example, const char *secret)
{
    struct sample sample;
    struct sigv2 s;
    struct sigv4 ignored;
    make(&sample, example);
    assert_int_equal(sigv4_parse(&sample.sent, &sample.query, &ignored), SIGV4_VERSION_2);
    enum sigv4_result result = sigv2_parse(&sample.request, sample.now_us, &s);
    if (result == SIGV4_OK)
        result = sigv2_verify(&s, &sample.request, slice_string(secret));
    query_fini(&sample.query);
    return result;
}

#define NOW "Tue, 27 Mar 2007 19:40:00 GMT"
#define NEAR {"Date", "Tue, 27 Mar 2007 19:36:42 GMT"}

static const struct example good[] = {
    /* S3 developer guide, "Signing and authenticating REST requests". Its example of DELETE is left out: it signs x-amz-date
     * in the place of Date, against the text beside it and what S3 does. */
    {"GET", "/photos/puppy.jpg", "johnsmith", NOW,
     {HOST, {"Date", "Tue, 27 Mar 2007 19:36:42 +0000"}, SIGNED("bWq2s1WEIj+Ydj0vQ697zp+IXMU=")}},
    {"PUT", "/photos/puppy.jpg", "johnsmith", "Tue, 27 Mar 2007 21:15:45 GMT",
     {{"Content-Type", "image/jpeg"}, {"Content-Length", "94328"}, HOST, {"Date", "Tue, 27 Mar 2007 21:15:45 +0000"},
      SIGNED("MyyxeRY7whkBe+bq8fHCL/2kKUg=")}},
    {"GET", "/?prefix=photos&max-keys=50&marker=puppy", "johnsmith", NOW,
     {HOST, {"Date", "Tue, 27 Mar 2007 19:42:41 +0000"}, SIGNED("htDYFYduRNen8P9ZfE/s9SuKy0U=")}},
    {"GET", "/?acl", "johnsmith", NOW,
     {HOST, {"Date", "Tue, 27 Mar 2007 19:44:46 +0000"}, SIGNED("c2WLPFtWHVgbEmeEG93a4cG37dM=")}},
    {"PUT", "/db-backup.dat.gz", "static.johnsmith.net", "Tue, 27 Mar 2007 21:06:08 GMT",
     {{"Host", "static.johnsmith.net:8080"}, {"Date", "Tue, 27 Mar 2007 21:06:08 +0000"}, {"x-amz-acl", "public-read"},
      {"content-type", "application/x-download"}, {"Content-MD5", "4gJE4saaMU4BqNR0kLY+lw=="},
      {"X-Amz-Meta-ReviewedBy", "joe@johnsmith.net"}, {"X-Amz-Meta-ReviewedBy", "jane@johnsmith.net"},
      {"X-Amz-Meta-FileChecksum", "0x02661779"}, {"X-Amz-Meta-ChecksumAlgorithm", "crc32"},
      {"Content-Encoding", "gzip"}, SIGNED("ilyl83RwaSoYIEdixDQcA4OnAnc=")}},
    {"GET", "/", "", "Wed, 28 Mar 2007 01:29:59 GMT",
     {HOST, {"Date", "Wed, 28 Mar 2007 01:29:59 +0000"}, SIGNED("qGdzdERIC03wnaRNKh6OqZehG9s=")}},
    {"GET", "/dictionary/fran%C3%A7ais/pr%c3%a9f%c3%a8re", "", "Wed, 28 Mar 2007 01:49:49 GMT",
     {HOST, {"Date", "Wed, 28 Mar 2007 01:49:49 +0000"}, SIGNED("DNEZGsoieTZ92F3bUfSPQcbGmlM=")}},
    {"GET", "/photos/puppy.jpg?AWSAccessKeyId=" KEY "&Signature=NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D&Expires=1175139620",
     "johnsmith", NOW, {HOST}},
    /* the same, its "+" not encoded; an x-amz-date beside Date: Date is nothing then */
    {"GET", "/photos/puppy.jpg?AWSAccessKeyId=" KEY "&Signature=NpgCjnDzrM+WFzoENXmpNDUsSn8%3D&Expires=1175139620",
     "johnsmith", NOW, {HOST}},
    {"DELETE", "/johnsmith/photos/puppy.jpg", "", "Tue, 27 Mar 2007 21:20:26 GMT",
     {HOST, {"Date", "Tue, 27 Mar 2007 21:20:27 +0000"}, {"x-amz-date", "Tue, 27 Mar 2007 21:20:26 +0000"},
      SIGNED("R4dJ53KECjStyBO5iTBJZ4XVOaI=")}},
    /* botocore 1.44.8 from here */
    {"PUT", "/bucket", "", NOW,
     {{"Host", "h"}, NEAR, SIGNED("OtfDOu0tt1vecHySiTv2J2fkyy4=")}},
    {"POST", "/bucket/a%20b/%C3%A9?uploadId=x%2Fy%2B1&partNumber=7", "", NOW,
     {{"Host", "h"}, {"Content-Type", "text/plain"}, {"x-amz-meta-b", " two "}, {"x-amz-meta-a", "1"}, {"x-amz-security-token", "tok/en+=="},
      NEAR, SIGNED("mZqSvk9l+S9yMxjab+DuOQC5yDk=")}},
    {"GET", "/a%20b?response-content-disposition=attachment%3B%20filename%3D%22a%2Bb.txt%22&versionId=null"
     "&AWSAccessKeyId=" KEY "&Signature=ya2RanGeUIikD4DrR0i%2BYo9ZbZU%3D&Expires=1175027802", "bucket", NOW,
     {{"Host", "h"}}},
    {"PUT", "/bucket/k?AWSAccessKeyId=" KEY "&Signature=kq3dyAiTcM4EsbxF8LCt6j8i8a8%3D"
     "&content-type=text%2Fplain&x-amz-acl=public-read&x-amz-security-token=tok%2Fen%2B%3D%3D&Expires=1175027802", "", NOW,
     {{"Host", "h"}}},
};

static void accepts(void **state)
{
    (void)state;
    for (unsigned i = 0; i < COUNT(good); i++) {
        assert_int_equal(verify(&good[i], SECRET), SIGV4_OK);
        assert_int_equal(verify(&good[i], "another"), SIGV4_MISMATCH);
    }
}

#define ANY SIGNED("AAAAAAAAAAAAAAAAAAAAAAAAAAA=")

static const struct { struct example example; enum sigv4_result result; } bad[] = {
    {{"GET", "/k", "", NOW, {NEAR, {"Authorization", "AWS"}}}, SIGV4_V2_HEADER_MALFORMED},
    {{"GET", "/k", "", NOW, {NEAR, {"Authorization", "AWS HAHAHA"}}}, SIGV4_V2_HEADER_MALFORMED},
    {{"GET", "/k", "", NOW, {NEAR, {"Authorization", "AWS :c2ln"}}}, SIGV4_V2_HEADER_MALFORMED},
    {{"GET", "/k", "", NOW, {NEAR, {"Authorization", "AWS key:"}}}, SIGV4_V2_HEADER_MALFORMED},
    {{"GET", "/k", "", NOW, {NEAR, {"Authorization", "AWS key:c2ln"}}}, SIGV4_MISMATCH},
    {{"GET", "/k", "", NOW, {NEAR, {"Authorization", "AWS key:not base64"}}}, SIGV4_MISMATCH},
    {{"GET", "/k", "", NOW, {NEAR, ANY}}, SIGV4_MISMATCH},
    {{"GET", "/k", "", NOW, {ANY}}, SIGV4_MISSING_DATE},
    {{"GET", "/k", "", NOW, {{"Date", ""}, ANY}}, SIGV4_MISSING_DATE},
    {{"GET", "/k", "", NOW, {{"Date", "yesterday"}, ANY}}, SIGV4_MISSING_DATE},
    {{"GET", "/k", "", NOW, {{"Date", "Tue, 27 Mar 2007 19:36:42 +0100"}, ANY}}, SIGV4_MISSING_DATE},
    {{"GET", "/k", "", NOW, {NEAR, {"x-amz-date", ""}, ANY}}, SIGV4_MISSING_DATE},
    {{"GET", "/k", "", NOW, {NEAR, {"x-amz-date", "Tue, 07 Jul 1950 21:53:04 GMT"}, ANY}}, SIGV4_MISSING_DATE},
    {{"GET", "/k", "", NOW, {{"Date", "Tue, 27 Mar 2007 19:55:00 GMT"}, ANY}}, SIGV4_MISMATCH},
    {{"GET", "/k", "", NOW, {{"Date", "Tue, 27 Mar 2007 19:55:01 GMT"}, ANY}}, SIGV4_SKEWED},
    {{"GET", "/k", "", NOW, {{"Date", "Tue, 27 Mar 2007 19:25:00 GMT"}, ANY}}, SIGV4_MISMATCH},
    {{"GET", "/k", "", NOW, {{"Date", "Tue, 27 Mar 2007 19:24:59 GMT"}, ANY}}, SIGV4_SKEWED},
    {{"GET", "/k", "", NOW, {NEAR, {"x-amz-date", "20070327T192459Z"}, ANY}}, SIGV4_SKEWED},
    {{"GET", "/k?AWSAccessKeyId=k&Expires=1175139620", "", NOW, {HOST}}, SIGV4_V2_QUERY_MALFORMED},
    {{"GET", "/k?Signature=x&Expires=1175139620", "", NOW, {HOST}}, SIGV4_V2_QUERY_MALFORMED},
    {{"GET", "/k?AWSAccessKeyId=k&Signature=x", "", NOW, {HOST}}, SIGV4_V2_QUERY_MALFORMED},
    {{"GET", "/k?AWSAccessKeyId=k&Signature=x&Expires=", "", NOW, {HOST}}, SIGV4_V2_QUERY_MALFORMED},
    {{"GET", "/k?AWSAccessKeyId=k&Signature=x&Expires=soon", "", NOW, {HOST}}, SIGV4_V2_EXPIRES},
    {{"GET", "/k?AWSAccessKeyId=k&Signature=x&Expires=-1", "", NOW, {HOST}}, SIGV4_V2_EXPIRES},
    {{"GET", "/k?AWSAccessKeyId=k&Signature=x&Expires=99999999999999999999", "", NOW, {HOST}}, SIGV4_V2_EXPIRES},
    {{"GET", "/k?AWSAccessKeyId=k&Signature=x&Expires=1175024399", "", NOW, {HOST}}, SIGV4_EXPIRED},
    {{"GET", "/k?AWSAccessKeyId=k&Signature=x&Expires=1175024400", "", NOW, {HOST}}, SIGV4_MISMATCH},
    {{"GET", "/k?AWSAccessKeyId=k&Signature=x&Expires=18446744073709551615", "", NOW, {HOST}}, SIGV4_MISMATCH},
};

static void refuses(void **state)
{
    (void)state;
    for (unsigned i = 0; i < COUNT(bad); i++)
        assert_int_equal(verify(&bad[i].example, SECRET), bad[i].result);
}

/* Each change of what is signed counts; what is not signed does not. */
static void covers(void **state)
{
    (void)state;
    struct example e = good[4];
    assert_int_equal(verify(&e, SECRET), SIGV4_OK);
    e.fields[9].value = "identity"; /* Content-Encoding */
    assert_int_equal(verify(&e, SECRET), SIGV4_OK);
    e.target = "/db-backup.dat.gz?prefix=a";
    assert_int_equal(verify(&e, SECRET), SIGV4_OK);
    static const char *const sub_resources[] = {"acl", "uploads", "versionId=1", "policy", "encryption", "retention", "tagging",
                                                "publicAccessBlock", "response-expires=x"};
    for (unsigned i = 0; i < COUNT(sub_resources); i++) {
        char target[64] = "/db-backup.dat.gz?";
        e.target = strcat(target, sub_resources[i]);
        assert_int_equal(verify(&e, SECRET), SIGV4_MISMATCH);
    }
    e.target = good[4].target;
    e.method = "DELETE";
    assert_int_equal(verify(&e, SECRET), SIGV4_MISMATCH);
    e.method = "PUT";
    e.bucket = "another";
    assert_int_equal(verify(&e, SECRET), SIGV4_MISMATCH);
    e.bucket = good[4].bucket;
    for (unsigned i = 1; i < 9; i++) {
        e.fields[i].value = i == 1 ? "Tue, 27 Mar 2007 21:06:09 +0000" : "changed";
        assert_int_equal(verify(&e, SECRET), SIGV4_MISMATCH);
        e.fields[i].value = good[4].fields[i].value;
    }
    e.fields[9] = (struct field){"x-amz-meta-more", "1"};
    assert_int_equal(verify(&e, SECRET), SIGV4_MISMATCH);
}

static void says_what_it_signs(void **state)
{
    (void)state;
    static const struct example example = {
        "GET", "/b/k%20%C3%A9?versionId=a%2Fb&uploads=&response-content-type=text%2Fplain%3B+x&acl&prefix=p"
               "&AWSAccessKeyId=k&Expires=1175139620&Signature=x&x-amz-security-token=t%2Bn&x-amz-meta-a=parameter&content-type=ty%2Fpe",
        "", NOW, {HOST, {"Content-MD5", " md5 "}, {"X-Amz-Meta-A", " b  c "}, {"x-amz-meta-", ""}, {"X-AMZ-META-A", "d"}}};
    struct sample sample;
    struct sigv2 s;
    struct text text = {0};
    make(&sample, &example);
    assert_int_equal(sigv2_parse(&sample.request, sample.now_us, &s), SIGV4_OK);
    assert_true(s.presigned);
    assert_slice(s.access_key, "k");
    assert_slice(s.security_token, "t+n");
    assert_int_equal(sigv2_string_to_sign(&s, &sample.request, &text), 0);
    assert_string_equal(text.data, "GET\nmd5\nty/pe\n1175139620\nx-amz-meta-:\nx-amz-meta-a:b  c,d\nx-amz-security-token:t+n\n"
                                   "/b/k%20%C3%A9?acl&response-content-type=text/plain; x&uploads&versionId=a/b");
    text_free(&text);
    query_fini(&sample.query);
}

/* The most headers and parameters that a request can have. */
static void takes_many(void **state)
{
    (void)state;
    static struct header items[HEADERS_MAX];
    static char names[HEADERS_MAX][24];
    struct text target = {0}, text = {0};
    struct uri uri;
    struct query query;
    struct sigv2 s;
    for (unsigned i = 0; i < HEADERS_MAX; i++) {
        snprintf(names[i], sizeof names[i], "x-amz-h%03u", HEADERS_MAX - i);
        items[i] = (struct header){slice_string(names[i]), slice_of("v", 1)};
    }
    text_append_string(&target, "/k?AWSAccessKeyId=k&Expires=18446744073709551615&Signature=x");
    for (unsigned i = 3; i < QUERY_PARAMETERS_MAX; i++)
        text_append_format(&target, "&x-amz-p%02u=w", i);
    assert_int_equal(uri_split(slice_of(target.data, target.len), &uri), 0);
    assert_int_equal(query_parse(uri.query, &query), 0);
    struct sigv4_request sent = {slice_string("GET"), uri.path, uri.query, {items, HEADERS_MAX}};
    struct sigv2_request request = {&sent, &query, slice_of("", 0)};
    assert_int_equal(sigv2_parse(&request, 0, &s), SIGV4_OK);
    assert_int_equal(sigv2_string_to_sign(&s, &request, &text), 0);
    unsigned lines = 0;
    for (size_t i = 0; i < text.len; i++)
        lines += text.data[i] == '\n';
    assert_int_equal(lines, 4 + HEADERS_MAX + QUERY_PARAMETERS_MAX - 3);
    text_free(&text);
    text_free(&target);
    query_fini(&query);
}

static void checks_policies(void **state)
{
    (void)state;
    /* RFC 2202, test case 2 */
    assert_int_equal(sigv2_check(slice_string("7/zfauXrL6LSdBbV8YTfnCWafHk="), slice_string("what do ya want for nothing?"),
                                 slice_string("Jefe")), SIGV4_OK);
    assert_int_equal(sigv2_check(slice_string("7/zfauXrL6LSdBbV8YTfnCWafHk="), slice_string("what do ya want for nothing!"),
                                 slice_string("Jefe")), SIGV4_MISMATCH);
    assert_int_equal(sigv2_check(slice_string(""), slice_string("x"), slice_string("Jefe")), SIGV4_MISMATCH);
    assert_int_equal(sigv2_check(slice_string("7/zfauuxL6LSdBbV8gTfnCWafA=="), slice_string("x"), slice_string("Jefe")),
                     SIGV4_MISMATCH);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts),        cmocka_unit_test(refuses),    cmocka_unit_test(covers),
        cmocka_unit_test(says_what_it_signs), cmocka_unit_test(takes_many), cmocka_unit_test(checks_policies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
