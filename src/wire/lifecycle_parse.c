/* The document of PutBucketLifecycleConfiguration (declared in lifecycle.h), held to what S3 says of it. An element that is not
 * known makes it malformed: a filter that is overlooked would delete what it was to spare. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/http_date.h"
#include "wire/lifecycle.h"
#include "wire/storage_class.h"
#include "wire/uri.h"
#include "wire/xml_read.h"

#define PREFIX_LEN_MAX 1024
#define TAG_KEY_LEN_MAX 512   /* 128 characters */
#define TAG_VALUE_LEN_MAX 1024
#define INFREQUENT_DAYS_MIN 30 /* before an object may go to STANDARD_IA or ONEZONE_IA */

static int __attribute__((format(printf, 3, 4))) refuse(struct lifecycle_refusal *why, const char *code, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(why->message, sizeof why->message, format, list);
    va_end(list);
    why->code = code;
    return ERR_INVALID;
}

#define ARGUMENT "InvalidArgument"
#define REQUEST "InvalidRequest"

/* Only children of these names, each once but those that begin with '*'. */
static int check_children(const struct xml_node *node, const char *const *names)
{
    for (const struct xml_node *child = node->child; child; child = child->next) {
        const char *const *name = names;
        while (*name && !slice_equal_string(child->name, **name == '*' ? *name + 1 : *name))
            name++;
        if (!*name || (**name != '*' && xml_next(child)))
            return ERR_MALFORMED;
    }
    return 0;
}

/* An integer of 31 bits; less than least: refused as S3 words it. */
static int take_days(struct slice text, uint32_t least, const char *name, const char *action, uint32_t *ret, struct lifecycle_refusal *why)
{
    bool negative = text.len > 1 && text.data[0] == '-';
    uint64_t value;
    if (slice_parse_u64(negative ? slice_of(text.data + 1, text.len - 1) : text, &value) || value > INT32_MAX)
        return ERR_MALFORMED;
    if (value < least || (negative && value))
        return refuse(why, ARGUMENT, "'%s' for %s action must be a %s integer", name, action, least ? "positive" : "nonnegative");
    *ret = (uint32_t)value;
    return 0;
}

static int take_date(struct slice text, uint64_t *ret, struct lifecycle_refusal *why)
{
    if (iso_date_parse(text, ret))
        return ERR_MALFORMED;
    return *ret % LIFECYCLE_DAY_US ? refuse(why, ARGUMENT, "'Date' must be at midnight GMT") : 0;
}

/* --- the filter --- */

static int take_prefix(struct lifecycle_rule *rule, struct slice prefix, struct lifecycle_refusal *why)
{
    if (prefix.len > PREFIX_LEN_MAX)
        return refuse(why, REQUEST, "The maximum size of a prefix is %d.", PREFIX_LEN_MAX);
    if (rule->has_prefix) { /* both must hold: the longer one says so, if it begins with the other */
        struct slice longer = prefix.len > rule->prefix.len ? prefix : rule->prefix;
        struct slice shorter = prefix.len > rule->prefix.len ? rule->prefix : prefix;
        if (memcmp(longer.data, shorter.data, shorter.len) != 0)
            return ERR_MALFORMED;
        prefix = longer;
    }
    rule->prefix = prefix;
    rule->has_prefix = true;
    return 0;
}

static int take_tag(struct lifecycle_rule *rule, const struct xml_node *node, struct lifecycle_refusal *why)
{
    static const char *const names[] = {"Key", "Value", NULL};
    struct slice key = xml_child_raw_text(node, "Key"), value = xml_child_raw_text(node, "Value");
    if (check_children(node, names) || !key.data || !value.data)
        return ERR_MALFORMED;
    if (key.len == 0 || key.len > TAG_KEY_LEN_MAX || !utf8_valid(key))
        return refuse(why, "InvalidTag", "The TagKey you have provided is invalid");
    if (value.len > TAG_VALUE_LEN_MAX || !utf8_valid(value))
        return refuse(why, "InvalidTag", "The TagValue you have provided is invalid");
    for (uint32_t i = 0; i < rule->tag_count; i++)
        if (slice_equal(rule->tags[i].key, key))
            return refuse(why, REQUEST, "Duplicate Tag Keys are not allowed.");
    if (rule->tag_count == LIFECYCLE_TAGS_MAX)
        return refuse(why, REQUEST, "A rule has more than %d tags.", LIFECYCLE_TAGS_MAX);
    rule->tags[rule->tag_count++] = (struct lifecycle_tag){key, value};
    return 0;
}

