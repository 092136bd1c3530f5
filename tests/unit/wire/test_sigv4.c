/* Version 4 signatures: the examples of S3's API reference, requests signed by another implementation (botocore), and
 * every way to be refused. */
#include "wire_test.h"

#include "wire/http_date.h"
#include "wire/sigv4.h"

#define SECRET "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
#define CREDENTIAL "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request"
#define AUTHORIZATION(names, signature) \
    "AWS4-HMAC-SHA256 Credential=" CREDENTIAL ", SignedHeaders=" names ", Signature=" signature
#define EMPTY_HASH "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define NOW_US 1369353600000000ull /* 2013-05-24T00:00:00Z */
#define DATE {"x-amz-date", "20130524T000000Z"}
#define HASH {"x-amz-content-sha256", EMPTY_HASH}
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

struct field { const char *name, *value; };

struct example {
    const char *method, *target;
    struct field fields[12];
};

/* A request with its storage. */
struct sample {
    struct header items[12];
    struct sigv4_request request;
    struct query query;
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
    sample->request = (struct sigv4_request){slice_string(example->method), uri.path, uri.query, {sample->items,
        count}};
}

static enum sigv4_result verify(const struct example *example, struct sigv4_key_cache *cache, struct sigv4_chain *chain)
{
    struct sample sample;
    struct sigv4 s;
    make(&sample, example);
    enum sigv4_result result = sigv4_parse(&sample.request, &sample.query, &s);
    if (result == SIGV4_OK)
        result = sigv4_check_scope(&s, slice_string("us-east-1"), NOW_US);
    if (result == SIGV4_OK)
        result = sigv4_verify(&s, &sample.request, slice_string(SECRET), cache, chain);
    query_fini(&sample.query);
    return result;
}

