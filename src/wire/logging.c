/* See logging.h. */
#include "wire/logging.h"

#include <string.h>

#include "base/error.h"
#include "wire/xml_write.h"

/* Whether all children are among the names (a list that ends with NULL), each once at most. */
static bool only_known(const struct xml_node *node, const char *const *names)
{
    for (const struct xml_node *child = node->child; child; child = child->next) {
        const char *const *name = names;
        while (*name && !slice_equal_string(child->name, *name))
            name++;
        if (!*name || xml_child(node, *name) != child)
            return false;
    }
    return true;
}

/* --- TargetGrants --- */

static bool is_permission(struct slice text)
{
    return slice_equal_string(text, "FULL_CONTROL") || slice_equal_string(text, "READ") || slice_equal_string(text, "WRITE");
}

static bool grantee_valid(const struct xml_node *grantee)
{
    static const char *const names[] = {"DisplayName", "EmailAddress", "ID", "URI", NULL};
    static const struct { const char *type, *element; } types[] = {
        {"CanonicalUser", "ID"}, {"AmazonCustomerByEmail", "EmailAddress"}, {"Group", "URI"}};
    if (!grantee || !only_known(grantee, names))
        return false;
    for (unsigned i = 0; i < sizeof types / sizeof *types; i++)
        if (slice_equal_string(grantee->type, types[i].type))
            return xml_child_text(grantee, types[i].element).len > 0;
    return false;
}

static int check_grants(const struct xml_node *grants)
{
    static const char *const names[] = {"Grantee", "Permission", NULL};
    uint32_t count = 0;
    for (const struct xml_node *grant = grants->child; grant; grant = grant->next)
        if (++count > LOGGING_GRANTS_MAX || !slice_equal_string(grant->name, "Grant") || !only_known(grant, names)
            || !grantee_valid(xml_child(grant, "Grantee")) || !is_permission(xml_child_text(grant, "Permission")))
            return ERR_MALFORMED;
    return 0;
}

/* --- TargetObjectKeyFormat --- */

static int parse_format(const struct xml_node *node, enum logging_format *ret)
{
    static const char *const names[] = {"SimplePrefix", "PartitionedPrefix", NULL}, *const none[] = {NULL},
                      *const source[] = {"PartitionDateSource", NULL};
    const struct xml_node *simple = xml_child(node, "SimplePrefix"), *partitioned = xml_child(node, "PartitionedPrefix");
    if (!only_known(node, names) || !simple == !partitioned)
        return ERR_MALFORMED;
    if (simple) {
        *ret = LOGGING_SIMPLE;
        return only_known(simple, none) ? 0 : ERR_MALFORMED;
    }
    if (!only_known(partitioned, source))
        return ERR_MALFORMED;
    struct slice date = xml_child_text(partitioned, "PartitionDateSource");
    *ret = LOGGING_BY_DELIVERY_TIME;
    if (slice_equal_string(date, "EventTime"))
        *ret = LOGGING_BY_EVENT_TIME;
    return !date.data || *ret == LOGGING_BY_EVENT_TIME || slice_equal_string(date, "DeliveryTime") ? 0 : ERR_MALFORMED;
}

/* --- Ceph's elements --- */

static int parse_number(const struct xml_node *node, const char *name, uint64_t most, uint32_t *value)
{
    struct slice text = xml_child_text(node, name);
    uint64_t number;
    if (!text.data)
        return 0;
    if (slice_parse_u64(text, &number) || number > most)
        return ERR_MALFORMED;
    *value = (uint32_t)number;
    return 0;
}

static int parse_rule(const struct xml_node *rule, struct logging_configuration *c)
{
    static const char *const names[] = {"Name", "Value", NULL};
    struct slice name = xml_child_text(rule, "Name"), value = xml_child_raw_text(rule, "Value");
    if (!slice_equal_string(rule->name, "FilterRule") || !only_known(rule, names) || !value.data)
        return ERR_MALFORMED;
    if (slice_equal_string_nocase(name, "regex"))
        return ERR_UNSUPPORTED;
    struct slice *place = slice_equal_string_nocase(name, "prefix") ? &c->filter_prefix
                          : slice_equal_string_nocase(name, "suffix") ? &c->filter_suffix : NULL;
    if (!place || place->data)
        return ERR_MALFORMED;
    *place = value;
    return 0;
}

