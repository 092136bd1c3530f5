/* Buckets: ListBuckets, CreateBucket, HeadBucket, DeleteBucket, location and versioning. */
#include "base/container.h"
#include "base/log.h"
#include "meta/attribute.h"
#include "s3/access.h"
#include "s3/acl.h"
#include "s3/answer.h"
#include "s3/attribute_write.h"
#include "s3/body.h"
#include "s3/bucket_logging.h"
#include "s3/object_headers.h"
#include "s3/object_lock.h"
#include "s3/operations.h"
#include "s3/owner.h"
#include "s3/parameters.h"
#include "s3/public_access.h"
#include "s3/tagging.h"
#include "wire/xml_request.h"
#include "wire/xml_write.h"

struct bucket_state {
    struct bucket_request bucket;
    struct s3_request *request;
};

static void cleanup(struct s3_request *r)
{
    struct bucket_state *s = r->state;
    bucket_request_fini(&s->bucket);
}

static struct bucket_request *make(struct s3_request *r, void (*done)(struct bucket_request *))
{
    struct bucket_state *s = request_state(r, sizeof *s);
    if (!s)
        return NULL;
    s->request = r;
    s->bucket.reactor = request_objects(r);
    s->bucket.name = request_bucket(r);
    s->bucket.owner_id = r->identity.account_id;
    s->bucket.done = done;
    r->cleanup = cleanup;
    request_work_begin(r);
    return &s->bucket;
}

/* The request when it still wants its answer and the call went well; NULL otherwise. */
static struct s3_request *finished(struct bucket_request *b)
{
    struct s3_request *r = container_of(b, struct bucket_state, bucket)->request;
    int err = b->err;
    if (!request_work_end(r))
        return NULL;
    if (!err)
        return r;
    answer_err(r, err);
    return NULL;
}

static bool us_east_1(struct slice region)
{
    return !region.len || slice_equal_string(region, "us-east-1");
}

/* --- CreateBucket --- */

/* A header that is prefix and the bucket's name. */
static void answer_name(struct s3_request *r, const char *header, const char *prefix)
{
    struct text t = {0};
    text_append_string(&t, prefix);
    text_append(&t, r->address.bucket, r->address.bucket_len);
    if (!t.failed)
        answer_header(r, header, t.data);
    text_free(&t);
}

static void answer_created(struct s3_request *r)
{
    answer_name(r, "Location", "/");
    answer_name(r, "x-amz-bucket-arn", "arn:aws:s3:::");
    answer_empty(r, 200);
}

/* S3's oldest region takes it for success that the bucket is there, and gives it the ACL that it would have had. */
static void reset_acl(struct s3_request *r)
{
    const struct access_bucket *b = r->access.bucket;
    struct text entry = {0};
    access_fill_principal(r);
    if (!access_allows(r, ACTION_PutBucketAcl, slice_of("", 0), NULL))
        answer_error(r, S3_AccessDenied);
    else if (b->ownership == OWNERSHIP_BUCKET_OWNER_ENFORCED)
        answer_created(r);
    else if (acl_is_public(r->access.acl) && (b->public_access_block & BLOCK_PUBLIC_ACLS))
        access_deny(r, "BlockPublicAcls: the ACL grants something to everybody");
    else if (acl_attribute(r, &entry))
        attribute_write(r, ATTRIBUTE_CONFIGURATION, OBJECT_ACL, slice_of(entry.data ? entry.data : "", entry.len), answer_created);
    text_free(&entry);
}

static void standing_found(struct s3_request *r, struct access_bucket *b, int err)
{
    if (err) {
        answer_err(r, err);
        return;
    }
    r->access.bucket = b;
    owner_load(r, &r->identity.account_id, 1, reset_acl);
}

static void create_done(struct bucket_request *b)
{
    struct s3_request *r = container_of(b, struct bucket_state, bucket)->request;
    int err = b->err;
    if (!request_work_end(r))
        return;
    if (err == ERR_BUCKET_OWNED && us_east_1(r->reactor->server->region))
        access_bucket_load(r, request_bucket(r), standing_found);
    else if (err)
        answer_err(r, err);
    else
        answer_created(r);
}

