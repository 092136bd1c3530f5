/* Access logs: the configuration, the lines and the keys. */
#include <stdio.h>

#include "wire_test.h"

#include "wire/access_log.h"

#define ENABLED(inside) "<BucketLoggingStatus xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><LoggingEnabled>" \
    "<TargetBucket>logs</TargetBucket>" inside "</LoggingEnabled></BucketLoggingStatus>"
#define PREFIX "<TargetPrefix>a/</TargetPrefix>"
#define FORMAT(inside) "<TargetObjectKeyFormat>" inside "</TargetObjectKeyFormat>"
#define GRANT(type, who, permission) "<TargetGrants><Grant><Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" " \
    "xsi:type=\"" type "\">" who "</Grantee><Permission>" permission "</Permission></Grant></TargetGrants>"
#define RULE(name, value) "<FilterRule><Name>" name "</Name><Value>" value "</Value></FilterRule>"
#define FILTER(rules) "<Filter><S3Key>" rules "</S3Key></Filter>"

static int parse(const char *xml, struct logging_configuration *ret)
{
    return logging_parse(xml, strlen(xml), ret);
}

static void refused(const char *xml, int err)
{
    struct logging_configuration c;
    if (parse(xml, &c) != err)
        fail_msg("%s", xml);
}

static void test_plain(void **state)
{
    (void)state;
    struct logging_configuration c;
    assert_int_equal(parse("<BucketLoggingStatus/>", &c), 0);
    assert_false(c.enabled);
    logging_fini(&c);
    assert_int_equal(parse(ENABLED(PREFIX), &c), 0);
    assert_true(c.enabled);
    assert_false(c.extended);
    assert_slice(c.bucket, "logs");
    assert_slice(c.prefix, "a/");
    assert_int_equal(c.type, LOGGING_STANDARD);
    assert_int_equal(c.format, LOGGING_SIMPLE);
    assert_int_equal(c.roll_time_s, LOGGING_ROLL_TIME_DEFAULT_S);
    assert_true(logging_wants_key(&c, slice_string("any")));
    logging_fini(&c);
    assert_int_equal(parse(ENABLED("<TargetPrefix/>" FORMAT("<PartitionedPrefix/>")), &c), 0);
    assert_slice(c.prefix, "");
    assert_int_equal(c.format, LOGGING_BY_DELIVERY_TIME);
    logging_fini(&c);
}

static void test_refused(void **state)
{
    (void)state;
    static char large[1024];
    refused("", ERR_MALFORMED);
    refused("<Other/>", ERR_MALFORMED);
    refused("<BucketLoggingStatus><Other/></BucketLoggingStatus>", ERR_MALFORMED);
    refused("<BucketLoggingStatus><LoggingEnabled/></BucketLoggingStatus>", ERR_MALFORMED);
    refused(ENABLED(""), ERR_MALFORMED);
    refused(ENABLED(PREFIX PREFIX), ERR_MALFORMED);
    refused(ENABLED(PREFIX "<Other/>"), ERR_MALFORMED);
    refused(ENABLED(PREFIX FORMAT("")), ERR_MALFORMED);
    refused(ENABLED(PREFIX FORMAT("<SimplePrefix/><PartitionedPrefix/>")), ERR_MALFORMED);
    refused(ENABLED(PREFIX FORMAT("<PartitionedPrefix><PartitionDateSource>Now</PartitionDateSource></PartitionedPrefix>")), ERR_MALFORMED);
    refused(ENABLED(PREFIX GRANT("CanonicalUser", "<ID>1</ID>", "WRITE_ACP")), ERR_MALFORMED);
    refused(ENABLED(PREFIX GRANT("CanonicalUser", "<URI>1</URI>", "READ")), ERR_MALFORMED);
    refused(ENABLED(PREFIX GRANT("Other", "<ID>1</ID>", "READ")), ERR_MALFORMED);
    refused(ENABLED(PREFIX "<LoggingType>Other</LoggingType>"), ERR_MALFORMED);
    refused(ENABLED(PREFIX "<ObjectRollTime>-1</ObjectRollTime>"), ERR_MALFORMED);
    refused(ENABLED(PREFIX "<ObjectRollTime>86401</ObjectRollTime>"), ERR_MALFORMED);
    refused(ENABLED(PREFIX FILTER(RULE("infix", "a"))), ERR_MALFORMED);
    refused(ENABLED(PREFIX FILTER(RULE("prefix", "a") RULE("prefix", "b"))), ERR_MALFORMED);
    refused(ENABLED(PREFIX FILTER(RULE("regex", "a"))), ERR_UNSUPPORTED);
    int len = snprintf(large, sizeof large, "<BucketLoggingStatus><LoggingEnabled><TargetBucket>b</TargetBucket><TargetPrefix>%0513d"
                       "</TargetPrefix></LoggingEnabled></BucketLoggingStatus>", 0);
    assert_true(len > 0 && (size_t)len < sizeof large);
    refused(large, ERR_INVALID);
}