static int take_size(struct slice text, bool *has, uint64_t *ret)
{
    if (*has || slice_parse_u64(text, ret))
        return ERR_MALFORMED;
    *has = true;
    return 0;
}

static uint32_t predicates(const struct lifecycle_rule *rule)
{
    return rule->tag_count + rule->has_prefix + rule->has_greater + rule->has_less;
}

static int take_predicates(struct lifecycle_rule *rule, const struct xml_node *node, struct lifecycle_refusal *why)
{
    int err = 0;
    for (const struct xml_node *child = node->child; child && !err; child = child->next) {
        if (slice_equal_string(child->name, "Prefix"))
            err = take_prefix(rule, child->text, why);
        else if (slice_equal_string(child->name, "Tag"))
            err = take_tag(rule, child, why);
        else if (slice_equal_string(child->name, "ObjectSizeGreaterThan"))
            err = take_size(slice_trim(child->text), &rule->has_greater, &rule->size_greater);
        else if (slice_equal_string(child->name, "ObjectSizeLessThan"))
            err = take_size(slice_trim(child->text), &rule->has_less, &rule->size_less);
    }
    return err;
}

/* S3 takes one predicate, or And; Ceph takes several beside each other, and their conjunction is all that they can mean. */
static int take_filter(struct lifecycle_rule *rule, const struct xml_node *filter, struct lifecycle_refusal *why)
{
    static const char *const names[] = {"And", "Prefix", "Tag", "ObjectSizeGreaterThan", "ObjectSizeLessThan", NULL};
    static const char *const and_names[] = {"Prefix", "*Tag", "ObjectSizeGreaterThan", "ObjectSizeLessThan", NULL};
    const struct xml_node *and = xml_child(filter, "And");
    rule->filter = true;
    int err = check_children(filter, names);
    if (!err && and)
        err = check_children(and, and_names);
    if (!err && and)
        err = take_predicates(rule, and, why);
    if (!err && and && predicates(rule) < 2)
        err = ERR_MALFORMED;
    if (!err)
        err = take_predicates(rule, filter, why);
    if (!err && rule->has_less && rule->size_less == 0)
        err = refuse(why, REQUEST, "'ObjectSizeLessThan' must be a positive integer");
    if (!err && rule->has_less && rule->has_greater && rule->size_less <= rule->size_greater)
        err = refuse(why, REQUEST, "'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan'.");
    return err;
}

/* --- actions --- */

static int take_expiration(struct lifecycle_rule *rule, const struct xml_node *node, struct lifecycle_refusal *why)
{
    static const char *const names[] = {"Days", "Date", "ExpiredObjectDeleteMarker", NULL};
    struct slice days = xml_child_text(node, "Days"), date = xml_child_text(node, "Date");
    struct slice marker = xml_child_text(node, "ExpiredObjectDeleteMarker");
    if (check_children(node, names) || !!days.data + !!date.data + !!marker.data != 1)
        return ERR_MALFORMED;
    rule->expiration = days.data ? LIFECYCLE_DAYS : date.data ? LIFECYCLE_DATE : LIFECYCLE_MARKER;
    if (days.data)
        return take_days(days, 1, "Days", "Expiration", &rule->expiration_days, why);
    if (date.data)
        return take_date(date, &rule->expiration_date_us, why);
    rule->expired_marker = slice_equal_string(marker, "true");
    return rule->expired_marker || slice_equal_string(marker, "false") ? 0 : ERR_MALFORMED;
}

