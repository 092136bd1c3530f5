/* Users, groups, roles and managed policies: what they have in common, and who is in which group. */
#include <stdio.h>
#include <string.h>

#include "base/seal.h"
#include "s3/caller.h"
#include "s3/service.h"
#include "wire/xml_write.h"

#define TRUST_MAX 2048
#define MANAGED_MAX 6144
#define SESSION_DEFAULT_S 3600
#define GROUPS_MAX 10

static const struct { const char *element, *name, *id, *segment, *prefix, *list; size_t name_max; } kinds[] = {
    [IDENTITY_USER] = {"User", "UserName", "UserId", "user", "AIDA", "Users", 64},
    [IDENTITY_GROUP] = {"Group", "GroupName", "GroupId", "group", "AGPA", "Groups", 128},
    [IDENTITY_ROLE] = {"Role", "RoleName", "RoleId", "role", "AROA", "Roles", 64},
    [IDENTITY_POLICY] = {"Policy", "PolicyName", "PolicyId", "policy", "ANPA", "Policies", 128},
};

const char *service_name_field(enum identity_kind kind) { return kinds[kind].name; }

/* --- what is given --- */

int service_check_name(struct service_call *c, const char *field, struct slice name, size_t most)
{
    for (size_t i = 0; i < name.len; i++) {
        char letter = name.data[i] | 0x20;
        if (!(letter >= 'a' && letter <= 'z') && !(name.data[i] >= '0' && name.data[i] <= '9') && !memchr("+=,.@_-", name.data[i], 7))
            return service_fail(c, 400, "ValidationError", "The specified value for %s is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-", field);
    }
    return name.len && name.len <= most ? 0 : service_fail(c, 400, "ValidationError", "%s has 1 to %zu characters", field, most);
}

static int take_path(struct service_call *c, const char *field, struct slice *ret)
{
    struct slice path = service_field(c, field);
    if (!path.len)
        path = slice_of("/", 1);
    bool good = path.len <= 512 && path.data[0] == '/' && path.data[path.len - 1] == '/';
    for (size_t i = 0; i < path.len && good; i++)
        good = (uint8_t)path.data[i] >= 0x21 && (uint8_t)path.data[i] <= 0x7e;
    *ret = path;
    return good ? 0 : service_fail(c, 400, "ValidationError", "%s begins and ends with /", field);
}

int service_check_policy(struct service_call *c, struct slice document, enum policy_kind kind, size_t most)
{
    struct policy *policy;
    char message[POLICY_MESSAGE_SIZE];
    size_t len = 0; /* white space is not counted */
    for (size_t i = 0; i < document.len; i++)
        len += !memchr(" \t\r\n", document.data[i], 4);
    if (len > most)
        return service_fail(c, 409, "LimitExceeded", "Maximum policy size of %zu bytes exceeded", most);
    int err = policy_parse(document, kind, slice_of("", 0), &policy, message);
    if (err == ERR_NO_MEMORY)
        return err;
    if (err)
        return service_fail(c, 400, "MalformedPolicyDocument", "%s", err == ERR_TOO_LARGE ? "The policy is too large" : message);
    policy_free(policy);
    return 0;
}

static int make_id(const char *prefix, char id[22])
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    uint8_t bytes[17];
    int err = random_bytes(bytes, sizeof bytes);
    memcpy(id, prefix, 4);
    for (size_t i = 0; i < sizeof bytes; i++)
        id[4 + i] = letters[bytes[i] % 32];
    id[21] = '\0';
    return err;
}

/* --- finding --- */

int service_copy_row(struct service_call *c, struct identity_row *row)
{
    struct slice *slices[] = {&row->name, &row->path, &row->unique_id, &row->document, &row->description};
    for (unsigned i = 0; i < sizeof slices / sizeof *slices; i++) {
        *slices[i] = service_copy(c, *slices[i]);
        if (!slices[i]->data)
            return ERR_NO_MEMORY;
    }
    return 0;
}

