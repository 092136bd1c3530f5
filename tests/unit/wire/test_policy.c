/* Policies: documents that are none, who and what statements mean, every operator of conditions, variables, and what is public. */
#include "wire_test.h"

#include <stdio.h>

#include "wire/policy.h"

#define ACCOUNT "123456789012"
#define USER "arn:aws:iam::" ACCOUNT ":user/team/ann"
#define HEAD "{\"Version\": \"2012-10-17\", \"Statement\": ["
#define TAIL "]}"

struct key { const char *name, *values[4]; };
static const struct key *keys;

static int values(void *arg, struct slice name, struct slice *ret)
{
    (void)arg;
    for (const struct key *k = keys; k && k->name; k++) {
        if (!slice_equal_string_nocase(name, k->name))
            continue;
        int count = 0;
        while (count < 4 && k->values[count]) {
            ret[count] = slice_string(k->values[count]);
            count++;
        }
        return count;
    }
    return -1;
}

static struct policy *load(enum policy_kind kind, const char *document)
{
    char message[POLICY_MESSAGE_SIZE] = "";
    struct policy *p = NULL;
    if (policy_parse(slice_string(document), kind, slice_string("bucket"), &p, message))
        fail_msg("%s: %s", document, message);
    return p;
}

static struct policy_principal ann(void)
{
    return (struct policy_principal){.account = slice_string(ACCOUNT), .account_name = slice_string("tenant"),
                                     .canonical_id = slice_string("c0ffee"), .arn = slice_string(USER)};
}

static struct policy_result ask_as(const struct policy_principal *who, enum policy_kind kind, const char *document, const char *action,
                                   const char *resource)
{
    struct policy *p = load(kind, document);
    struct policy_request request = {slice_string(action), slice_string(resource), who, values, NULL};
    struct policy_result result = policy_evaluate(p, &request);
    result.sid = slice_of(NULL, 0);
    policy_free(p);
    return result;
}

static enum policy_effect ask(const char *document, const char *action, const char *resource)
{
    struct policy_principal who = ann();
    return ask_as(&who, POLICY_IDENTITY, document, action, resource).effect;
}

