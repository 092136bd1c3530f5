/* See access.h. */
#include "s3/access.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/container.h"
#include "meta/attribute.h"
#include "s3/acl.h"
#include "s3/answer.h"
#include "s3/explain.h"
#include "s3/object_headers.h"
#include "s3/owner.h"

static void explain(struct s3_request *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void explain(struct s3_request *r, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(r->access.reason, sizeof r->access.reason, format, arguments);
    va_end(arguments);
    for (char *c = r->access.reason; *c; c++) /* a Sid can hold anything; the log has lines */
        if ((unsigned char)*c < ' ' || *c == '"')
            *c = '?';
}

void access_deny(struct s3_request *r, const char *format, ...)
{
    va_list arguments;
    char text[sizeof r->access.reason];
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    explain(r, "%s", text);
    answer_error(r, S3_AccessDenied);
}

/* Why it may be: nobody asks but explain.c. */
static enum access_outcome allowed(struct s3_request *r, const char *reason)
{
    if (r->explain)
        explain(r, "%s", reason);
    return ACCESS_ALLOW;
}

/* --- the decision --- */

struct verdict {
    enum policy_effect bucket;  /* of the bucket's policy */
    bool names_caller;
    bool identity_allows;
};

static void explain_statement(struct s3_request *r, const char *which, enum access_action action, const struct policy_result *result)
{
    explain(r, "%s: statement %" PRIu32 "%s%.*s %s %s", which, result->statement + 1, result->sid.len ? " " : "",
            (int)(result->sid.len < 60 ? result->sid.len : 60), result->sid.data, result->effect == POLICY_DENY ? "denies" : "allows",
            access_action_name(action));
}

/* False: a statement denies. */
static bool ask_identity(struct s3_request *r, enum access_action action, const struct policy_request *request, bool *ret_allows)
{
    const struct s3_identity *i = &r->identity;
    bool session_allows = i->session_policy_count == 0;
    *ret_allows = !i->iam_user;
    for (uint32_t n = 0; n < i->policy_count + i->session_policy_count; n++) {
        bool session = n >= i->policy_count;
        struct policy_result result = policy_evaluate(session ? i->session_policies[n - i->policy_count] : i->policies[n], request);
        if (result.effect == POLICY_DENY) {
            explain_statement(r, session ? "session policy" : "identity policy", action, &result);
            return false;
        }
        if (result.effect == POLICY_ALLOW && r->explain)
            explain_statement(r, session ? "session policy" : "identity policy", action, &result);
        if (result.effect == POLICY_ALLOW && session)
            session_allows = true;
        else if (result.effect == POLICY_ALLOW)
            *ret_allows = true;
    }
    if (!session_allows)
        explain(r, "session policy: nothing allows %s", access_action_name(action));
    return session_allows;
}

/* Who owns a bucket must be able to mend its policy. */
static bool own_policy(const struct s3_request *r, const struct access_bucket *b, enum access_action action)
{
    return !r->identity.iam_user && !r->identity.anonymous && r->identity.account_id == b->owner_id
           && (action == ACTION_GetBucketPolicy || action == ACTION_PutBucketPolicy || action == ACTION_DeleteBucketPolicy);
}

static bool ask_policies(const struct access_question *q, enum access_action action, struct verdict *ret)
{
    struct s3_request *r = q->request;
    const struct access_bucket *b = q->bucket;
    char resource[32 + URI_BUCKET_LEN_MAX + URI_KEY_LEN_MAX];
    int len = snprintf(resource, sizeof resource, "arn:aws:s3:::%s%s%.*s", b ? b->name : r->address.bucket_len ? r->address.bucket : "*", q->key.len ? "/" : "", (int)q->key.len,
                       q->key.len ? q->key.data : "");
    struct policy_request request = {slice_string(access_action_name(action)), slice_of(resource, (size_t)len), &r->identity.principal, access_values, (void *)q};
    *ret = (struct verdict){.bucket = POLICY_NONE};
    if (b && b->policy) {
        struct policy_result result = policy_evaluate(b->policy, &request);
        if (result.effect == POLICY_DENY && !own_policy(r, b, action)) {
            explain_statement(r, "bucket policy", action, &result);
            return false;
        }
        ret->bucket = result.effect == POLICY_DENY ? POLICY_NONE : result.effect;
        ret->names_caller = result.names_caller;
        if (ret->bucket == POLICY_ALLOW && r->explain)
            explain_statement(r, "bucket policy", action, &result);
    }
    return ask_identity(r, action, &request, &ret->identity_allows);
}

static bool ask_acl(const struct access_question *q, struct access_permission p)
{
    const struct s3_request *r = q->request;
    const struct access_bucket *b = q->bucket;
    bool known = !r->identity.anonymous;
    struct acl_caller caller = {
        .anonymous = !known,
        .owner = known && (p.of_object ? q->info->owner_id : b->owner_id) == r->identity.account_id,
        .bucket_owner = known && b->owner_id == r->identity.account_id,
        .canonical_id = r->identity.principal.canonical_id,
        .ignore_public = (b->public_access_block & IGNORE_PUBLIC_ACLS) != 0,
    };
    if (caller.owner && !(p.permission & ~(unsigned)(ACL_READ_ACP | ACL_WRITE_ACP)))
        return true;
    struct slice acl = b->acl;
    if (p.of_object && attribute_find(q->info->attributes, ATTRIBUTE_CONFIGURATION, OBJECT_ACL, &acl))
        acl = slice_of("", 0);
    return acl_allows(acl, (enum acl_permission)p.permission, &caller);
}

/* known: the object has been looked at; q->info NULL then says that there is none. */
static enum access_outcome decide_by_acl(const struct access_question *q, enum access_action action, bool known)
{
    struct access_permission p = access_permission(action);
    if (!p.permission)
        return ACCESS_DENY;
    if (p.of_object && !known)
        return ACCESS_OBJECT; /* also when no ACL counts: that it is missing is another answer */
    return q->bucket->ownership != OWNERSHIP_BUCKET_OWNER_ENFORCED && (!p.of_object || q->info) && ask_acl(q, p) ? ACCESS_ALLOW : ACCESS_DENY;
}

/* The bucket's own account, and objects in it that are another's. */
static enum access_outcome decide_own(const struct access_question *q, enum access_action action, bool known)
{
    struct access_permission p = access_permission(action);
    if (!p.of_object || q->bucket->ownership == OWNERSHIP_BUCKET_OWNER_ENFORCED)
        return q->request->identity.iam_user ? ACCESS_ALLOW : allowed(q->request, "the bucket is the caller's own");
    if (!known)
        return ACCESS_OBJECT;
    if (!q->info || q->info->owner_id == q->bucket->owner_id || ask_acl(q, p))
        return q->request->identity.iam_user ? ACCESS_ALLOW : allowed(q->request, "the bucket is the caller's own");
    explain(q->request, "the object is another account's, and its ACL does not allow %s", access_action_name(action));
    return ACCESS_DENY;
}

/* s3:ExistingObjectTag is a key of what is done to an object that stays. */
static bool knows_tags(enum access_action action)
{
    return action != ACTION_PutObject && action != ACTION_DeleteObject && action != ACTION_DeleteObjectVersion
           && action != ACTION_AbortMultipartUpload && action != ACTION_ListMultipartUploadParts;
}

enum access_outcome access_decide(const struct access_question *q, enum access_action action, bool known)
{
    struct s3_request *r = q->request;
    const struct s3_identity *i = &r->identity;
    const struct access_bucket *b = q->bucket;
    bool own = b && !i->anonymous && i->account_id == b->owner_id;
    struct verdict v = {.identity_allows = true};
    if (action == ACTION_UNKNOWN)
        return ACCESS_DENY;
    if (b && b->policy && q->key.len && !known && knows_tags(action) && policy_uses_key(b->policy, "s3:existingobjecttag/"))
        return ACCESS_OBJECT;
    if (((b && b->policy) || i->policy_count || i->session_policy_count || i->iam_user) && !ask_policies(q, action, &v))
        return ACCESS_DENY;
    if (i->is_root)
        return allowed(r, "the credential of the configuration may do everything that nobody denies");
    if (!v.identity_allows && !(own && v.bucket == POLICY_ALLOW && v.names_caller)) {
        explain(r, "no policy of the caller allows %s", access_action_name(action));
        return ACCESS_DENY;
    }
    if (!b || (own && v.bucket == POLICY_ALLOW))
        return ACCESS_ALLOW;
    if (own)
        return decide_own(q, action, known);
    bool restricted = b->policy_public && (b->public_access_block & RESTRICT_PUBLIC_BUCKETS);
    if (v.bucket == POLICY_ALLOW && !restricted)
        return ACCESS_ALLOW;
    enum access_outcome outcome = decide_by_acl(q, action, known);
    r->acl_required = r->acl_required || outcome == ACCESS_ALLOW;
    if (outcome == ACCESS_ALLOW)
        return allowed(r, "an ACL allows it");
    if (outcome == ACCESS_DENY)
        explain(r, "%s %s", restricted && v.bucket == POLICY_ALLOW
                ? "RestrictPublicBuckets: a public policy does not count for other accounts, for" : "neither bucket policy nor ACL allows", access_action_name(action));
    return outcome;
}

bool access_allows(struct s3_request *r, enum access_action action, struct slice key, const struct object_info *info)
{
    struct access_question q = {r, r->access.bucket, key, info, {0}};
    return access_decide(&q, action, true) == ACCESS_ALLOW;
}

/* --- before an operation: its bucket, then its object when that decides --- */

struct check {
    struct s3_request *request;
    void (*then)(struct s3_request *);
    struct object_get get;
    bool looked;           /* get is under way or over */
};

static struct check *check_of(struct s3_request *r)
{
    return r->access.check;
}

/* The owner's account number, name or canonical id. */
static bool is_account(struct s3_request *r, struct slice text, int64_t id)
{
    return slice_equal(text, owner_number(r, id)) || slice_equal(text, owner_canonical_id(r, id));
}

void access_fill_principal(struct s3_request *r)
{
    struct s3_identity *i = &r->identity;
    char text[80];
    if (i->anonymous || i->principal.account.len) {
        i->principal.anonymous = i->anonymous;
        return;
    }
    i->principal.account = owner_number(r, i->account_id);
    snprintf(text, sizeof text, "arn:aws:iam::%.*s:root", (int)i->principal.account.len, i->principal.account.data);
    i->principal.arn = arena_copy(&r->arena, slice_string(text));
    i->principal.account_name = owner_display_name(r, i->account_id);
    i->principal.canonical_id = owner_canonical_id(r, i->account_id);
}

bool access_besides(struct s3_request *r, bool acl, bool tags)
{
    struct access_question q = {r, r->access.bucket, request_key(r), NULL, {0}};
    struct verdict v;
    if (r->access.action != ACTION_PutObject || !(q.bucket->policy || r->identity.policy_count || r->identity.session_policy_count))
        return true;
    if ((!acl || ask_policies(&q, ACTION_PutObjectAcl, &v)) && (!tags || ask_policies(&q, ACTION_PutObjectTagging, &v)))
        return true;
    answer_error(r, S3_AccessDenied);
    return false;
}

static void proceed(struct s3_request *r)
{
    if (access_besides(r, acl_header(r), request_header(r, "x-amz-tagging").data != NULL))
        acl_prepare(r, check_of(r)->then);
}

/* Those that ask access_object with the very version they answer from. */
static bool asks_itself(const struct s3_request *r)
{
    enum operation_id id = operation_id(r->operation);
    return id == OPERATION_GetObject || id == OPERATION_HeadObject || id == OPERATION_GetAcl || id == OPERATION_GetObjectTagging;
}

static void conclude(struct s3_request *r, const struct object_info *info)
{
    struct access_question q = {r, r->access.bucket, request_key(r), info, {0}};
    if (access_decide(&q, r->access.action, true) == ACCESS_ALLOW)
        proceed(r);
    else
        answer_error(r, S3_AccessDenied);
}

static void object_found(struct object_get *g)
{
    struct check *c = container_of(g, struct check, get);
    struct s3_request *r = c->request;
    if (!request_work_end(r)) /* the request's end frees what was found */
        return;
    bool missing = g->err == ERR_NO_SUCH_KEY || g->err == ERR_NO_SUCH_VERSION || g->err == ERR_DELETE_MARKER;
    if (g->err && !missing)
        answer_err(r, g->err);
    else
        conclude(r, missing ? NULL : &g->info);
}

static void look_at_object(struct s3_request *r)
{
    struct object_get *g = &check_of(r)->get;
    if (!object_headers_version(r, &g->has_version_id, &g->null_version_id, g->version_id))
        return;
    g->reactor = request_objects(r);
    g->bucket = request_bucket(r);
    g->key = request_key(r);
    g->head_only = g->about_only = true; /* the access decision needs no key of SSE-C */
    g->done = object_found;
    check_of(r)->looked = true;
    request_work_begin(r);
    object_get_start(g);
}

/* Tags in the document of PutObjectTagging are not here yet: it asks again. */
static bool waits_for_document(const struct s3_request *r)
{
    return r->operation == operation_get(OPERATION_PutObjectTagging) && r->access.bucket->policy
           && policy_uses_key(r->access.bucket->policy, "s3:requestobjecttag");
}

/* Its ACL may name the caller. */
static void object_decides(struct s3_request *r)
{
    struct s3_identity *i = &r->identity;
    if (!i->anonymous && !i->principal.canonical_id.len)
        i->principal.canonical_id = owner_canonical_id(r, i->account_id);
    if (asks_itself(r)) {
        r->access.by_object = true;
        check_of(r)->then(r);
    } else {
        look_at_object(r);
    }
}

static void decide_bucket(struct s3_request *r)
{
    struct check *c = check_of(r);
    struct access_question q = {r, r->access.bucket, request_key(r), NULL, {0}};
    if (r->access.action == ACTION_NONE || (waits_for_document(r) && !r->admitted)) {
        c->then(r);
        return;
    }
    enum access_outcome outcome = access_decide(&q, r->access.action, false);
    if (outcome == ACCESS_OBJECT) {
        owner_load(r, &r->identity.account_id, r->identity.anonymous ? 0 : 1, object_decides);
    } else if (outcome == ACCESS_ALLOW) {
        proceed(r);
    } else {
        answer_error(r, S3_AccessDenied);
    }
}

bool access_owner_expected(struct s3_request *r, const char *header, int64_t owner_id)
{
    struct slice expected = request_header(r, header);
    if (!expected.data || is_account(r, expected, owner_id))
        return true;
    access_deny(r, "the bucket is not of the account that %s names", header);
    return false;
}

/* A bucket whose requesters pay takes requests of others only from those who say that they know, and can be charged. */
static bool payer_agrees(struct s3_request *r)
{
    struct slice payer = request_header(r, "x-amz-request-payer");
    if (!payer.data)
        payer = query_value(&r->query, "x-amz-request-payer");
    bool agrees = payer.data && slice_equal_string(payer, "requester") && !r->identity.anonymous;
    if (!r->access.bucket->requester_pays || (!r->identity.anonymous && r->identity.account_id == r->access.bucket->owner_id))
        return true;
    if (agrees)
        answer_header(r, "x-amz-request-charged", "requester");
    else
        access_deny(r, "requesters pay for the bucket, and the request has no x-amz-request-payer, or no credentials");
    return agrees;
}

static void owners_known(struct s3_request *r)
{
    access_fill_principal(r);
    if (payer_agrees(r) && access_owner_expected(r, "x-amz-expected-bucket-owner", r->access.bucket->owner_id))
        decide_bucket(r);
}

static void bucket_found(struct s3_request *r, struct access_bucket *b, int err)
{
    const struct s3_identity *i = &r->identity;
    if (err) {
        answer_err(r, err);
        return;
    }
    r->access.bucket = b;
    if (r->form && i->anonymous)
        r->identity.account_id = b->owner_id; /* what nobody has written is the bucket owner's */
    bool simple = !b->policy && !i->iam_user && !i->anonymous && (i->is_root || i->account_id == b->owner_id)
                  && !request_header(r, "x-amz-expected-bucket-owner").data;
    int64_t ids[] = {b->owner_id, i->account_id};
    if (simple)
        decide_bucket(r);
    else
        owner_load(r, ids, i->anonymous ? 1 : 2, owners_known);
}

/* What CreateBucket sets besides needs the actions that set it later. */
static bool creation_allowed(const struct access_question *q)
{
    static const struct { const char *header; enum access_action action; } besides[] = {
        {"x-amz-object-ownership", ACTION_PutBucketOwnershipControls},
        {"x-amz-bucket-object-lock-enabled", ACTION_PutBucketObjectLockConfiguration},
        {"x-amz-bucket-object-lock-enabled", ACTION_PutBucketVersioning}};
    if (q->request->access.action != ACTION_CreateBucket)
        return true;
    for (unsigned i = 0; i < sizeof besides / sizeof *besides; i++)
        if (request_header(q->request, besides[i].header).data && access_decide(q, besides[i].action, true) != ACCESS_ALLOW)
            return false;
    return !acl_header(q->request) || access_decide(q, ACTION_PutBucketAcl, true) == ACCESS_ALLOW;
}

void access_check(struct s3_request *r, void (*then)(struct s3_request *))
{
    struct check *c = arena_take(&r->arena, sizeof *c);
    if (!c) {
        answer_error(r, S3_SlowDown);
        return;
    }
    *c = (struct check){.request = r, .then = then};
    r->access.check = c;
    r->access.action = access_action(r);
    if (!r->address.bucket_len || r->operation == operation_get(OPERATION_CreateBucket)) {
        struct access_question q = {.request = r};
        if (r->access.action == ACTION_NONE || (access_decide(&q, r->access.action, true) == ACCESS_ALLOW && creation_allowed(&q)))
            acl_prepare(r, then);
        else
            answer_error(r, S3_AccessDenied);
        return;
    }
    access_bucket_load(r, request_bucket(r), bucket_found);
}

void access_document(struct s3_request *r, void (*then)(struct s3_request *))
{
    check_of(r)->then = then;
    if (waits_for_document(r))
        decide_bucket(r);
    else
        then(r);
}

bool access_object(struct s3_request *r, const struct object_info *info)
{
    if (!r->access.by_object)
        return true;
    struct access_question q = {r, r->access.bucket, request_key(r), info, {0}};
    if (access_decide(&q, r->access.action, true) == ACCESS_ALLOW)
        return true;
    answer_error(r, S3_AccessDenied);
    return false;
}

bool access_missing(struct s3_request *r)
{
    struct access_question q = {.request = r, .bucket = r->access.bucket, .prefix = request_key(r)};
    if (!q.bucket || access_decide(&q, ACTION_ListBucket, true) == ACCESS_ALLOW)
        return true;
    answer_error(r, S3_AccessDenied);
    return false;
}

void access_release(struct s3_request *r)
{
    struct check *c = r->access.check;
    access_source_release(r);
    access_bucket_release(r->access.bucket);
    if (!c)
        return;
    if (c->looked)
        object_get_fini(&c->get);
}