static const struct example good[] = {
    /* S3 API reference, "Example: GET Object" */
    {"GET", "/test.txt",
     {{"Host", "examplebucket.s3.amazonaws.com"}, {"Range", "bytes=0-9"}, HASH, DATE,
      {"Authorization", AUTHORIZATION("host;range;x-amz-content-sha256;x-amz-date",
                                      "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")}}},
    /* "Example: PUT Object" */
    {"PUT", "/test$file.text",
     {{"Date", "Fri, 24 May 2013 00:00:00 GMT"}, {"Host", "examplebucket.s3.amazonaws.com"}, DATE,
      {"x-amz-storage-class", "REDUCED_REDUNDANCY"},
      {"x-amz-content-sha256", "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"},
      {"Authorization", AUTHORIZATION("date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
                                      "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd")}}},
    /* "Example: GET Bucket Lifecycle" */
    {"GET", "/?lifecycle",
     {{"Host", "examplebucket.s3.amazonaws.com"}, DATE, HASH,
      {"Authorization", AUTHORIZATION("host;x-amz-content-sha256;x-amz-date",
                                      "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543")}}},
    /* "Example: Get Bucket (List Objects)" */
    {"GET", "/?max-keys=2&prefix=J",
     {{"Host", "examplebucket.s3.amazonaws.com"}, DATE, HASH,
      {"Authorization", AUTHORIZATION("host;x-amz-content-sha256;x-amz-date",
                                      "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7")}}},
    /* "Authenticating requests: using query parameters" */
    {"GET",
     "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2F"
     "aws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature="
     "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
     {{"Host", "examplebucket.s3.amazonaws.com"}}},
    /* botocore 1.44.5 from here */
    {"GET",
     "/bucket/a%2Bb%20c/%E2%82%AC//../x%25?list-type=2&prefix=a%20b%2Fc&delimiter=%2F&encoding-type=url&start-after=",
     {{"Host", "127.0.0.1:9000"}, {"x-amz-meta-two", "  a   b  c "}, DATE, HASH,
      {"Authorization", AUTHORIZATION("host;x-amz-content-sha256;x-amz-date;x-amz-meta-two",
                                      "52524eef5ec5b28f11329109a71dfbd82370890e5f1dd9a8c9954654c9331d10")}}},
    {"PUT", "/bucket/k%27%28%29%2A%21~._-",
     {{"Host", "[::1]:9000"}, {"x-amz-storage-class", "STANDARD"}, DATE, {"X-Amz-Security-Token", "tok/en+=="},
      {"X-Amz-Content-SHA256", "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"},
      {"Authorization",
       AUTHORIZATION("host;x-amz-content-sha256;x-amz-date;x-amz-security-token;x-amz-storage-class",
                     "44cd9fc00f30c9bf996ed7882076e2ea8fc496be06ecaf39886928802718f26d")}}},
    /* the same, sent unescaped */
    {"PUT", "/bucket/k'()*!~._-",
     {{"Host", "[::1]:9000"}, {"x-amz-storage-class", "STANDARD"}, DATE, {"X-Amz-Security-Token", "tok/en+=="},
      {"X-Amz-Content-SHA256", "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"},
      {"Authorization",
       AUTHORIZATION("host;x-amz-content-sha256;x-amz-date;x-amz-security-token;x-amz-storage-class",
                     "44cd9fc00f30c9bf996ed7882076e2ea8fc496be06ecaf39886928802718f26d")}}},
    /* order of parameters: a=1, a=2, a-b, aa; upper case first; no blanks behind the commas */
    {"POST", "/bucket/k?uploads&a-b=1&a=2&a=1&A=3&aa=",
     {{"Host", "127.0.0.1:9000"}, DATE, HASH,
      {"Authorization",
       "AWS4-HMAC-SHA256 Credential=" CREDENTIAL ",SignedHeaders=host;x-amz-content-sha256;x-amz-date,"
       "Signature=e59e15d0bd21b1e01fb78b30481c379e6f1c683fe18627aba6038f28c150c536"}}},
    {"GET",
     "/bucket/k%20y?response-content-disposition=attachment%3B%20filename%3D%22a%2Bb.txt%22&X-Amz-Algorithm="
     "AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date="
     "20130524T000000Z&X-Amz-Expires=3600&X-Amz-SignedHeaders=host&X-Amz-Security-Token=tok%2Fen%2B%3D%3D&"
     "X-Amz-Signature=24e48baa62fea5104de043ff748ab1e5d083967bce942e74aef72338a1a2abca",
     {{"Host", "127.0.0.1:9000"}}},
    /* the same with its blank sent as "+", and a port that a proxy put behind the host */
    {"GET",
     "/bucket/k%20y?response-content-disposition=attachment%3B+filename%3D%22a%2Bb.txt%22&X-Amz-Algorithm="
     "AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date="
     "20130524T000000Z&X-Amz-Expires=3600&X-Amz-SignedHeaders=host&X-Amz-Security-Token=tok%2Fen%2B%3D%3D&"
     "X-Amz-Signature=24e48baa62fea5104de043ff748ab1e5d083967bce942e74aef72338a1a2abca",
     {{"Host", "127.0.0.1:9000"}}},
    {"GET", "/?max-keys=2&prefix=J",
     {{"Host", "examplebucket.s3.amazonaws.com:443"}, DATE, HASH,
      {"Authorization", AUTHORIZATION("host;x-amz-content-sha256;x-amz-date",
                                      "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7")}}},
};

static void test_good(void **state)
{
    (void)state;
    static struct sigv4_key_cache cache;
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < COUNT(good); i++) {
            assert_int_equal(verify(&good[i], NULL, NULL), SIGV4_OK);
            assert_int_equal(verify(&good[i], &cache, NULL), SIGV4_OK);
        }
    sigv4_key_cache_fini(&cache);
}

