/* GET and PUT ?acl. */
#include "s3/access.h"
#include "s3/acl.h"
#include "s3/answer.h"
#include "s3/attribute_write.h"
#include "s3/body.h"
#include "s3/lookup.h"
#include "s3/object_headers.h"
#include "s3/operations.h"
#include "s3/owner.h"
#include "wire/xml_write.h"

#define XSI "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type="

static bool disabled(const struct s3_request *r)
{
    return r->access.bucket->ownership == OWNERSHIP_BUCKET_OWNER_ENFORCED;
}

/* --- GetBucketAcl, GetObjectAcl --- */

/* What is shown: while ACLs are disabled, that everything is the bucket owner's alone. */
struct shown {
    int64_t owner_id;
    struct acl_list list;
};

static int collect(struct s3_request *r, const struct object_info *info, struct shown *ret)
{
    struct slice acl;
    struct acl_grant grant;
    size_t position = 0;
    int err;
    ret->list.count = 0;
    ret->owner_id = disabled(r) ? r->access.bucket->owner_id : info->owner_id;
    if (disabled(r) || attribute_find(info->attributes, ATTRIBUTE_CONFIGURATION, OBJECT_ACL, &acl))
        acl = slice_of("", 0);
    while (acl_next(acl, &position, &grant, &err)) {
        if (grant.grantee == ACL_BUCKET_OWNER && ret->owner_id == r->access.bucket->owner_id)
            continue; /* it is the owner, who is in the list */
        if (ret->list.count == ACL_GRANTS_MAX)
            return ERR_CORRUPT;
        ret->list.grants[ret->list.count++] = grant;
    }
    return err;
}

static void write_user(struct text *t, struct slice id, struct slice display_name)
{
    xml_element(t, "ID", id);
    if (display_name.len)
        xml_element(t, "DisplayName", display_name);
}

static void write_grantee(struct s3_request *r, struct text *t, const struct shown *s, const struct acl_grant *grant, const struct acl_account *account)
{
    const char *group = acl_group_uri(grant->grantee);
    xml_open_with(t, "Grantee", group ? XSI "\"Group\"" : XSI "\"CanonicalUser\"");
    if (group)
        xml_element_string(t, "URI", group);
    else if (grant->grantee == ACL_CANONICAL_USER)
        write_user(t, grant->id, slice_string(account->found ? account->display_name : ""));
    else
        owner_names(r, t, grant->grantee == ACL_OWNER ? s->owner_id : r->access.bucket->owner_id);
    xml_close(t, "Grantee");
}

static void write_grants(struct s3_request *r, struct text *t, const struct shown *s, const struct acl_account *accounts, bool of_groups)
{
    for (uint32_t i = 0; i < s->list.count; i++) {
        const struct acl_grant *grant = &s->list.grants[i];
        if ((acl_group_uri(grant->grantee) != NULL) != of_groups)
            continue;
        xml_open(t, "Grant");
        write_grantee(r, t, s, grant, &accounts[i]);
        xml_element_string(t, "Permission", acl_permission_name(grant->permission));
        xml_close(t, "Grant");
    }
}

/* Grants have no order of their own; here those to groups come first. */
static void answer_acl(struct s3_request *r, const struct acl_account *accounts)
{
    const struct shown *s = r->access.acl_shown;
    struct text t = {0};
    xml_declaration(&t);
    xml_open_root(&t, "AccessControlPolicy");
    owner_element(r, &t, "Owner", s->owner_id);
    xml_open(&t, "AccessControlList");
    write_grants(r, &t, s, accounts, true);
    write_grants(r, &t, s, accounts, false);
    xml_close(&t, "AccessControlList");
    xml_close(&t, "AccessControlPolicy");
    answer_xml(r, 200, &t);
}

static void owners_known(struct s3_request *r)
{
    const struct shown *s = r->access.acl_shown;
    acl_accounts(r, &s->list, answer_acl);
}

static void get_found(struct s3_request *r, const struct object_info *info)
{
    struct shown *s = arena_take(&r->arena, sizeof *s);
    int err = s ? collect(r, info, s) : ERR_NO_MEMORY;
    if (err) {
        answer_err(r, err);
        return;
    }
    r->access.acl_shown = s;
    int64_t ids[] = {s->owner_id, r->access.bucket->owner_id};
    owner_load(r, ids, 2, owners_known);
}

void get_acl_start(struct s3_request *r)
{
    lookup(r, get_found);
}

/* --- PutBucketAcl, PutObjectAcl --- */

static void put_done(struct s3_request *r)
{
    answer_empty(r, 200);
}

static void put_prepared(struct s3_request *r)
{
    struct text entry = {0};
    if (acl_attribute(r, &entry))
        attribute_write_owned(r, OBJECT_ACL, slice_of(entry.data ? entry.data : "", entry.len), lookup_info(r)->owner_id, put_done);
    text_free(&entry);
}

static void refuse_document(struct s3_request *r, int err)
{
    if (err == ERR_NO_MEMORY)
        answer_error(r, S3_SlowDown);
    else if (err == ERR_INVALID)
        answer_error_text(r, S3_InvalidArgument, "Invalid group uri");
    else
        answer_error(r, S3_MalformedACLError);
}

/* Ids of grants live on as long as the request. */
static bool copy_ids(struct s3_request *r, struct acl_list *list)
{
    for (uint32_t i = 0; i < list->count; i++) {
        list->grants[i].id = arena_copy(&r->arena, list->grants[i].id);
        if (!list->grants[i].id.data)
            return false;
    }
    return true;
}

static void take_document(struct s3_request *r)
{
    int64_t owner_id = lookup_info(r)->owner_id;
    struct acl_document *d = arena_take(&r->arena, sizeof *d);
    int err = d ? acl_document_parse(body_document(r), d) : ERR_NO_MEMORY;
    if (err) {
        refuse_document(r, err);
        return;
    }
    bool same_owner = slice_equal(d->owner_id, owner_canonical_id(r, owner_id)), copied = copy_ids(r, &d->list);
    acl_document_fini(d);
    if (!copied)
        answer_error(r, S3_SlowDown);
    else if (!same_owner)
        access_deny(r, "the ACL names another owner, and owners do not change");
    else
        acl_prepare_change(r, owner_id, r->address.key_len != 0, &d->list, put_prepared);
}

static void put_found(struct s3_request *r, const struct object_info *info)
{
    if (acl_header(r))
        acl_prepare_change(r, info->owner_id, r->address.key_len != 0, NULL, put_prepared);
    else
        owner_load(r, &info->owner_id, 1, take_document);
}

void put_acl_start(struct s3_request *r)
{
    bool headers = acl_header(r), document = body_document(r).len > 0;
    struct answer_field missing = {"MissingHeaderName", slice_string("x-amz-acl")};
    if (disabled(r))
        answer_error(r, S3_AccessControlListNotSupported);
    else if (headers && document)
        answer_error(r, S3_UnexpectedContent);
    else if (!headers && !document)
        answer_failure(r, 400, "MissingSecurityHeader", s3_error_text(S3_MissingSecurityHeader), &missing, 1);
    else
        lookup(r, put_found);
}
