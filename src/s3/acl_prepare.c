/* Who will own what a request makes, and its ACL: read, resolved and held against ownership controls and the public access block
 * before anything of the operation happens. */
#include "meta/attribute.h"
#include "s3/access.h"
#include "s3/acl.h"
#include "s3/answer.h"
#include "s3/object_headers.h"

struct preparation {
    void (*then)(struct s3_request *);
    int64_t owner_id;
    bool of_object;
    const char *header; /* the first that grants; NULL: a document does */
    struct slice value;
    struct acl_list list;
};

static bool is_acl_header(struct slice name)
{
    return slice_equal_string_nocase(name, "x-amz-acl") || header_name_starts_with(name, "x-amz-grant-");
}

bool acl_header(const struct s3_request *r)
{
    for (uint32_t i = 0; i < r->header_count; i++)
        if (is_acl_header(r->headers[i].name))
            return true;
    return false;
}

static bool acls_disabled(const struct s3_request *r)
{
    return r->access.bucket && r->access.bucket->ownership == OWNERSHIP_BUCKET_OWNER_ENFORCED;
}

static void conclude(struct s3_request *r, struct slice acl)
{
    const struct preparation *p = r->access.acl_preparation;
    if (acl.len && acl_is_public(acl) && r->access.bucket && (r->access.bucket->public_access_block & BLOCK_PUBLIC_ACLS)) {
        access_deny(r, "BlockPublicAcls: the ACL grants something to everybody");
        return;
    }
    r->access.acl = acl;
    p->then(r);
}

/* --- canned --- */

static bool canned_applies(struct slice canned, bool of_object)
{
    return acl_canned(canned) && !(of_object && slice_equal_string(canned, "log-delivery-write"));
}

static void take_canned(struct s3_request *r, struct slice canned)
{
    struct preparation *p = r->access.acl_preparation;
    const struct access_bucket *b = r->access.bucket;
    bool full_control = slice_equal_string(canned, "bucket-owner-full-control");
    bool of_bucket_owner = full_control || slice_equal_string(canned, "bucket-owner-read");
    if (!canned_applies(canned, p->of_object)) {
        answer_bad_argument(r, "The canned ACL is not one of S3's.", "x-amz-acl", canned);
        return;
    }
    if (acls_disabled(r) && !(p->of_object && full_control)) {
        answer_error(r, S3_AccessControlListNotSupported);
        return;
    }
    if (p->of_object && full_control && b->ownership == OWNERSHIP_BUCKET_OWNER_PREFERRED)
        r->access.owner_id = b->owner_id;
    bool private = slice_equal_string(canned, "private") || acls_disabled(r) || (of_bucket_owner && !p->of_object);
    conclude(r, private ? slice_of("", 0) : canned);
}

/* --- grants --- */

static void refuse_account(struct s3_request *r, const struct acl_grant *grant)
{
    if (grant->grantee == ACL_EMAIL)
        answer_error(r, S3_UnresolvableGrantByEmailAddress);
    else
        answer_bad_argument(r, "Invalid id", "CanonicalUser/ID", grant->id);
}

/* All that a bucket without ACLs takes: what is so without it. */
static bool only_full_control_of(const struct acl_list *list, const struct acl_account *accounts, int64_t owner_id)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (!accounts[i].found || accounts[i].id != owner_id || list->grants[i].permission != ACL_FULL_CONTROL)
            return false;
    return list->count > 0;
}

static void accounts_known(struct s3_request *r, const struct acl_account *accounts)
{
    struct preparation *p = r->access.acl_preparation;
    struct text t = {0};
    acl_begin(&t);
    for (uint32_t i = 0; i < p->list.count; i++) {
        struct acl_grant grant = p->list.grants[i];
        bool account = grant.grantee == ACL_CANONICAL_USER || grant.grantee == ACL_EMAIL;
        if (account && !accounts[i].found) {
            refuse_account(r, &grant);
            text_free(&t);
            return;
        }
        if (account) {
            grant.grantee = accounts[i].id == p->owner_id ? ACL_OWNER : ACL_CANONICAL_USER;
            grant.id = slice_string(accounts[i].canonical_id);
        }
        acl_append(&t, &grant);
    }
    struct slice acl = t.failed ? slice_of(NULL, 0) : arena_copy(&r->arena, slice_of(t.data, t.len));
    text_free(&t);
    if (!acl.data)
        answer_error(r, S3_SlowDown);
    else if (!acls_disabled(r))
        conclude(r, acl);
    else if (p->of_object && only_full_control_of(&p->list, accounts, r->access.bucket->owner_id))
        conclude(r, slice_of("", 0));
    else
        answer_error(r, S3_AccessControlListNotSupported);
}

static bool take_headers(struct s3_request *r, struct acl_list *list)
{
    for (uint32_t i = 0; i < r->header_count; i++) {
        const struct header *h = &r->headers[i];
        enum acl_permission permission;
        if (!header_name_starts_with(h->name, "x-amz-grant-"))
            continue;
        struct slice name = arena_copy(&r->arena, h->name);
        int err = acl_header_permission(h->name, &permission) ? acl_header_parse(h->value, permission, list) : ERR_MALFORMED;
        if (!name.data)
            answer_error(r, S3_SlowDown);
        else if (err == ERR_TOO_LARGE)
            answer_error_text(r, S3_InvalidRequest, "An ACL has at most 100 grants.");
        else if (err)
            answer_bad_argument(r, err == ERR_INVALID ? "Invalid group uri" : "Argument format not recognized", name.data, h->value);
        if (!name.data || err)
            return false;
    }
    return true;
}

void acl_prepare_change(struct s3_request *r, int64_t owner_id, bool of_object, const struct acl_list *list, void (*then)(struct s3_request *))
{
    struct slice canned = request_header(r, "x-amz-acl");
    struct preparation *p = arena_take(&r->arena, sizeof *p);
    if (!p) {
        answer_error(r, S3_SlowDown);
        return;
    }
    *p = (struct preparation){.then = then, .owner_id = owner_id, .of_object = of_object};
    r->access.acl_preparation = p;
    if (list)
        p->list = *list;
    else if (!take_headers(r, &p->list))
        return;
    if (canned.data && p->list.count)
        answer_error_text(r, S3_InvalidRequest, "Specifying both Canned ACLs and Header Grants is not allowed");
    else if (canned.data)
        take_canned(r, canned);
    else
        acl_accounts(r, &p->list, accounts_known);
}

static bool makes_object(enum operation_id id)
{
    return id == OPERATION_PutObject || id == OPERATION_PostObject || id == OPERATION_CopyObject || id == OPERATION_CreateMultipartUpload;
}

void acl_prepare(struct s3_request *r, void (*then)(struct s3_request *))
{
    enum operation_id id = operation_id(r->operation);
    bool of_object = makes_object(id);
    r->access.owner_id = acls_disabled(r) ? r->access.bucket->owner_id : r->identity.account_id;
    if ((of_object || id == OPERATION_CreateBucket) && acl_header(r))
        acl_prepare_change(r, r->access.owner_id, of_object, NULL, then);
    else
        then(r);
}

bool acl_attribute(struct s3_request *r, struct text *attributes)
{
    if (r->access.acl.len)
        attribute_append(attributes, ATTRIBUTE_CONFIGURATION, slice_string(OBJECT_ACL), r->access.acl);
    if (attributes->failed)
        answer_error(r, S3_SlowDown);
    return !attributes->failed;
}