/* Whatever byte of target or a signed value is changed, the signature does not match. */
static void test_tampering(void **state)
{
    (void)state;
    struct example changed = good[3];
    changed.target = "/?max-keys=3&prefix=J";
    assert_int_equal(verify(&changed, NULL, NULL), SIGV4_MISMATCH);
    changed.target = "/?max-keys=2&prefix=J&a";
    assert_int_equal(verify(&changed, NULL, NULL), SIGV4_MISMATCH);
    changed.target = "//?max-keys=2&prefix=J";
    assert_int_equal(verify(&changed, NULL, NULL), SIGV4_MISMATCH);
    changed = good[3];
    changed.method = "PUT";
    assert_int_equal(verify(&changed, NULL, NULL), SIGV4_MISMATCH);
    changed = good[3];
    changed.fields[0].value = "examplebucket.s3.amazonaws.com:8443";
    assert_int_equal(verify(&changed, NULL, NULL), SIGV4_MISMATCH);
    changed = good[3];
    changed.fields[2].value = "UNSIGNED-PAYLOAD";
    assert_int_equal(verify(&changed, NULL, NULL), SIGV4_MISMATCH);
    changed = good[5]; /* %2F is no "/" */
    changed.target =
        "/bucket/a%2Bb%20c%2F%E2%82%AC//../x%25?list-type=2&prefix=a%20b%2Fc&delimiter=%2F&encoding-type=url&start-after=";
    assert_int_equal(verify(&changed, NULL, NULL), SIGV4_MISMATCH);
}

