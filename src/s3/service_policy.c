/* Policies of users, groups and roles: inline ones, and managed ones that are attached. */
#include <stdio.h>
#include <string.h>

#include "s3/caller.h"
#include "s3/service.h"
#include "wire/xml_write.h"

#define POLICY_NAME_MAX 128
#define ATTACHMENTS_MAX 10

static size_t inline_max(enum identity_kind kind)
{
    return kind == IDENTITY_USER ? 2048 : kind == IDENTITY_GROUP ? 5120 : 10240;
}

/* --- inline --- */

static int no_policy(struct service_call *c, struct slice name)
{
    return service_fail(c, 404, "NoSuchEntity", "The policy with name %.*s cannot be found.", (int)(name.len < 128 ? name.len : 128), name.data);
}

static int put_inline(struct service_call *c)
{
    struct identity_row row;
    struct slice name, document;
    int err = service_need(c, "PolicyName", &name);
    if (!err)
        err = service_check_name(c, "PolicyName", name, POLICY_NAME_MAX);
    if (!err)
        err = service_need(c, "PolicyDocument", &document);
    if (!err)
        err = service_find(c, c->action->kind, &row);
    if (!err)
        err = service_check_policy(c, document, POLICY_IDENTITY, inline_max(c->action->kind));
    return err ? err : identity_policy_put(c->tx, row.id, name, document);
}

static int get_inline(struct service_call *c)
{
    struct identity_row row;
    struct slice name, document;
    int err = service_need(c, "PolicyName", &name);
    if (!err)
        err = service_find(c, c->action->kind, &row);
    if (!err)
        err = identity_policy_get(c->tx, row.id, name, &document);
    if (err)
        return err == ERR_NOT_FOUND ? no_policy(c, name) : err;
    xml_element(&c->result, service_name_field(c->action->kind), row.name);
    xml_element(&c->result, "PolicyName", name);
    xml_open(&c->result, "PolicyDocument");
    service_append_encoded(&c->result, document);
    xml_close(&c->result, "PolicyDocument");
    return 0;
}

static int delete_inline(struct service_call *c)
{
    struct identity_row row;
    struct slice name;
    int err = service_need(c, "PolicyName", &name);
    if (!err)
        err = service_find(c, c->action->kind, &row);
    if (!err)
        err = identity_policy_delete(c->tx, row.id, name);
    return err == ERR_NOT_FOUND ? no_policy(c, name) : err;
}

struct names { struct service_call *c; struct service_page page; struct slice prefix; };

static int list_name(void *arg, struct slice name, struct slice document)
{
    struct names *n = arg;
    (void)document;
    int err = service_page_next(&n->page, name);
    if (!err)
        xml_element(&n->c->result, "member", name);
    return err;
}

static int list_inline(struct service_call *c)
{
    struct names n = {.c = c};
    struct identity_row row;
    int err = service_find(c, c->action->kind, &row);
    if (!err)
        err = service_page_begin(c, &n.page);
    if (err)
        return err;
    xml_open(&c->result, "PolicyNames");
    err = identity_policy_list(c->tx, row.id, n.page.marker, list_name, &n);
    xml_close(&c->result, "PolicyNames");
    service_page_end(c, &n.page);
    return err == 1 ? 0 : err;
}

/* --- managed --- */

static int find_managed(struct service_call *c, struct slice *ret_arn, struct slice *ret_document)
{
    int err = service_need(c, "PolicyArn", ret_arn);
    if (!err)
        err = caller_managed_policy(c->tx, c->account.id, c->account.number, *ret_arn, ret_document);
    return err == ERR_NOT_FOUND ? service_fail(c, 404, "NoSuchEntity", "Policy %.*s does not exist or is not attachable.",
                                               (int)(ret_arn->len < 150 ? ret_arn->len : 150), ret_arn->data) : err;
}

static int count_arn(void *arg, struct slice arn) { (void)arn; ++*(unsigned *)arg; return 0; }

static int attach(struct service_call *c)
{
    struct identity_row row;
    struct slice arn, document;
    unsigned count = 0;
    int err = service_find(c, c->action->kind, &row);
    if (!err)
        err = find_managed(c, &arn, &document);
    if (!err)
        err = identity_attach(c->tx, row.id, arn);
    if (!err)
        err = identity_attachments(c->tx, row.id, slice_of("", 0), count_arn, &count);
    return !err && count > ATTACHMENTS_MAX ? service_fail(c, 409, "LimitExceeded", "Cannot exceed quota for attached policies: %d", ATTACHMENTS_MAX) : err;
}

