/* Conditions of policies: their operators, and whether they hold for a request. Values that no request could ever agree with
 * (a number that is none) are refused when the policy is parsed. */
#include <arpa/inet.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/http_date.h"
#include "wire/policy_inside.h"

static const struct operator_name {
    const char *name;
    enum condition_operator operator;
    enum condition_order order;
    bool negated;
} operators[] = {
    {"StringEquals", OPERATOR_STRING_EQUALS, ORDER_EQUAL, false},
    {"StringNotEquals", OPERATOR_STRING_EQUALS, ORDER_EQUAL, true},
    {"StringEqualsIgnoreCase", OPERATOR_STRING_EQUALS_IGNORE_CASE, ORDER_EQUAL, false},
    {"StringNotEqualsIgnoreCase", OPERATOR_STRING_EQUALS_IGNORE_CASE, ORDER_EQUAL, true},
    {"StringLike", OPERATOR_STRING_LIKE, ORDER_EQUAL, false},
    {"StringNotLike", OPERATOR_STRING_LIKE, ORDER_EQUAL, true},
    {"NumericEquals", OPERATOR_NUMERIC, ORDER_EQUAL, false},
    {"NumericNotEquals", OPERATOR_NUMERIC, ORDER_EQUAL, true},
    {"NumericLessThan", OPERATOR_NUMERIC, ORDER_LESS, false},
    {"NumericLessThanEquals", OPERATOR_NUMERIC, ORDER_LESS_EQUAL, false},
    {"NumericGreaterThan", OPERATOR_NUMERIC, ORDER_GREATER, false},
    {"NumericGreaterThanEquals", OPERATOR_NUMERIC, ORDER_GREATER_EQUAL, false},
    {"DateEquals", OPERATOR_DATE, ORDER_EQUAL, false},
    {"DateNotEquals", OPERATOR_DATE, ORDER_EQUAL, true},
    {"DateLessThan", OPERATOR_DATE, ORDER_LESS, false},
    {"DateLessThanEquals", OPERATOR_DATE, ORDER_LESS_EQUAL, false},
    {"DateGreaterThan", OPERATOR_DATE, ORDER_GREATER, false},
    {"DateGreaterThanEquals", OPERATOR_DATE, ORDER_GREATER_EQUAL, false},
    {"Bool", OPERATOR_BOOL, ORDER_EQUAL, false},
    {"BinaryEquals", OPERATOR_BINARY, ORDER_EQUAL, false},
    {"IpAddress", OPERATOR_IP, ORDER_EQUAL, false},
    {"NotIpAddress", OPERATOR_IP, ORDER_EQUAL, true},
    {"ArnEquals", OPERATOR_ARN, ORDER_EQUAL, false},
    {"ArnLike", OPERATOR_ARN, ORDER_EQUAL, false},
    {"ArnNotEquals", OPERATOR_ARN, ORDER_EQUAL, true},
    {"ArnNotLike", OPERATOR_ARN, ORDER_EQUAL, true},
    {"Null", OPERATOR_NULL, ORDER_EQUAL, false},
};

#define ARN_PARTS 6
#define NUMBER_LEN_MAX 63

/* --- values, of policies and of requests --- */

static bool parse_number(struct slice text, double *ret)
{
    char copy[NUMBER_LEN_MAX + 1], *end;
    text = slice_trim(text);
    if (!text.len || text.len > NUMBER_LEN_MAX)
        return false;
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    if (strspn(copy, "+-0123456789.eE") != text.len)
        return false;
    *ret = strtod(copy, &end);
    return end == copy + text.len && isfinite(*ret);
}

/* ISO 8601, or seconds since 1970. */
static bool parse_date(struct slice text, double *ret)
{
    uint64_t us;
    double seconds;
    text = slice_trim(text);
    if (text.len > 4 && text.data[4] == '-' && iso_date_parse(text, &us) == 0) {
        *ret = (double)us;
        return true;
    }
    if (!parse_number(text, &seconds))
        return false;
    *ret = seconds * 1e6;
    return true;
}

static bool parse_bool(struct slice text, bool *ret)
{
    *ret = slice_equal_string_nocase(text, "true");
    return *ret || slice_equal_string_nocase(text, "false");
}

/* IPv4 as its IPv6 mapping. */
static bool parse_address(struct slice text, struct address *ret)
{
    char copy[INET6_ADDRSTRLEN + 1];
    if (!text.len || text.len >= sizeof copy)
        return false;
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    if (inet_pton(AF_INET6, copy, ret->bytes) == 1)
        return true;
    memset(ret->bytes, 0, 10);
    ret->bytes[10] = ret->bytes[11] = 0xff;
    return inet_pton(AF_INET, copy, ret->bytes + 12) == 1;
}