static void malformed(void **state)
{
    (void)state;
#define RESOURCE "\"Resource\": \"arn:aws:s3:::bucket/*\""
#define STATEMENT(principal, action, resource, more) \
    HEAD "{\"Effect\": \"Allow\", \"Principal\": " principal ", \"Action\": " action ", \"Resource\": " resource more "}" TAIL
#define OK_ACTION "\"s3:GetObject\""
#define OK_RESOURCE "\"arn:aws:s3:::bucket/*\""
    static const struct { const char *document, *message; } bad[] = {
        {"", "Policies must be valid JSON"}, {"[]", "Policies must be valid JSON"}, {"{", "Policies must be valid JSON"},
        {"{\"Version\": \"2012-10-17\"}", "Missing required field Statement"},
        {"{\"Version\": \"2013\", \"Statement\": []}", "valid version"},
        {HEAD TAIL, "Statement is empty"}, {HEAD "1" TAIL, "Invalid policy syntax"},
        {"{\"a\": 1}", "Unknown field a"}, {"{\"Id\": \"a\", \"Id\": \"b\"}", "Duplicate field"},
        {HEAD "{}" TAIL, "Missing required field Effect"},
        {HEAD "{\"Effect\": \"allow\"}" TAIL, "Invalid effect: allow"},
        {HEAD "{\"Effect\": \"Allow\"}" TAIL, "Missing required field Principal"},
        {HEAD "{\"Effect\": \"Allow\", \"NotPrincipal\": \"*\"}" TAIL, "NotPrincipal"},
        {HEAD "{\"Effect\": \"Allow\", \"Principal\": \"*\"}" TAIL, "Missing required field Action"},
        {HEAD "{\"Effect\": \"Allow\", \"Principal\": \"*\", \"Action\": " OK_ACTION "}" TAIL, "Missing required field Resource"},
        {STATEMENT("\"x\"", OK_ACTION, OK_RESOURCE, ""), "Invalid principal"},
        {STATEMENT("{}", OK_ACTION, OK_RESOURCE, ""), "Invalid principal"},
        {STATEMENT("{\"AWS\": []}", OK_ACTION, OK_RESOURCE, ""), "Invalid principal"},
        {STATEMENT("{\"AWS\": \"arn:aws:iam::1:user/*\"}", OK_ACTION, OK_RESOURCE, ""), "Invalid principal"},
        {STATEMENT("{\"AWS\": \"arn:aws:iam:::root\"}", OK_ACTION, OK_RESOURCE, ""), "Invalid principal"},
        {STATEMENT("{\"CanonicalUser\": \"abc\"}", OK_ACTION, OK_RESOURCE, ""), "Invalid principal"},
        {STATEMENT("{\"Who\": \"abc\"}", OK_ACTION, OK_RESOURCE, ""), "Invalid principal"},
        {STATEMENT("\"*\"", "\"s3:GetObjects\"", OK_RESOURCE, ""), "Policy has invalid action"},
        {STATEMENT("\"*\"", "\"iam:*\"", OK_RESOURCE, ""), "Policy has invalid action"},
        {STATEMENT("\"*\"", "[]", OK_RESOURCE, ""), "Policy has invalid action"},
        {STATEMENT("\"*\"", "\"s3:ListBucket\"", OK_RESOURCE, ""), "does not apply to any resource"},
        {STATEMENT("\"*\"", OK_ACTION, "\"arn:aws:s3:::bucket\"", ""), "does not apply to any resource"},
        {STATEMENT("\"*\"", OK_ACTION, "\"arn:aws:s3:::other/*\"", ""), "Policy has invalid resource"},
        {STATEMENT("\"*\"", OK_ACTION, "\"bucket/*\"", ""), "Policy has invalid resource"},
        {STATEMENT("\"*\"", OK_ACTION, "\"arn:aws:s3:::${aws:username}/*\"", ""), "Policy has invalid resource"},
        {STATEMENT("\"*\"", OK_ACTION, "\"arn:aws:s3:::bucket/${\"", ""), "Policy has invalid resource"},
        {STATEMENT("\"*\"", OK_ACTION, OK_RESOURCE, ", \"NotResource\": \"*\""), "both"},
        {STATEMENT("\"*\"", OK_ACTION, OK_RESOURCE, ", \"Sid\": 1"), "Invalid policy syntax"},
        {STATEMENT("\"*\"", OK_ACTION, OK_RESOURCE, ", \"Condition\": []"), "Invalid policy syntax"},
        {STATEMENT("\"*\"", OK_ACTION, OK_RESOURCE, ", \"Condition\": {\"Equals\": {}}"), "Invalid Condition type : Equals"},
        {STATEMENT("\"*\"", OK_ACTION, OK_RESOURCE, ", \"Condition\": {\"NullIfExists\": {}}"), "Invalid Condition type"},
        {STATEMENT("\"*\"", OK_ACTION, OK_RESOURCE, ", \"Condition\": {\"Bool\": {\"aws:wrong\": true}}"), "invalid condition key"},
        {STATEMENT("\"*\"", OK_ACTION, OK_RESOURCE, ", \"Condition\": {\"Bool\": {\"aws:SecureTransport\": \"x\"}}"), "Invalid value"},
        {STATEMENT("\"*\"", OK_ACTION, OK_RESOURCE, ", \"Condition\": {\"IpAddress\": {\"aws:SourceIp\": \"1.2.3.4/33\"}}"), "Invalid value"},
        {STATEMENT("\"*\"", OK_ACTION, OK_RESOURCE, ", \"Condition\": {\"NumericEquals\": {\"s3:max-keys\": \"1x\"}}"), "Invalid value"},
        {STATEMENT("\"*\"", OK_ACTION, OK_RESOURCE, ", \"Condition\": {\"DateEquals\": {\"aws:CurrentTime\": \"soon\"}}"), "Invalid value"},
        {STATEMENT("\"*\"", OK_ACTION, OK_RESOURCE, ", \"Condition\": {\"ArnLike\": {\"aws:SourceArn\": \"arn:aws:s3\"}}"), "Invalid value"},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        char message[POLICY_MESSAGE_SIZE] = "";
        struct policy *p;
        int err = policy_parse(slice_string(bad[i].document), POLICY_BUCKET, slice_string("bucket"), &p, message);
        if (err != ERR_MALFORMED || !strstr(message, bad[i].message))
            fail_msg("%s: %d, %s", bad[i].document, err, message);
    }
}

