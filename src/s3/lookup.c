/* See lookup.h. */
#include "base/container.h"
#include "s3/access.h"
#include "s3/answer.h"
#include "s3/lookup.h"
#include "s3/object_headers.h"

struct lookup_state {
    struct object_get get;
    struct bucket_request bucket;
    struct object_info bucket_info; /* owns nothing */
    struct s3_request *request;
    void (*then)(struct s3_request *, const struct object_info *);
};

static void cleanup(struct s3_request *r)
{
    struct lookup_state *s = r->state;
    if (r->address.key_len)
        object_get_fini(&s->get);
    else
        bucket_request_fini(&s->bucket);
}

static void object_found(struct object_get *g)
{
    struct lookup_state *s = container_of(g, struct lookup_state, get);
    struct s3_request *r = s->request;
    if (!request_work_end(r))
        return;
    bool missing = g->err == ERR_NO_SUCH_KEY || g->err == ERR_NO_SUCH_VERSION || g->err == ERR_DELETE_MARKER;
    if ((missing && !access_missing(r)) || (!g->err && !access_object(r, &g->info)))
        return;
    if (g->err == ERR_DELETE_MARKER) {
        object_answer_version(r, &g->info);
        answer_header(r, "x-amz-delete-marker", "true");
        answer_error(r, g->has_version_id ? S3_MethodNotAllowed : S3_NoSuchKey);
    } else if (g->err) {
        answer_err(r, g->err);
    } else {
        s->then(r, &g->info);
    }
}

static void bucket_found(struct bucket_request *b)
{
    struct lookup_state *s = container_of(b, struct lookup_state, bucket);
    struct s3_request *r = s->request;
    if (!request_work_end(r))
        return;
    if (b->err) {
        answer_err(r, b->err);
        return;
    }
    s->bucket_info.attributes = slice_of(b->attributes.data ? b->attributes.data : "", b->attributes.len);
    s->bucket_info.owner_id = b->found_owner_id;
    s->then(r, &s->bucket_info);
}

void lookup(struct s3_request *r, void (*then)(struct s3_request *, const struct object_info *))
{
    struct lookup_state *s = request_state(r, sizeof *s);
    if (!s)
        return;
    s->request = r;
    s->then = then;
    struct object_get *g = &s->get;
    if (r->address.key_len
        && !object_headers_version(r, &g->has_version_id, &g->null_version_id, g->version_id))
        return;
    r->cleanup = cleanup;
    request_work_begin(r);
    if (!r->address.key_len) {
        s->bucket = (struct bucket_request){.reactor = request_objects(r), .name = request_bucket(r), .done = bucket_found};
        bucket_find(&s->bucket);
        return;
    }
    g->reactor = request_objects(r);
    g->bucket = request_bucket(r);
    g->key = request_key(r);
    g->head_only = g->about_only = true;
    g->done = object_found;
    object_get_start(g);
}

const struct object_info *lookup_info(const struct s3_request *r)
{
    const struct lookup_state *s = r->state;
    return r->address.key_len ? &s->get.info : &s->bucket_info;
}