/* What the bucket has from the start: its tags, its ACL, and x-amz-object-ownership. False: answered. */
static bool settings_taken(struct s3_request *r, const struct tagging_document *tags, struct slice *ret)
{
    struct slice value = request_header(r, "x-amz-object-ownership");
    enum ownership ownership = OWNERSHIP_OBJECT_WRITER;
    struct text settings = {0};
    if (value.data && !ownership_parse(value, &ownership)) {
        answer_bad_argument(r, "Invalid x-amz-object-ownership header", "x-amz-object-ownership", value);
        return false;
    }
    if (ownership == OWNERSHIP_BUCKET_OWNER_ENFORCED && !ownership_acl_private(r->access.acl)) {
        answer_error(r, S3_InvalidBucketAclWithObjectOwnership);
        return false;
    }
    if (value.data)
        attribute_append(&settings, ATTRIBUTE_CONFIGURATION, slice_string(OWNERSHIP_NAME), slice_string(ownership_name(ownership)));
    for (uint32_t i = 0; i < tags->tag_count; i++)
        attribute_append(&settings, ATTRIBUTE_TAG, tags->tags[i].key, tags->tags[i].value);
    bool ok = acl_attribute(r, &settings);
    *ret = ok ? arena_copy(&r->arena, slice_of(settings.data ? settings.data : "", settings.len)) : slice_of(NULL, 0);
    if (ok && !ret->data)
        answer_error(r, S3_SlowDown);
    text_free(&settings);
    return ok && ret->data;
}

/* ret: the region asked for, empty when the request leaves it open; GetBucketLocation gives back what was asked. */
static bool location_taken(struct s3_request *r, struct slice location, struct slice *ret)
{
    struct slice region = r->reactor->server->region;
    bool ok = !location.data || !location.len || slice_equal(location, region) || slice_equal_string(location, "us-east-1");
    if (!ok)
        answer_error(r, S3_InvalidLocationConstraint);
    *ret = arena_copy(&r->arena, location.data ? location : slice_of("", 0));
    if (ok && !ret->data)
        answer_error(r, S3_SlowDown);
    return ok && ret->data;
}

static bool document_taken(struct s3_request *r, struct slice *ret_location, struct slice *ret_settings)
{
    struct create_bucket_document *document = arena_take(&r->arena, sizeof *document);
    struct slice body = body_document(r);
    int err = document ? create_bucket_document_parse(body.data, body.len, document) : ERR_NO_MEMORY;
    if (err) {
        tagging_answer_err(r, err);
        return false;
    }
    bool ok = location_taken(r, document->location, ret_location) && settings_taken(r, &document->tags, ret_settings);
    create_bucket_document_fini(document);
    return ok;
}

void create_bucket_start(struct s3_request *r)
{
    struct slice location, settings;
    bool object_lock;
    if (!document_taken(r, &location, &settings) || !object_headers_no_append(r) || !object_lock_wanted(r, &object_lock))
        return;
    struct bucket_request *b = make(r, create_done);
    if (!b)
        return;
    b->region = location;
    b->object_lock = object_lock;
    b->settings = settings;
    bucket_create(b);
}

/* --- HeadBucket, DeleteBucket, location --- */

static struct slice region_of(const struct s3_request *r, const struct bucket_request *b)
{
    return b->found_region.len ? slice_of(b->found_region.data, b->found_region.len) : r->reactor->server->region;
}

static void head_done(struct bucket_request *b)
{
    struct s3_request *r = finished(b);
    if (!r)
        return;
    answer_header_slice(r, "x-amz-bucket-region", region_of(r, b));
    answer_name(r, "x-amz-bucket-arn", "arn:aws:s3:::");
    answer_header(r, "x-amz-access-point-alias", "false");
    answer_empty(r, 200);
}

void head_bucket_start(struct s3_request *r)
{
    struct bucket_request *b = make(r, head_done);
    if (b)
        bucket_find(b);
}

static void removed(struct s3_request *r, int err, struct slice key)
{
    (void)key;
    if (err) /* the bucket is gone all the same; its records are delivered when they are due */
        log_warning("access log of the deleted bucket %s: %s", r->logging->bucket, err_text(err));
    answer_empty(r, 204);
}

static void remove_done(struct bucket_request *b)
{
    struct s3_request *r = finished(b);
    if (r && r->logging && r->logging->refusal == LOGGING_ALLOWED)
        bucket_logging_flush(r, false, removed);
    else if (r)
        answer_empty(r, 204);
}

void delete_bucket_start(struct s3_request *r)
{
    struct bucket_request *b = make(r, remove_done);
    if (b)
        bucket_remove(b);
}

static void location_done(struct bucket_request *b)
{
    struct s3_request *r = finished(b);
    if (!r)
        return;
    struct slice region = region_of(r, b);
    struct text t = {0};
    xml_declaration(&t);
    xml_open_root(&t, "LocationConstraint");
    if (b->found_region.len || !us_east_1(region))
        xml_escape(&t, region);
    xml_close(&t, "LocationConstraint");
    answer_xml(r, 200, &t);
}

void get_bucket_location_start(struct s3_request *r)
{
    struct bucket_request *b = make(r, location_done);
    if (b)
        bucket_find(b);
}

/* --- versioning --- */