static bool parse_network(struct slice text, struct address *ret)
{
    const char *slash = text.len ? memchr(text.data, '/', text.len) : NULL;
    struct slice host = slice_of(text.data, slash ? (size_t)(slash - text.data) : text.len);
    bool version_4 = host.len && memchr(host.data, ':', host.len) == NULL;
    uint64_t prefix = version_4 ? 32 : 128, widest = prefix;
    if (slash && slice_parse_u64(slice_of(slash + 1, text.len - host.len - 1), &prefix))
        return false;
    ret->prefix = (unsigned)prefix + (version_4 ? 96 : 0);
    return prefix <= widest && parse_address(host, ret);
}

static bool address_inside(const struct address *address, const struct address *network)
{
    unsigned whole = network->prefix / 8, bits = network->prefix % 8;
    if (memcmp(address->bytes, network->bytes, whole) != 0)
        return false;
    return !bits || ((address->bytes[whole] ^ network->bytes[whole]) >> (8 - bits)) == 0;
}

/* Cuts at the first five colons that stand in no variable; the sixth part is the rest. */
static bool split_arn(struct slice arn, bool variables, struct slice parts[ARN_PARTS])
{
    unsigned part = 0;
    size_t from = 0;
    bool inside = false;
    for (size_t i = 0; i < arn.len && part < ARN_PARTS - 1; i++) {
        if (variables && arn.data[i] == '$' && i + 1 < arn.len && arn.data[i + 1] == '{')
            inside = true;
        else if (arn.data[i] == '}')
            inside = false;
        else if (arn.data[i] == ':' && !inside) {
            parts[part++] = slice_of(arn.data + from, i - from);
            from = i + 1;
        }
    }
    parts[part] = slice_of(arn.data + from, arn.len - from);
    return part == ARN_PARTS - 1;
}

/* --- parsing --- */

static int compile_arn(struct policy_parser *p, struct slice text, union operand *o)
{
    struct arena *arena = &p->policy->arena;
    struct slice parts[ARN_PARTS];
    /* "*" alone is taken for any ARN, and "arn:aws:s3*" for what AWS takes it: nothing but itself */
    if (slice_equal_string(text, "*"))
        text = slice_string("*:*:*:*:*:*");
    if (!split_arn(text, p->variables, parts))
        return ERR_MALFORMED;
    o->arn = (struct patterns){.items = arena_take(arena, ARN_PARTS * sizeof *o->arn.items), .count = ARN_PARTS};
    if (!o->arn.items)
        return ERR_NO_MEMORY;
    for (unsigned i = 0; i < ARN_PARTS; i++) {
        int err = pattern_compile(arena, parts[i], true, p->variables, &o->arn.items[i]);
        if (err)
            return err;
    }
    return 0;
}

static int parse_operand(struct policy_parser *p, const struct condition *c, struct slice text, union operand *o)
{
    switch (c->operator) {
    case OPERATOR_STRING_EQUALS:
    case OPERATOR_STRING_EQUALS_IGNORE_CASE:
        return pattern_compile(&p->policy->arena, text, false, p->variables, &o->pattern);
    case OPERATOR_STRING_LIKE:
        return pattern_compile(&p->policy->arena, text, true, p->variables, &o->pattern);
    case OPERATOR_BINARY:
        return pattern_compile(&p->policy->arena, text, false, false, &o->pattern);
    case OPERATOR_NUMERIC:
        return parse_number(text, &o->number) ? 0 : ERR_MALFORMED;
    case OPERATOR_DATE:
        return parse_date(text, &o->number) ? 0 : ERR_MALFORMED;
    case OPERATOR_BOOL:
    case OPERATOR_NULL:
        return parse_bool(text, &o->boolean) ? 0 : ERR_MALFORMED;
    case OPERATOR_IP:
        return parse_network(text, &o->network) ? 0 : ERR_MALFORMED;
    case OPERATOR_ARN:
        return compile_arn(p, text, o);
    }
    return ERR_MALFORMED;
}

/* Strings; numbers and booleans as they would be written. */
static bool operand_text(const json_t *json, char buffer[NUMBER_LEN_MAX + 1], struct slice *ret)
{
    int len = 0;
    if (json_is_string(json)) {
        *ret = json_slice(json);
        return true;
    }
    if (json_is_integer(json))
        len = snprintf(buffer, NUMBER_LEN_MAX + 1, "%lld", (long long)json_integer_value(json));
    else if (json_is_real(json))
        len = snprintf(buffer, NUMBER_LEN_MAX + 1, "%.17g", json_real_value(json));
    else if (json_is_boolean(json))
        len = snprintf(buffer, NUMBER_LEN_MAX + 1, "%s", json_is_true(json) ? "true" : "false");
    *ret = slice_of(buffer, (size_t)len);
    return len > 0;
}

