/* See lifecycle.h. The compact form: version, minimum, then per rule its length (4 bytes) and fields of kind (1), length (2)
 * and value; all little-endian. */
#include "wire/lifecycle.h"

#include <endian.h>
#include <string.h>

#include "wire/http_date.h"
#include "wire/storage_class.h"
#include "wire/xml_write.h"

#define VERSION 1
#define HEAD_SIZE 2u

enum field {
    FIELD_ID = 1, FIELD_STATUS = 2, FIELD_RULE_PREFIX = 3, FIELD_FILTER = 4, FIELD_PREFIX = 5, FIELD_TAG = 6, FIELD_GREATER = 7,
    FIELD_LESS = 8, FIELD_EXPIRATION = 9, FIELD_NONCURRENT = 10, FIELD_ABORT = 11, FIELD_TRANSITION = 12,
    FIELD_NONCURRENT_TRANSITION = 13,
};

/* --- writing it --- */

static void append_u8(struct text *t, uint8_t v)
{
    text_append(t, &v, 1);
}

static void append_u32(struct text *t, uint32_t v)
{
    v = htole32(v);
    text_append(t, &v, sizeof v);
}

static void append_u64(struct text *t, uint64_t v)
{
    v = htole64(v);
    text_append(t, &v, sizeof v);
}

static void append_head(struct text *t, enum field kind, size_t len)
{
    uint16_t short_len = htole16((uint16_t)len);
    if (len > UINT16_MAX)
        t->failed = true;
    append_u8(t, (uint8_t)kind);
    text_append(t, &short_len, sizeof short_len);
}

static void append_slice(struct text *t, enum field kind, struct slice value)
{
    append_head(t, kind, value.len);
    text_append(t, value.data, value.len);
}

static void append_number(struct text *t, enum field kind, uint64_t value)
{
    append_head(t, kind, sizeof value);
    append_u64(t, value);
}

static void append_transition(struct text *t, enum field kind, const struct lifecycle_transition *x)
{
    append_head(t, kind, 18);
    append_u8(t, (uint8_t)x->when);
    append_u8(t, (uint8_t)x->storage_class);
    append_u32(t, x->days);
    append_u32(t, x->newer);
    append_u64(t, x->date_us);
}

static void append_filter(struct text *t, const struct lifecycle_rule *rule)
{
    append_head(t, FIELD_FILTER, 0);
    if (rule->has_prefix)
        append_slice(t, FIELD_PREFIX, rule->prefix);
    for (uint32_t i = 0; i < rule->tag_count; i++) {
        append_head(t, FIELD_TAG, 2 + rule->tags[i].key.len + rule->tags[i].value.len);
        uint16_t key_len = htole16((uint16_t)rule->tags[i].key.len);
        text_append(t, &key_len, sizeof key_len);
        text_append(t, rule->tags[i].key.data, rule->tags[i].key.len);
        text_append(t, rule->tags[i].value.data, rule->tags[i].value.len);
    }
    if (rule->has_greater)
        append_number(t, FIELD_GREATER, rule->size_greater);
    if (rule->has_less)
        append_number(t, FIELD_LESS, rule->size_less);
}

void lifecycle_begin(struct text *t, enum lifecycle_minimum minimum)
{
    append_u8(t, VERSION);
    append_u8(t, (uint8_t)minimum);
}

void lifecycle_append(struct text *t, const struct lifecycle_rule *rule)
{
    size_t start = t->len;
    append_u32(t, 0);
    append_slice(t, FIELD_ID, rule->id);
    append_head(t, FIELD_STATUS, 1);
    append_u8(t, rule->enabled);
    if (rule->filter)
        append_filter(t, rule);
    else
        append_slice(t, FIELD_RULE_PREFIX, rule->prefix);
    if (rule->expiration != LIFECYCLE_NEVER) {
        append_head(t, FIELD_EXPIRATION, 14);
        append_u8(t, (uint8_t)rule->expiration);
        append_u8(t, rule->expired_marker);
        append_u32(t, rule->expiration_days);
        append_u64(t, rule->expiration_date_us);
    }
    for (uint32_t i = 0; i < rule->transition_count; i++)
        append_transition(t, FIELD_TRANSITION, &rule->transitions[i]);
    for (uint32_t i = 0; i < rule->noncurrent_transition_count; i++)
        append_transition(t, FIELD_NONCURRENT_TRANSITION, &rule->noncurrent_transitions[i]);
    if (rule->noncurrent_days) {
        append_head(t, FIELD_NONCURRENT, 8);
        append_u32(t, rule->noncurrent_days);
        append_u32(t, rule->noncurrent_newer);
    }
    if (rule->abort_days) {
        append_head(t, FIELD_ABORT, 4);
        append_u32(t, rule->abort_days);
    }
    if (t->failed)
        return;
    uint32_t len = htole32((uint32_t)(t->len - start - sizeof(uint32_t)));
    memcpy(t->data + start, &len, sizeof len);
}

/* --- reading it --- */