static struct slice arn_of(struct service_call *c, enum identity_kind kind, struct slice path, struct slice name)
{
    struct text t = {0};
    text_append_format(&t, "arn:aws:iam::%.*s:%s%.*s%.*s", (int)c->account.number.len, c->account.number.data, kinds[kind].segment,
                       (int)path.len, path.data, (int)name.len, name.data);
    struct slice arn = t.failed ? slice_of("", 0) : service_copy(c, slice_of(t.data, t.len));
    text_free(&t);
    return arn.data ? arn : slice_of("", 0);
}

struct slice service_arn(struct service_call *c, const struct identity_row *row)
{
    return arn_of(c, row->kind, row->path, row->name);
}

static int not_found(struct service_call *c, enum identity_kind kind, struct slice name)
{
    return service_fail(c, 404, "NoSuchEntity", "The %s with name %.*s cannot be found.", kinds[kind].segment, (int)(name.len < 128 ? name.len : 128), name.data);
}

static int find_named(struct service_call *c, enum identity_kind kind, struct slice name, struct identity_row *ret)
{
    int err = identity_get(c->tx, c->account.id, kind, name, ret);
    if (err == ERR_NOT_FOUND) { /* who may not ask must not learn what there is */
        err = service_ask(c, arn_of(c, kind, slice_of("/", 1), name));
        return err ? err : not_found(c, kind, name);
    }
    if (!err)
        err = service_copy_row(c, ret);
    return err ? err : service_ask(c, service_arn(c, ret));
}

/* arn:aws:iam::ACCOUNT:policy/PATH/NAME */
static int find_policy(struct service_call *c, struct identity_row *ret)
{
    struct slice arn;
    int err = service_need(c, "PolicyArn", &arn);
    if (err)
        return err;
    const char *slash = memrchr(arn.data, '/', arn.len);
    struct slice name = slash ? slice_of(slash + 1, (size_t)(arn.data + arn.len - slash - 1)) : arn;
    err = find_named(c, IDENTITY_POLICY, name, ret);
    return err || slice_equal(arn, service_arn(c, ret)) ? err : service_fail(c, 404, "NoSuchEntity", "Policy %.*s does not exist or is not attachable.", (int)arn.len, arn.data);
}

int service_find(struct service_call *c, enum identity_kind kind, struct identity_row *ret)
{
    const struct caller *caller = c->request->caller;
    struct slice name = service_field(c, kinds[kind].name);
    if (kind == IDENTITY_POLICY)
        return find_policy(c, ret);
    if (!name.len && kind == IDENTITY_USER && caller && !*caller->role_arn)
        name = slice_string(caller->name);
    if (!name.len)
        return service_fail(c, 400, "ValidationError", "%s must be given", kinds[kind].name);
    return find_named(c, kind, name, ret);
}

int service_find_user(struct service_call *c, int64_t *ret_id, struct slice *ret_name)
{
    struct identity_row row;
    *ret_id = 0;
    *ret_name = c->account.name;
    if (!service_field(c, "UserName").len && !c->request->identity.iam_user)
        return 0;
    int err = service_find(c, IDENTITY_USER, &row);
    *ret_id = row.id;
    *ret_name = row.name;
    return err;
}

/* --- answers --- */

void service_append_encoded(struct text *t, struct slice document)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < document.len; i++) {
        uint8_t b = (uint8_t)document.data[i];
        bool plain = (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') || (b >= '0' && b <= '9') || memchr("-._~", b, 4);
        char escaped[3] = {'%', digits[b >> 4], digits[b & 15]};
        text_append(t, plain ? (const char *)&b : escaped, plain ? 1 : 3);
    }
}