static void too_large(void **state)
{
    (void)state;
    char document[POLICY_SIZE_MAX + 2], message[POLICY_MESSAGE_SIZE];
    struct policy *p;
    static const char whole[] = STATEMENT("\"*\"", OK_ACTION, OK_RESOURCE, "");
    memset(document, ' ', sizeof document);
    memcpy(document, whole, sizeof whole - 1);
    assert_int_equal(policy_parse(slice_of(document, POLICY_SIZE_MAX), POLICY_BUCKET, slice_string("bucket"), &p, message), 0);
    policy_free(p);
    assert_int_equal(policy_parse(slice_of(document, POLICY_SIZE_MAX + 1), POLICY_BUCKET, slice_string("bucket"), &p, message),
                     ERR_TOO_LARGE);
}

static void kinds(void **state)
{
    (void)state;
    char message[POLICY_MESSAGE_SIZE];
    struct policy *p;
    static const char with_principal[] = STATEMENT("\"*\"", OK_ACTION, OK_RESOURCE, "");
    assert_int_equal(policy_parse(slice_string(with_principal), POLICY_IDENTITY, slice_of("", 0), &p, message), ERR_MALFORMED);
    assert_int_equal(policy_parse(slice_string(with_principal), POLICY_TRUST, slice_of("", 0), &p, message), ERR_MALFORMED);
    policy_free(load(POLICY_IDENTITY, HEAD "{\"Effect\": \"Allow\", \"Action\": \"iam:GetUser\", \"Resource\": \"*\"}" TAIL));
    struct policy_principal who = {.federated = slice_string("https://idp")};
    assert_int_equal(ask_as(&who, POLICY_TRUST, HEAD "{\"Effect\": \"Allow\", \"Principal\": {\"Federated\": \"https://idp\"}, "
                            "\"Action\": \"sts:AssumeRoleWithWebIdentity\"}" TAIL, "sts:AssumeRoleWithWebIdentity", "").effect, POLICY_ALLOW);
}

static void order(void **state)
{
    (void)state;
    struct policy_principal who = ann();
    static const char document[] = "{\"Version\": \"2012-10-17\", \"Statement\": ["
        "{\"Sid\": \"all\", \"Effect\": \"Allow\", \"Action\": \"S3:get*\", \"Resource\": \"*\"},"
        "{\"Sid\": \"not\", \"Effect\": \"Deny\", \"NotAction\": \"s3:GetObject\", \"Resource\": \"arn:aws:s3:::b/?\"},"
        "{\"Effect\": \"Deny\", \"Action\": \"*\", \"NotResource\": [\"arn:aws:s3:::b/*\", \"arn:aws:s3:::c\"]}]}";
    assert_int_equal(ask(document, "s3:GetObject", "arn:aws:s3:::b/a"), POLICY_ALLOW);
    assert_int_equal(ask(document, "s3:PutObject", "arn:aws:s3:::b/ab"), POLICY_NONE);
    assert_int_equal(ask_as(&who, POLICY_IDENTITY, document, "s3:GetObjectAcl", "arn:aws:s3:::b/a").statement, 1);
    assert_int_equal(ask(document, "s3:GetObjectAcl", "arn:aws:s3:::b/\xc3\xa4"), POLICY_DENY); /* one character */
    assert_int_equal(ask(document, "s3:GetObjectAcl", "arn:aws:s3:::b/aa"), POLICY_ALLOW);
    assert_int_equal(ask_as(&who, POLICY_IDENTITY, document, "s3:GetObject", "arn:aws:s3:::d/a").statement, 2);
    assert_int_equal(ask(document, "s3:GetObject", "arn:aws:s3:::c"), POLICY_ALLOW);
}