static int parse_operands(struct policy_parser *p, json_t *json, struct condition *c)
{
    size_t count = json_is_array(json) ? json_array_size(json) : 1;
    c->operands = arena_take(&p->policy->arena, (count ? count : 1) * sizeof *c->operands);
    if (!c->operands)
        return ERR_NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        char buffer[NUMBER_LEN_MAX + 1];
        struct slice text;
        if (!operand_text(json_is_array(json) ? json_array_get(json, i) : json, buffer, &text))
            return policy_malformed(p, "Invalid policy syntax.");
        int err = parse_operand(p, c, text, &c->operands[c->count]);
        if (err == ERR_MALFORMED)
            return policy_malformed(p, "Invalid value for condition key %.*s: %.*s", (int)(c->key.len < 40 ? c->key.len : 40),
                                    c->key.data, (int)(text.len < 60 ? text.len : 60), text.data);
        if (err)
            return err;
        c->count++;
    }
    return 0;
}

static bool take_prefix(struct slice *name, const char *prefix)
{
    size_t len = strlen(prefix);
    if (name->len < len || !slice_equal_string_nocase(slice_of(name->data, len), prefix))
        return false;
    *name = slice_of(name->data + len, name->len - len);
    return true;
}

static bool parse_operator(struct slice name, struct condition *c)
{
    *c = (struct condition){.set = SET_NONE};
    if (take_prefix(&name, "ForAllValues:"))
        c->set = SET_ALL_VALUES;
    else if (take_prefix(&name, "ForAnyValue:"))
        c->set = SET_ANY_VALUE;
    if (name.len > 8 && slice_equal_string_nocase(slice_of(name.data + name.len - 8, 8), "IfExists")) {
        c->if_exists = true;
        name.len -= 8;
    }
    for (unsigned i = 0; i < sizeof operators / sizeof *operators; i++) {
        if (!slice_equal_string_nocase(name, operators[i].name))
            continue;
        c->operator = operators[i].operator;
        c->order = operators[i].order;
        c->negated = operators[i].negated;
        return c->operator != OPERATOR_NULL || (!c->if_exists && c->set == SET_NONE);
    }
    return false;
}

static int parse_key(struct policy_parser *p, const char *name, json_t *value, const struct condition *kind, struct condition *c)
{
    struct slice key = slice_string(name);
    *c = *kind;
    if (p->kind == POLICY_BUCKET && !policy_key_known(key))
        return policy_malformed(p, "Policy has an invalid condition key");
    c->key = arena_copy(&p->policy->arena, key);
    return c->key.data ? parse_operands(p, value, c) : ERR_NO_MEMORY;
}

int conditions_parse(struct policy_parser *p, json_t *json, struct condition **ret, uint32_t *ret_count)
{
    const char *operator, *key;
    json_t *keys, *values;
    size_t total = 0;
    if (!json_is_object(json))
        return policy_malformed(p, "Invalid policy syntax.");
    json_object_foreach(json, operator, keys)
        total += json_object_size(keys);
    *ret = arena_take(&p->policy->arena, (total ? total : 1) * sizeof **ret);
    *ret_count = 0;
    if (!*ret)
        return ERR_NO_MEMORY;
    json_object_foreach(json, operator, keys) {
        struct condition kind;
        if (!parse_operator(slice_string(operator), &kind))
            return policy_malformed(p, "Invalid Condition type : %.60s", operator);
        if (!json_is_object(keys))
            return policy_malformed(p, "Invalid policy syntax.");
        json_object_foreach(keys, key, values) {
            int err = parse_key(p, key, values, &kind, &(*ret)[*ret_count]);
            if (err)
                return err;
            ++*ret_count;
        }
    }
    return 0;
}

/* --- evaluation --- */

static bool compare(enum condition_order order, double value, double operand)
{
    switch (order) {
    case ORDER_EQUAL:
        return value == operand;
    case ORDER_LESS:
        return value < operand;
    case ORDER_LESS_EQUAL:
        return value <= operand;
    case ORDER_GREATER:
        return value > operand;
    case ORDER_GREATER_EQUAL:
        return value >= operand;
    }
    return false;
}

static bool match_arn(const struct patterns *arn, struct slice value, const struct policy_request *request)
{
    struct slice parts[ARN_PARTS];
    if (!split_arn(value, false, parts))
        return false;
    for (unsigned i = 0; i < ARN_PARTS; i++)
        if (!pattern_match(&arn->items[i], parts[i], false, request))
            return false;
    return true;
}

