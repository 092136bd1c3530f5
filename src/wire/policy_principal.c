/* Principals of policies. Whether the named ones exist is not asked: they may come later. */
#include <string.h>

#include "wire/policy_inside.h"

#define IAM_ARN "arn:aws:iam::"
#define STS_ARN "arn:aws:sts::"

static struct slice behind(struct slice text, size_t len)
{
    return slice_of(text.data + len, text.len - len);
}

/* ACCOUNT:KIND/NAME behind IAM_ARN or STS_ARN; ret_rest is KIND/NAME. */
static bool split_account(struct slice text, struct slice *ret_account, struct slice *ret_rest)
{
    const char *colon = text.len ? memchr(text.data, ':', text.len) : NULL;
    if (!colon || colon == text.data)
        return false;
    *ret_account = slice_of(text.data, (size_t)(colon - text.data));
    *ret_rest = behind(text, ret_account->len + 1);
    return true;
}

static bool named(struct slice rest, const char *kind)
{
    return slice_starts_with(rest, kind) && rest.len > strlen(kind);
}

static bool account_valid(struct slice account)
{
    for (size_t i = 0; i < account.len; i++)
        if (memchr(":/*?", account.data[i], 4) || (unsigned char)account.data[i] <= ' ')
            return false;
    return account.len > 0 && account.len <= 128;
}

static bool aws_valid(struct slice value)
{
    struct slice account, rest;
    if (slice_starts_with(value, IAM_ARN))
        return split_account(behind(value, strlen(IAM_ARN)), &account, &rest) && account_valid(account)
               && !memchr(rest.data, '*', rest.len) && !memchr(rest.data, '?', rest.len)
               && (slice_equal_string(rest, "root") || named(rest, "user/") || named(rest, "role/"));
    if (slice_starts_with(value, STS_ARN))
        return split_account(behind(value, strlen(STS_ARN)), &account, &rest) && account_valid(account)
               && !memchr(rest.data, '*', rest.len) && (named(rest, "assumed-role/") || named(rest, "federated-user/"));
    return value.len == 12 && strspn(value.data, "0123456789") >= 12;
}

static bool canonical_valid(struct slice value)
{
    for (size_t i = 0; i < value.len; i++)
        if (!memchr("0123456789abcdef", value.data[i], 16))
            return false;
    return value.len == 64;
}

static bool take_kind(const char *name, enum principal_kind *ret)
{
    static const char *const names[] = {[PRINCIPAL_AWS] = "AWS", [PRINCIPAL_CANONICAL] = "CanonicalUser",
                                        [PRINCIPAL_FEDERATED] = "Federated", [PRINCIPAL_SERVICE] = "Service"};
    for (unsigned i = PRINCIPAL_AWS; i <= PRINCIPAL_SERVICE; i++)
        if (strcmp(name, names[i]) == 0) {
            *ret = (enum principal_kind)i;
            return true;
        }
    return false;
}

static int take_one(struct policy_parser *p, json_t *json, enum principal_kind kind, struct principal *ret)
{
    struct slice value = json_is_string(json) ? json_slice(json) : slice_of("", 0);
    bool everybody = kind == PRINCIPAL_AWS && slice_equal_string(value, "*");
    if (!value.len || (kind == PRINCIPAL_AWS && !everybody && !aws_valid(value))
        || (kind == PRINCIPAL_CANONICAL && !canonical_valid(value)))
        return policy_malformed(p, "Invalid principal in policy");
    *ret = (struct principal){everybody ? PRINCIPAL_EVERYBODY : kind, arena_copy(&p->policy->arena, value)};
    return ret->value.data ? 0 : ERR_NO_MEMORY;
}

static int take_list(struct policy_parser *p, json_t *json, enum principal_kind kind, struct statement *s)
{
    size_t count = json_is_array(json) ? json_array_size(json) : 1;
    for (size_t i = 0; i < count; i++) {
        int err = take_one(p, json_is_array(json) ? json_array_get(json, i) : json, kind, &s->principals[s->principal_count]);
        if (err)
            return err;
        s->principal_count++;
    }
    return count ? 0 : policy_malformed(p, "Invalid principal in policy");
}

int principals_parse(struct policy_parser *p, json_t *json, struct statement *s)
{
    const char *name;
    json_t *value;
    size_t total = 1;
    if (json_is_object(json))
        json_object_foreach(json, name, value)
            total += json_is_array(value) ? json_array_size(value) : 1;
    s->principals = arena_take(&p->policy->arena, total * sizeof *s->principals);
    if (!s->principals)
        return ERR_NO_MEMORY;
    if (json_is_string(json) && strcmp(json_string_value(json), "*") == 0)
        return take_list(p, json, PRINCIPAL_AWS, s);
    if (!json_is_object(json) || !json_object_size(json))
        return policy_malformed(p, "Invalid principal in policy");
    json_object_foreach(json, name, value) {
        enum principal_kind kind;
        int err = take_kind(name, &kind) ? take_list(p, value, kind, s) : policy_malformed(p, "Invalid principal in policy");
        if (err)
            return err;
    }
    return 0;
}

static bool same_account(const struct policy_principal *caller, struct slice account)
{
    return account.len && (slice_equal(account, caller->account) || slice_equal(account, caller->account_name));
}

/* Two ARNs of IAM or STS, the account in either form. */
static bool same_arn(const struct policy_principal *caller, struct slice arn, struct slice own)
{
    struct slice account, rest, own_account, own_rest;
    if (!own.len || slice_equal(arn, own))
        return own.len > 0;
    size_t len = strlen(IAM_ARN);
    return arn.len > len && own.len > len && memcmp(arn.data, own.data, len) == 0
           && split_account(behind(arn, len), &account, &rest) && split_account(behind(own, len), &own_account, &own_rest)
           && same_account(caller, account) && slice_equal(rest, own_rest);
}

static int match_aws(const struct policy_principal *caller, struct slice value)
{
    struct slice account = value, rest = slice_string("root");
    if (caller->anonymous)
        return 0;
    if (same_arn(caller, value, caller->arn) || same_arn(caller, value, caller->role_arn))
        return 2;
    if (slice_starts_with(value, IAM_ARN) && !split_account(behind(value, strlen(IAM_ARN)), &account, &rest))
        return 0;
    return slice_equal_string(rest, "root") && same_account(caller, account) ? 1 : 0;
}

/* A service must be named to be allowed something: what is said of everybody keeps it out, and never lets it in. */
static int match_one(const struct principal *p, const struct policy_principal *caller, bool deny)
{
    switch (p->kind) {
    case PRINCIPAL_EVERYBODY:
        return caller->service.len && !deny ? 0 : 2;
    case PRINCIPAL_AWS:
        return match_aws(caller, p->value);
    case PRINCIPAL_CANONICAL:
        return caller->canonical_id.len && slice_equal(p->value, caller->canonical_id) ? 1 : 0;
    case PRINCIPAL_FEDERATED:
        return caller->federated.len && (slice_equal(p->value, caller->federated) || slice_equal_string(p->value, "*")) ? 2 : 0;
    case PRINCIPAL_SERVICE:
        return caller->service.len && slice_equal(p->value, caller->service) ? 2 : 0;
    }
    return 0;
}

int principals_match(const struct statement *s, const struct policy_principal *caller)
{
    int best = 0;
    for (uint32_t i = 0; i < s->principal_count && best < 2; i++) {
        int match = match_one(&s->principals[i], caller, s->deny);
        best = match > best ? match : best;
    }
    return best;
}
