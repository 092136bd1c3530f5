/* What buckets say of access, read once and kept per reactor for as long as no bucket changes (meta_bucket_epoch). */
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/digest.h"
#include "meta/tables.h"
#include "s3/access.h"
#include "s3/answer.h"
#include "s3/object_headers.h"
#include "s3/public_access.h"

/* --- settings as they are stored --- */

static int take_policy(struct access_bucket *b, struct slice text)
{
    char message[POLICY_MESSAGE_SIZE];
    int err = policy_parse(text, POLICY_BUCKET, slice_string(b->name), &b->policy, message);
    if (err)
        return err == ERR_NO_MEMORY ? err : ERR_CORRUPT; /* it was checked when it came: never go on without it */
    b->policy_public = policy_is_public(b->policy);
    return 0;
}

static int take_block(struct access_bucket *b, struct slice value)
{
    if (value.len != 1 || (uint8_t)value.data[0] > 15)
        return ERR_CORRUPT;
    b->has_public_access_block = true;
    b->public_access_block = (uint8_t)value.data[0];
    return 0;
}

static int take_ownership(struct access_bucket *b, struct slice value)
{
    b->has_ownership = true;
    return ownership_parse(value, &b->ownership) ? 0 : ERR_CORRUPT;
}

static int take_attributes(struct access_bucket *b, struct slice attributes)
{
    struct attribute a;
    size_t position = 0;
    int err = 0;
    while (!err && attribute_next(attributes, &position, &a, &err)) {
        if (a.kind != ATTRIBUTE_CONFIGURATION)
            continue;
        if (slice_equal_string(a.name, POLICY_NAME))
            err = take_policy(b, a.value);
        else if (slice_equal_string(a.name, PUBLIC_ACCESS_BLOCK_NAME))
            err = take_block(b, a.value);
        else if (slice_equal_string(a.name, OWNERSHIP_NAME))
            err = take_ownership(b, a.value);
        else if (slice_equal_string(a.name, REQUEST_PAYMENT_NAME))
            b->requester_pays = slice_equal_string(a.value, REQUESTER_PAYS);
    }
    return err;
}

static int make(const struct bucket_row *row, struct access_bucket **ret)
{
    struct slice acl;
    if (attribute_find(row->attributes, ATTRIBUTE_CONFIGURATION, OBJECT_ACL, &acl))
        acl = slice_of("", 0);
    struct access_bucket *b = calloc(1, sizeof *b + acl.len + 1);
    if (!b)
        return ERR_NO_MEMORY;
    b->references = 1;
    b->owner_id = row->owner_id;
    if (row->name.len < sizeof b->name)
        memcpy(b->name, row->name.data, row->name.len);
    char *copy = (char *)(b + 1);
    if (acl.len)
        memcpy(copy, acl.data, acl.len);
    b->acl = slice_of(copy, acl.len);
    int err = take_attributes(b, row->attributes);
    if (err)
        access_bucket_release(b);
    else
        *ret = b;
    return err;
}

void access_bucket_release(struct access_bucket *b)
{
    if (!b || --b->references)
        return;
    policy_free(b->policy);
    free(b);
}

/* --- the cache --- */

static struct access_bucket **slot_of(struct s3_reactor *reactor, struct slice name)
{
    return &reactor->buckets[crc32c(0, name.data, name.len) % S3_BUCKET_CACHE_SIZE];
}

static struct access_bucket *cached(struct s3_request *r, struct slice name)
{
    struct access_bucket *b = *slot_of(r->reactor, name);
    if (!b || !slice_equal_string(name, b->name) || b->epoch != meta_bucket_epoch(request_objects(r)->meta))
        return NULL;
    b->references++;
    return b;
}

static void keep(struct s3_reactor *reactor, struct access_bucket *b)
{
    struct access_bucket **slot = slot_of(reactor, slice_string(b->name));
    access_bucket_release(*slot);
    b->references++;
    *slot = b;
}

void access_bucket_forget(struct s3_reactor *reactor)
{
    for (unsigned i = 0; i < S3_BUCKET_CACHE_SIZE; i++) {
        access_bucket_release(reactor->buckets[i]);
        reactor->buckets[i] = NULL;
    }
}

/* --- loading --- */

struct load {
    struct meta_read read;
    struct s3_request *request;
    struct slice name;
    uint64_t epoch;
    struct access_bucket *bucket;
    void (*then)(struct s3_request *, struct access_bucket *, int err);
};

static int run(struct meta_tx *tx, struct meta_read *read)
{
    struct load *l = container_of(read, struct load, read);
    struct bucket_row row;
    access_bucket_release(l->bucket); /* of a run that has to be repeated elsewhere */
    l->bucket = NULL;
    int err = bucket_get(tx, l->name, &row);
    if (err)
        return err;
    row.name = l->name;
    err = make(&row, &l->bucket);
    if (!err && l->epoch && meta_bucket_epoch(meta_tx_meta(tx)) == l->epoch)
        l->bucket->epoch = l->epoch;
    return err;
}

static void done(struct meta_read *read)
{
    struct load *l = container_of(read, struct load, read);
    struct s3_request *r = l->request;
    struct access_bucket *b = l->bucket;
    void (*then)(struct s3_request *, struct access_bucket *, int) = l->then;
    int err = read->err;
    if (err) {
        access_bucket_release(b);
        b = NULL;
    }
    if (b && b->epoch)
        keep(r->reactor, b);
    if (request_work_end(r))
        then(r, b, err);
    else
        access_bucket_release(b);
}

void access_bucket_load(struct s3_request *r, struct slice name, void (*then)(struct s3_request *, struct access_bucket *, int err))
{
    struct access_bucket *b = cached(r, name);
    struct load *l = b ? NULL : arena_take(&r->arena, sizeof *l);
    if (b || !l) {
        then(r, b, b ? 0 : ERR_NO_MEMORY);
        return;
    }
    *l = (struct load){.request = r, .name = name, .then = then, .epoch = meta_bucket_epoch(request_objects(r)->meta)};
    l->read = (struct meta_read){.run = run, .done = done, .loop = request_objects(r)->loop};
    request_work_begin(r);
    meta_read(request_objects(r)->meta, &l->read);
}