static int write_members(struct service_call *c, const struct identity_row *row)
{
    struct text *t = &c->result;
    struct slice arn = service_arn(c, row);
    uint64_t count = 0;
    xml_element(t, "Path", row->path);
    xml_element(t, kinds[row->kind].name, row->name);
    xml_element(t, kinds[row->kind].id, row->unique_id);
    xml_element(t, "Arn", arn);
    xml_element_time(t, "CreateDate", row->created_us);
    if (row->description.len)
        xml_element(t, "Description", row->description);
    if (row->kind == IDENTITY_ROLE) {
        xml_open(t, "AssumeRolePolicyDocument");
        service_append_encoded(t, row->document);
        xml_close(t, "AssumeRolePolicyDocument");
        xml_element_u64(t, "MaxSessionDuration", row->session_s);
    }
    if (row->kind != IDENTITY_POLICY)
        return 0;
    int err = identity_attached_count(c->tx, arn, &count);
    xml_element_string(t, "DefaultVersionId", "v1");
    xml_element_u64(t, "AttachmentCount", count);
    xml_element_bool(t, "IsAttachable", true);
    xml_element_time(t, "UpdateDate", row->created_us);
    return err;
}

static int write_entity(struct service_call *c, const char *element, const struct identity_row *row)
{
    xml_open(&c->result, element);
    int err = write_members(c, row);
    xml_close(&c->result, element);
    return err;
}

/* --- create, get, list, update, delete --- */

static int take_new(struct service_call *c, struct identity_row *row)
{
    enum identity_kind kind = c->action->kind;
    uint64_t session = SESSION_DEFAULT_S;
    *row = (struct identity_row){.account_id = c->account.id, .kind = kind, .created_us = meta_tx_clock(c->tx), .document = slice_of("", 0)};
    int err = service_need(c, kinds[kind].name, &row->name);
    if (!err)
        err = service_check_name(c, kinds[kind].name, row->name, kinds[kind].name_max);
    if (!err)
        err = take_path(c, "Path", &row->path);
    row->description = service_field(c, "Description");
    if (!row->description.data)
        row->description = slice_of("", 0);
    if (!err && row->description.len > 1000)
        err = service_fail(c, 400, "ValidationError", "Description has at most 1000 characters");
    if (!err && (kind == IDENTITY_ROLE || kind == IDENTITY_POLICY))
        err = service_need(c, kind == IDENTITY_ROLE ? "AssumeRolePolicyDocument" : "PolicyDocument", &row->document);
    if (!err && row->document.len)
        err = service_check_policy(c, row->document, kind == IDENTITY_ROLE ? POLICY_TRUST : POLICY_IDENTITY, kind == IDENTITY_ROLE ? TRUST_MAX : MANAGED_MAX);
    if (!err && kind == IDENTITY_ROLE)
        err = service_number(c, "MaxSessionDuration", 3600, 43200, SESSION_DEFAULT_S, &session);
    row->session_s = (uint32_t)session;
    if (!err && (service_field(c, "PermissionsBoundary").len || service_field(c, "Tags.member.1.Key").len))
        err = service_fail(c, 501, "NotImplemented", "Tags and permissions boundaries of IAM are not implemented");
    return err;
}

static int create(struct service_call *c)
{
    struct identity_row row;
    char id[22];
    int err = take_new(c, &row);
    if (!err)
        err = service_ask(c, service_arn(c, &row));
    if (!err)
        err = make_id(kinds[row.kind].prefix, id);
    if (err)
        return err;
    row.unique_id = slice_string(id);
    err = identity_insert(c->tx, &row, &row.id);
    if (err == ERR_EXISTS)
        return service_fail(c, 409, "EntityAlreadyExists", "%s with name %.*s already exists.", kinds[row.kind].element, (int)row.name.len, row.name.data);
    return err ? err : write_entity(c, kinds[row.kind].element, &row);
}

