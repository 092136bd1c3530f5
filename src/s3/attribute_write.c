/* See attribute_write.h. */
#include <string.h>

#include "base/container.h"
#include "s3/access.h"
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
    if (u->err) {
        answer_err(r, u->err);
        return;
    }
    if (u->kind == ATTRIBUTE_TAG && u->key.len)
        object_answer_version(r, &u->info);
    c->then(r);
}

static void start(struct s3_request *r, const struct object_attribute_update *wanted, void (*then)(struct s3_request *))
{
    struct change *c = arena_take(&r->arena, sizeof *c);
    struct slice copy = arena_copy(&r->arena, wanted->replacement);
    if (!c || !copy.data) {
        answer_error(r, S3_SlowDown);
        return;
    }
    *c = (struct change){.update = *wanted, .request = r, .then = then};
    struct object_attribute_update *u = &c->update;
    u->reactor = request_objects(r);
    u->bucket = request_bucket(r);
    u->bucket_owner_id = r->access.bucket->owner_id;
    u->key = request_key(r);
    u->replacement = copy;
    u->done = done;
    if (u->key.len && !object_headers_version(r, &u->has_version_id, &u->null_version_id, u->version_id))
        return;
    request_work_begin(r);
    object_attribute_update_start(u);
}

static struct slice name_of(const char *name)
{
    return name ? slice_string(name) : slice_of(NULL, 0);
}

void attribute_write(struct s3_request *r, enum attribute_kind kind, const char *name, struct slice replacement,
                     void (*then)(struct s3_request *))
{
    struct object_attribute_update u = {.kind = kind, .name = name_of(name), .replacement = replacement};
    start(r, &u, then);
}

void attribute_write_checked(struct s3_request *r, enum attribute_kind kind, const char *name, struct slice replacement,
                             int (*check)(const struct object_attribute_update *, const struct bucket_row *, struct slice, uint64_t),
                             bool bypass_governance, void (*then)(struct s3_request *))
{
    struct object_attribute_update u = {.kind = kind, .name = name_of(name), .replacement = replacement, .check = check,
                                        .bypass_governance = bypass_governance};
    start(r, &u, then);
}

void attribute_write_owned(struct s3_request *r, const char *name, struct slice replacement, int64_t owner_id, void (*then)(struct s3_request *))
{
    struct object_attribute_update u = {.kind = ATTRIBUTE_CONFIGURATION, .name = name_of(name), .replacement = replacement};
    u.owned = r->address.key_len != 0;
    u.owner_id = owner_id;
    start(r, &u, then);
}
