/* Policies of POST forms: documents that are none, conditions that hold and that do not, fields that none speaks of. */
#include "wire_test.h"

#include "wire/http_date.h"
#include "wire/post_policy.h"

#define EXPIRATION "\"expiration\": \"2030-01-02T03:04:05.000Z\""
#define NOW 1767225600000000ull /* 2026-01-01 */

static int parse(const char *json, struct post_policy *p, const char **message)
{
    struct text base64 = {0};
    text_append_base64(&base64, json, strlen(json));
    int err = post_policy_parse(slice_of(base64.data, base64.len), p, message);
    text_free(&base64);
    return err;
}

static void documents(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", "{", "[]", "\"a\"", "{}", "{" EXPIRATION "}", "{\"conditions\": []}", "{" EXPIRATION ", \"CONDITIONS\": []}",
        "{\"EXPIRATION\": \"2030-01-02T03:04:05Z\", \"conditions\": []}", "{\"expiration\": 1, \"conditions\": []}",
        "{\"expiration\": \"2030-01-02 03:04:05+00:00\", \"conditions\": []}", "{\"expiration\": \"2030-01-02\", \"conditions\": []}",
        "{\"expiration\": \"20300102T030405.000000Z\", \"conditions\": []}", "{" EXPIRATION ", \"conditions\": {}}",
        "{" EXPIRATION ", \"conditions\": [{}]}", "{" EXPIRATION ", \"conditions\": [{\"a\": \"b\", \"c\": \"d\"}]}",
        "{" EXPIRATION ", \"conditions\": [{\"a\": 1}]}", "{" EXPIRATION ", \"conditions\": [\"a\"]}",
        "{" EXPIRATION ", \"conditions\": [[]]}", "{" EXPIRATION ", \"conditions\": [[\"eq\", \"$a\"]]}",
        "{" EXPIRATION ", \"conditions\": [[\"eq\", \"a\", \"b\"]]}", "{" EXPIRATION ", \"conditions\": [[\"eq\", \"$a\", 1]]}",
        "{" EXPIRATION ", \"conditions\": [[\"ends-with\", \"$a\", \"b\"]]}",
        "{" EXPIRATION ", \"conditions\": [[\"eq\", \"$a\", \"b\", \"c\"]]}",
        "{" EXPIRATION ", \"conditions\": [[1, \"$a\", \"b\"]]}",
        "{" EXPIRATION ", \"conditions\": [[\"content-length-range\", 0]]}",
        "{" EXPIRATION ", \"conditions\": [[\"content-length-range\", -1, 0]]}",
        "{" EXPIRATION ", \"conditions\": [[\"content-length-range\", 0, \"x\"]]}",
        "{" EXPIRATION ", \"conditions\": [[\"content-length-range\", 0, 1.5]]}",
        "{" EXPIRATION ", " EXPIRATION ", \"conditions\": []}", "{" EXPIRATION ", \"conditions\": [{\"a\": \"b\\u0000\"}]}",
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct post_policy p = {0};
        const char *message = NULL;
        if (parse(bad[i], &p, &message) != ERR_MALFORMED || !message)
            fail_msg("%zu: %s", i, bad[i]);
    }
    struct post_policy p;
    const char *message = NULL;
    assert_int_equal(post_policy_parse(slice_string("{}"), &p, &message), ERR_MALFORMED);
    assert_string_equal(message, "Invalid Policy: Invalid Base64.");
    static char longest[POST_POLICY_LEN_MAX + 1];
    memset(longest, 'A', sizeof longest);
    assert_int_equal(post_policy_parse(slice_of(longest, sizeof longest), &p, &message), ERR_MALFORMED);
    assert_string_equal(message, "Invalid Policy: The policy is too long.");
}

static void sizes(void **state)
{
    (void)state;
    struct post_policy p;
    const char *message;
    assert_int_equal(parse("{" EXPIRATION ", \"conditions\": []}", &p, &message), 0);
    assert_int_equal(p.expiration_us, 1893553445000000ull);
    assert_true(p.size_min == 0 && p.size_max == UINT64_MAX);
    post_policy_fini(&p);
    assert_int_equal(parse("{" EXPIRATION ", \"conditions\": [[\"content-length-range\", 1, 1000],"
                           "[\"Content-Length-Range\", \"0\", \"10\"]]}", &p, &message), 0);
    assert_true(p.size_min == 1 && p.size_max == 10);
    post_policy_fini(&p);
}

static int check(const char *conditions, struct headers fields, uint64_t now_us, const char *expected)
{
    struct text json = {0}, message = {0};
    struct post_policy p;
    const char *wrong;
    text_append_format(&json, "{" EXPIRATION ", \"conditions\": [%s]}", conditions);
    assert_int_equal(parse(json.data, &p, &wrong), 0);
    int err = post_policy_check(&p, fields, now_us, &message);
    if (expected)
        assert_string_equal(message.data, expected);
    post_policy_fini(&p);
    text_free(&json);
    text_free(&message);
    return err;
}