/* The account itself, of whom GetUser speaks when its own key asks without a name. */
static int get_account(struct service_call *c)
{
    struct text *t = &c->result;
    xml_open(t, "User");
    xml_element_string(t, "Path", "/");
    xml_element(t, "UserName", c->account.name);
    xml_element(t, "UserId", c->account.number);
    xml_element(t, "Arn", c->principal.arn);
    xml_element_time(t, "CreateDate", c->account.created_us);
    xml_close(t, "User");
    return 0;
}

static int write_member(void *arg, int64_t user_id)
{
    struct service_call *c = arg;
    struct identity_row row;
    int err = identity_get_id(c->tx, user_id, &row);
    return err ? err : write_entity(c, "member", &row);
}

static int get(struct service_call *c)
{
    struct identity_row row;
    enum identity_kind kind = c->action->kind;
    if (kind == IDENTITY_USER && !service_field(c, "UserName").len && !c->request->identity.iam_user)
        return get_account(c);
    int err = service_find(c, kind, &row);
    if (!err)
        err = write_entity(c, kinds[kind].element, &row);
    if (err || kind != IDENTITY_GROUP)
        return err;
    xml_open(&c->result, "Users");
    err = identity_members(c->tx, row.id, 0, write_member, c);
    xml_close(&c->result, "Users");
    xml_element_bool(&c->result, "IsTruncated", false);
    return err;
}

struct list { struct service_call *c; struct service_page page; struct slice prefix; };

static bool has_prefix(struct slice value, struct slice prefix)
{
    return value.len >= prefix.len && (!prefix.len || memcmp(value.data, prefix.data, prefix.len) == 0);
}

static int list_one(void *arg, const struct identity_row *row)
{
    struct list *l = arg;
    if (!has_prefix(row->path, l->prefix))
        return 0;
    int err = service_page_next(&l->page, row->name);
    return err ? err : write_entity(l->c, "member", row);
}

static int list(struct service_call *c)
{
    struct list l = {.c = c, .prefix = service_field(c, "PathPrefix")};
    enum identity_kind kind = c->action->kind;
    int err = service_page_begin(c, &l.page);
    if (!l.prefix.data)
        l.prefix = slice_of("", 0);
    if (!err)
        err = service_ask(c, arn_of(c, kind, slice_of("/", 1), slice_of("*", 1)));
    if (err)
        return err;
    xml_open(&c->result, kinds[kind].list);
    err = slice_equal_string(service_field(c, "Scope"), "AWS") ? 0 : identity_list(c->tx, c->account.id, kind, l.page.marker, list_one, &l);
    xml_close(&c->result, kinds[kind].list);
    service_page_end(c, &l.page);
    return err == 1 ? 0 : err;
}

static const char *new_name_field(enum identity_kind kind) { return kind == IDENTITY_USER ? "NewUserName" : "NewGroupName"; }

static int update_role(struct service_call *c, struct identity_row *row)
{
    uint64_t session;
    struct slice description = service_field(c, "Description");
    int err = service_number(c, "MaxSessionDuration", 3600, 43200, row->session_s, &session);
    row->session_s = (uint32_t)session;
    if (description.data)
        row->description = description;
    return !err && row->description.len > 1000 ? service_fail(c, 400, "ValidationError", "Description has at most 1000 characters") : err;
}

static int update(struct service_call *c)
{
    struct identity_row row;
    enum identity_kind kind = c->action->kind;
    int err = service_find(c, kind, &row);
    if (err)
        return err;
    struct slice name = service_field(c, new_name_field(kind));
    if (kind == IDENTITY_ROLE) {
        err = update_role(c, &row);
    } else {
        if (name.len) {
            err = service_check_name(c, new_name_field(kind), name, kinds[kind].name_max);
            row.name = name;
        }
        if (!err && service_field(c, "NewPath").len)
            err = take_path(c, "NewPath", &row.path);
        if (!err)
            err = service_ask(c, service_arn(c, &row));
    }
    if (!err)
        err = identity_update(c->tx, &row);
    return err == ERR_EXISTS ? service_fail(c, 409, "EntityAlreadyExists", "%s with name %.*s already exists.", kinds[kind].element, (int)name.len, name.data) : err;
}

