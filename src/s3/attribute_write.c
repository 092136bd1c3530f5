/* See attribute_write.h. */
#include <string.h>

#include "base/container.h"
#include "s3/answer.h"
#include "s3/attribute_write.h"
#include "s3/object_headers.h"

struct change {
    struct object_attribute_update update;
    struct s3_request *request;
    void (*then)(struct s3_request *);
};

static void done(struct object_attribute_update *u)
{
    struct change *c = container_of(u, struct change, update);
    struct s3_request *r = c->request;
    if (!request_work_end(r))
        return;
    if (u->err)
        answer_err(r, u->err);
    else
        c->then(r);
}

void attribute_write(struct s3_request *r, enum attribute_kind kind, const char *name, struct slice replacement,
                     void (*then)(struct s3_request *))
{
    attribute_write_checked(r, kind, name, replacement, NULL, false, then);
}

void attribute_write_checked(struct s3_request *r, enum attribute_kind kind, const char *name, struct slice replacement,
                             int (*check)(const struct object_attribute_update *, const struct bucket_row *, struct slice, uint64_t),
                             bool bypass_governance, void (*then)(struct s3_request *))
{
    struct change *c = arena_take(&r->arena, sizeof *c);
    struct slice copy = arena_copy(&r->arena, replacement);
    if (!c || !copy.data) {
        answer_error(r, S3_SlowDown);
        return;
    }
    memset(c, 0, sizeof *c);
    c->request = r;
    c->then = then;
    struct object_attribute_update *u = &c->update;
    u->reactor = request_objects(r);
    u->bucket = request_bucket(r);
    u->key = request_key(r);
    u->kind = kind;
    u->name = name ? slice_string(name) : slice_of(NULL, 0);
    u->replacement = copy;
    u->check = check;
    u->bypass_governance = bypass_governance;
    u->done = done;
    if (u->key.len && !object_headers_version(r, &u->has_version_id, &u->null_version_id, u->version_id))
        return;
    request_work_begin(r);
    object_attribute_update_start(u);
}
