/* Grants as requests bring them: AccessControlPolicy documents and x-amz-grant-… headers (declared in acl.h). */
#include "wire/acl.h"
#include "wire/xml_read.h"

#define HEADER_PREFIX "x-amz-grant-"

static int add(struct acl_list *list, enum acl_grantee grantee, struct slice id, enum acl_permission permission)
{
    if (list->count == ACL_GRANTS_MAX)
        return ERR_TOO_LARGE;
    list->grants[list->count++] = (struct acl_grant){grantee, id, permission};
    return 0;
}

static int add_group(struct acl_list *list, struct slice uri, enum acl_permission permission)
{
    enum acl_grantee group;
    return acl_group_parse(uri, &group) ? add(list, group, slice_of("", 0), permission) : ERR_INVALID;
}

/* --- documents --- */

/* Elements of that name, each at most once, and no others. */
static bool only(const struct xml_node *parent, const char *const *names, unsigned count)
{
    unsigned seen = 0;
    for (const struct xml_node *n = parent->child; n; n = n->next) {
        unsigned i = 0;
        while (i < count && !slice_equal_string(n->name, names[i]))
            i++;
        if (i == count || seen & 1u << i)
            return false;
        seen |= 1u << i;
    }
    return true;
}

static int take_grantee(const struct xml_node *grantee, enum acl_permission permission, struct acl_list *list)
{
    static const char *const fields[] = {"ID", "DisplayName", "EmailAddress", "URI"};
    struct slice id = xml_child_text(grantee, "ID"), email = xml_child_text(grantee, "EmailAddress"), uri = xml_child_text(grantee, "URI");
    if (!grantee->type.data || !only(grantee, fields, 4))
        return ERR_MALFORMED;
    struct slice type = slice_trim(grantee->type);
    if (slice_equal_string(type, "CanonicalUser") && id.data && !uri.data)
        return add(list, ACL_CANONICAL_USER, id, permission);
    if (slice_equal_string(type, "AmazonCustomerByEmail") && email.data && !uri.data)
        return add(list, ACL_EMAIL, email, permission);
    if (slice_equal_string(type, "Group") && uri.data && !id.data && !email.data)
        return add_group(list, uri, permission);
    return ERR_MALFORMED;
}

static int take_grant(const struct xml_node *grant, struct acl_list *list)
{
    static const char *const fields[] = {"Grantee", "Permission"};
    const struct xml_node *grantee = xml_child(grant, "Grantee");
    enum acl_permission permission;
    if (!slice_equal_string(grant->name, "Grant") || !only(grant, fields, 2) || !grantee)
        return ERR_MALFORMED;
    struct slice text = xml_child_text(grant, "Permission");
    if (!text.data || !acl_permission_parse(text, &permission))
        return ERR_MALFORMED;
    return take_grantee(grantee, permission, list);
}

static int take_policy(const struct xml_node *root, struct acl_document *d)
{
    static const char *const fields[] = {"Owner", "AccessControlList"}, *const owner_fields[] = {"ID", "DisplayName"};
    const struct xml_node *owner = xml_child(root, "Owner"), *list = xml_child(root, "AccessControlList");
    if (!slice_equal_string(root->name, "AccessControlPolicy") || !only(root, fields, 2) || !owner || !list || !only(owner, owner_fields, 2))
        return ERR_MALFORMED;
    d->owner_id = xml_child_text(owner, "ID");
    int err = d->owner_id.data ? 0 : ERR_MALFORMED;
    for (const struct xml_node *grant = list->child; grant && !err; grant = grant->next)
        err = take_grant(grant, &d->list);
    return err == ERR_TOO_LARGE ? ERR_MALFORMED : err; /* S3's schema has its limit in it */
}

int acl_document_parse(struct slice text, struct acl_document *ret)
{
    ret->list.count = 0;
    int err = xml_parse(text.data, text.len, &ret->xml);
    if (err)
        return err == ERR_NO_MEMORY ? err : ERR_MALFORMED;
    err = take_policy(xml_root(ret->xml), ret);
    if (err)
        acl_document_fini(ret);
    return err;
}

void acl_document_fini(struct acl_document *d)
{
    xml_document_free(d->xml);
    d->xml = NULL;
}

/* --- headers --- */

bool acl_header_permission(struct slice name, enum acl_permission *ret)
{
    static const struct { const char *suffix; enum acl_permission permission; } suffixes[] = {
        {"read", ACL_READ}, {"write", ACL_WRITE}, {"read-acp", ACL_READ_ACP}, {"write-acp", ACL_WRITE_ACP}, {"full-control", ACL_FULL_CONTROL}};
    size_t prefix = strlen(HEADER_PREFIX);
    if (name.len <= prefix || !slice_equal_string_nocase(slice_of(name.data, prefix), HEADER_PREFIX))
        return false;
    for (unsigned i = 0; i < sizeof suffixes / sizeof *suffixes; i++)
        if (slice_equal_string_nocase(slice_of(name.data + prefix, name.len - prefix), suffixes[i].suffix)) {
            *ret = suffixes[i].permission;
            return true;
        }
    return false;
}

/* The length of a value at the start of text, quotes included: up to the comma behind it. SIZE_MAX: a quote is not closed. */
static size_t value_len(struct slice text)
{
    const char *end = NULL;
    if (text.len && (text.data[0] == '"' || text.data[0] == '\'')) {
        end = memchr(text.data + 1, text.data[0], text.len - 1);
        return end ? (size_t)(end - text.data) + 1 : SIZE_MAX;
    }
    end = text.len ? memchr(text.data, ',', text.len) : NULL;
    return end ? (size_t)(end - text.data) : text.len;
}

static int take_pair(struct slice name, struct slice value, enum acl_permission permission, struct acl_list *list)
{
    if (value.len >= 2 && (value.data[0] == '"' || value.data[0] == '\''))
        value = slice_of(value.data + 1, value.len - 2);
    if (slice_equal_string_nocase(name, "id"))
        return add(list, ACL_CANONICAL_USER, value, permission);
    if (slice_equal_string_nocase(name, "emailAddress"))
        return add(list, ACL_EMAIL, value, permission);
    if (slice_equal_string_nocase(name, "uri"))
        return add_group(list, value, permission);
    return ERR_MALFORMED;
}

int acl_header_parse(struct slice value, enum acl_permission permission, struct acl_list *list)
{
    struct slice rest = slice_trim(value);
    do {
        const char *equals = rest.len ? memchr(rest.data, '=', rest.len) : NULL;
        if (!equals)
            return ERR_MALFORMED;
        struct slice name = slice_trim(slice_of(rest.data, (size_t)(equals - rest.data)));
        rest = slice_trim(slice_of(equals + 1, rest.len - (size_t)(equals + 1 - rest.data)));
        size_t len = value_len(rest);
        if (len == SIZE_MAX)
            return ERR_MALFORMED;
        int err = take_pair(name, slice_trim(slice_of(rest.data, len)), permission, list);
        if (err)
            return err;
        rest = slice_trim(slice_of(rest.data + len, rest.len - len));
        if (!rest.len)
            return 0;
        if (rest.data[0] != ',')
            return ERR_MALFORMED;
        rest = slice_trim(slice_of(rest.data + 1, rest.len - 1));
    } while (true);
}