static int parse_filter(const struct xml_node *filter, struct logging_configuration *c)
{
    static const char *const names[] = {"S3Key", NULL};
    const struct xml_node *key = xml_child(filter, "S3Key");
    if (!only_known(filter, names))
        return ERR_MALFORMED;
    for (const struct xml_node *rule = key ? key->child : NULL; rule; rule = rule->next) {
        int err = parse_rule(rule, c);
        if (err)
            return err;
    }
    return 0;
}

static int parse_extensions(const struct xml_node *node, struct logging_configuration *c)
{
    struct slice type = xml_child_text(node, "LoggingType");
    const struct xml_node *filter = xml_child(node, "Filter");
    c->extended = type.data || filter || xml_child(node, "ObjectRollTime") || xml_child(node, "RecordsBatchSize");
    c->type = slice_equal_string(type, "Journal") ? LOGGING_JOURNAL : LOGGING_STANDARD;
    if (type.data && c->type == LOGGING_STANDARD && !slice_equal_string(type, "Standard"))
        return ERR_MALFORMED;
    c->roll_time_s = LOGGING_ROLL_TIME_DEFAULT_S;
    int err = parse_number(node, "ObjectRollTime", LOGGING_ROLL_TIME_MAX_S, &c->roll_time_s);
    if (!err)
        err = parse_number(node, "RecordsBatchSize", UINT32_MAX, &c->records_batch_size);
    return err || !filter ? err : parse_filter(filter, c);
}

static int parse_enabled(const struct xml_node *node, struct logging_configuration *c)
{
    static const char *const names[] = {"TargetBucket", "TargetPrefix", "TargetGrants", "TargetObjectKeyFormat", "LoggingType",
                                        "ObjectRollTime", "RecordsBatchSize", "Filter", NULL};
    const struct xml_node *format = xml_child(node, "TargetObjectKeyFormat");
    c->enabled = true;
    c->bucket = xml_child_text(node, "TargetBucket");
    c->prefix = xml_child_raw_text(node, "TargetPrefix");
    c->grants = xml_child(node, "TargetGrants");
    if (!only_known(node, names) || !c->bucket.len || !c->prefix.data)
        return ERR_MALFORMED;
    int err = c->grants ? check_grants(c->grants) : 0;
    if (!err && format)
        err = parse_format(format, &c->format);
    if (!err)
        err = parse_extensions(node, c);
    return !err && c->prefix.len > LOGGING_PREFIX_MAX ? ERR_INVALID : err;
}

int logging_parse(const void *data, size_t len, struct logging_configuration *ret)
{
    static const char *const names[] = {"LoggingEnabled", NULL};
    struct logging_configuration c = {0};
    int err = xml_parse(data, len, &c.document);
    if (err)
        return err == ERR_TOO_LARGE ? ERR_MALFORMED : err;
    const struct xml_node *root = xml_root(c.document), *enabled = xml_child(root, "LoggingEnabled");
    if (!slice_equal_string(root->name, "BucketLoggingStatus") || !only_known(root, names))
        err = ERR_MALFORMED;
    else if (enabled)
        err = parse_enabled(enabled, &c);
    if (err)
        xml_document_free(c.document);
    else
        *ret = c;
    return err;
}

void logging_fini(struct logging_configuration *c)
{
    xml_document_free(c->document);
    *c = (struct logging_configuration){0};
}

/* --- the same again --- */