static void conditions(void **state)
{
    (void)state;
    const struct header items[] = {
        {slice_string("bucket"), slice_string("b")}, {slice_string("kEy"), slice_string("user/a.txt")},
        {slice_string("Content-Type"), slice_string("image/png, image/gif")}, {slice_string("acl"), slice_string("")},
    };
    struct headers fields = {items, COUNT(items)};
#define REST "{\"bucket\": \"b\"}, [\"starts-with\", \"$key\", \"\"], [\"starts-with\", \"$content-type\", \"\"], {\"acl\": \"\"}"
    static const struct { const char *condition; bool holds; } cases[] = {
        {"{\"BUCKET\": \"b\"}", true}, {"{\"bucket\": \"B\"}", false}, {"[\"eq\", \"$Key\", \"user/a.txt\"]", true},
        {"[\"eq\", \"$key\", \"user/\"]", false}, {"[\"StArTs-WiTh\", \"$kEY\", \"user/\"]", true},
        {"[\"starts-with\", \"$key\", \"user/a.txt.\"]", false}, {"[\"starts-with\", \"$key\", \"\"]", true},
        {"[\"starts-with\", \"$Content-Type\", \"image/\"]", true}, {"[\"starts-with\", \"$Content-Type\", \"image/p\"]", false},
        {"[\"eq\", \"$Content-Type\", \"image/png, image/gif\"]", true}, {"[\"starts-with\", \"$acl\", \"\"]", true},
        {"[\"starts-with\", \"$tagging\", \"\"]", false}, {"{\"tagging\": \"\"}", false}, /* not there */
        {"[\"content-length-range\", 0, 1]", true}, {"[\"eq\", \"$acl\", \"\"]", true},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct text all = {0};
        text_append_format(&all, REST ", %s", cases[i].condition);
        if (check(all.data, fields, NOW, NULL) != (cases[i].holds ? 0 : ERR_ACCESS))
            fail_msg("%s", cases[i].condition);
        text_free(&all);
    }
    assert_int_equal(check(REST ", [\"eq\", \"$key\", \"x\"]", fields, NOW,
                           "Invalid according to Policy: Policy Condition failed: [\"eq\", \"$key\", \"x\"]"), ERR_ACCESS);
    assert_int_equal(check(REST ", {\"tagging\": \"x\"}", fields, NOW,
                           "Invalid according to Policy: Policy Condition failed: [\"eq\", \"$tagging\", \"x\"]"), ERR_ACCESS);
    assert_int_equal(check(REST, fields, 1893553445000000ull - 1, NULL), 0);
    assert_int_equal(check(REST, fields, 1893553445000000ull, "Invalid according to Policy: Policy expired."), ERR_ACCESS);
#undef REST
}

static void dollars(void **state)
{
    (void)state;
    const struct header escaped[] = {{slice_string("key"), slice_string("$a\\$b")}};
    struct headers fields = {escaped, 1};
    /* \$ is a dollar; \\$ is a backslash and a dollar */
    assert_int_equal(check("{\"key\": \"\\$a\\\\$b\"}", fields, NOW, NULL), 0);
    assert_int_equal(check("{\"key\": \"\\u0024a\\\\\\u0024b\"}", fields, NOW, NULL), 0);
    assert_int_equal(check("{\"key\": \"\\$a\\$b\"}", fields, NOW, NULL), ERR_ACCESS);
}

static void coverage(void **state)
{
    (void)state;
    const struct header items[] = {
        {slice_string("bucket"), slice_string("b")}, {slice_string("key"), slice_string("a")},
        {slice_string("policy"), slice_string("x")}, {slice_string("AWSAccessKeyId"), slice_string("x")},
        {slice_string("Signature"), slice_string("x")}, {slice_string("X-Amz-Signature"), slice_string("x")},
        {slice_string("File"), slice_string("x")}, {slice_string("X-Ignore-a"), slice_string("x")},
        {slice_string("x-amz-meta-A"), slice_string("x")},
    };
    struct headers fields = {items, COUNT(items)};
    assert_int_equal(check("{\"bucket\": \"b\"}, {\"key\": \"a\"}, {\"X-Amz-Meta-a\": \"x\"}", fields, NOW, NULL), 0);
    assert_int_equal(check("{\"bucket\": \"b\"}, {\"key\": \"a\"}, [\"content-length-range\", 0, 1]", fields, NOW,
                           "Invalid according to Policy: Extra input fields: x-amz-meta-A"), ERR_ACCESS);
    assert_int_equal(check("{\"key\": \"a\"}, {\"x-amz-meta-a\": \"x\"}", fields, NOW,
                           "Invalid according to Policy: Extra input fields: bucket"), ERR_ACCESS);
}

static void test_a_checksum_needs_no_condition(void **state)
{
    (void)state;
    struct header items[] = {{slice_string("key"), slice_string("a")},
                             {slice_string("x-amz-checksum-sha256"), slice_string("x")}};
    assert_int_equal(check("{\"key\": \"a\"}", (struct headers){items, COUNT(items)}, NOW, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents), cmocka_unit_test(sizes), cmocka_unit_test(conditions), cmocka_unit_test(dollars),
        cmocka_unit_test(coverage),
        cmocka_unit_test(test_a_checksum_needs_no_condition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