/* A cache never answers for another secret or another day. */
static void test_cache(void **state)
{
    (void)state;
    static struct sigv4_key_cache cache;
    struct sample sample;
    struct sigv4 s;
    assert_int_equal(verify(&good[0], &cache, NULL), SIGV4_OK);
    make(&sample, &good[0]);
    assert_int_equal(sigv4_parse(&sample.request, &sample.query, &s), SIGV4_OK);
    struct slice other = slice_string("xJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
    assert_int_equal(sigv4_verify(&s, &sample.request, other, &cache, NULL), SIGV4_MISMATCH);
    assert_int_equal(sigv4_verify(&s, &sample.request, slice_string(SECRET), &cache, NULL), SIGV4_OK);
    char long_secret[SIGV4_SECRET_LEN_MAX + 1];
    memset(long_secret, 'a', sizeof(long_secret));
    struct slice too_long = slice_of(long_secret, sizeof(long_secret));
    assert_int_equal(sigv4_verify(&s, &sample.request, too_long, &cache, NULL), SIGV4_INTERNAL);
    assert_int_equal(sigv4_verify(&s, &sample.request, slice_of("", 0), &cache, NULL), SIGV4_MISMATCH);
    sigv4_key_cache_fini(&cache);
    query_fini(&sample.query);
}

#define HOST {"host", "h"}
#define SIGNED(names) {"authorization", AUTHORIZATION(names, ZEROS)}
#define AS(credential) "AWS4-HMAC-SHA256 Credential=" credential ", SignedHeaders=host, Signature=" ZEROS
#define USUAL "host;x-amz-content-sha256;x-amz-date"
#define PRESIGNED(credential, date, expires, names) \
    "/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" credential "&X-Amz-Date=" date "&X-Amz-Expires=" expires \
    "&X-Amz-SignedHeaders=" names "&X-Amz-Signature=" ZEROS
#define NOW "20130524T000000Z"
#define CREDENTIAL_2 "AK/20130524/us-east-1/s3/aws4_request"

static const struct { struct example example; enum sigv4_result result; } bad[] = {
    {{"GET", "/k", {HOST}}, SIGV4_ANONYMOUS},
    {{"GET", "/k", {HOST, {"authorization", "AWS AK:c2ln"}}}, SIGV4_VERSION_2},
    {{"GET", "/k?AWSAccessKeyId=AK&Expires=1&Signature=x", {HOST}}, SIGV4_VERSION_2},
    {{"GET", "/k", {HOST, {"authorization", "Bearer x"}}}, SIGV4_UNSUPPORTED},
    {{"GET", "/k", {HOST, {"authorization", "AWS4-HMAC-SHA256X Credential=x"}}}, SIGV4_UNSUPPORTED},
    {{"GET", "/k", {HOST, {"authorization", ""}}}, SIGV4_UNSUPPORTED},
    {{"GET", "/k?X-Amz-Signature=x", {HOST, SIGNED(USUAL)}}, SIGV4_BOTH_KINDS},
    {{"GET", "/k?AWSAccessKeyId=AK&Signature=x", {HOST, SIGNED(USUAL)}}, SIGV4_BOTH_KINDS},
    {{"GET", "/k", {HOST, DATE, HASH, {"authorization", "AWS4-HMAC-SHA256"}}}, SIGV4_HEADER_NO_CREDENTIAL},
    {{"GET", "/k", {HOST, DATE, HASH, {"authorization", "AWS4-HMAC-SHA256 Credential=" CREDENTIAL}}},
     SIGV4_HEADER_NO_SIGNED_HEADERS},
    {{"GET", "/k", {HOST, DATE, HASH, {"authorization", "AWS4-HMAC-SHA256 Credential=" CREDENTIAL ", SignedHeaders=host"}}},
     SIGV4_HEADER_NO_SIGNATURE},
    {{"GET", "/k", {HOST, DATE, HASH, {"authorization", AUTHORIZATION("host;;a", ZEROS)}}}, SIGV4_HEADER_MALFORMED},
    {{"GET", "/k", {HOST, DATE, HASH, {"authorization", AUTHORIZATION("host;", ZEROS)}}}, SIGV4_HEADER_MALFORMED},
    {{"GET", "/k", {HOST, DATE, HASH, {"authorization", AUTHORIZATION("host", "00")}}}, SIGV4_HEADER_MALFORMED},
    {{"GET", "/k", {HOST, DATE, HASH, {"authorization", AUTHORIZATION("host", ZEROS) ", More=1"}}},
     SIGV4_HEADER_MALFORMED},
    {{"GET", "/k", {HOST, DATE, HASH, {"authorization", AS("AK/2013052/us-east-1/s3/aws4_request")}}},
     SIGV4_HEADER_CREDENTIAL_DATE},
    {{"GET", "/k", {HOST, DATE, HASH, {"authorization", AS("AK/2013052x/us-east-1/s3/aws4_request")}}},
     SIGV4_HEADER_CREDENTIAL_DATE},
    {{"GET", "/k", {HOST, DATE, HASH, {"authorization", AS("/20130524/us-east-1/s3/aws4_request")}}},
     SIGV4_HEADER_CREDENTIAL},
    {{"GET", "/k", {HOST, DATE, HASH, {"authorization", AS("AK/20130524/us-east-1/s3/aws4")}}}, SIGV4_HEADER_TERMINAL},
    {{"GET", "/k", {HOST, DATE, HASH, {"authorization", AS("AK/s3/aws4_request")}}}, SIGV4_HEADER_CREDENTIAL},
    {{"GET", "/k", {HOST, HASH, SIGNED(USUAL)}}, SIGV4_MISSING_DATE},
    {{"GET", "/k", {HOST, HASH, {"x-amz-date", "yesterday"}, SIGNED(USUAL)}}, SIGV4_MISSING_DATE},
    {{"GET", "/k", {HOST, HASH, {"date", "yesterday"}, SIGNED(USUAL)}}, SIGV4_MISSING_DATE},
    {{"GET", "/k", {HOST, DATE, SIGNED(USUAL)}}, SIGV4_MISSING_PAYLOAD_HASH},
    {{"GET", "/k", {HOST, DATE, HASH, {"authorization", AS("AK/20130524/eu-west-1/s3/aws4_request")}}},
     SIGV4_HEADER_REGION},
    {{"GET", "/k", {HOST, DATE, HASH, {"authorization", AS("AK/20130524/us-east-1/iam/aws4_request")}}},
     SIGV4_HEADER_SERVICE},
    {{"GET", "/k", {HOST, DATE, HASH, {"authorization", AS("AK/20130523/us-east-1/s3/aws4_request")}}},
     SIGV4_HEADER_SCOPE_DATE},
    {{"GET", "/k", {HOST, {"x-amz-date", "20130524T001501Z"}, HASH, SIGNED(USUAL)}}, SIGV4_SKEWED},
    {{"GET", "/k", {HOST, {"x-amz-date", "20130524T001500Z"}, HASH, SIGNED(USUAL)}}, SIGV4_MISMATCH},
    {{"GET", "/k", {HOST, {"date", "Fri, 24 May 2013 00:15:00 GMT"}, HASH, SIGNED("date;host")}}, SIGV4_MISMATCH},
    {{"GET", "/k", {HOST, DATE, HASH, SIGNED("x-amz-content-sha256;x-amz-date")}}, SIGV4_HOST_UNSIGNED},
    {{"GET", "/k", {HOST, DATE, HASH, {"X-Amz-Meta-A", "1"}, SIGNED(USUAL)}}, SIGV4_HEADER_UNSIGNED},
    {{"GET", "/k", {HOST, DATE, HASH, SIGNED("host;x-amz-content-sha256")}}, SIGV4_HEADER_UNSIGNED},
    {{"GET", "/k", {HOST, DATE, HASH, SIGNED("host;x-amz-date")}}, SIGV4_MISMATCH},
    {{"GET", "/k?X-Amz-Algorithm=AWS4-HMAC-SHA256", {HOST}}, SIGV4_QUERY_MALFORMED},
    {{"GET", PRESIGNED("AK", "20130524T000000Z", "1", "host"), {HOST}}, SIGV4_QUERY_CREDENTIAL},
    {{"GET", PRESIGNED(CREDENTIAL_2, NOW, "1", ""), {HOST}}, SIGV4_QUERY_MALFORMED},
    {{"GET", PRESIGNED(CREDENTIAL_2, "2013-05-24", "1", "host"), {HOST}}, SIGV4_QUERY_DATE},
    {{"GET", PRESIGNED(CREDENTIAL_2, NOW, "0", "host"), {HOST}}, SIGV4_QUERY_EXPIRES},
    {{"GET", PRESIGNED(CREDENTIAL_2, NOW, "604801", "host"), {HOST}}, SIGV4_QUERY_EXPIRES},
    {{"GET", PRESIGNED(CREDENTIAL_2, NOW, "-1", "host"), {HOST}}, SIGV4_QUERY_EXPIRES},
    {{"GET", PRESIGNED(CREDENTIAL_2, NOW, "604800", "host"), {HOST}}, SIGV4_MISMATCH},
    {{"GET", PRESIGNED("AK/20130524/eu-west-1/s3/aws4_request", "20130524T000000Z", "1", "host"), {HOST}},
     SIGV4_QUERY_REGION},
    {{"GET", PRESIGNED("AK/20130524/us-east-1/sts/aws4_request", "20130524T000000Z", "1", "host"), {HOST}},
     SIGV4_QUERY_SERVICE},
    {{"GET", PRESIGNED("AK/20130525/us-east-1/s3/aws4_request", "20130524T000000Z", "1", "host"), {HOST}},
     SIGV4_QUERY_SCOPE_DATE},
    {{"GET", PRESIGNED(CREDENTIAL_2, "20130524T001501Z", "1", "host"), {HOST}}, SIGV4_NOT_YET_VALID},
    {{"GET", PRESIGNED("AK/20130523/us-east-1/s3/aws4_request", "20130523T235958Z", "1", "host"), {HOST}},
     SIGV4_EXPIRED},
    {{"GET", PRESIGNED("AK/20130523/us-east-1/s3/aws4_request", "20130523T235959Z", "1", "host"), {HOST}},
     SIGV4_MISMATCH},
    {{"GET", PRESIGNED(CREDENTIAL_2, NOW, "1", "range"), {HOST}}, SIGV4_HOST_UNSIGNED},
    {{"GET", PRESIGNED(CREDENTIAL_2, NOW, "1", "host"), {HOST, {"x-amz-acl", "private"}}}, SIGV4_HEADER_UNSIGNED},
    {{"GET", PRESIGNED(CREDENTIAL_2, NOW, "1", "host") "&X-Amz-Content-Sha256=UNSIGNED-PAYLOAD",
      {HOST, HASH}}, SIGV4_HEADER_UNSIGNED},
};

static void test_bad(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        enum sigv4_result result = verify(&bad[i].example, NULL, NULL);
        if (result != bad[i].result)
            print_error("case %zu: %s\n", i, bad[i].example.target);
        assert_int_equal(result, bad[i].result);
        assert_non_null(sigv4_result_code(result));
        assert_non_null(sigv4_result_text(result));
        assert_in_range(sigv4_result_status(result), 400, 500);
    }
    assert_null(sigv4_result_code(SIGV4_OK));
}

