/* See inventory.h. */
#include "wire/inventory.h"

#include "base/error.h"
#include "wire/xml_write.h"

#define ARN "arn:aws:s3:::"

static const char *const field_names[INVENTORY_FIELD_COUNT] = {
#define X(name) #name,
    INVENTORY_FIELDS(X)
#undef X
};

const char *inventory_field_name(enum inventory_field field)
{
    return field_names[field];
}

bool inventory_id_valid(struct slice id)
{
    for (size_t i = 0; i < id.len; i++) {
        char c = id.data[i];
        if ((c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '.' && c != '_' && c != '-')
            return false;
    }
    return id.len > 0 && id.len <= INVENTORY_ID_MAX;
}

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

/* One of two words. */
static bool take_word(const struct xml_node *node, const char *name, const char *no, const char *yes, bool *ret)
{
    struct slice word = xml_child_text(node, name);
    *ret = word.data && slice_equal_string(word, yes);
    return *ret || (word.data && slice_equal_string(word, no));
}

static int parse_encryption(const struct xml_node *node, struct inventory_configuration *c)
{
    static const char *const names[] = {"SSE-S3", "SSE-KMS", NULL}, *const kms_names[] = {"KeyId", NULL};
    const struct xml_node *s3 = xml_child(node, "SSE-S3"), *kms = xml_child(node, "SSE-KMS");
    if (!only_known(node, names) || (s3 && kms) || (s3 && s3->child))
        return ERR_MALFORMED;
    c->encryption = kms ? INVENTORY_SSE_KMS : s3 ? INVENTORY_SSE_S3 : INVENTORY_NOT_ENCRYPTED;
    if (!kms)
        return 0;
    c->key_id = xml_child_text(kms, "KeyId");
    return only_known(kms, kms_names) && c->key_id.len ? 0 : ERR_MALFORMED;
}

static int parse_destination(const struct xml_node *destination, struct inventory_configuration *c)
{
    static const char *const names[] = {"S3BucketDestination", NULL},
                      *const bucket_names[] = {"AccountId", "Bucket", "Format", "Prefix", "Encryption", NULL};
    const struct xml_node *node = destination ? xml_child(destination, "S3BucketDestination") : NULL;
    if (!node || !only_known(destination, names) || !only_known(node, bucket_names))
        return ERR_MALFORMED;
    struct slice arn = xml_child_text(node, "Bucket"), format = xml_child_text(node, "Format");
    const struct xml_node *encryption = xml_child(node, "Encryption");
    c->account = xml_child_text(node, "AccountId");
    c->destination_prefix = xml_child_raw_text(node, "Prefix");
    if (!arn.data || !format.data)
        return ERR_MALFORMED;
    if (slice_equal_string(format, "Parquet") || slice_equal_string(format, "ORC"))
        return ERR_UNSUPPORTED;
    if (!slice_equal_string(format, "CSV"))
        return ERR_MALFORMED;
    if (!slice_starts_with(arn, ARN) || arn.len == sizeof ARN - 1 || c->destination_prefix.len > INVENTORY_PREFIX_MAX)
        return ERR_INVALID;
    c->bucket = slice_of(arn.data + sizeof ARN - 1, arn.len - (sizeof ARN - 1));
    return encryption ? parse_encryption(encryption, c) : 0;
}

static int parse_fields(const struct xml_node *node, struct inventory_configuration *c)
{
    for (const struct xml_node *field = node->child; field; field = field->next) {
        unsigned i = 0;
        while (i < INVENTORY_FIELD_COUNT && !slice_equal_string(slice_trim(field->text), field_names[i]))
            i++;
        if (i == INVENTORY_FIELD_COUNT || !slice_equal_string(field->name, "Field"))
            return ERR_MALFORMED;
        c->fields |= 1u << i;
    }
    return 0;
}

static int parse_filter(const struct xml_node *node, struct inventory_configuration *c)
{
    static const char *const names[] = {"Prefix", NULL};
    c->prefix = xml_child_raw_text(node, "Prefix");
    return only_known(node, names) && c->prefix.data ? 0 : ERR_MALFORMED;
}

static int parse(const struct xml_node *root, struct inventory_configuration *c)
{
    static const char *const names[] = {"Destination", "IsEnabled", "Filter", "Id", "IncludedObjectVersions", "OptionalFields", "Schedule", NULL},
                      *const schedule_names[] = {"Frequency", NULL};
    const struct xml_node *filter = xml_child(root, "Filter"), *fields = xml_child(root, "OptionalFields"), *schedule = xml_child(root, "Schedule");
    c->id = xml_child_text(root, "Id");
    if (!slice_equal_string(root->name, "InventoryConfiguration") || !only_known(root, names) || !schedule || !only_known(schedule, schedule_names)
        || !inventory_id_valid(c->id) || !take_word(root, "IsEnabled", "false", "true", &c->enabled)
        || !take_word(root, "IncludedObjectVersions", "Current", "All", &c->all_versions)
        || !take_word(schedule, "Frequency", "Daily", "Weekly", &c->weekly))
        return ERR_MALFORMED;
    int err = filter ? parse_filter(filter, c) : 0;
    if (!err && fields)
        err = parse_fields(fields, c);
    return err ? err : parse_destination(xml_child(root, "Destination"), c);
}

int inventory_parse(const void *data, size_t len, struct inventory_configuration *ret)
{
    struct inventory_configuration c = {0};
    int err = xml_parse(data, len, &c.document);
    if (err)
        return err == ERR_TOO_LARGE ? ERR_MALFORMED : err;
    err = parse(xml_root(c.document), &c);
    if (err)
        xml_document_free(c.document);
    else
        *ret = c;
    return err;
}

void inventory_fini(struct inventory_configuration *c)
{
    xml_document_free(c->document);
    *c = (struct inventory_configuration){0};
}

/* --- the same again --- */

static void format_destination(const struct inventory_configuration *c, struct text *t)
{
    xml_open(t, "Destination");
    xml_open(t, "S3BucketDestination");
    if (c->account.data)
        xml_element(t, "AccountId", c->account);
    xml_open(t, "Bucket");
    text_append_string(t, ARN);
    xml_escape(t, c->bucket);
    xml_close(t, "Bucket");
    xml_element_string(t, "Format", "CSV");
    if (c->destination_prefix.data)
        xml_element(t, "Prefix", c->destination_prefix);
    if (c->encryption != INVENTORY_NOT_ENCRYPTED) {
        xml_open(t, "Encryption");
        if (c->encryption == INVENTORY_SSE_S3) {
            xml_empty(t, "SSE-S3");
        } else {
            xml_open(t, "SSE-KMS");
            xml_element(t, "KeyId", c->key_id);
            xml_close(t, "SSE-KMS");
        }
        xml_close(t, "Encryption");
    }
    xml_close(t, "S3BucketDestination");
    xml_close(t, "Destination");
}

static void format_fields(const struct inventory_configuration *c, struct text *t)
{
    xml_open(t, "OptionalFields");
    for (unsigned i = 0; i < INVENTORY_FIELD_COUNT; i++)
        if (c->fields >> i & 1)
            xml_element_string(t, "Field", field_names[i]);
    xml_close(t, "OptionalFields");
}

void inventory_format(const struct inventory_configuration *c, bool root, struct text *t)
{
    (root ? xml_open_root : xml_open)(t, "InventoryConfiguration");
    xml_element(t, "Id", c->id);
    xml_element_bool(t, "IsEnabled", c->enabled);
    format_destination(c, t);
    if (c->prefix.data) {
        xml_open(t, "Filter");
        xml_element(t, "Prefix", c->prefix);
        xml_close(t, "Filter");
    }
    xml_element_string(t, "IncludedObjectVersions", c->all_versions ? "All" : "Current");
    if (c->fields)
        format_fields(c, t);
    xml_open(t, "Schedule");
    xml_element_string(t, "Frequency", c->weekly ? "Weekly" : "Daily");
    xml_close(t, "Schedule");
    xml_close(t, "InventoryConfiguration");
}

void inventory_schema(const struct inventory_configuration *c, struct text *t)
{
    text_append_string(t, c->all_versions ? "Bucket, Key, VersionId, IsLatest, IsDeleteMarker" : "Bucket, Key");
    for (unsigned i = 0; i < INVENTORY_FIELD_COUNT; i++)
        if (c->fields >> i & 1)
            text_append_format(t, ", %s", field_names[i]);
}