static uint16_t u16_at(const char *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return le16toh(v);
}

static uint32_t u32_at(const char *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return le32toh(v);
}

static uint64_t u64_at(const char *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return le64toh(v);
}

static int take_tag(struct lifecycle_rule *rule, struct slice value)
{
    if (rule->tag_count == LIFECYCLE_TAGS_MAX || value.len < 2 || u16_at(value.data) > value.len - 2)
        return ERR_CORRUPT;
    size_t key_len = u16_at(value.data);
    rule->tags[rule->tag_count++] = (struct lifecycle_tag){slice_of(value.data + 2, key_len),
                                                           slice_of(value.data + 2 + key_len, value.len - 2 - key_len)};
    return 0;
}

static int take_transition(struct lifecycle_transition *list, uint32_t *count, struct slice value)
{
    if (*count == LIFECYCLE_TRANSITIONS_MAX || value.len != 18)
        return ERR_CORRUPT;
    list[(*count)++] = (struct lifecycle_transition){
        .when = (enum lifecycle_when)value.data[0],
        .storage_class = (uint8_t)value.data[1],
        .days = u32_at(value.data + 2),
        .newer = u32_at(value.data + 6),
        .date_us = u64_at(value.data + 10),
    };
    return 0;
}

static int take_number(struct slice value, bool *has, uint64_t *ret)
{
    if (value.len != 8)
        return ERR_CORRUPT;
    *has = true;
    *ret = u64_at(value.data);
    return 0;
}

static int take_expiration(struct lifecycle_rule *rule, struct slice value)
{
    if (value.len != 14)
        return ERR_CORRUPT;
    rule->expiration = (enum lifecycle_when)value.data[0];
    rule->expired_marker = value.data[1];
    rule->expiration_days = u32_at(value.data + 2);
    rule->expiration_date_us = u64_at(value.data + 6);
    return 0;
}

static int take_days(struct lifecycle_rule *rule, enum field kind, struct slice value)
{
    if (value.len != (kind == FIELD_ABORT ? 4 : 8))
        return ERR_CORRUPT;
    if (kind == FIELD_ABORT) {
        rule->abort_days = u32_at(value.data);
    } else {
        rule->noncurrent_days = u32_at(value.data);
        rule->noncurrent_newer = u32_at(value.data + 4);
    }
    return 0;
}

static int take_field(struct lifecycle_rule *rule, enum field kind, struct slice value)
{
    switch (kind) {
    case FIELD_ID: rule->id = value; return 0;
    case FIELD_STATUS: rule->enabled = value.len == 1 && value.data[0]; return value.len == 1 ? 0 : ERR_CORRUPT;
    case FIELD_RULE_PREFIX: rule->prefix = value; return 0;
    case FIELD_FILTER: rule->filter = true; return 0;
    case FIELD_PREFIX: rule->prefix = value; rule->has_prefix = true; return 0;
    case FIELD_TAG: return take_tag(rule, value);
    case FIELD_GREATER: return take_number(value, &rule->has_greater, &rule->size_greater);
    case FIELD_LESS: return take_number(value, &rule->has_less, &rule->size_less);
    case FIELD_EXPIRATION: return take_expiration(rule, value);
    case FIELD_NONCURRENT:
    case FIELD_ABORT: return take_days(rule, kind, value);
    case FIELD_TRANSITION: return take_transition(rule->transitions, &rule->transition_count, value);
    case FIELD_NONCURRENT_TRANSITION: return take_transition(rule->noncurrent_transitions, &rule->noncurrent_transition_count, value);
    }
    return ERR_CORRUPT; /* a rule that is not understood whole must not delete anything */
}

static int read_rule(const char *at, size_t len, struct lifecycle_rule *ret)
{
    *ret = (struct lifecycle_rule){.id = slice_of("", 0), .prefix = slice_of("", 0)};
    for (size_t i = 0; i < len;) {
        if (len - i < 3 || u16_at(at + i + 1) > len - i - 3)
            return ERR_CORRUPT;
        size_t value_len = u16_at(at + i + 1);
        int err = take_field(ret, (enum field)(uint8_t)at[i], slice_of(at + i + 3, value_len));
        if (err)
            return err;
        i += 3 + value_len;
    }
    return 0;
}

bool lifecycle_next(struct slice compact, size_t *position, struct lifecycle_rule *ret, int *err)
{
    *err = 0;
    if (*position == 0) {
        if (compact.len < HEAD_SIZE || compact.data[0] != VERSION) {
            *err = ERR_CORRUPT;
            return false;
        }
        *position = HEAD_SIZE;
    }
    size_t left = compact.len - *position;
    if (left == 0)
        return false;
    const char *at = compact.data + *position;
    if (left < 4 || u32_at(at) > left - 4) {
        *err = ERR_CORRUPT;
        return false;
    }
    *err = read_rule(at + 4, u32_at(at), ret);
    *position += 4 + (size_t)u32_at(at);
    return *err == 0;
}