static struct policy_result as(const struct policy_principal *who, const char *principal, bool negated)
{
    char document[512];
    snprintf(document, sizeof document, HEAD "{\"Effect\": \"%s\", \"%s\": %s, \"Action\": \"s3:GetObject\", "
             "\"Resource\": \"arn:aws:s3:::bucket/*\"}" TAIL, negated ? "Deny" : "Allow", negated ? "NotPrincipal" : "Principal", principal);
    return ask_as(who, POLICY_BUCKET, document, "s3:GetObject", "arn:aws:s3:::bucket/a");
}

static void principals(void **state)
{
    (void)state;
    static const struct { const char *principal; int ann, session, anonymous; } cases[] = { /* 0 no, 1 by account, 2 by name */
        {"\"*\"", 2, 2, 2}, {"{\"AWS\": \"*\"}", 2, 2, 2}, {"{\"AWS\": [\"" ACCOUNT "\"]}", 1, 1, 0},
        {"{\"AWS\": \"arn:aws:iam::" ACCOUNT ":root\"}", 1, 1, 0}, {"{\"AWS\": \"arn:aws:iam::tenant:root\"}", 1, 0, 0},
        {"{\"AWS\": [\"111111111111\", \"" USER "\"]}", 2, 0, 0}, {"{\"AWS\": \"arn:aws:iam::tenant:user/team/ann\"}", 2, 0, 0},
        {"{\"AWS\": \"arn:aws:iam::tenant:user/ann\"}", 0, 0, 0}, {"{\"AWS\": \"arn:aws:iam::111111111111:root\"}", 0, 0, 0},
        {"{\"AWS\": \"arn:aws:iam::" ACCOUNT ":role/r\"}", 0, 2, 0},
        {"{\"AWS\": \"arn:aws:sts::" ACCOUNT ":assumed-role/r/s\"}", 0, 2, 0}, {"{\"Service\": \"x.amazonaws.com\"}", 0, 0, 0},
        {"{\"Federated\": \"*\"}", 0, 0, 0},
    };
    struct policy_principal user = ann(), anonymous = {.anonymous = true};
    struct policy_principal session = {.account = slice_string(ACCOUNT), .arn = slice_string("arn:aws:sts::" ACCOUNT ":assumed-role/r/s"),
                                       .role_arn = slice_string("arn:aws:iam::" ACCOUNT ":role/r")};
    const struct policy_principal *who[] = {&user, &session, &anonymous};
    for (size_t i = 0; i < COUNT(cases); i++) {
        const int expected[] = {cases[i].ann, cases[i].session, cases[i].anonymous};
        for (size_t n = 0; n < COUNT(who); n++) {
            struct policy_result r = as(who[n], cases[i].principal, false);
            int got = r.effect == POLICY_NONE ? 0 : r.names_caller ? 2 : 1;
            if (got != expected[n])
                fail_msg("%s, %zu: %d", cases[i].principal, n, got);
            assert_int_equal(as(who[n], cases[i].principal, true).effect, expected[n] ? POLICY_NONE : POLICY_DENY);
        }
    }
}

static bool holds(const char *condition)
{
    char document[1024];
    snprintf(document, sizeof document, HEAD "{\"Effect\": \"Allow\", \"Action\": \"*\", \"Resource\": \"*\", \"Condition\": {%s}}" TAIL,
             condition);
    return ask(document, "s3:GetObject", "arn:aws:s3:::b/k") == POLICY_ALLOW;
}