static void test_canonical_request(void **state)
{
    (void)state;
    struct sample sample;
    struct sigv4 s;
    struct text text = {0};
    make(&sample, &good[5]);
    assert_int_equal(sigv4_parse(&sample.request, &sample.query, &s), SIGV4_OK);
    assert_int_equal(sigv4_canonical_request(&s, &sample.request, &text), 0);
    assert_string_equal(text.data,
                        "GET\n/bucket/a%2Bb%20c/%E2%82%AC//../x%25\n"
                        "delimiter=%2F&encoding-type=url&list-type=2&prefix=a%20b%2Fc&start-after=\n"
                        "host:127.0.0.1:9000\nx-amz-content-sha256:" EMPTY_HASH "\nx-amz-date:20130524T000000Z\n"
                        "x-amz-meta-two:a b c\n\nhost;x-amz-content-sha256;x-amz-date;x-amz-meta-two\n" EMPTY_HASH);
    text_clear(&text);
    query_fini(&sample.query);
    make(&sample, &good[0]);
    assert_int_equal(sigv4_parse(&sample.request, &sample.query, &s), SIGV4_OK);
    assert_int_equal(sigv4_string_to_sign(&s, &sample.request, &text), 0);
    assert_string_equal(text.data, "AWS4-HMAC-SHA256\n20130524T000000Z\n20130524/us-east-1/s3/aws4_request\n"
                                   "7344ae5b7ee6c3e7e6b0fe0640412a37625d1fbfff95c48bbb2dc43964946972");
    text_free(&text);
    query_fini(&sample.query);
}

