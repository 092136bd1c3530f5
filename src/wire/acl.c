/* See acl.h. */
#include "wire/acl.h"

#define GRANTS "grants:"
#define GROUPS "http://acs.amazonaws.com/groups/"

static const struct { const char *name; enum acl_permission permission; } permissions[] = {
    {"FULL_CONTROL", ACL_FULL_CONTROL}, {"READ", ACL_READ}, {"WRITE", ACL_WRITE}, {"READ_ACP", ACL_READ_ACP}, {"WRITE_ACP", ACL_WRITE_ACP}};

static const struct { const char *word, *uri; enum acl_grantee grantee; } groups[] = {
    {"AllUsers", GROUPS "global/AllUsers", ACL_ALL_USERS},
    {"AuthenticatedUsers", GROUPS "global/AuthenticatedUsers", ACL_AUTHENTICATED_USERS},
    {"LogDelivery", GROUPS "s3/LogDelivery", ACL_LOG_DELIVERY}};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define CANNED_GRANTS_MAX 3

static const struct canned {
    const char *name;
    struct { enum acl_grantee grantee; enum acl_permission permission; } grants[CANNED_GRANTS_MAX]; /* ends with permission 0 */
} canned[] = {
    {"private", {{ACL_OWNER, ACL_FULL_CONTROL}}},
    {"public-read", {{ACL_OWNER, ACL_FULL_CONTROL}, {ACL_ALL_USERS, ACL_READ}}},
    {"public-read-write", {{ACL_OWNER, ACL_FULL_CONTROL}, {ACL_ALL_USERS, ACL_READ}, {ACL_ALL_USERS, ACL_WRITE}}},
    {"authenticated-read", {{ACL_OWNER, ACL_FULL_CONTROL}, {ACL_AUTHENTICATED_USERS, ACL_READ}}},
    {"aws-exec-read", {{ACL_OWNER, ACL_FULL_CONTROL}}}, /* a service that is not here */
    {"bucket-owner-read", {{ACL_OWNER, ACL_FULL_CONTROL}, {ACL_BUCKET_OWNER, ACL_READ}}},
    {"bucket-owner-full-control", {{ACL_OWNER, ACL_FULL_CONTROL}, {ACL_BUCKET_OWNER, ACL_FULL_CONTROL}}},
    {"log-delivery-write", {{ACL_OWNER, ACL_FULL_CONTROL}, {ACL_LOG_DELIVERY, ACL_WRITE}, {ACL_LOG_DELIVERY, ACL_READ_ACP}}},
};

static const struct canned *find_canned(struct slice name)
{
    for (size_t i = 0; i < COUNT(canned); i++)
        if (slice_equal_string(name, canned[i].name))
            return &canned[i];
    return NULL;
}

bool acl_canned(struct slice name)
{
    return find_canned(name) != NULL;
}

const char *acl_permission_name(enum acl_permission permission)
{
    for (size_t i = 0; i < COUNT(permissions); i++)
        if (permissions[i].permission == permission)
            return permissions[i].name;
    return "";
}

bool acl_permission_parse(struct slice name, enum acl_permission *ret)
{
    for (size_t i = 0; i < COUNT(permissions); i++)
        if (slice_equal_string(name, permissions[i].name)) {
            *ret = permissions[i].permission;
            return true;
        }
    return false;
}

const char *acl_group_uri(enum acl_grantee grantee)
{
    for (size_t i = 0; i < COUNT(groups); i++)
        if (groups[i].grantee == grantee)
            return groups[i].uri;
    return NULL;
}

bool acl_group_parse(struct slice uri, enum acl_grantee *ret)
{
    for (size_t i = 0; i < COUNT(groups); i++)
        if (slice_equal_string(uri, groups[i].uri)) {
            *ret = groups[i].grantee;
            return true;
        }
    return false;
}