static void conditions(void **state)
{
    (void)state;
    static const struct key known[] = {
        {"s", {"Abc"}}, {"tag/K", {"v"}}, {"n", {"10"}}, {"d", {"2026-03-01T00:00:00Z"}}, {"b", {"true"}}, {"ip", {"10.1.2.3"}},
        {"ip6", {"2001:db8::1"}}, {"arn", {"arn:aws:s3:::b/x:y"}}, {"many", {"a", "b"}}, {"none", {NULL}}, {"x", {"junk"}}, {NULL, {NULL}}};
    static const struct { const char *condition; bool expected; } cases[] = {
        {"\"StringEquals\": {\"s\": \"Abc\"}", true}, {"\"StringEquals\": {\"s\": [\"x\", \"Abc\"]}", true},
        {"\"StringEquals\": {\"s\": \"abc\"}", false}, {"\"StringEquals\": {\"S\": \"A*\"}", false},
        {"\"StringNotEquals\": {\"s\": [\"x\", \"Abc\"]}", false}, {"\"StringNotEquals\": {\"s\": [\"x\", \"y\"]}", true},
        {"\"StringEqualsIgnoreCase\": {\"s\": \"aBC\"}", true}, {"\"StringNotEqualsIgnoreCase\": {\"s\": \"aBC\"}", false},
        {"\"StringLike\": {\"s\": \"?b*\"}", true}, {"\"StringLike\": {\"s\": \"?b\"}", false}, {"\"StringNotLike\": {\"s\": \"A*\"}", false},
        {"\"StringLike\": {\"s\": [\"*c\"]}", true}, {"\"StringLike\": {\"s\": \"*b*b*\"}", false}, {"\"StringLike\": {\"s\": \"**A*b*c**\"}", true},
        {"\"StringEquals\": {\"gone\": \"a\"}", false}, {"\"StringNotEquals\": {\"gone\": \"a\"}", true},
        {"\"StringEqualsIfExists\": {\"gone\": \"a\"}", true}, {"\"StringEqualsIfExists\": {\"s\": \"a\"}", false},
        {"\"NumericEquals\": {\"n\": 10}", true}, {"\"NumericEquals\": {\"n\": \"10.0\"}", true}, {"\"NumericNotEquals\": {\"n\": \"10\"}", false},
        {"\"NumericLessThan\": {\"n\": \"10\"}", false}, {"\"NumericLessThanEquals\": {\"n\": \"10\"}", true},
        {"\"NumericGreaterThan\": {\"n\": 9.5}", true}, {"\"NumericGreaterThan\": {\"n\": \"10\"}", false},
        {"\"NumericGreaterThanEquals\": {\"n\": \"10\"}", true}, {"\"NumericEquals\": {\"x\": 1}", false},
        {"\"NumericNotEquals\": {\"x\": 1}", true},
        {"\"DateEquals\": {\"d\": \"2026-03-01\"}", true}, {"\"DateLessThan\": {\"d\": \"2026-03-01T00:00:01Z\"}", true},
        {"\"DateGreaterThan\": {\"d\": \"2026-03-01T00:00:00Z\"}", false}, {"\"DateGreaterThanEquals\": {\"d\": 1772323200}", true},
        {"\"DateLessThanEquals\": {\"d\": \"1772323199\"}", false}, {"\"DateNotEquals\": {\"d\": \"2026-03-01\"}", false},
        {"\"Bool\": {\"b\": \"True\"}", true}, {"\"Bool\": {\"b\": false}", false}, {"\"BoolIfExists\": {\"gone\": \"false\"}", true},
        {"\"IpAddress\": {\"ip\": \"10.0.0.0/8\"}", true}, {"\"IpAddress\": {\"ip\": [\"10.1.2.4\", \"10.1.2.3\"]}", true},
        {"\"IpAddress\": {\"ip\": \"10.1.2.0/31\"}", false}, {"\"NotIpAddress\": {\"ip\": \"10.1.2.2/31\"}", false},
        {"\"IpAddress\": {\"ip\": \"::/0\"}", true}, {"\"IpAddress\": {\"ip6\": \"0.0.0.0/0\"}", false},
        {"\"IpAddress\": {\"ip6\": \"2001:db8::/33\"}", true}, {"\"IpAddress\": {\"ip6\": \"2001:db8:8000::/33\"}", false},
        {"\"IpAddress\": {\"x\": \"0.0.0.0/0\"}", false}, {"\"NotIpAddress\": {\"x\": \"0.0.0.0/0\"}", true},
        {"\"ArnEquals\": {\"arn\": \"arn:aws:s3:::b/*\"}", true}, {"\"ArnLike\": {\"arn\": \"arn:*:s3:::b/x?y\"}", true},
        {"\"ArnLike\": {\"arn\": \"arn:aws:*:::b/x:z\"}", false}, {"\"ArnLike\": {\"arn\": \"*\"}", true}, {"\"ArnNotLike\": {\"arn\": \"*\"}", false},
        {"\"ArnNotEquals\": {\"arn\": \"arn:aws:s3:::c\"}", true}, {"\"ArnLike\": {\"x\": \"*\"}", false},
        {"\"Null\": {\"gone\": \"true\"}", true}, {"\"Null\": {\"s\": \"true\"}", false}, {"\"Null\": {\"s\": false}", true},
        {"\"Null\": {\"none\": true}", true}, {"\"BinaryEquals\": {\"s\": \"Abc\"}", true}, {"\"BinaryEquals\": {\"s\": \"abc\"}", false},
        {"\"ForAnyValue:StringEquals\": {\"many\": [\"b\", \"c\"]}", true}, {"\"ForAnyValue:StringEquals\": {\"many\": \"c\"}", false},
        {"\"ForAnyValue:StringEquals\": {\"gone\": \"c\"}", false}, {"\"ForAllValues:StringEquals\": {\"many\": [\"b\", \"c\"]}", false},
        {"\"ForAllValues:StringEquals\": {\"many\": [\"b\", \"a\"]}", true}, {"\"ForAllValues:StringEquals\": {\"gone\": \"a\"}", true},
        {"\"ForAllValues:StringNotEquals\": {\"many\": [\"b\"]}", false}, {"\"ForAnyValue:StringNotEquals\": {\"many\": [\"b\"]}", true},
        {"\"ForAnyValue:StringNotEquals\": {\"many\": [\"a\", \"b\"]}", false}, {"\"StringNotEquals\": {\"many\": \"b\"}", false},
        {"\"StringEquals\": {\"many\": \"b\"}", true}, {"\"StringEquals\": {\"tag/K\": \"v\", \"s\": \"Abc\"}", true},
        {"\"StringEquals\": {\"tag/K\": \"v\", \"s\": \"x\"}", false}, {"\"StringEquals\": {\"s\": \"Abc\"}, \"Bool\": {\"b\": \"false\"}", false},
        {"\"StringEquals\": {\"s\": []}", false},
    };
    keys = known;
    for (size_t i = 0; i < COUNT(cases); i++)
        if (holds(cases[i].condition) != cases[i].expected)
            fail_msg("%s", cases[i].condition);
    keys = NULL;
}