static int update_trust(struct service_call *c)
{
    struct identity_row row;
    int err = service_find(c, IDENTITY_ROLE, &row);
    if (!err)
        err = service_need(c, "PolicyDocument", &row.document);
    if (!err)
        err = service_check_policy(c, row.document, POLICY_TRUST, TRUST_MAX);
    return err ? err : identity_update(c->tx, &row);
}

static int stop_inline(void *arg, struct slice name, struct slice document) { (void)name, (void)document; *(const char **)arg = "policies"; return 1; }
static int stop_attached(void *arg, struct slice arn) { (void)arn; *(const char **)arg = "attached policies"; return 1; }
static int stop_member(void *arg, int64_t id) { (void)id; *(const char **)arg = "members or groups"; return 1; }
static int stop_key(void *arg, const struct access_key_row *row) { (void)row; *(const char **)arg = "access keys"; return 1; }

/* What must go first; NULL: nothing. */
static int find_conflict(struct service_call *c, const struct identity_row *row, const char **ret)
{
    uint64_t count = 0;
    *ret = NULL;
    if (row->kind == IDENTITY_POLICY) {
        int err = identity_attached_count(c->tx, service_arn(c, row), &count);
        *ret = count ? "attachments" : NULL;
        return err;
    }
    int err = identity_policy_list(c->tx, row->id, slice_of("", 0), stop_inline, ret);
    if (!err)
        err = identity_attachments(c->tx, row->id, slice_of("", 0), stop_attached, ret);
    if (!err && row->kind == IDENTITY_USER)
        err = identity_groups(c->tx, row->id, 0, stop_member, ret);
    if (!err && row->kind == IDENTITY_GROUP)
        err = identity_members(c->tx, row->id, 0, stop_member, ret);
    if (!err && row->kind == IDENTITY_USER)
        err = access_key_list_user(c->tx, row->account_id, row->id, slice_of("", 0), stop_key, ret);
    return err == 1 ? 0 : err;
}

static int delete(struct service_call *c)
{
    struct identity_row row;
    const char *conflict;
    int err = service_find(c, c->action->kind, &row);
    if (!err)
        err = find_conflict(c, &row, &conflict);
    if (err)
        return err;
    if (conflict)
        return service_fail(c, 409, "DeleteConflict", "Cannot delete entity, must remove %s first.", conflict);
    return identity_delete(c->tx, row.id);
}

/* --- groups --- */

static int count_group(void *arg, int64_t id) { (void)id; ++*(unsigned *)arg; return 0; }

static int find_pair(struct service_call *c, struct identity_row *group, struct identity_row *user)
{
    struct slice name;
    int err = service_find(c, IDENTITY_GROUP, group);
    if (!err)
        err = service_need(c, "UserName", &name);
    if (!err)
        err = identity_get(c->tx, c->account.id, IDENTITY_USER, name, user);
    return err == ERR_NOT_FOUND ? not_found(c, IDENTITY_USER, name) : err;
}

static int add_to_group(struct service_call *c)
{
    struct identity_row group, user;
    unsigned count = 0;
    int err = find_pair(c, &group, &user);
    if (!err)
        err = identity_member_add(c->tx, group.id, user.id);
    if (!err)
        err = identity_groups(c->tx, user.id, 0, count_group, &count);
    return !err && count > GROUPS_MAX ? service_fail(c, 409, "LimitExceeded", "Cannot exceed quota for GroupsPerUser: %d", GROUPS_MAX) : err;
}

static int remove_from_group(struct service_call *c)
{
    struct identity_row group, user;
    int err = find_pair(c, &group, &user);
    return err ? err : identity_member_remove(c->tx, group.id, user.id);
}

