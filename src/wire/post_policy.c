/* See post_policy.h. */
#include "wire/post_policy.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "wire/http_date.h"

/* {"FIELD": "VALUE"} is as ["eq", "$FIELD", "VALUE"]. */
struct condition {
    enum { CONDITION_EQ, CONDITION_STARTS_WITH, CONDITION_RANGE } kind;
    struct slice name, value;
    uint64_t min, max;
};

static struct slice string_of(const json_t *value)
{
    return slice_of(json_string_value(value), json_string_length(value));
}

/* Clients send numbers, and strings of digits. */
static bool take_size(const json_t *value, uint64_t *ret)
{
    if (json_is_string(value))
        return slice_parse_u64(string_of(value), ret) == 0;
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return false;
    *ret = (uint64_t)json_integer_value(value);
    return true;
}

static const char *take_array(const json_t *array, struct condition *c)
{
    const json_t *second = json_array_get(array, 1), *third = json_array_get(array, 2);
    if (json_array_size(array) != 3 || !json_is_string(json_array_get(array, 0)))
        return "Invalid Policy: Invalid Condition: a condition has an operator and two arguments.";
    struct slice operator = string_of(json_array_get(array, 0));
    if (slice_equal_string_nocase(operator, "content-length-range")) {
        c->kind = CONDITION_RANGE;
        return take_size(second, &c->min) && take_size(third, &c->max)
                   ? NULL : "Invalid Policy: Invalid content-length-range: its arguments are no sizes.";
    }
    c->kind = slice_equal_string_nocase(operator, "eq") ? CONDITION_EQ : CONDITION_STARTS_WITH;
    if (c->kind == CONDITION_STARTS_WITH && !slice_equal_string_nocase(operator, "starts-with"))
        return "Invalid Policy: Invalid Condition: the operator is unknown.";
    if (!json_is_string(second) || !json_is_string(third) || !slice_starts_with(string_of(second), "$"))
        return "Invalid Policy: Invalid Condition: its arguments are no field ($name) and no string.";
    c->name = slice_of(json_string_value(second) + 1, json_string_length(second) - 1);
    c->value = string_of(third);
    return NULL;
}

/* NULL, or what is wrong. */
static const char *take_condition(json_t *value, struct condition *c)
{
    *c = (struct condition){.kind = CONDITION_EQ};
    if (json_is_array(value))
        return take_array(value, c);
    if (!json_is_object(value))
        return "Invalid Policy: Invalid Condition: it is neither an object nor an array.";
    void *item = json_object_iter(value);
    if (json_object_size(value) != 1)
        return "Invalid Policy: Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.";
    if (!json_is_string(json_object_iter_value(item)))
        return "Invalid Policy: Invalid Simple-Condition: value must be a string.";
    c->name = slice_string(json_object_iter_key(item));
    c->value = string_of(json_object_iter_value(item));
    return NULL;
}

static const char *take_document(struct post_policy *p)
{
    json_t *expiration = json_object_get(p->document, "expiration"), *conditions = json_object_get(p->document, "conditions");
    json_t *value;
    size_t i;
    if (!json_is_object(p->document))
        return "Invalid Policy: Invalid JSON.";
    if (!expiration)
        return "Invalid Policy: Policy missing expiration.";
    /* Nothing but YYYY-MM-DDTHH:MM:SS, perhaps a fraction, and Z. */
    struct slice text = json_is_string(expiration) ? string_of(expiration) : slice_of("", 0);
    if (text.len < 20 || text.data[4] != '-' || text.data[10] != 'T' || text.data[text.len - 1] != 'Z'
        || iso_date_parse(text, &p->expiration_us))
        return "Invalid Policy: Invalid 'expiration' value.";
    if (!json_is_array(conditions))
        return "Invalid Policy: Policy missing conditions.";
    json_array_foreach(conditions, i, value) {
        struct condition c;
        const char *message = take_condition(value, &c);
        if (message)
            return message;
        if (c.kind != CONDITION_RANGE)
            continue;
        p->size_min = c.min > p->size_min ? c.min : p->size_min;
        p->size_max = c.max < p->size_max ? c.max : p->size_max;
    }
    return NULL;
}

/* S3 has an escape in these documents that JSON has not: \$ for a dollar. */
static size_t drop_dollar_escapes(char *text, size_t len)
{
    size_t to = 0;
    for (size_t from = 0; from < len; from++) {
        if (text[from] == '\\' && from + 1 < len && text[from + 1] != '$')
            text[to++] = text[from++];
        else if (text[from] == '\\' && from + 1 < len)
            from++;
        text[to++] = text[from];
    }
    return to;
}

