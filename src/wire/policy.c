/* See policy.h. JSON into statements, and their evaluation. */
#include "wire/policy.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/policy_inside.h"

int policy_malformed(struct policy_parser *p, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(p->message, POLICY_MESSAGE_SIZE, format, arguments);
    va_end(arguments);
    return ERR_MALFORMED;
}

/* --- parsing --- */

/* A string or an array of strings. */
static int parse_patterns(struct policy_parser *p, json_t *json, const char *invalid, struct patterns *ret)
{
    size_t count = json_is_array(json) ? json_array_size(json) : 1;
    *ret = (struct patterns){.items = arena_take(&p->policy->arena, (count ? count : 1) * sizeof *ret->items)};
    if (!ret->items)
        return ERR_NO_MEMORY;
    if (!count)
        return policy_malformed(p, "%s", invalid);
    for (size_t i = 0; i < count; i++) {
        json_t *item = json_is_array(json) ? json_array_get(json, i) : json;
        if (!json_is_string(item) || !json_string_length(item))
            return policy_malformed(p, "%s", invalid);
        int err = pattern_compile(&p->policy->arena, json_slice(item), true, p->variables, &ret->items[ret->count]);
        if (err == ERR_MALFORMED)
            return policy_malformed(p, "%s", invalid);
        if (err)
            return err;
        ret->count++;
    }
    return 0;
}

/* The field or its negation, not both; *ret_not says which. NULL: neither is there. */
static int pick(struct policy_parser *p, json_t *json, const char *name, const char *not_name, json_t **ret, bool *ret_not)
{
    json_t *plain = json_object_get(json, name), *not = json_object_get(json, not_name);
    *ret = plain ? plain : not;
    if (plain && not)
        return policy_malformed(p, "%s and %s can not be both in a statement", name, not_name);
    *ret_not = not != NULL;
    return 0;
}

static int check_fields(struct policy_parser *p, json_t *json, const char *const *fields, size_t count)
{
    const char *name;
    json_t *value;
    json_object_foreach(json, name, value) {
        bool known = false;
        for (size_t i = 0; i < count && !known; i++)
            known = strcmp(name, fields[i]) == 0;
        if (!known)
            return policy_malformed(p, "Unknown field %.80s", name);
    }
    return 0;
}

static int parse_effect(struct policy_parser *p, json_t *json, struct statement *s)
{
    if (!json)
        return policy_malformed(p, "Missing required field Effect");
    if (!json_is_string(json))
        return policy_malformed(p, "Invalid policy syntax.");
    s->deny = strcmp(json_string_value(json), "Deny") == 0;
    if (!s->deny && strcmp(json_string_value(json), "Allow") != 0)
        return policy_malformed(p, "Invalid effect: %.80s", json_string_value(json));
    return 0;
}

static int parse_sid(struct policy_parser *p, json_t *json, struct statement *s)
{
    s->sid = slice_of("", 0);
    if (!json)
        return 0;
    if (!json_is_string(json))
        return policy_malformed(p, "Invalid policy syntax.");
    s->sid = arena_copy(&p->policy->arena, json_slice(json));
    return s->sid.data ? 0 : ERR_NO_MEMORY;
}

static int parse_principal(struct policy_parser *p, json_t *json, struct statement *s)
{
    json_t *value;
    int err = pick(p, json, "Principal", "NotPrincipal", &value, &s->not_principals);
    if (err)
        return err;
    if (p->kind == POLICY_IDENTITY)
        return value ? policy_malformed(p, "Policy document should not specify a principal.") : 0;
    if (!value)
        return policy_malformed(p, "Missing required field Principal");
    if (s->not_principals && !s->deny)
        return policy_malformed(p, "Allow with NotPrincipal is not allowed.");
    s->has_principals = true;
    return principals_parse(p, value, s);
}

static int parse_resource(struct policy_parser *p, json_t *json, struct statement *s)
{
    json_t *value;
    int err = pick(p, json, "Resource", "NotResource", &value, &s->not_resources);
    if (err)
        return err;
    if (p->kind == POLICY_TRUST)
        return value ? policy_malformed(p, "Has prohibited field Resource") : 0;
    if (!value)
        return policy_malformed(p, "Missing required field Resource");
    return parse_patterns(p, value, "Policy has invalid resource", &s->resources);
}