static enum policy_effect variable(const char *version, const char *resource, const char *asked)
{
    char document[512];
    snprintf(document, sizeof document, "{\"Version\": \"%s\", \"Statement\": {\"Effect\": \"Allow\", \"Action\": \"*\", \"Resource\": \"%s\"}}",
             version, resource);
    return ask(document, "s3:GetObject", asked);
}

static void variables(void **state)
{
    (void)state;
    static const struct key known[] = {{"aws:username", {"a*n"}}, {"many", {"a", "b"}}, {NULL, {NULL}}};
    static const char now[] = "2012-10-17";
    keys = known;
    assert_int_equal(variable(now, "h/${aws:username}/*", "h/a*n/x"), POLICY_ALLOW);
    assert_int_equal(variable(now, "h/${aws:username}/*", "h/aan/x"), POLICY_NONE); /* a value is no pattern */
    assert_int_equal(variable(now, "*${aws:UserName}${aws:username}*z", "-a*n-a*na*nz"), POLICY_ALLOW);
    assert_int_equal(variable("2008-10-17", "h/${aws:username}", "h/a*n"), POLICY_NONE);
    assert_int_equal(variable("2008-10-17", "h/${aws:username}", "h/${aws:username}"), POLICY_ALLOW);
    assert_int_equal(variable(now, "h/${gone}*", "h/"), POLICY_NONE);
    assert_int_equal(variable(now, "h/${many}*", "h/a"), POLICY_NONE);
    assert_int_equal(variable(now, "h/${gone, 'def'}", "h/def"), POLICY_ALLOW);
    assert_int_equal(variable(now, "h/${*}${?}${$}{x}", "h/*?${x}"), POLICY_ALLOW);
    assert_int_equal(variable(now, "h/${*}", "h/x"), POLICY_NONE);
    assert_true(holds("\"StringEquals\": {\"aws:username\": \"${aws:username}\"}"));
    struct policy *p = load(POLICY_IDENTITY, HEAD "{\"Effect\": \"Allow\", \"Action\": \"*\", \"Resource\": \"${aws:UserName}\", "
                            "\"Condition\": {\"ArnLike\": {\"a\": \"a:b:c:d:e:${s3:prefix}\"}}}" TAIL);
    assert_true(policy_uses_key(p, "aws:username") && policy_uses_key(p, "s3:prefix") && policy_uses_key(p, "a"));
    assert_false(policy_uses_key(p, "s3:existingobjecttag/"));
    policy_free(p);
    keys = NULL;
}

