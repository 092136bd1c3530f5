/* See owner.h. An account's ids never change. One without a row (accounts that were deleted) is named by a hash of its number. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "s3/answer.h"
#include "s3/owner.h"
#include "wire/xml_write.h"

struct s3_owner {
    int64_t id;
    char canonical_id[65];
    char display_name[65];
    char number[ACCOUNT_NUMBER_LEN + 1];
};

static void name_by_number(const struct s3_server *server, struct s3_owner *o)
{
    char seed[64];
    uint8_t digest[SHA256_LEN] = {0};
    int len = snprintf(seed, sizeof seed, "ingot user %lld", (long long)o->id);
    if (sha256_of(seed, (size_t)len, digest))
        memcpy(digest, &o->id, sizeof o->id);
    for (unsigned i = 0; i < SHA256_LEN; i++)
        snprintf(o->canonical_id + 2 * i, 3, "%02x", digest[i]);
    snprintf(o->number, sizeof o->number, "%012llu", (unsigned long long)o->id % 1000000000000u);
    if (o->id == server->root_account_id)
        snprintf(o->display_name, sizeof o->display_name, "root");
    else
        snprintf(o->display_name, sizeof o->display_name, "user-%lld", (long long)o->id);
}

static const struct s3_owner *find(const struct s3_reactor *reactor, int64_t id)
{
    for (uint32_t i = 0; i < S3_OWNER_CACHE_SIZE; i++)
        if (reactor->owners[i] && reactor->owners[i]->id == id)
            return reactor->owners[i];
    return NULL;
}

static void keep(struct s3_reactor *reactor, const struct s3_owner *o)
{
    struct s3_owner **slot = &reactor->owners[reactor->owner_next++ % S3_OWNER_CACHE_SIZE];
    if (!*slot)
        *slot = malloc(sizeof **slot);
    if (*slot)
        **slot = *o;
}

struct load {
    struct meta_read read;
    struct s3_request *request;
    void (*then)(struct s3_request *);
    uint32_t count;
    struct s3_owner owners[OWNERS_LOAD_MAX];
};

static int run_load(struct meta_tx *tx, struct meta_read *read)
{
    struct load *l = container_of(read, struct load, read);
    for (uint32_t i = 0; i < l->count; i++) {
        struct account_row row;
        int err = account_get(tx, l->owners[i].id, &row);
        l->owners[i].canonical_id[0] = '\0';
        if (err == ERR_NOT_FOUND)
            continue;
        if (err)
            return err;
        struct slice name = row.display_name.len ? row.display_name : row.name;
        snprintf(l->owners[i].canonical_id, sizeof l->owners[i].canonical_id, "%.*s", (int)row.canonical_id.len, row.canonical_id.data);
        snprintf(l->owners[i].number, sizeof l->owners[i].number, "%.*s", (int)row.number.len, row.number.data);
        snprintf(l->owners[i].display_name, sizeof l->owners[i].display_name, "%.*s", (int)name.len, name.data);
    }
    return 0;
}

static void load_done(struct meta_read *read)
{
    struct load *l = container_of(read, struct load, read);
    struct s3_request *r = l->request;
    for (uint32_t i = 0; i < l->count && !read->err; i++) {
        if (!l->owners[i].canonical_id[0])
            name_by_number(r->reactor->server, &l->owners[i]);
        keep(r->reactor, &l->owners[i]);
    }
    if (!request_work_end(r))
        return;
    if (read->err)
        answer_err(r, read->err);
    else
        l->then(r);
}

static bool listed(const struct load *l, int64_t id)
{
    for (uint32_t i = 0; i < l->count; i++)
        if (l->owners[i].id == id)
            return true;
    return false;
}

void owner_load(struct s3_request *r, const int64_t *ids, uint32_t count, void (*then)(struct s3_request *))
{
    struct load *l = NULL;
    for (uint32_t i = 0; i < count; i++) {
        if (find(r->reactor, ids[i]) || (l && listed(l, ids[i])))
            continue;
        if (!l) {
            l = arena_take(&r->arena, sizeof *l);
            if (!l) {
                answer_error(r, S3_SlowDown);
                return;
            }
            memset(l, 0, sizeof *l);
        }
        if (l->count < OWNERS_LOAD_MAX)
            l->owners[l->count++].id = ids[i];
    }
    if (!l) {
        then(r);
        return;
    }
    l->request = r;
    l->then = then;
    l->read = (struct meta_read){.run = run_load, .done = load_done, .loop = request_objects(r)->loop};
    request_work_begin(r);
    meta_read(r->reactor->server->meta, &l->read);
}

static const struct s3_owner *known(struct s3_request *r, int64_t id)
{
    static const struct s3_owner nobody = {0, "0", "", "0"};
    const struct s3_owner *o = find(r->reactor, id);
    if (o)
        return o;
    struct s3_owner *made = arena_take(&r->arena, sizeof *made); /* not kept: the row may say otherwise */
    if (!made)
        return &nobody;
    made->id = id;
    name_by_number(r->reactor->server, made);
    return made;
}

struct slice owner_canonical_id(struct s3_request *r, int64_t id)
{
    return arena_copy(&r->arena, slice_string(known(r, id)->canonical_id));
}

struct slice owner_display_name(struct s3_request *r, int64_t id)
{
    return arena_copy(&r->arena, slice_string(known(r, id)->display_name));
}

struct slice owner_number(struct s3_request *r, int64_t id)
{
    return arena_copy(&r->arena, slice_string(known(r, id)->number));
}

void owner_names(struct s3_request *r, struct text *t, int64_t id)
{
    const struct s3_owner *o = known(r, id);
    xml_element_string(t, "ID", o->canonical_id);
    xml_element_string(t, "DisplayName", o->display_name);
}

void owner_element(struct s3_request *r, struct text *t, const char *name, int64_t id)
{
    xml_open(t, name);
    owner_names(r, t, id);
    xml_close(t, name);
}

void owner_forget(struct s3_reactor *reactor)
{
    for (unsigned i = 0; i < S3_OWNER_CACHE_SIZE; i++) {
        free(reactor->owners[i]);
        reactor->owners[i] = NULL;
    }
}