static int take_newer(const struct xml_node *node, uint32_t *ret, struct lifecycle_refusal *why)
{
    struct slice text = xml_child_text(node, "NewerNoncurrentVersions");
    uint64_t value;
    if (!text.data)
        return 0;
    if (text.len > 1 && text.data[0] == '-')
        value = 0;
    else if (slice_parse_u64(text, &value))
        return ERR_MALFORMED;
    if (value < 1 || value > LIFECYCLE_NEWER_MAX)
        return refuse(why, ARGUMENT, "'NewerNoncurrentVersions' must be between 1 and %d", LIFECYCLE_NEWER_MAX);
    *ret = (uint32_t)value;
    return 0;
}

static bool is_infrequent(uint32_t class)
{
    const char *name = storage_class_name(class);
    return strcmp(name, "STANDARD_IA") == 0 || strcmp(name, "ONEZONE_IA") == 0;
}

static int take_transition(struct lifecycle_transition *x, const struct xml_node *node, bool noncurrent, struct lifecycle_refusal *why)
{
    static const char *const names[] = {"Days", "Date", "StorageClass", NULL};
    static const char *const noncurrent_names[] = {"NoncurrentDays", "NewerNoncurrentVersions", "StorageClass", NULL};
    const char *days_name = noncurrent ? "NoncurrentDays" : "Days";
    const char *action = noncurrent ? "NoncurrentVersionTransition" : "Transition";
    struct slice days = xml_child_text(node, days_name), date = xml_child_text(node, "Date");
    *x = (struct lifecycle_transition){.when = days.data ? LIFECYCLE_DAYS : LIFECYCLE_DATE};
    if (check_children(node, noncurrent ? noncurrent_names : names) || !days.data == !date.data)
        return ERR_MALFORMED;
    if (!storage_class_parse(xml_child_text(node, "StorageClass"), &x->storage_class) || !storage_class_depth(x->storage_class) ||
        storage_class_depth(x->storage_class) == UINT32_MAX)
        return ERR_MALFORMED;
    int err = days.data ? take_days(days, 0, days_name, action, &x->days, why) : take_date(date, &x->date_us, why);
    if (!err)
        err = take_newer(node, &x->newer, why);
    if (!err && days.data && is_infrequent(x->storage_class) && x->days < INFREQUENT_DAYS_MIN)
        err = refuse(why, ARGUMENT, "'%s' in %s action must be greater than or equal to %d for storageClass '%s'", days_name, action,
                     INFREQUENT_DAYS_MIN, storage_class_name(x->storage_class));
    return err;
}

/* Each class once, and those further down later. */
static int check_order(const struct lifecycle_transition *list, uint32_t count, struct lifecycle_refusal *why)
{
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t k = 0; k < count; k++) {
            const struct lifecycle_transition *a = &list[i], *b = &list[k];
            if (i == k)
                continue;
            if (a->storage_class == b->storage_class)
                return refuse(why, ARGUMENT, "'StorageClass' must be different for 'Transition' actions in same 'Rule'");
            bool deeper = storage_class_depth(b->storage_class) > storage_class_depth(a->storage_class);
            if (a->when == b->when && deeper && (a->when == LIFECYCLE_DAYS ? b->days <= a->days : b->date_us <= a->date_us))
                return refuse(why, ARGUMENT, "The transition to '%s' must be later than the one to '%s'",
                              storage_class_name(b->storage_class), storage_class_name(a->storage_class));
        }
    return 0;
}

static int take_transitions(const struct xml_node *rule, const char *name, bool noncurrent, struct lifecycle_transition *list,
                            uint32_t *count, struct lifecycle_refusal *why)
{
    int err = 0;
    for (const struct xml_node *node = xml_child(rule, name); node && !err; node = xml_next(node))
        err = *count == LIFECYCLE_TRANSITIONS_MAX ? ERR_MALFORMED : take_transition(&list[(*count)++], node, noncurrent, why);
    return err ? err : check_order(list, *count, why);
}

static int take_noncurrent(struct lifecycle_rule *rule, const struct xml_node *node, struct lifecycle_refusal *why)
{
    static const char *const names[] = {"NoncurrentDays", "NewerNoncurrentVersions", NULL};
    struct slice days = xml_child_text(node, "NoncurrentDays");
    if (check_children(node, names) || !days.data)
        return ERR_MALFORMED;
    int err = take_days(days, 1, "NoncurrentDays", "NoncurrentVersionExpiration", &rule->noncurrent_days, why);
    return err ? err : take_newer(node, &rule->noncurrent_newer, why);
}

