/* STS: temporary credentials of roles, users and accounts, and who one is. */
#include <stdio.h>
#include <string.h>

#include "s3/caller.h"
#include "s3/service.h"
#include "s3/session.h"
#include "wire/xml_write.h"

#define ROLE_ARN "arn:aws:iam::"

static int begin(struct service_call *c, uint64_t least, uint64_t most, uint64_t otherwise, struct session *s)
{
    uint64_t seconds;
    memset(s, 0, sizeof *s);
    int err = service_number(c, "DurationSeconds", least, most, otherwise, &seconds);
    if (!err)
        err = access_key_make("ASIA", s->access_key, s->secret);
    s->expires_us = loop_wall_us(request_objects(c->request)->loop) + seconds * 1000000;
    s->account_id = c->account.id;
    s->policy = slice_of("", 0);
    return err;
}

static int finish(struct service_call *c, struct session *s)
{
    struct text token = {0};
    int err = session_seal(c->request->reactor->server->meta, s, &token);
    c->secret = true;
    xml_open(&c->result, "Credentials");
    xml_element_string(&c->result, "AccessKeyId", s->access_key);
    xml_element_string(&c->result, "SecretAccessKey", s->secret);
    xml_element(&c->result, "SessionToken", slice_of(token.data ? token.data : "", token.len));
    xml_element_time(&c->result, "Expiration", s->expires_us);
    xml_close(&c->result, "Credentials");
    text_free(&token);
    explicit_bzero(s->secret, sizeof s->secret);
    return err;
}

/* --- AssumeRole --- */

/* The role, in any account, and that account's number; copies. */
static int find_role(struct service_call *c, struct slice arn, struct identity_row *role, struct slice *ret_number)
{
    struct account_row account;
    size_t len = strlen(ROLE_ARN);
    const char *colon = slice_starts_with(arn, ROLE_ARN) ? memchr(arn.data + len, ':', arn.len - len) : NULL;
    const char *slash = colon ? memrchr(colon, '/', (size_t)(arn.data + arn.len - colon)) : NULL;
    if (!slash || !slice_starts_with(slice_of(colon + 1, (size_t)(arn.data + arn.len - colon - 1)), "role/"))
        return ERR_NOT_FOUND;
    *ret_number = service_copy(c, slice_of(arn.data + len, (size_t)(colon - arn.data) - len));
    if (!ret_number->data)
        return ERR_NO_MEMORY;
    int err = account_get_by_number(c->tx, *ret_number, &account);
    if (!err)
        err = identity_get(c->tx, account.id, IDENTITY_ROLE, slice_of(slash + 1, (size_t)(arn.data + arn.len - slash - 1)), role);
    if (!err)
        err = service_copy_row(c, role);
    struct slice path = slice_of(colon + 5, (size_t)(slash + 1 - colon - 5));
    return err || slice_equal(path, role->path) ? err : ERR_NOT_FOUND;
}

static int no_values(void *arg, struct slice key, struct slice *values)
{
    const struct service_call *c = arg;
    if (slice_equal_string_nocase(key, "aws:PrincipalArn"))
        values[0] = c->principal.role_arn.len ? c->principal.role_arn : c->principal.arn;
    else if (slice_equal_string_nocase(key, "aws:PrincipalAccount"))
        values[0] = c->principal.account;
    else if (slice_equal_string_nocase(key, "sts:ExternalId") && service_field(c, "ExternalId").len)
        values[0] = service_field(c, "ExternalId");
    else if (slice_equal_string_nocase(key, "sts:RoleSessionName"))
        values[0] = service_field(c, "RoleSessionName");
    else
        return -1;
    return 1;
}

/* The role must trust the caller; a caller that it names only by its account, and any of another account, needs a policy of its own, too. */
static int may_assume(struct service_call *c, const struct identity_row *role, struct slice arn, bool *ret)
{
    struct policy *trust;
    char message[POLICY_MESSAGE_SIZE];
    bool denied = false;
    *ret = false;
    int err = policy_parse(role->document, POLICY_TRUST, slice_of("", 0), &trust, message);
    if (err)
        return err == ERR_MALFORMED ? ERR_CORRUPT : err;
    const struct policy_request request = {slice_string("sts:AssumeRole"), slice_of("", 0), &c->principal, no_values, c};
    struct policy_result result = policy_evaluate(trust, &request);
    policy_free(trust);
    if (result.effect != POLICY_ALLOW)
        return 0;
    bool own = !c->request->identity.iam_user || service_policies_allow(c, "sts:AssumeRole", arn, &denied);
    *ret = !denied && (own || (result.names_caller && role->account_id == c->account.id));
    return 0;
}