/* Repeats are joined in order, names may differ in case; expect is put back; a header signed but absent is empty. */
static void test_canonical_headers(void **state)
{
    (void)state;
    static const struct example example = {"GET", "/k?b&a=%zz",
        {{"Host", "h"}, {"X-Amz-Meta-A", "1"}, {"x-amz-meta-a", " 2  3"}, DATE, HASH,
         {"Authorization", AUTHORIZATION("expect;host;other;x-amz-content-sha256;x-amz-date;x-amz-meta-a", ZEROS)}}};
    struct sigv4_request request;
    struct sample sample;
    struct query empty;
    struct sigv4 s;
    struct text text = {0};
    struct example plain = example;
    plain.target = "/k";
    make(&sample, &plain);
    request = sample.request;
    request.query = slice_string("b&a=%zz");
    assert_int_equal(query_parse(slice_of("", 0), &empty), 0);
    assert_int_equal(sigv4_parse(&request, &empty, &s), SIGV4_OK);
    assert_int_equal(sigv4_canonical_request(&s, &request, &text), 0);
    assert_string_equal(text.data,
        "GET\n/k\na=%25zz&b=\nexpect:100-continue\nhost:h\nother:\nx-amz-content-sha256:" EMPTY_HASH
                                   "\nx-amz-date:20130524T000000Z\nx-amz-meta-a:1,2 3\n\n"
                                   "expect;host;other;x-amz-content-sha256;x-amz-date;x-amz-meta-a\n" EMPTY_HASH);
    text_free(&text);
    query_fini(&sample.query);
}