static int list_groups_for_user(struct service_call *c)
{
    struct identity_row user;
    int err = service_find(c, IDENTITY_USER, &user);
    if (err)
        return err;
    xml_open(&c->result, "Groups");
    err = identity_groups(c->tx, user.id, 0, write_member, c);
    xml_close(&c->result, "Groups");
    xml_element_bool(&c->result, "IsTruncated", false);
    return err;
}

/* --- counts --- */

static int count_one(void *arg, const struct identity_row *row) { (void)row; ++*(uint64_t *)arg; return 0; }

static void write_count(struct text *t, const char *key, uint64_t value)
{
    xml_open(t, "entry");
    xml_element_string(t, "key", key);
    xml_element_u64(t, "value", value);
    xml_close(t, "entry");
}

static int get_account_summary(struct service_call *c)
{
    int err = service_ask(c, slice_of("*", 1));
    if (err)
        return err;
    xml_open(&c->result, "SummaryMap");
    for (enum identity_kind kind = IDENTITY_USER; kind <= IDENTITY_POLICY && !err; kind++) {
        uint64_t count = 0;
        err = identity_list(c->tx, c->account.id, kind, slice_of("", 0), count_one, &count);
        write_count(&c->result, kinds[kind].list, count);
    }
    write_count(&c->result, "UsersQuota", 5000);
    write_count(&c->result, "GroupsQuota", 300);
    write_count(&c->result, "GroupsPerUserQuota", GROUPS_MAX);
    write_count(&c->result, "AccessKeysPerUserQuota", 2);
    xml_close(&c->result, "SummaryMap");
    return err;
}

/* There are none: web identities are not taken. Clients that clean up ask all the same. */
static int list_identity_providers(struct service_call *c)
{
    int err = service_ask(c, slice_of("*", 1));
    if (!err)
        xml_empty(&c->result, "OpenIDConnectProviderList");
    return err;
}

const struct service_action service_entity_actions[] = {
    {"CreateUser", create, true, false, IDENTITY_USER},
    {"CreateGroup", create, true, false, IDENTITY_GROUP},
    {"CreateRole", create, true, false, IDENTITY_ROLE},
    {"CreatePolicy", create, true, false, IDENTITY_POLICY},
    {"GetUser", get, false, false, IDENTITY_USER},
    {"GetGroup", get, false, false, IDENTITY_GROUP},
    {"GetRole", get, false, false, IDENTITY_ROLE},
    {"ListUsers", list, false, false, IDENTITY_USER},
    {"ListGroups", list, false, false, IDENTITY_GROUP},
    {"ListRoles", list, false, false, IDENTITY_ROLE},
    {"ListPolicies", list, false, false, IDENTITY_POLICY},
    {"UpdateUser", update, true, false, IDENTITY_USER},
    {"UpdateGroup", update, true, false, IDENTITY_GROUP},
    {"UpdateRole", update, true, false, IDENTITY_ROLE},
    {"UpdateAssumeRolePolicy", update_trust, true, false, IDENTITY_ROLE},
    {"DeleteUser", delete, true, false, IDENTITY_USER},
    {"DeleteGroup", delete, true, false, IDENTITY_GROUP},
    {"DeleteRole", delete, true, false, IDENTITY_ROLE},
    {"DeletePolicy", delete, true, false, IDENTITY_POLICY},
    {"AddUserToGroup", add_to_group, true, false, IDENTITY_GROUP},
    {"RemoveUserFromGroup", remove_from_group, true, false, IDENTITY_GROUP},
    {"ListGroupsForUser", list_groups_for_user, false, false, IDENTITY_USER},
    {"GetAccountSummary", get_account_summary, false, false, IDENTITY_USER},
    {"ListOpenIDConnectProviders", list_identity_providers, false, false, IDENTITY_USER},
    {NULL, NULL, false, false, IDENTITY_USER},
};