enum lifecycle_minimum lifecycle_minimum_of(struct slice compact)
{
    return compact.len < HEAD_SIZE ? LIFECYCLE_MINIMUM_NONE : (enum lifecycle_minimum)compact.data[1];
}

static const char *const minimum_names[] = {[LIFECYCLE_MINIMUM_ALL] = "all_storage_classes_128K",
                                            [LIFECYCLE_MINIMUM_VARIES] = "varies_by_storage_class"};

const char *lifecycle_minimum_name(enum lifecycle_minimum minimum)
{
    return minimum == LIFECYCLE_MINIMUM_ALL || minimum == LIFECYCLE_MINIMUM_VARIES ? minimum_names[minimum] : NULL;
}

bool lifecycle_minimum_parse(struct slice text, enum lifecycle_minimum *ret)
{
    for (unsigned i = LIFECYCLE_MINIMUM_ALL; i <= LIFECYCLE_MINIMUM_VARIES; i++)
        if (slice_equal_string(text, minimum_names[i])) {
            *ret = (enum lifecycle_minimum)i;
            return true;
        }
    return false;
}

/* --- the document again --- */

static void write_predicates(struct text *t, const struct lifecycle_rule *rule)
{
    if (rule->has_prefix)
        xml_element(t, "Prefix", rule->prefix);
    for (uint32_t i = 0; i < rule->tag_count; i++) {
        xml_open(t, "Tag");
        xml_element(t, "Key", rule->tags[i].key);
        xml_element(t, "Value", rule->tags[i].value);
        xml_close(t, "Tag");
    }
    if (rule->has_greater)
        xml_element_u64(t, "ObjectSizeGreaterThan", rule->size_greater);
    if (rule->has_less)
        xml_element_u64(t, "ObjectSizeLessThan", rule->size_less);
}

static void write_filter(struct text *t, const struct lifecycle_rule *rule)
{
    bool several = rule->has_prefix + rule->tag_count + rule->has_greater + rule->has_less > 1;
    if (!rule->filter) {
        xml_element(t, "Prefix", rule->prefix);
        return;
    }
    xml_open(t, "Filter");
    if (several)
        xml_open(t, "And");
    write_predicates(t, rule);
    if (several)
        xml_close(t, "And");
    xml_close(t, "Filter");
}

static void write_expiration(struct text *t, const struct lifecycle_rule *rule)
{
    if (rule->expiration == LIFECYCLE_NEVER)
        return;
    xml_open(t, "Expiration");
    if (rule->expiration == LIFECYCLE_DAYS)
        xml_element_u64(t, "Days", rule->expiration_days);
    else if (rule->expiration == LIFECYCLE_DATE)
        xml_element_time(t, "Date", rule->expiration_date_us);
    else
        xml_element_bool(t, "ExpiredObjectDeleteMarker", rule->expired_marker);
    xml_close(t, "Expiration");
}

static void write_transition(struct text *t, const struct lifecycle_transition *x, const char *name, const char *days)
{
    xml_open(t, name);
    if (x->when == LIFECYCLE_DATE)
        xml_element_time(t, "Date", x->date_us);
    else
        xml_element_u64(t, days, x->days);
    if (x->newer)
        xml_element_u64(t, "NewerNoncurrentVersions", x->newer);
    xml_element_string(t, "StorageClass", storage_class_name(x->storage_class));
    xml_close(t, name);
}

static void write_rule(struct text *t, const struct lifecycle_rule *rule)
{
    xml_open(t, "Rule");
    xml_element(t, "ID", rule->id);
    write_filter(t, rule);
    xml_element_string(t, "Status", rule->enabled ? "Enabled" : "Disabled");
    for (uint32_t i = 0; i < rule->transition_count; i++)
        write_transition(t, &rule->transitions[i], "Transition", "Days");
    write_expiration(t, rule);
    for (uint32_t i = 0; i < rule->noncurrent_transition_count; i++)
        write_transition(t, &rule->noncurrent_transitions[i], "NoncurrentVersionTransition", "NoncurrentDays");
    if (rule->noncurrent_days) {
        xml_open(t, "NoncurrentVersionExpiration");
        xml_element_u64(t, "NoncurrentDays", rule->noncurrent_days);
        if (rule->noncurrent_newer)
            xml_element_u64(t, "NewerNoncurrentVersions", rule->noncurrent_newer);
        xml_close(t, "NoncurrentVersionExpiration");
    }
    if (rule->abort_days) {
        xml_open(t, "AbortIncompleteMultipartUpload");
        xml_element_u64(t, "DaysAfterInitiation", rule->abort_days);
        xml_close(t, "AbortIncompleteMultipartUpload");
    }
    xml_close(t, "Rule");
}

int lifecycle_format(struct slice compact, struct text *t)
{
    struct lifecycle_rule rule;
    size_t position = 0;
    int err;
    xml_declaration(t);
    xml_open_root(t, "LifecycleConfiguration");
    while (lifecycle_next(compact, &position, &rule, &err))
        write_rule(t, &rule);
    xml_close(t, "LifecycleConfiguration");
    return err;
}