/* What the signer makes, the verifier accepts: also requests far longer than the buffers on the way. */
static void test_sign(void **state)
{
    (void)state;
    static char target[9000], value[5000], date[SIGV4_DATE_SIZE];
    struct sigv4_signer signer = {slice_string("AK/with/slashes"), slice_string(SECRET), slice_string("us-east-1"),
                                  slice_string("s3"), NOW_US + 5000000};
    memset(value, 'v', sizeof(value) - 1);
    strcpy(target, "/bucket/");
    for (int i = 0; i < 800; i++)
        strcat(target, "%c3%A4a+(");
    strcat(target, "?prefix=a+b%2b&x");
    sigv4_format_date(signer.time_us, date);
    assert_string_equal(date, "20130524T000005Z");
    for (int round = 0; round < 2; round++) {
        struct example example = {"PUT", round ? "/bucket/k" : target,
            {{"Host", "h:9000"}, {"X-Amz-Date", date}, {"X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD"},
             {"x-amz-meta-long", value}, {"Content-Type", "a/b"}, {"x-amz-meta-long", "2"}}};
        struct sample sample;
        struct text authorization = {0};
        struct sigv4_chain signed_chain, verified_chain;
        struct sigv4 s;
        make(&sample, &example);
        assert_int_equal(sigv4_sign(&signer, &sample.request, &authorization, &signed_chain), 0);
        assert_non_null(strstr(authorization.data,
                               "SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date;x-amz-meta-long, "));
        query_fini(&sample.query);
        example.fields[6] = (struct field){"Authorization", authorization.data};
        make(&sample, &example);
        assert_int_equal(sigv4_parse(&sample.request, &sample.query, &s), SIGV4_OK);
        assert_slice(s.access_key, "AK/with/slashes");
        assert_int_equal(sigv4_check_scope(&s, slice_string("us-east-1"), NOW_US), SIGV4_OK);
        assert_int_equal(sigv4_verify(&s, &sample.request, slice_string(SECRET), NULL, &verified_chain), SIGV4_OK);
        assert_memory_equal(signed_chain.key, verified_chain.key, SHA256_LEN);
        assert_memory_equal(signed_chain.previous, verified_chain.previous, SHA256_LEN);
        assert_string_equal(signed_chain.scope, verified_chain.scope);
        assert_string_equal(signed_chain.amz_date, verified_chain.amz_date);
        text_free(&authorization);
        query_fini(&sample.query);
    }
    struct text unused = {0};
    struct sample sample;
    make(&sample, &(struct example){"GET", "/", {{"host", "h"}}});
    signer.region = slice_of(value, 200);
    assert_int_equal(sigv4_sign(&signer, &sample.request, &unused, NULL), ERR_TOO_LARGE);
    query_fini(&sample.query);
}

static void test_presign(void **state)
{
    (void)state;
    struct sigv4_signer signer = {slice_string("AKIAIOSFODNN7EXAMPLE"), slice_string(SECRET), slice_string("us-east-1"),
                                  slice_string("s3"), NOW_US};
    struct sample sample;
    struct text query = {0};
    make(&sample, &(struct example){"GET", "/test.txt", {{"host", "examplebucket.s3.amazonaws.com"}}});
    assert_int_equal(sigv4_presign(&signer, &sample.request, 86400, (struct slice){0}, &query), 0);
    assert_string_equal(query.data, strchr(good[4].target, '?') + 1);
    text_clear(&query);
    make(&sample, &(struct example){"GET",
        "/bucket/k%20y?response-content-disposition=attachment%3B%20filename%3D%22a%2Bb.txt%22",
                                    {{"host", "127.0.0.1:9000"}}});
    assert_int_equal(sigv4_presign(&signer, &sample.request, 3600, slice_string("tok/en+=="), &query), 0);
    assert_non_null(strstr(query.data,
        "&X-Amz-Signature=24e48baa62fea5104de043ff748ab1e5d083967bce942e74aef72338a1a2abca"));
    text_free(&query);
    query_fini(&sample.query);
}