static int parse_statement(struct policy_parser *p, json_t *json, struct statement *s)
{
    static const char *const fields[] = {"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource",
                                         "NotResource", "Condition"};
    json_t *action, *condition = json_object_get(json, "Condition");
    *s = (struct statement){.deny = false};
    if (!json_is_object(json))
        return policy_malformed(p, "Invalid policy syntax.");
    int err = check_fields(p, json, fields, sizeof fields / sizeof *fields);
    if (!err)
        err = parse_sid(p, json_object_get(json, "Sid"), s);
    if (!err)
        err = parse_effect(p, json_object_get(json, "Effect"), s);
    if (!err)
        err = parse_principal(p, json, s);
    if (!err)
        err = pick(p, json, "Action", "NotAction", &action, &s->not_actions);
    if (!err)
        err = action ? parse_patterns(p, action, "Policy has invalid action", &s->actions)
                     : policy_malformed(p, "Missing required field Action");
    if (!err)
        err = parse_resource(p, json, s);
    if (!err && condition)
        err = conditions_parse(p, condition, &s->conditions, &s->condition_count);
    return err ? err : statement_check(p, s);
}

static int parse_statements(struct policy_parser *p, json_t *json)
{
    struct policy *policy = p->policy;
    size_t count = json_is_array(json) ? json_array_size(json) : 1;
    if (!json)
        return policy_malformed(p, "Missing required field Statement");
    if (!count)
        return policy_malformed(p, "Could not parse the policy: Statement is empty!");
    policy->statements = arena_take(&policy->arena, count * sizeof *policy->statements);
    if (!policy->statements)
        return ERR_NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        struct statement *s = &policy->statements[i];
        int err = parse_statement(p, json_is_array(json) ? json_array_get(json, i) : json, s);
        if (err)
            return err;
        policy->statement_count++;
        for (size_t before = 0; before < i; before++)
            if (p->kind == POLICY_IDENTITY && s->sid.len && slice_equal(s->sid, policy->statements[before].sid))
                return policy_malformed(p, "Statement IDs (SID) in a single policy must be unique.");
    }
    return 0;
}

static int parse_document(struct policy_parser *p, json_t *json)
{
    static const char *const fields[] = {"Version", "Id", "Statement"};
    json_t *version = json_object_get(json, "Version"), *id = json_object_get(json, "Id");
    if (!json_is_object(json))
        return policy_malformed(p, "Policies must be valid JSON and the first byte must be '{'");
    int err = check_fields(p, json, fields, sizeof fields / sizeof *fields);
    if (err)
        return err;
    const char *text = version ? json_string_value(version) : "2008-10-17"; /* what IAM takes it for */
    if (!text || (strcmp(text, "2012-10-17") != 0 && strcmp(text, "2008-10-17") != 0))
        return policy_malformed(p, "The policy must contain a valid version string");
    p->variables = strcmp(text, "2012-10-17") == 0;
    if (id && !json_is_string(id))
        return policy_malformed(p, "Invalid policy syntax.");
    return parse_statements(p, json_object_get(json, "Statement"));
}

int policy_parse(struct slice document, enum policy_kind kind, struct slice bucket, struct policy **ret,
                 char message[POLICY_MESSAGE_SIZE])
{
    if (document.len > POLICY_SIZE_MAX)
        return ERR_TOO_LARGE;
    struct policy *policy = calloc(1, sizeof *policy);
    if (!policy)
        return ERR_NO_MEMORY;
    struct policy_parser p = {.policy = policy, .kind = kind, .bucket = bucket, .message = message};
    json_error_t error;
    json_t *json = json_loadb(document.data ? document.data : "", document.len, JSON_REJECT_DUPLICATES, &error);
    int err = 0;
    if (!json && json_error_code(&error) == json_error_out_of_memory)
        err = ERR_NO_MEMORY;
    else if (!json && json_error_code(&error) == json_error_duplicate_key)
        err = policy_malformed(&p, "Duplicate field in policy");
    else if (!json)
        err = policy_malformed(&p, "Policies must be valid JSON and the first byte must be '{'");
    policy->kind = kind;
    policy->text = arena_copy(&policy->arena, document);
    if (!err)
        err = policy->text.data ? parse_document(&p, json) : ERR_NO_MEMORY;
    json_decref(json);
    if (err)
        policy_free(policy);
    else
        *ret = policy;
    return err;
}