static bool parse_grantee(struct slice word, struct acl_grant *ret)
{
    ret->id = slice_of("", 0);
    if (slice_equal_string(word, "owner")) {
        ret->grantee = ACL_OWNER;
        return true;
    }
    for (size_t i = 0; i < COUNT(groups); i++)
        if (slice_equal_string(word, groups[i].word)) {
            ret->grantee = groups[i].grantee;
            return true;
        }
    ret->grantee = ACL_CANONICAL_USER;
    ret->id = word;
    return word.len == ACL_CANONICAL_LEN;
}

static bool next_line(struct slice acl, size_t *position, struct acl_grant *ret)
{
    const char *line = acl.data + *position, *end = memchr(line, '\n', acl.len - *position);
    const char *blank = end ? memchr(line, ' ', (size_t)(end - line)) : NULL;
    if (!blank || !acl_permission_parse(slice_of(line, (size_t)(blank - line)), &ret->permission))
        return false;
    *position = (size_t)(end - acl.data) + 1;
    return parse_grantee(slice_of(blank + 1, (size_t)(end - blank) - 1), ret);
}

bool acl_next(struct slice acl, size_t *position, struct acl_grant *ret, int *err)
{
    *err = 0;
    if (slice_starts_with(acl, GRANTS)) {
        if (*position == 0)
            *position = strlen(GRANTS);
        if (*position == acl.len)
            return false;
        if (next_line(acl, position, ret))
            return true;
        *err = ERR_CORRUPT;
        return false;
    }
    const struct canned *c = find_canned(acl.len ? acl : slice_string("private"));
    if (!c)
        *err = ERR_CORRUPT;
    if (!c || *position == CANNED_GRANTS_MAX || !c->grants[*position].permission)
        return false;
    *ret = (struct acl_grant){c->grants[*position].grantee, slice_of("", 0), c->grants[*position].permission};
    ++*position;
    return true;
}

void acl_begin(struct text *t)
{
    text_append_string(t, GRANTS);
}

void acl_append(struct text *t, const struct acl_grant *grant)
{
    text_append_string(t, acl_permission_name(grant->permission));
    text_append_string(t, " ");
    if (grant->grantee == ACL_CANONICAL_USER)
        text_append(t, grant->id.data, grant->id.len);
    for (size_t i = 0; i < COUNT(groups); i++)
        if (groups[i].grantee == grant->grantee)
            text_append_string(t, groups[i].word);
    if (grant->grantee == ACL_OWNER)
        text_append_string(t, "owner");
    text_append_string(t, "\n");
}

static bool for_everybody(enum acl_grantee grantee)
{
    return grantee == ACL_ALL_USERS || grantee == ACL_AUTHENTICATED_USERS;
}

bool acl_is_public(struct slice acl)
{
    struct acl_grant grant;
    size_t position = 0;
    int err;
    while (acl_next(acl, &position, &grant, &err))
        if (for_everybody(grant.grantee))
            return true;
    return false;
}

static bool means(const struct acl_grant *grant, const struct acl_caller *caller)
{
    switch (grant->grantee) {
    case ACL_OWNER:
        return caller->owner;
    case ACL_BUCKET_OWNER:
        return caller->bucket_owner;
    case ACL_CANONICAL_USER:
        return caller->canonical_id.len && slice_equal(grant->id, caller->canonical_id);
    case ACL_ALL_USERS:
        return !caller->ignore_public;
    case ACL_AUTHENTICATED_USERS:
        return !caller->ignore_public && !caller->anonymous;
    case ACL_EMAIL:
    case ACL_LOG_DELIVERY:
        return false;
    }
    return false;
}

bool acl_allows(struct slice acl, enum acl_permission permission, const struct acl_caller *caller)
{
    struct acl_grant grant;
    size_t position = 0;
    int err;
    bool allowed = false;
    while (acl_next(acl, &position, &grant, &err))
        allowed = allowed || ((grant.permission & permission) == permission && means(&grant, caller));
    return allowed && !err;
}