static int take_abort(struct lifecycle_rule *rule, const struct xml_node *node, struct lifecycle_refusal *why)
{
    static const char *const names[] = {"DaysAfterInitiation", NULL};
    struct slice days = xml_child_text(node, "DaysAfterInitiation");
    if (check_children(node, names) || !days.data)
        return ERR_MALFORMED;
    return take_days(days, 1, "DaysAfterInitiation", "AbortIncompleteMultipartUpload", &rule->abort_days, why);
}

/* --- what must hold between them --- */

static int check_times(const struct lifecycle_rule *rule, struct lifecycle_refusal *why)
{
    int prefix_len = rule->prefix.len > 64 ? 64 : (int)rule->prefix.len;
    for (uint32_t i = 0; i < rule->transition_count; i++) {
        const struct lifecycle_transition *x = &rule->transitions[i];
        bool timed = rule->expiration == LIFECYCLE_DAYS || rule->expiration == LIFECYCLE_DATE;
        if ((timed && x->when != rule->expiration) || x->when != rule->transitions[0].when)
            return refuse(why, REQUEST, "Found mixed 'Date' and 'Days' based Expiration and Transition actions in lifecycle rule for prefix '%.*s'",
                          prefix_len, rule->prefix.data);
        if (timed && (x->when == LIFECYCLE_DAYS ? rule->expiration_days <= x->days : rule->expiration_date_us <= x->date_us))
            return refuse(why, ARGUMENT, "'%s' in the Expiration action for prefix '%.*s' must be %s than '%s' in the Transition action",
                          x->when == LIFECYCLE_DAYS ? "Days" : "Date", prefix_len, rule->prefix.data,
                          x->when == LIFECYCLE_DAYS ? "greater" : "later", x->when == LIFECYCLE_DAYS ? "Days" : "Date");
    }
    for (uint32_t i = 0; i < rule->noncurrent_transition_count; i++)
        if (rule->noncurrent_days && rule->noncurrent_days <= rule->noncurrent_transitions[i].days)
            return refuse(why, ARGUMENT, "'NoncurrentDays' in the NoncurrentVersionExpiration action for prefix '%.*s' must be greater "
                          "than 'NoncurrentDays' in the NoncurrentVersionTransition action", prefix_len, rule->prefix.data);
    return 0;
}

static int check_rule(const struct lifecycle_rule *rule, struct lifecycle_refusal *why)
{
    const char *action = rule->abort_days ? "AbortIncompleteMultipartUpload"
                         : rule->expiration == LIFECYCLE_MARKER ? "ExpiredObjectDeleteMarker" : NULL;
    if (rule->expiration == LIFECYCLE_NEVER && !rule->transition_count && !rule->noncurrent_days &&
        !rule->noncurrent_transition_count && !rule->abort_days)
        return refuse(why, REQUEST, "At least one action needs to be specified in a rule.");
    if (action && rule->tag_count)
        return refuse(why, REQUEST, "%s cannot be specified with Tags.", action);
    if (action && (rule->has_greater || rule->has_less))
        return refuse(why, REQUEST, "%s cannot be specified with Object Size.", action);
    return check_times(rule, why);
}