static int load(struct slice base64, json_t **ret, const char **ret_message)
{
    json_error_t error;
    size_t len;
    if (base64.len > POST_POLICY_LEN_MAX) {
        *ret_message = "Invalid Policy: The policy is too long.";
        return ERR_MALFORMED;
    }
    char *text = malloc(base64.len + 1);
    if (!text)
        return ERR_NO_MEMORY;
    int err = 0;
    if (base64_decode(base64, text, base64.len, &len)) {
        *ret_message = "Invalid Policy: Invalid Base64.";
        err = ERR_MALFORMED;
    } else if (!(*ret = json_loadb(text, drop_dollar_escapes(text, len), JSON_REJECT_DUPLICATES, &error))) {
        *ret_message = "Invalid Policy: Invalid JSON.";
        err = json_error_code(&error) == json_error_out_of_memory ? ERR_NO_MEMORY : ERR_MALFORMED;
    }
    free(text);
    return err;
}

int post_policy_parse(struct slice base64, struct post_policy *ret, const char **ret_message)
{
    struct post_policy p = {.size_max = UINT64_MAX};
    int err = load(base64, &p.document, ret_message);
    if (err)
        return err;
    const char *message = take_document(&p);
    if (message) {
        post_policy_fini(&p);
        *ret_message = message;
        return ERR_MALFORMED;
    }
    *ret = p;
    return 0;
}

void post_policy_fini(struct post_policy *p)
{
    json_decref(p->document);
    p->document = NULL;
}

/* --- checking --- */

static bool equal_nocase(struct slice a, struct slice b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        char x = a.data[i], y = b.data[i];
        x |= x >= 'A' && x <= 'Z' ? 0x20 : 0;
        y |= y >= 'A' && y <= 'Z' ? 0x20 : 0;
        if (x != y)
            return false;
    }
    return true;
}

static bool starts_with(struct slice value, struct slice prefix)
{
    return value.len >= prefix.len && (!prefix.len || memcmp(value.data, prefix.data, prefix.len) == 0);
}

/* Of a Content-Type with commas, which is a list, every member. */
static bool members_start_with(struct slice value, struct slice prefix)
{
    for (;;) {
        const char *comma = value.len ? memchr(value.data, ',', value.len) : NULL;
        size_t len = comma ? (size_t)(comma - value.data) : value.len;
        if (!starts_with(slice_trim(slice_of(value.data, len)), prefix))
            return false;
        if (!comma)
            return true;
        value = slice_of(value.data + len + 1, value.len - len - 1);
    }
}

/* A field that is not there agrees with nothing. */
static bool holds(const struct condition *c, struct headers fields)
{
    const struct header *field = NULL;
    for (uint32_t i = 0; i < fields.count && !field; i++)
        if (equal_nocase(fields.items[i].name, c->name))
            field = &fields.items[i];
    if (!field)
        return false;
    if (c->kind == CONDITION_EQ)
        return slice_equal(field->value, c->value);
    return slice_equal_string_nocase(c->name, "content-type") ? members_start_with(field->value, c->value)
                                                              : starts_with(field->value, c->value);
}

/* A checksum of the file grants nothing: who made the policy cannot know it, and a wrong one only fails the upload. */
static bool is_exempt(struct slice name)
{
    static const char *const exempt[] = {"x-amz-signature", "file", "policy", "awsaccesskeyid", "signature"};
    for (size_t i = 0; i < sizeof exempt / sizeof *exempt; i++)
        if (slice_equal_string_nocase(name, exempt[i]))
            return true;
    return header_name_starts_with(name, "x-ignore-") || header_name_starts_with(name, "x-amz-checksum-");
}

static bool is_covered(const json_t *conditions, struct slice name)
{
    json_t *value;
    size_t i;
    json_array_foreach(conditions, i, value) {
        struct condition c;
        if (!take_condition(value, &c) && c.kind != CONDITION_RANGE && equal_nocase(c.name, name))
            return true;
    }
    return false;
}

static int refuse(struct text *message)
{
    return message->failed ? ERR_NO_MEMORY : ERR_ACCESS;
}

int post_policy_check(const struct post_policy *p, struct headers fields, uint64_t now_us, struct text *message)
{
    const json_t *conditions = json_object_get(p->document, "conditions");
    json_t *value;
    size_t i;
    text_append_string(message, "Invalid according to Policy: ");
    if (now_us >= p->expiration_us) {
        text_append_string(message, "Policy expired.");
        return refuse(message);
    }
    json_array_foreach(conditions, i, value) {
        struct condition c;
        if (take_condition(value, &c) || c.kind == CONDITION_RANGE || holds(&c, fields))
            continue;
        text_append_format(message, "Policy Condition failed: [\"%s\", \"$%.*s\", \"%.*s\"]",
                           c.kind == CONDITION_EQ ? "eq" : "starts-with", (int)c.name.len, c.name.data, (int)c.value.len,
                           c.value.data);
        return refuse(message);
    }
    for (uint32_t n = 0; n < fields.count; n++) {
        struct slice name = fields.items[n].name;
        if (is_exempt(name) || is_covered(conditions, name))
            continue;
        text_append_format(message, "Extra input fields: %.*s", (int)name.len, name.data);
        return refuse(message);
    }
    return message->failed ? ERR_NO_MEMORY : 0;
}