static void publics(void **state)
{
    (void)state;
#define GRANT(effect, principal, condition) HEAD "{\"Effect\": \"" effect "\", \"Principal\": " principal \
    ", \"Action\": \"s3:GetObject\", \"Resource\": \"arn:aws:s3:::bucket/*\", \"Condition\": {" condition "}}" TAIL
    static const struct { const char *document; bool expected; } cases[] = {
        {GRANT("Allow", "\"*\"", ""), true}, {GRANT("Deny", "\"*\"", ""), false}, {GRANT("Allow", "{\"AWS\": [\"" ACCOUNT "\"]}", ""), false},
        {GRANT("Allow", "{\"AWS\": [\"" ACCOUNT "\", \"*\"]}", ""), true},
        {GRANT("Allow", "\"*\"", "\"IpAddress\": {\"aws:SourceIp\": \"10.0.0.0/8\"}"), false},
        {GRANT("Allow", "\"*\"", "\"IpAddress\": {\"aws:SourceIp\": \"0.0.0.0/1\"}"), true},
        {GRANT("Allow", "\"*\"", "\"NotIpAddress\": {\"aws:SourceIp\": \"10.0.0.0/8\"}"), true},
        {GRANT("Allow", "\"*\"", "\"StringEquals\": {\"aws:PrincipalAccount\": \"1\"}"), false},
        {GRANT("Allow", "\"*\"", "\"StringLike\": {\"aws:PrincipalAccount\": \"1*\"}"), true},
        {GRANT("Allow", "\"*\"", "\"StringEqualsIfExists\": {\"aws:PrincipalAccount\": \"1\"}"), true},
        {GRANT("Allow", "\"*\"", "\"StringEquals\": {\"aws:Referer\": \"1\"}"), true},
        {GRANT("Allow", "\"*\"", "\"ArnLike\": {\"aws:PrincipalArn\": \"arn:aws:iam::1:user/*\"}"), false},
        {GRANT("Allow", "\"*\"", "\"ArnLike\": {\"aws:PrincipalArn\": \"arn:aws:iam::*:user/a\"}"), true},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct policy *p = load(POLICY_BUCKET, cases[i].document);
        if (policy_is_public(p) != cases[i].expected)
            fail_msg("%s", cases[i].document);
        policy_free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(malformed), cmocka_unit_test(too_large), cmocka_unit_test(kinds), cmocka_unit_test(order),
        cmocka_unit_test(principals), cmocka_unit_test(conditions), cmocka_unit_test(variables), cmocka_unit_test(publics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
