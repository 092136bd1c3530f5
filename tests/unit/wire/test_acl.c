/* Access control lists: kept forms, documents, headers, and what they allow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "wire/acl.h"

#define ALICE "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ALL_USERS "http://acs.amazonaws.com/groups/global/AllUsers"
#define OWNER "<Owner><ID>" ALICE "</ID><DisplayName>alice</DisplayName></Owner>"
#define LIST(grants) "<AccessControlPolicy>" OWNER "<AccessControlList>" grants "</AccessControlList></AccessControlPolicy>"
#define GRANT(type, inside, permission) "<Grant><Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"" type "\">" \
    inside "</Grantee><Permission>" permission "</Permission></Grant>"
#define USER(permission) GRANT("CanonicalUser", "<ID>" ALICE "</ID>", permission)

static void documents(void **state)
{
    (void)state;
    static const struct { const char *text; int err; uint32_t count; enum acl_grantee grantee; enum acl_permission permission; } rows[] = {
        {LIST(""), 0, 0, 0, 0},
        {LIST(USER("READ")), 0, 1, ACL_CANONICAL_USER, ACL_READ},
        {LIST(GRANT("CanonicalUser", "<ID>x</ID><DisplayName>y</DisplayName>", "WRITE_ACP")), 0, 1, ACL_CANONICAL_USER, ACL_WRITE_ACP},
        {LIST(GRANT("Group", "<URI>" ALL_USERS "</URI>", "WRITE") USER("READ")), 0, 2, ACL_ALL_USERS, ACL_WRITE},
        {LIST(GRANT("AmazonCustomerByEmail", "<EmailAddress>a@b.example</EmailAddress>", "READ_ACP")), 0, 1, ACL_EMAIL, ACL_READ_ACP},
        {LIST(GRANT("Group", "<URI>http://example.com/everybody</URI>", "READ")), ERR_INVALID, 0, 0, 0},
        {LIST(GRANT("Group", "<ID>" ALICE "</ID>", "READ")), ERR_MALFORMED, 0, 0, 0},
        {LIST(GRANT("Group", "<URI>" ALL_USERS "</URI><ID>x</ID>", "READ")), ERR_MALFORMED, 0, 0, 0},
        {LIST(GRANT("CanonicalUser", "<URI>" ALL_USERS "</URI>", "READ")), ERR_MALFORMED, 0, 0, 0},
        {LIST(GRANT("CanonicalUser", "<ID>x</ID><ID>y</ID>", "READ")), ERR_MALFORMED, 0, 0, 0},
        {LIST(GRANT("Martian", "<ID>x</ID>", "READ")), ERR_MALFORMED, 0, 0, 0},
        {LIST(GRANT("AmazonCustomerByEmail", "<ID>x</ID>", "READ")), ERR_MALFORMED, 0, 0, 0},
        {LIST(USER("read")), ERR_MALFORMED, 0, 0, 0},
        {LIST(USER("")), ERR_MALFORMED, 0, 0, 0},
        {LIST("<Grant><Grantee><ID>" ALICE "</ID></Grantee><Permission>READ</Permission></Grant>"), ERR_MALFORMED, 0, 0, 0},
        {LIST("<Grant><Permission>READ</Permission></Grant>"), ERR_MALFORMED, 0, 0, 0},
        {LIST("<Deny></Deny>"), ERR_MALFORMED, 0, 0, 0},
        {"<AccessControlPolicy>" OWNER "</AccessControlPolicy>", ERR_MALFORMED, 0, 0, 0},
        {"<AccessControlPolicy><AccessControlList></AccessControlList></AccessControlPolicy>", ERR_MALFORMED, 0, 0, 0},
        {"<AccessControlPolicy><Owner></Owner><AccessControlList></AccessControlList></AccessControlPolicy>", ERR_MALFORMED, 0, 0, 0},
        {"<AccessControlPolicy>" OWNER OWNER "<AccessControlList></AccessControlList></AccessControlPolicy>", ERR_MALFORMED, 0, 0, 0},
        {"<Policy>" OWNER "<AccessControlList></AccessControlList></Policy>", ERR_MALFORMED, 0, 0, 0},
        {"<AccessControlPolicy>", ERR_MALFORMED, 0, 0, 0},
        {"", ERR_MALFORMED, 0, 0, 0},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct acl_document d;
        print_message("%s\n", rows[i].text);
        assert_int_equal(acl_document_parse(slice_string(rows[i].text), &d), rows[i].err);
        if (rows[i].err)
            continue;
        assert_true(slice_equal_string(d.owner_id, ALICE));
        assert_int_equal(d.list.count, rows[i].count);
        if (d.list.count) {
            assert_int_equal(d.list.grants[0].grantee, rows[i].grantee);
            assert_int_equal(d.list.grants[0].permission, rows[i].permission);
        }
        acl_document_fini(&d);
    }
}

static int parse_many(unsigned count)
{
    struct text text = {0};
    struct acl_document d;
    text_append_string(&text, "<AccessControlPolicy>" OWNER "<AccessControlList>");
    for (unsigned i = 0; i < count; i++)
        text_append_string(&text, USER("READ"));
    text_append_string(&text, "</AccessControlList></AccessControlPolicy>");
    int err = acl_document_parse(slice_of(text.data, text.len), &d);
    text_free(&text);
    if (!err) {
        assert_int_equal(d.list.count, count);
        acl_document_fini(&d);
    }
    return err;
}

static void limit(void **state)
{
    (void)state;
    static struct acl_list list;
    assert_int_equal(parse_many(ACL_GRANTS_MAX), 0);
    assert_int_equal(parse_many(ACL_GRANTS_MAX + 1), ERR_MALFORMED);
    list.count = 0;
    for (unsigned i = 0; i < ACL_GRANTS_MAX; i++)
        assert_int_equal(acl_header_parse(slice_string("id=x"), ACL_READ, &list), 0);
    assert_int_equal(acl_header_parse(slice_string("id=x"), ACL_READ, &list), ERR_TOO_LARGE);
}

static void headers(void **state)
{
    (void)state;
    static const struct { const char *value; int err; uint32_t count; enum acl_grantee first; const char *id; } rows[] = {
        {"id=abc", 0, 1, ACL_CANONICAL_USER, "abc"},
        {"id=\"abc\"", 0, 1, ACL_CANONICAL_USER, "abc"},
        {" ID = 'abc' ", 0, 1, ACL_CANONICAL_USER, "abc"},
        {"emailAddress=\"a,b@c\", id=x", 0, 2, ACL_EMAIL, "a,b@c"},
        {"uri=\"" ALL_USERS "\",id=\"a\" ,id=b", 0, 3, ACL_ALL_USERS, ""},
        {"uri=" ALL_USERS, 0, 1, ACL_ALL_USERS, ""},
        {"uri=http://example.com", ERR_INVALID, 0, 0, NULL},
        {"", ERR_MALFORMED, 0, 0, NULL},
        {"abc", ERR_MALFORMED, 0, 0, NULL},
        {"name=abc", ERR_MALFORMED, 0, 0, NULL},
        {"id=\"abc", ERR_MALFORMED, 0, 0, NULL},
        {"id=\"", ERR_MALFORMED, 0, 0, NULL},
        {"id=\"a\" id=\"b\"", ERR_MALFORMED, 0, 0, NULL},
        {"id=a,", ERR_MALFORMED, 0, 0, NULL},
        {",id=a", ERR_MALFORMED, 0, 0, NULL},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        static struct acl_list list;
        list.count = 0;
        print_message("%s\n", rows[i].value);
        assert_int_equal(acl_header_parse(slice_string(rows[i].value), ACL_WRITE, &list), rows[i].err);
        if (rows[i].err)
            continue;
        assert_int_equal(list.count, rows[i].count);
        assert_int_equal(list.grants[0].grantee, rows[i].first);
        assert_int_equal(list.grants[0].permission, ACL_WRITE);
        assert_true(slice_equal_string(list.grants[0].id, rows[i].id));
    }
    enum acl_permission permission;
    assert_true(acl_header_permission(slice_string("X-Amz-Grant-Read-ACP"), &permission) && permission == ACL_READ_ACP);
    assert_true(acl_header_permission(slice_string("x-amz-grant-full-control"), &permission) && permission == ACL_FULL_CONTROL);
    assert_false(acl_header_permission(slice_string("x-amz-grant-"), &permission));
    assert_false(acl_header_permission(slice_string("x-amz-grant-everything"), &permission));
    assert_false(acl_header_permission(slice_string("x-amz-acl"), &permission));
}

static bool allows(const char *acl, enum acl_permission permission, struct acl_caller caller)
{
    return acl_allows(slice_string(acl), permission, &caller);
}

static void decisions(void **state)
{
    (void)state;
    struct acl_caller owner = {.owner = true}, alice = {.canonical_id = slice_string(ALICE)}, anonymous = {.anonymous = true};
    struct acl_caller somebody = {.canonical_id = slice_string("x")}, ignored = {.anonymous = true, .ignore_public = true};
    assert_true(allows("", ACL_WRITE_ACP, owner));
    assert_false(allows("", ACL_READ, alice));
    assert_true(allows("grants:READ " ALICE "\n", ACL_READ, alice));
    assert_false(allows("grants:READ " ALICE "\n", ACL_WRITE, alice));
    assert_false(allows("grants:READ " ALICE "\n", ACL_READ, somebody));
    assert_false(allows("grants:READ " ALICE "\n", ACL_READ, anonymous));
    assert_true(allows("grants:FULL_CONTROL " ALICE "\n", ACL_WRITE_ACP, alice));
    assert_false(allows("grants:", ACL_READ, owner));
    assert_true(allows("grants:READ AuthenticatedUsers\n", ACL_READ, somebody));
    assert_false(allows("grants:READ AuthenticatedUsers\n", ACL_READ, anonymous));
    assert_true(allows("grants:WRITE AllUsers\n", ACL_WRITE, anonymous));
    assert_false(allows("grants:WRITE AllUsers\n", ACL_WRITE, ignored));
    assert_false(allows("grants:FULL_CONTROL LogDelivery\n", ACL_READ, somebody));
    assert_false(allows("grants:READ AllUsers\nREAD nobody\n", ACL_READ, anonymous)); /* damaged: nothing of it counts */
    assert_false(allows("public", ACL_READ, anonymous));
    assert_true(acl_is_public(slice_string("grants:READ_ACP AuthenticatedUsers\n")));
    assert_false(acl_is_public(slice_string("grants:READ_ACP LogDelivery\nREAD " ALICE "\n")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents), cmocka_unit_test(limit), cmocka_unit_test(headers), cmocka_unit_test(decisions)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
