/* The source of a copy: its bucket has settings of its own, and the object there may be another account's. */
#include "base/container.h"
#include "s3/access.h"
#include "s3/answer.h"
#include "s3/owner.h"

struct source_check {
    struct s3_request *request;
    const struct access_source *source;
    void (*then)(struct s3_request *);
    struct access_bucket *bucket;
    struct object_get get;
    bool looked;
};

static enum access_action action(const struct source_check *c)
{
    return c->source->has_version_id ? ACTION_GetObjectVersion : ACTION_GetObject;
}

static void object_found(struct object_get *g)
{
    struct source_check *c = container_of(g, struct source_check, get);
    struct s3_request *r = c->request;
    if (!request_work_end(r))
        return;
    bool missing = g->err == ERR_NO_SUCH_KEY || g->err == ERR_NO_SUCH_VERSION || g->err == ERR_DELETE_MARKER;
    struct access_question q = {r, c->bucket, c->source->key, missing ? NULL : &g->info, {0}};
    struct access_question list = {r, c->bucket, slice_of("", 0), NULL, c->source->key};
    if (g->err && !missing)
        answer_err(r, g->err);
    else if (access_decide(&q, action(c), true) == ACCESS_ALLOW
             || (missing && access_decide(&list, ACTION_ListBucket, true) == ACCESS_ALLOW))
        c->then(r); /* finds out what is missing */
    else
        answer_error(r, S3_AccessDenied);
}

static void decide(struct s3_request *r)
{
    struct source_check *c = r->access.source;
    struct access_question q = {r, c->bucket, c->source->key, NULL, {0}};
    enum access_outcome outcome = access_decide(&q, action(c), false);
    if (outcome == ACCESS_ALLOW) {
        c->then(r);
        return;
    }
    if (outcome == ACCESS_DENY) {
        answer_error(r, S3_AccessDenied);
        return;
    }
    struct object_get *g = &c->get;
    g->reactor = request_objects(r);
    g->bucket = c->source->bucket;
    g->key = c->source->key;
    g->has_version_id = c->source->has_version_id;
    g->null_version_id = c->source->null_version_id;
    memcpy(g->version_id, c->source->version_id, sizeof g->version_id);
    g->head_only = g->about_only = true; /* the access decision needs no key of SSE-C */
    g->done = object_found;
    c->looked = true;
    request_work_begin(r);
    object_get_start(g);
}

static void owners_known(struct s3_request *r)
{
    const struct source_check *c = r->access.source;
    access_fill_principal(r);
    if (access_owner_expected(r, "x-amz-source-expected-bucket-owner", c->bucket->owner_id))
        decide(r);
}

static void bucket_found(struct s3_request *r, struct access_bucket *b, int err)
{
    struct source_check *c = r->access.source;
    if (err) {
        answer_err(r, err);
        return;
    }
    c->bucket = b;
    int64_t ids[] = {b->owner_id, r->identity.account_id};
    owner_load(r, ids, r->identity.anonymous ? 1 : 2, owners_known);
}

void access_source(struct s3_request *r, const struct access_source *source, void (*then)(struct s3_request *))
{
    struct source_check *c = arena_take(&r->arena, sizeof *c);
    if (!c) {
        answer_error(r, S3_SlowDown);
        return;
    }
    *c = (struct source_check){.request = r, .source = source, .then = then};
    r->access.source = c;
    access_bucket_load(r, source->bucket, bucket_found);
}

void access_source_release(struct s3_request *r)
{
    struct source_check *c = r->access.source;
    if (!c)
        return;
    access_bucket_release(c->bucket);
    if (c->looked)
        object_get_fini(&c->get);
}