static int take_session_policy(struct service_call *c, struct session *s)
{
    struct slice policy = service_field(c, "Policy");
    if (!policy.len)
        return 0;
    s->policy = policy;
    if (policy.len > SESSION_POLICY_MAX)
        return service_fail(c, 400, "PackedPolicyTooLarge", "A session policy has at most %d bytes", SESSION_POLICY_MAX);
    return service_check_policy(c, policy, POLICY_IDENTITY, SESSION_POLICY_MAX);
}

static int assume_role(struct service_call *c)
{
    struct identity_row role;
    struct slice arn, name, number;
    struct session s;
    bool may = false;
    int err = service_need(c, "RoleArn", &arn);
    if (!err)
        err = service_need(c, "RoleSessionName", &name);
    if (!err)
        err = service_check_name(c, "RoleSessionName", name, SESSION_NAME_MAX);
    if (!err && name.len < 2)
        err = service_fail(c, 400, "ValidationError", "RoleSessionName has 2 to %d characters", SESSION_NAME_MAX);
    if (err)
        return err;
    err = find_role(c, arn, &role, &number);
    if (!err)
        err = may_assume(c, &role, arn, &may);
    if ((err && err == ERR_NOT_FOUND) || (!err && !may))
        return service_fail(c, 403, "AccessDenied", "User: %.*s is not authorized to perform: sts:AssumeRole on resource: %.*s",
                            (int)(c->principal.arn.len < 90 ? c->principal.arn.len : 90), c->principal.arn.data, (int)(arn.len < 90 ? arn.len : 90), arn.data);
    if (!err)
        err = begin(c, 900, role.session_s, role.session_s < 3600 ? role.session_s : 3600, &s);
    if (!err)
        err = take_session_policy(c, &s);
    if (err)
        return err;
    s.account_id = role.account_id;
    s.identity_id = role.id;
    snprintf(s.name, sizeof s.name, "%.*s", (int)name.len, name.data);
    err = finish(c, &s);
    xml_open(&c->result, "AssumedRoleUser");
    text_append_format(&c->result, "<Arn>arn:aws:sts::%.*s:assumed-role/%.*s/%s</Arn><AssumedRoleId>%.*s:%s</AssumedRoleId>", (int)number.len, number.data,
                       (int)role.name.len, role.name.data, s.name, (int)role.unique_id.len, role.unique_id.data, s.name);
    xml_close(&c->result, "AssumedRoleUser");
    xml_element_u64(&c->result, "PackedPolicySize", s.policy.len * 100 / SESSION_POLICY_MAX);
    return err;
}

/* --- GetSessionToken, GetCallerIdentity --- */

static int get_session_token(struct service_call *c)
{
    struct identity_row user;
    struct session s;
    const struct caller *caller = c->request->caller;
    if (c->request->signature.security_token.data)
        return service_fail(c, 403, "AccessDenied", "Cannot call GetSessionToken with session credentials");
    int err = begin(c, 900, c->request->identity.iam_user ? 129600 : 3600, c->request->identity.iam_user ? 43200 : 3600, &s);
    if (!err && caller) {
        err = identity_get(c->tx, c->account.id, IDENTITY_USER, slice_string(caller->name), &user);
        s.identity_id = err ? 0 : user.id;
    }
    return err ? err : finish(c, &s);
}

static int get_caller_identity(struct service_call *c)
{
    const struct s3_identity *i = &c->request->identity;
    xml_element(&c->result, "Arn", c->principal.arn);
    xml_element(&c->result, "UserId", i->iam_user ? i->unique_id : c->account.number);
    xml_element(&c->result, "Account", c->account.number);
    return 0;
}

const struct service_action service_session_actions[] = {
    {"AssumeRole", assume_role, false, true, IDENTITY_ROLE},
    {"GetSessionToken", get_session_token, false, true, IDENTITY_USER},
    {"GetCallerIdentity", get_caller_identity, false, true, IDENTITY_USER},
    {NULL, NULL, false, false, IDENTITY_USER},
};
