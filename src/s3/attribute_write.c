/* See attribute_write.h. The row is replaced inside one transaction; data, ETag and modification time stay. */
#include <string.h>

#include "base/container.h"
#include "object/info.h"
#include "s3/answer.h"
#include "s3/attribute_write.h"
#include "s3/object_headers.h"

struct change {
    struct meta_write write;
    struct s3_request *request;
    enum attribute_kind kind;
    struct slice name; /* data NULL: all of the kind */
    struct slice replacement;
    bool has_version_id, null_version_id;
    uint8_t version_id[16];
    void (*then)(struct s3_request *);
};

static int rebuild(const struct change *c, struct slice old, struct text *fresh)
{
    struct attribute a;
    size_t position = 0;
    int err;
    while (attribute_next(old, &position, &a, &err))
        if (a.kind != c->kind || (c->name.data && !slice_equal(a.name, c->name)))
            attribute_append(fresh, a.kind, a.name, a.value);
    text_append(fresh, c->replacement.data, c->replacement.len);
    return err ? err : fresh->failed ? ERR_NO_MEMORY : 0;
}

/* Slices of a row end with the next call on its table. */
static int copy_row(struct version_row *row, struct arena *arena)
{
    struct slice *slices[] = {&row->key, &row->version_id, &row->etag, &row->origin_version_id};
    for (unsigned i = 0; i < sizeof slices / sizeof *slices; i++) {
        struct slice copy = arena_copy(arena, *slices[i]);
        if (!copy.data)
            return ERR_NO_MEMORY;
        *slices[i] = copy;
    }
    return 0;
}

static int change_object(struct meta_tx *tx, struct change *c, const struct bucket_row *bucket, struct text *fresh)
{
    struct s3_request *r = c->request;
    struct version_row row;
    struct arena arena = {0};
    int err = object_find_version(tx, bucket->id, request_key(r), c->has_version_id, c->null_version_id, c->version_id, &row);
    if (err)
        return err;
    if (row.flags & VERSION_DELETE_MARKER)
        return c->has_version_id ? ERR_DELETE_MARKER : ERR_NO_SUCH_KEY;
    err = rebuild(c, row.attributes, fresh);
    if (!err)
        err = copy_row(&row, &arena);
    row.attributes = slice_of(fresh->data ? fresh->data : "", fresh->len);
    if (!err)
        err = version_delete(tx, row.bucket_id, row.key, row.rank);
    if (!err)
        err = version_insert(tx, &row);
    arena_free(&arena);
    return err;
}

static int run(struct meta_tx *tx, struct meta_write *write)
{
    struct change *c = container_of(write, struct change, write);
    struct s3_request *r = c->request;
    struct bucket_row bucket;
    int err = bucket_get(tx, request_bucket(r), &bucket);
    if (err)
        return err;
    struct text fresh = {0};
    if (r->address.key_len) {
        err = change_object(tx, c, &bucket, &fresh);
    } else {
        err = rebuild(c, bucket.attributes, &fresh);
        bucket.attributes = slice_of(fresh.data ? fresh.data : "", fresh.len);
        bucket.name = request_bucket(r);
        bucket.region = slice_of("", 0); /* not written */
        if (!err)
            err = bucket_update(tx, &bucket);
    }
    text_free(&fresh);
    return err;
}

static void done(struct meta_write *write)
{
    struct change *c = container_of(write, struct change, write);
    struct s3_request *r = c->request;
    if (!request_work_end(r))
        return;
    if (write->err)
        answer_err(r, write->err);
    else
        c->then(r);
}

void attribute_write(struct s3_request *r, enum attribute_kind kind, const char *name, struct slice replacement,
                     void (*then)(struct s3_request *))
{
    struct change *c = arena_take(&r->arena, sizeof *c);
    struct slice copy = arena_copy(&r->arena, replacement);
    if (!c || !copy.data) {
        answer_error(r, S3_SlowDown);
        return;
    }
    memset(c, 0, sizeof *c);
    c->request = r;
    c->kind = kind;
    c->name = name ? slice_string(name) : slice_of(NULL, 0);
    c->replacement = copy;
    c->then = then;
    if (r->address.key_len && !object_headers_version(r, &c->has_version_id, &c->null_version_id, c->version_id))
        return;
    c->write = (struct meta_write){.run = run, .done = done, .loop = request_objects(r)->loop};
    request_work_begin(r);
    meta_write(r->reactor->server->meta, &c->write);
}