static void format_grants(const struct xml_node *grants, struct text *t)
{
    static const char *const elements[] = {"DisplayName", "EmailAddress", "ID", "URI"};
    xml_open(t, "TargetGrants");
    for (const struct xml_node *grant = grants->child; grant; grant = grant->next) {
        const struct xml_node *grantee = xml_child(grant, "Grantee");
        char attributes[128] = "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"";
        strncat(attributes, grantee->type.data, grantee->type.len); /* one of three, see grantee_valid */
        strcat(attributes, "\"");
        xml_open(t, "Grant");
        xml_open_with(t, "Grantee", attributes);
        for (unsigned i = 0; i < sizeof elements / sizeof *elements; i++)
            if (xml_child(grantee, elements[i]))
                xml_element(t, elements[i], xml_child_text(grantee, elements[i]));
        xml_close(t, "Grantee");
        xml_element(t, "Permission", xml_child_text(grant, "Permission"));
        xml_close(t, "Grant");
    }
    xml_close(t, "TargetGrants");
}

static void format_key_format(const struct logging_configuration *c, struct text *t)
{
    xml_open(t, "TargetObjectKeyFormat");
    if (c->format == LOGGING_SIMPLE) {
        xml_empty(t, "SimplePrefix");
    } else {
        xml_open(t, "PartitionedPrefix");
        xml_element_string(t, "PartitionDateSource", c->format == LOGGING_BY_EVENT_TIME ? "EventTime" : "DeliveryTime");
        xml_close(t, "PartitionedPrefix");
    }
    xml_close(t, "TargetObjectKeyFormat");
}

static void format_rule(struct text *t, const char *name, struct slice value)
{
    if (!value.data)
        return;
    xml_open(t, "FilterRule");
    xml_element_string(t, "Name", name);
    xml_element(t, "Value", value);
    xml_close(t, "FilterRule");
}

static void format_extensions(const struct logging_configuration *c, struct text *t)
{
    xml_element_string(t, "LoggingType", c->type == LOGGING_JOURNAL ? "Journal" : "Standard");
    xml_element_u64(t, "ObjectRollTime", c->roll_time_s);
    xml_element_u64(t, "RecordsBatchSize", c->records_batch_size);
    if (!c->filter_prefix.data && !c->filter_suffix.data)
        return;
    xml_open(t, "Filter");
    xml_open(t, "S3Key");
    format_rule(t, "prefix", c->filter_prefix);
    format_rule(t, "suffix", c->filter_suffix);
    xml_close(t, "S3Key");
    xml_close(t, "Filter");
}

void logging_format(const struct logging_configuration *c, struct text *t)
{
    xml_declaration(t);
    xml_open_root(t, "BucketLoggingStatus");
    if (c->enabled) {
        xml_open(t, "LoggingEnabled");
        xml_element(t, "TargetBucket", c->bucket);
        xml_element(t, "TargetPrefix", c->prefix);
        if (c->grants && c->grants->child)
            format_grants(c->grants, t);
        format_key_format(c, t);
        if (c->extended)
            format_extensions(c, t);
        xml_close(t, "LoggingEnabled");
    }
    xml_close(t, "BucketLoggingStatus");
}

#define TIME_LEN 8

int logging_decode(struct slice value, struct logging_configuration *ret, uint64_t *ret_modified_us)
{
    uint64_t modified_us = 0;
    if (value.len < TIME_LEN)
        return ERR_CORRUPT;
    for (int i = TIME_LEN - 1; i >= 0; i--)
        modified_us = modified_us << 8 | (uint8_t)value.data[i];
    int err = logging_parse(value.data + TIME_LEN, value.len - TIME_LEN, ret);
    if (err)
        return err == ERR_NO_MEMORY ? err : ERR_CORRUPT;
    *ret_modified_us = modified_us;
    return 0;
}

void logging_encode(struct text *t, uint64_t modified_us, struct slice document)
{
    char time[TIME_LEN];
    for (int i = 0; i < TIME_LEN; i++)
        time[i] = (char)(modified_us >> 8 * i);
    text_append(t, time, TIME_LEN);
    text_append(t, document.data, document.len);
}

bool logging_wants_key(const struct logging_configuration *c, struct slice key)
{
    struct slice prefix = c->filter_prefix, suffix = c->filter_suffix;
    if (prefix.len > key.len || suffix.len > key.len)
        return false;
    return slice_equal(slice_of(key.data, prefix.len), slice_of(prefix.data, prefix.len))
           && slice_equal(slice_of(key.data + key.len - suffix.len, suffix.len), suffix);
}