static int take_rule(struct lifecycle_rule *rule, const struct xml_node *node, struct lifecycle_refusal *why)
{
    static const char *const names[] = {"ID", "Prefix", "Filter", "Status", "Expiration", "*Transition", "NoncurrentVersionExpiration",
                                        "*NoncurrentVersionTransition", "AbortIncompleteMultipartUpload", NULL};
    const struct xml_node *filter = xml_child(node, "Filter"), *expiration = xml_child(node, "Expiration");
    const struct xml_node *noncurrent = xml_child(node, "NoncurrentVersionExpiration");
    const struct xml_node *abort_node = xml_child(node, "AbortIncompleteMultipartUpload");
    struct slice prefix = xml_child_raw_text(node, "Prefix"), status = xml_child_text(node, "Status"), id = xml_child_text(node, "ID");
    *rule = (struct lifecycle_rule){.id = id.data ? id : slice_of("", 0), .prefix = slice_of("", 0)};
    rule->enabled = slice_equal_string(status, "Enabled");
    if (check_children(node, names) || (!rule->enabled && !slice_equal_string(status, "Disabled")) || !filter == !prefix.data)
        return ERR_MALFORMED;
    if (id.len > LIFECYCLE_ID_LEN_MAX)
        return refuse(why, ARGUMENT, "ID length should not exceed allowed limit of %d", LIFECYCLE_ID_LEN_MAX);
    int err = filter ? take_filter(rule, filter, why) : take_prefix(rule, prefix, why);
    rule->has_prefix = rule->has_prefix && filter;
    if (!err && expiration)
        err = take_expiration(rule, expiration, why);
    if (!err)
        err = take_transitions(node, "Transition", false, rule->transitions, &rule->transition_count, why);
    if (!err)
        err = take_transitions(node, "NoncurrentVersionTransition", true, rule->noncurrent_transitions,
                               &rule->noncurrent_transition_count, why);
    if (!err && noncurrent)
        err = take_noncurrent(rule, noncurrent, why);
    if (!err && abort_node)
        err = take_abort(rule, abort_node, why);
    return err ? err : check_rule(rule, why);
}

/* --- all rules --- */

static int compare_slices(const void *a, const void *b)
{
    const struct slice *x = a, *y = b;
    int order = memcmp(x->data, y->data, x->len < y->len ? x->len : y->len);
    return order ? order : (x->len > y->len) - (x->len < y->len);
}

static int check_ids(const struct xml_node *root, uint32_t count, struct lifecycle_refusal *why)
{
    struct slice *ids = calloc(count, sizeof *ids);
    uint32_t some = 0;
    int err = 0;
    if (!ids)
        return ERR_NO_MEMORY;
    for (const struct xml_node *node = xml_child(root, "Rule"); node; node = xml_next(node)) {
        struct slice id = xml_child_text(node, "ID");
        if (id.len)
            ids[some++] = id;
    }
    qsort(ids, some, sizeof *ids, compare_slices);
    for (uint32_t i = 1; i < some && !err; i++)
        if (slice_equal(ids[i - 1], ids[i]))
            err = refuse(why, ARGUMENT, "Rule ID must be unique. Found same ID for more than one rule");
    free(ids);
    return err;
}

static int take_rules(const struct xml_node *root, uint64_t random, struct text *t, struct lifecycle_refusal *why)
{
    static const char *const names[] = {"*Rule", NULL};
    uint32_t count = 0;
    if (!slice_equal_string(root->name, "LifecycleConfiguration") || check_children(root, names) || !root->child)
        return ERR_MALFORMED;
    for (const struct xml_node *node = root->child; node; node = node->next) {
        struct lifecycle_rule rule;
        char id[40];
        if (++count > LIFECYCLE_RULES_MAX)
            return refuse(why, REQUEST, "The number of lifecycle rules must not exceed the allowed limit of %d rules", LIFECYCLE_RULES_MAX);
        int err = take_rule(&rule, node, why);
        if (err)
            return err;
        if (!rule.id.len) {
            snprintf(id, sizeof id, "%016" PRIx64 "-%04u", random, count);
            rule.id = slice_string(id);
        }
        lifecycle_append(t, &rule);
    }
    if (t->failed)
        return ERR_NO_MEMORY;
    if (t->len > LIFECYCLE_SIZE_MAX)
        return refuse(why, REQUEST, "The lifecycle configuration is too large.");
    return check_ids(root, count, why);
}

int lifecycle_parse(const void *data, size_t len, enum lifecycle_minimum minimum, uint64_t random, struct text *ret,
                    struct lifecycle_refusal *why)
{
    struct xml_document *document;
    int err = xml_parse(data, len, &document);
    if (err)
        return err == ERR_TOO_LARGE ? ERR_MALFORMED : err;
    lifecycle_begin(ret, minimum);
    err = take_rules(xml_root(document), random, ret, why);
    xml_document_free(document);
    return err;
}