static void test_policy(void **state)
{
    (void)state;
    uint8_t signature[SHA256_LEN];
    struct slice policy = slice_string("eyJleHBpcmF0aW9uIjoiMjAxMy0wNS0yNVQwMDowMDowMFoifQ==");
    assert_int_equal(sigv4_policy_signature(slice_string(SECRET), slice_string("20130524/us-east-1/s3/aws4_request"),
        policy,
                                            signature), 0);
    assert_hex(signature, SHA256_LEN, "578ed319d7de7aa96b18f1e8f5c4a5c313cb009f3126c857a0f05ad2d2743800");
    static const char *const scopes[] = {"", "20130524/us-east-1/s3", "20130524/us-east-1/s3/aws4_request/", "a/b/c/d"};
    for (size_t i = 0; i < COUNT(scopes); i++)
        assert_int_equal(sigv4_policy_signature(slice_string(SECRET), slice_string(scopes[i]), policy, signature),
                         ERR_MALFORMED);
}

static void test_form(void **state)
{
    (void)state;
    static const char credential[] = "AKID/20130524/us-east-1/s3/aws4_request", date[] = "20130524T000000Z",
                      hex[] = "578ed319d7de7aa96b18f1e8f5c4a5c313cb009f3126c857a0f05ad2d2743800";
    static const struct { const char *algorithm, *credential, *date, *signature; } malformed[] = {
        {"AWS4-HMAC-SHA1", credential, date, hex}, {"", credential, date, hex}, {"AWS4-HMAC-SHA256", "AKID", date, hex},
        {"AWS4-HMAC-SHA256", "/20130524/us-east-1/s3/aws4_request", date, hex}, {"AWS4-HMAC-SHA256", credential, "20130524", hex},
        {"AWS4-HMAC-SHA256", credential, date, "57"}, {"AWS4-HMAC-SHA256", credential, date, "x"},
    };
    struct sigv4 s = {0};
    for (size_t i = 0; i < COUNT(malformed); i++)
        assert_int_equal(sigv4_parse_form(slice_string(malformed[i].algorithm), slice_string(malformed[i].credential),
                                          slice_string(malformed[i].date), slice_string(malformed[i].signature), &s),
                         SIGV4_FORM_MALFORMED);
    assert_int_equal(sigv4_parse_form(slice_string("AWS4-HMAC-SHA256"), slice_string(credential), slice_string(date),
                                      slice_string(hex), &s), SIGV4_OK);
    assert_slice(s.access_key, "AKID");
    assert_hex(s.signature, SHA256_LEN, hex);
    /* The policy alone says until when. */
    assert_int_equal(sigv4_check_scope(&s, slice_string("us-east-1"), 1893553445000000ull), SIGV4_OK);
    assert_int_equal(sigv4_check_scope(&s, slice_string("eu-west-1"), 1893553445000000ull), SIGV4_QUERY_REGION);
    s.amz_date[7] = '5';
    assert_int_equal(sigv4_check_scope(&s, slice_string("us-east-1"), 1893553445000000ull), SIGV4_QUERY_SCOPE_DATE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_tampering),
        cmocka_unit_test(test_cache),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_canonical_request),
        cmocka_unit_test(test_canonical_headers),
        cmocka_unit_test(test_sign),
        cmocka_unit_test(test_presign),
        cmocka_unit_test(test_policy),
        cmocka_unit_test(test_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