/* What is answered is what was set. */
static void test_again(void **state)
{
    (void)state;
    struct logging_configuration c;
    assert_int_equal(parse(ENABLED(PREFIX GRANT("Group", "<URI>http://acs.amazonaws.com/groups/global/AllUsers</URI>", "READ")
                                   FORMAT("<PartitionedPrefix><PartitionDateSource>EventTime</PartitionDateSource></PartitionedPrefix>")
                                   "<LoggingType>Journal</LoggingType><ObjectRollTime>5</ObjectRollTime>"
                                   FILTER(RULE("prefix", "p/") RULE("suffix", ".txt"))), &c), 0);
    for (int i = 0; i < 2; i++) {
        assert_true(c.extended);
        assert_int_equal(c.type, LOGGING_JOURNAL);
        assert_int_equal(c.format, LOGGING_BY_EVENT_TIME);
        assert_int_equal(c.roll_time_s, 5);
        assert_non_null(c.grants);
        assert_true(logging_wants_key(&c, slice_string("p/1.txt")));
        assert_false(logging_wants_key(&c, slice_string("q/1.txt")));
        assert_false(logging_wants_key(&c, slice_string("p/1.tx")));
        assert_false(logging_wants_key(&c, slice_string("p")));
        struct text t = {0};
        logging_format(&c, &t);
        logging_fini(&c);
        assert_int_equal(logging_parse(t.data, t.len, &c), 0);
        text_free(&t);
    }
    logging_fini(&c);
}

static void test_lines(void **state)
{
    (void)state;
    struct text t = {0};
    struct access_log_record r = {.object_size = ACCESS_LOG_UNKNOWN, .total_ms = ACCESS_LOG_UNKNOWN, .turnaround_ms = ACCESS_LOG_UNKNOWN};
    access_log_format(&r, &t);
    assert_string_equal(t.data, "- - [01/Jan/1970:00:00:00 +0000] - - - - - - - - - - - - \"-\" \"-\" - - - - - - - - -\n");
    text_clear(&t);
    r = (struct access_log_record){
        .bucket_owner = slice_string("79a5"), .bucket = slice_string("pictures"), .time_us = 1549411238123456ull,
        .remote_ip = slice_string("192.0.2.3"), .requester = slice_string("79a6"), .request_id = slice_string("3E57"),
        .operation = slice_string("REST.GET.OBJECT"), .key = slice_string("a b/\"\n"), .method = slice_string("GET"),
        .target = slice_string("/pictures/a%20b/%22%0A?x=\""), .status = 403, .error_code = slice_string("AccessDenied"),
        .bytes_sent = 243, .object_size = 0, .total_ms = 7, .turnaround_ms = 0, .referrer = slice_string("http://a\" b"),
        .user_agent = slice_string("S3Console/0.4 \\\r\n"), .version_id = slice_string("v"), .host_id = slice_string("h"),
        .signature_version = slice_string("SigV4"), .cipher_suite = slice_string("TLS_AES_256_GCM_SHA384"),
        .auth_type = slice_string("AuthHeader"), .host = slice_string("s3.example.com evil"), .tls_version = slice_string("TLSv1.3"),
        .acl_required = true};
    access_log_format(&r, &t);
    assert_string_equal(t.data, "79a5 pictures [06/Feb/2019:00:00:38 +0000] 192.0.2.3 79a6 3E57 REST.GET.OBJECT a%20b/%22%0A "
                        "\"GET /pictures/a%20b/%22%0A?x=%22 HTTP/1.1\" 403 AccessDenied 243 0 7 0 \"http://a%22 b\" "
                        "\"S3Console/0.4 %5C%0D%0A\" v h SigV4 TLS_AES_256_GCM_SHA384 AuthHeader s3.example.com%20evil TLSv1.3 - Yes\n");
    text_clear(&t);
    struct access_log_change c = {slice_string("79a5"), slice_string("pictures"), 1549411238123456ull, slice_string("REST.PUT.OBJECT"),
                                  slice_string("a"), 5, slice_of("", 0), slice_string("e")};
    access_log_format_change(&c, &t);
    assert_string_equal(t.data, "79a5 pictures [06/Feb/2019:00:00:38 +0000] REST.PUT.OBJECT a 5 - e\n");
    text_free(&t);
}

static void test_keys(void **state)
{
    (void)state;
    static const struct { enum logging_format format; const char *head, *key; } cases[] = {
        {LOGGING_SIMPLE, "a/", "a/2026-11-26-03-04-05-0000000000000ABC"},
        {LOGGING_BY_DELIVERY_TIME, "a/1234/eu-1/b/", "a/1234/eu-1/b/2026/11/26/2026-11-26-03-04-05-0000000000000ABC"},
        {LOGGING_BY_EVENT_TIME, "a/1234/eu-1/b/2019/02/06/2019-02-06-00-00-00-", "a/1234/eu-1/b/2019/02/06/2019-02-06-00-00-00-0000000000000ABC"},
    };
    struct access_log_source source = {slice_string("1234"), slice_string("eu-1"), slice_string("b")};
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct logging_configuration c = {.prefix = slice_string("a/"), .format = cases[i].format};
        struct text head = {0}, key = {0};
        access_log_head(&head, &c, &source, 1549411238123456ull);
        assert_string_equal(head.data, cases[i].head);
        access_log_key(&key, c.format, slice_of(head.data, head.len), 1795662245000000ull, 0xabc);
        assert_string_equal(key.data, cases[i].key);
        text_free(&head);
        text_free(&key);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain), cmocka_unit_test(test_refused), cmocka_unit_test(test_again),
        cmocka_unit_test(test_lines), cmocka_unit_test(test_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