/* The operator without its "Not". */
static bool matches(const struct condition *c, const union operand *o, struct slice value, const struct policy_request *request)
{
    struct address address;
    double number;
    bool boolean;
    switch (c->operator) {
    case OPERATOR_STRING_EQUALS:
    case OPERATOR_STRING_LIKE:
    case OPERATOR_BINARY:
        return pattern_match(&o->pattern, value, false, request);
    case OPERATOR_STRING_EQUALS_IGNORE_CASE:
        return pattern_match(&o->pattern, value, true, request);
    case OPERATOR_NUMERIC:
        return parse_number(value, &number) && compare(c->order, number, o->number);
    case OPERATOR_DATE:
        return parse_date(value, &number) && compare(c->order, number, o->number);
    case OPERATOR_BOOL:
        return parse_bool(value, &boolean) && boolean == o->boolean;
    case OPERATOR_IP:
        return parse_address(value, &address) && address_inside(&address, &o->network);
    case OPERATOR_ARN:
        return match_arn(&o->arn, value, request);
    case OPERATOR_NULL:
        break;
    }
    return false;
}

/* One value agrees with the operands: with any of them, or when negated with none. */
static bool agrees(const struct condition *c, struct slice value, const struct policy_request *request)
{
    for (uint32_t i = 0; i < c->count; i++)
        if (matches(c, &c->operands[i], value, request))
            return !c->negated;
    return c->negated;
}

static bool is_null(const struct condition *c, int count)
{
    for (uint32_t i = 0; i < c->count; i++)
        if (c->operands[i].boolean == (count <= 0))
            return true;
    return false;
}

/* Of a key with several values and no ForAllValues or ForAnyValue: one must agree, or when negated each. */
bool condition_holds(const struct condition *c, const struct policy_request *request)
{
    struct slice values[POLICY_VALUES_MAX];
    int count = request->values ? request->values(request->arg, c->key, values) : -1;
    if (c->operator == OPERATOR_NULL)
        return is_null(c, count);
    if (count <= 0)
        return c->if_exists || c->set == SET_ALL_VALUES || (c->set == SET_NONE && c->negated);
    bool every = c->set == SET_ALL_VALUES || (c->set == SET_NONE && c->negated);
    for (int i = 0; i < count; i++)
        if (agrees(c, values[i], request) != every)
            return !every;
    return every;
}

static bool has_wildcard(struct slice text)
{
    return text.len && (memchr(text.data, '*', text.len) || memchr(text.data, '?', text.len));
}

static bool operand_is_fixed(const struct condition *c, const union operand *o)
{
    bool fixed = true;
    switch (c->operator) {
    case OPERATOR_STRING_EQUALS:
    case OPERATOR_STRING_EQUALS_IGNORE_CASE:
        return o->pattern.variables == 0;
    case OPERATOR_STRING_LIKE:
        return o->pattern.variables == 0 && !has_wildcard(o->pattern.source);
    case OPERATOR_ARN:
        for (unsigned i = 0; i < ARN_PARTS - 1; i++)
            fixed = fixed && o->arn.items[i].variables == 0 && !has_wildcard(o->arn.items[i].source);
        return fixed;
    case OPERATOR_IP: /* a network wider than this is everybody's; of IPv4, 96 bits are its mapping */
        return o->network.prefix >= (memcmp(o->network.bytes, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12) == 0 ? 96 + 8 : 32);
    default:
        return false;
    }
}

/* S3's list of keys by which a policy for everybody is not public. */
bool condition_fixes_caller(const struct condition *c)
{
    static const char *const keys[] = {
        "aws:PrincipalArn", "aws:PrincipalAccount", "aws:PrincipalOrgID", "aws:PrincipalOrgPaths", "aws:SourceAccount", "aws:SourceArn",
        "aws:SourceIp", "aws:SourceOrgID", "aws:SourceOrgPaths", "aws:SourceOwner", "aws:SourceVpc", "aws:SourceVpce", "aws:userid",
        "aws:username", "s3:DataAccessPointAccount", "s3:DataAccessPointArn", "s3:x-amz-server-side-encryption-aws-kms-key-id"};
    bool listed = false;
    for (unsigned i = 0; i < sizeof keys / sizeof *keys && !listed; i++)
        listed = slice_equal_string_nocase(c->key, keys[i]);
    if (!listed || c->negated || c->if_exists || c->set == SET_ALL_VALUES || !c->count)
        return false;
    for (uint32_t i = 0; i < c->count; i++)
        if (!operand_is_fixed(c, &c->operands[i]))
            return false;
    return true;
}
