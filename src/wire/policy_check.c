/* What S3 demands of a bucket policy beyond its form: actions and condition keys it knows, resources of that bucket, and that
 * every action can be done to one of them. */
#include <string.h>

#include "wire/policy_inside.h"

#define S3_ARN "arn:aws:s3:::"

enum level { LEVEL_ACCOUNT, LEVEL_BUCKET, LEVEL_OBJECT };

static const struct { const char *name; enum level level; } actions[] = {
#define X(name, level) {"s3:" #name, LEVEL_##level},
#include "wire/policy_action.def"
#undef X
};

bool policy_key_known(struct slice key)
{
    static const char *const keys[] = {
#define X(name) name,
#include "wire/policy_key.def"
#undef X
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        size_t len = strlen(keys[i]);
        if (keys[i][len - 1] == '/' ? key.len > len && slice_equal_string_nocase(slice_of(key.data, len), keys[i])
                                    : slice_equal_string_nocase(key, keys[i]))
            return true;
    }
    return false;
}

/* Which levels the resources reach, a bit each. */
static unsigned resource_levels(const struct statement *s, struct slice bucket_arn)
{
    unsigned levels = 0;
    if (s->not_resources)
        return 1u << LEVEL_BUCKET | 1u << LEVEL_OBJECT;
    for (uint32_t i = 0; i < s->resources.count; i++) {
        const struct pattern *p = &s->resources.items[i];
        if (p->variables || pattern_match(p, bucket_arn, false, NULL))
            levels |= 1u << LEVEL_BUCKET;
        if (p->variables || memchr(p->source.data, '/', p->source.len) || memchr(p->source.data, '*', p->source.len))
            levels |= 1u << LEVEL_OBJECT;
    }
    return levels;
}

static int check_action(struct policy_parser *p, const struct pattern *pattern, unsigned levels)
{
    bool known = false, applies = false;
    for (size_t i = 0; i < sizeof actions / sizeof *actions && !applies; i++) {
        if (!pattern_match(pattern, slice_string(actions[i].name), true, NULL))
            continue;
        known = true;
        applies = (levels >> actions[i].level & 1u) != 0;
    }
    if (!known)
        return policy_malformed(p, "Policy has invalid action");
    return applies ? 0 : policy_malformed(p, "Action does not apply to any resource(s) in statement");
}

/* The part before the key must be the bucket's name, or match it. */
static int check_resource(struct policy_parser *p, const struct pattern *pattern)
{
    struct slice source = pattern->source;
    struct arena *arena = &p->policy->arena;
    struct pattern bucket;
    if (slice_equal_string(source, "*"))
        return 0;
    if (!slice_starts_with(source, S3_ARN))
        return policy_malformed(p, "Policy has invalid resource");
    struct slice rest = slice_of(source.data + strlen(S3_ARN), source.len - strlen(S3_ARN));
    const char *slash = rest.len ? memchr(rest.data, '/', rest.len) : NULL;
    /* Not in a variable's name: ${s3:ExistingObjectTag/k} */
    const char *dollar = rest.len ? memchr(rest.data, '$', rest.len) : NULL;
    if (pattern->variables && dollar && (!slash || dollar < slash))
        return policy_malformed(p, "Policy has invalid resource");
    int err = pattern_compile(arena, slice_of(rest.data, slash ? (size_t)(slash - rest.data) : rest.len), true, false, &bucket);
    if (err)
        return err;
    return pattern_match(&bucket, p->bucket, false, NULL) ? 0 : policy_malformed(p, "Policy has invalid resource");
}

int statement_check(struct policy_parser *p, const struct statement *s)
{
    char arn[sizeof S3_ARN + 255];
    if (p->kind != POLICY_BUCKET)
        return 0;
    if (p->bucket.len >= sizeof arn - sizeof S3_ARN)
        return policy_malformed(p, "Policy has invalid resource");
    memcpy(arn, S3_ARN, strlen(S3_ARN));
    memcpy(arn + strlen(S3_ARN), p->bucket.data, p->bucket.len);
    unsigned levels = resource_levels(s, slice_of(arn, strlen(S3_ARN) + p->bucket.len));
    int err = 0;
    for (uint32_t i = 0; i < s->resources.count && !err; i++)
        err = check_resource(p, &s->resources.items[i]);
    for (uint32_t i = 0; i < s->actions.count && !err; i++)
        err = check_action(p, &s->actions.items[i], s->not_actions ? 1u << LEVEL_BUCKET | 1u << LEVEL_OBJECT | 1u << LEVEL_ACCOUNT : levels);
    return err;
}