static void versioning_done(struct bucket_request *b)
{
    struct s3_request *r = finished(b);
    if (!r)
        return;
    struct text t = {0};
    xml_declaration(&t);
    xml_open_root(&t, "VersioningConfiguration");
    if (b->versioning != BUCKET_UNVERSIONED)
        xml_element_string(&t, "Status", b->versioning == BUCKET_VERSIONING_ENABLED ? "Enabled" : "Suspended");
    xml_close(&t, "VersioningConfiguration");
    answer_xml(r, 200, &t);
}

void get_bucket_versioning_start(struct s3_request *r)
{
    struct bucket_request *b = make(r, versioning_done);
    if (b)
        bucket_find(b);
}

static void set_versioning_done(struct bucket_request *b)
{
    struct s3_request *r = finished(b);
    if (r)
        answer_empty(r, 200);
}

void put_bucket_versioning_start(struct s3_request *r)
{
    struct versioning_document document;
    struct slice body = body_document(r);
    int err = versioning_document_parse(body.data, body.len, &document);
    if (err || document.status == VERSIONING_NONE) {
        answer_error(r, err == ERR_NO_MEMORY ? S3_SlowDown : S3_MalformedXML);
        return;
    }
    if (document.has_mfa_delete && document.mfa_delete) {
        answer_error(r, S3_NotImplemented);
        return;
    }
    struct bucket_request *b = make(r, set_versioning_done);
    if (!b)
        return;
    b->set_versioning = document.status == VERSIONING_ENABLED ? BUCKET_VERSIONING_ENABLED : BUCKET_VERSIONING_SUSPENDED;
    bucket_set_versioning(b);
}

/* --- ListBuckets --- */

struct list_state {
    struct bucket_list_request list;
    struct s3_request *request;
    struct text after;
};

static void list_cleanup(struct s3_request *r)
{
    struct list_state *s = r->state;
    bucket_list_request_fini(&s->list);
    text_free(&s->after);
}

/* Users see their own; root sees all; a key for one bucket that one. */
static bool visible(const struct s3_request *r, const struct bucket_entry *e)
{
    if (r->identity.bucket.len)
        return slice_equal_string(r->identity.bucket, e->name);
    return r->identity.is_root || e->owner_id == r->identity.account_id;
}

static void list_done(struct bucket_list_request *l)
{
    struct list_state *s = container_of(l, struct list_state, list);
    struct s3_request *r = s->request;
    if (!request_work_end(r))
        return;
    if (l->err) {
        answer_err(r, l->err);
        return;
    }
    struct text t = {0};
    xml_declaration(&t);
    xml_open_root(&t, "ListAllMyBucketsResult");
    owner_element(r, &t, "Owner", r->identity.account_id);
    xml_open(&t, "Buckets");
    for (uint32_t i = 0; i < l->count; i++) {
        if (!visible(r, &l->entries[i]))
            continue;
        xml_open(&t, "Bucket");
        xml_element_string(&t, "Name", l->entries[i].name);
        xml_element_time(&t, "CreationDate", l->entries[i].created_us);
        const char *region = l->entries[i].region;
        xml_element(&t, "BucketRegion", region && *region ? slice_string(region) : r->reactor->server->region);
        xml_close(&t, "Bucket");
    }
    xml_close(&t, "Buckets");
    if (query_has(&r->query, "prefix"))
        xml_element(&t, "Prefix", query_value(&r->query, "prefix"));
    if (l->truncated && l->count) {
        xml_open(&t, "ContinuationToken");
        text_append_base64(&t, l->entries[l->count - 1].name, slice_string(l->entries[l->count - 1].name).len);
        xml_close(&t, "ContinuationToken");
    }
    xml_close(&t, "ListAllMyBucketsResult");
    answer_xml(r, 200, &t);
}

static void list_owner_known(struct s3_request *r)
{
    struct list_state *s = r->state;
    request_work_begin(r);
    bucket_list_all(&s->list);
}

void list_buckets_start(struct s3_request *r)
{
    struct list_state *s = request_state(r, sizeof *s);
    if (!s)
        return;
    r->cleanup = list_cleanup;
    s->request = r;
    if (!parameters_count(r, "max-buckets", 10000, INT32_MAX, &s->list.max))
        return;
    if (s->list.max < 1 || s->list.max > 10000) {
        answer_bad_argument(r, "Argument max-buckets must be an integer between 1 and 10000.", "max-buckets", query_value(&r->query, "max-buckets"));
        return;
    }
    struct slice token = parameters_value(r, "continuation-token");
    char name[256];
    size_t len = 0;
    if (token.len && base64_decode(token, name, sizeof name, &len)) {
        answer_bad_argument(r, "The continuation token provided is incorrect", "continuation-token", token);
        return;
    }
    text_append(&s->after, name, len);
    s->list.reactor = request_objects(r);
    s->list.prefix = parameters_value(r, "prefix");
    s->list.after = slice_of(s->after.data ? s->after.data : "", s->after.len);
    s->list.done = list_done;
    owner_load(r, &r->identity.account_id, 1, list_owner_known);
}