void policy_free(struct policy *policy)
{
    if (!policy)
        return;
    struct arena arena = policy->arena;
    free(policy);
    arena_free(&arena);
}

struct slice policy_text(const struct policy *policy)
{
    return policy->text;
}

/* --- evaluation --- */

static bool any_matches(const struct patterns *patterns, struct slice value, bool ignore_case, const struct policy_request *request)
{
    for (uint32_t i = 0; i < patterns->count; i++)
        if (pattern_match(&patterns->items[i], value, ignore_case, request))
            return true;
    return false;
}

/* Cheapest first. *ret_names: see principals_match. */
static bool applies(const struct statement *s, const struct policy_request *request, int *ret_names)
{
    *ret_names = 2;
    if (any_matches(&s->actions, request->action, true, request) == s->not_actions)
        return false;
    if (s->resources.count && any_matches(&s->resources, request->resource, false, request) == s->not_resources)
        return false;
    if (s->has_principals) {
        int named = principals_match(s, request->principal);
        if ((named > 0) == s->not_principals)
            return false;
        *ret_names = s->not_principals ? 2 : named;
    }
    for (uint32_t i = 0; i < s->condition_count; i++)
        if (!condition_holds(&s->conditions[i], request))
            return false;
    return true;
}

struct policy_result policy_evaluate(const struct policy *policy, const struct policy_request *request)
{
    struct policy_result result = {.effect = POLICY_NONE, .sid = slice_of("", 0)};
    for (uint32_t i = 0; i < policy->statement_count; i++) {
        const struct statement *s = &policy->statements[i];
        int named;
        if (!s->deny && result.effect == POLICY_ALLOW && result.names_caller)
            continue;
        if (!applies(s, request, &named) || (!s->deny && result.effect == POLICY_ALLOW && named < 2))
            continue;
        result = (struct policy_result){s->deny ? POLICY_DENY : POLICY_ALLOW, i, s->sid, named == 2};
        if (s->deny)
            return result;
    }
    return result;
}

static bool has_prefix(struct slice key, const char *prefix)
{
    size_t len = strlen(prefix);
    return key.len >= len && slice_equal_string_nocase(slice_of(key.data, len), prefix);
}

static bool pattern_uses(const struct pattern *p, const char *prefix)
{
    for (uint32_t i = 0; i < p->count; i++)
        if (p->pieces[i].kind == PIECE_VARIABLE && has_prefix(p->pieces[i].text, prefix))
            return true;
    return false;
}

static bool condition_uses(const struct condition *c, const char *prefix)
{
    if (has_prefix(c->key, prefix))
        return true;
    for (uint32_t i = 0; i < c->count; i++) {
        if (c->operator <= OPERATOR_STRING_LIKE && pattern_uses(&c->operands[i].pattern, prefix))
            return true;
        for (uint32_t part = 0; c->operator == OPERATOR_ARN && part < c->operands[i].arn.count; part++)
            if (pattern_uses(&c->operands[i].arn.items[part], prefix))
                return true;
    }
    return false;
}

bool policy_uses_key(const struct policy *policy, const char *prefix)
{
    for (uint32_t i = 0; i < policy->statement_count; i++) {
        const struct statement *s = &policy->statements[i];
        for (uint32_t n = 0; n < s->condition_count; n++)
            if (condition_uses(&s->conditions[n], prefix))
                return true;
        for (uint32_t n = 0; n < s->resources.count; n++)
            if (pattern_uses(&s->resources.items[n], prefix))
                return true;
        for (uint32_t n = 0; n < s->actions.count; n++)
            if (pattern_uses(&s->actions.items[n], prefix))
                return true;
    }
    return false;
}

static bool for_everybody(const struct statement *s)
{
    for (uint32_t i = 0; i < s->principal_count; i++)
        if (s->principals[i].kind == PRINCIPAL_EVERYBODY)
            return !s->not_principals;
    return s->not_principals;
}

bool policy_is_public(const struct policy *policy)
{
    for (uint32_t i = 0; i < policy->statement_count; i++) {
        const struct statement *s = &policy->statements[i];
        bool fixed = s->deny || !for_everybody(s);
        for (uint32_t n = 0; n < s->condition_count && !fixed; n++)
            fixed = condition_fixes_caller(&s->conditions[n]);
        if (!fixed)
            return true;
    }
    return false;
}