static int detach(struct service_call *c)
{
    struct identity_row row;
    struct slice arn;
    int err = service_find(c, c->action->kind, &row);
    if (!err)
        err = service_need(c, "PolicyArn", &arn);
    if (!err)
        err = identity_detach(c->tx, row.id, arn);
    return err == ERR_NOT_FOUND ? service_fail(c, 404, "NoSuchEntity", "Policy %.*s was not found.", (int)(arn.len < 150 ? arn.len : 150), arn.data) : err;
}

static int list_arn(void *arg, struct slice arn)
{
    struct names *n = arg;
    struct text *t = &n->c->result;
    int err = service_page_next(&n->page, arn);
    if (err)
        return err;
    const char *slash = memrchr(arn.data, '/', arn.len);
    struct slice name = slash ? slice_of(slash + 1, (size_t)(arn.data + arn.len - slash - 1)) : arn;
    xml_open(t, "member");
    xml_element(t, "PolicyName", name);
    xml_element(t, "PolicyArn", arn);
    xml_close(t, "member");
    return 0;
}

static int list_attached(struct service_call *c)
{
    struct names n = {.c = c};
    struct identity_row row;
    int err = service_find(c, c->action->kind, &row);
    if (!err)
        err = service_page_begin(c, &n.page);
    if (err)
        return err;
    xml_open(&c->result, "AttachedPolicies");
    err = identity_attachments(c->tx, row.id, n.page.marker, list_arn, &n);
    xml_close(&c->result, "AttachedPolicies");
    service_page_end(c, &n.page);
    return err == 1 ? 0 : err;
}

static bool is_amazon(struct slice arn) { return slice_starts_with(arn, "arn:aws:iam::aws:"); }

static int get_policy(struct service_call *c)
{
    struct slice arn, document;
    struct identity_row row = {.kind = IDENTITY_POLICY};
    struct text *t = &c->result;
    uint64_t count;
    int err = find_managed(c, &arn, &document);
    if (!err)
        err = service_ask(c, arn);
    if (!err)
        err = identity_attached_count(c->tx, arn, &count);
    const char *slash = err ? NULL : memrchr(arn.data, '/', arn.len);
    struct slice name = slash ? slice_of(slash + 1, (size_t)(arn.data + arn.len - slash - 1)) : arn;
    bool amazon = !err && is_amazon(arn);
    if (!err && !amazon)
        err = identity_get(c->tx, c->account.id, IDENTITY_POLICY, name, &row);
    if (err)
        return err;
    xml_open(t, "Policy");
    xml_element(t, "PolicyName", name);
    xml_element(t, "PolicyId", amazon ? name : row.unique_id);
    xml_element(t, "Arn", arn);
    xml_element(t, "Path", amazon ? slice_of("/", 1) : row.path);
    xml_element_string(t, "DefaultVersionId", "v1");
    xml_element_u64(t, "AttachmentCount", count);
    xml_element_bool(t, "IsAttachable", true);
    if (!amazon && row.description.len)
        xml_element(t, "Description", row.description);
    xml_element_time(t, "CreateDate", amazon ? 0 : row.created_us);
    xml_element_time(t, "UpdateDate", amazon ? 0 : row.created_us);
    xml_close(t, "Policy");
    return 0;
}

static int get_policy_version(struct service_call *c)
{
    struct slice arn, document, version;
    int err = find_managed(c, &arn, &document);
    if (!err)
        err = service_ask(c, arn);
    if (!err)
        err = service_need(c, "VersionId", &version);
    if (!err && !slice_equal_string(version, "v1"))
        err = service_fail(c, 404, "NoSuchEntity", "Policy versions other than v1 are not kept");
    if (err)
        return err;
    xml_open(&c->result, "PolicyVersion");
    xml_open(&c->result, "Document");
    service_append_encoded(&c->result, document);
    xml_close(&c->result, "Document");
    xml_element_string(&c->result, "VersionId", "v1");
    xml_element_bool(&c->result, "IsDefaultVersion", true);
    xml_close(&c->result, "PolicyVersion");
    return 0;
}

#define OF_EACH(element, kind) \
    {"Put" element "Policy", put_inline, true, false, kind}, {"Get" element "Policy", get_inline, false, false, kind}, \
    {"List" element "Policies", list_inline, false, false, kind}, {"Delete" element "Policy", delete_inline, true, false, kind}, \
    {"Attach" element "Policy", attach, true, false, kind}, {"Detach" element "Policy", detach, true, false, kind}, \
    {"ListAttached" element "Policies", list_attached, false, false, kind}

const struct service_action service_policy_actions[] = {
    OF_EACH("User", IDENTITY_USER),
    OF_EACH("Group", IDENTITY_GROUP),
    OF_EACH("Role", IDENTITY_ROLE),
    {"GetPolicy", get_policy, false, false, IDENTITY_POLICY},
    {"GetPolicyVersion", get_policy_version, false, false, IDENTITY_POLICY},
    {NULL, NULL, false, false, IDENTITY_USER},
};
