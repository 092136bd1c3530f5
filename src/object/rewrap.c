#include "object/rewrap.h"

#include <string.h>

#include "meta/attribute.h"
#include "object/kms.h"

#define STOP 1 /* of walks: enough */

void rewrap_start(struct rewrap *w, struct encryption_keys keys)
{
    *w = (struct rewrap){.keys = keys};
}

/* Whether its data key is sealed with an older version than the newest. ERR_KMS_KEY: the key is not in the file at all. */
static int is_old(const struct rewrap *w, struct slice attributes, bool *ret)
{
    struct encryption e;
    uint8_t key[KMS_KEY_LEN];
    uint32_t newest;
    *ret = false;
    int err = encryption_of(attributes, &e);
    if (err || e.mode != ENCRYPTION_KMS)
        return err;
    err = kms_find(w->keys.kms, e.key_id, 0, &newest, key);
    explicit_bzero(key, sizeof(key));
    *ret = !err && newest != e.key_version;
    return err == ERR_KMS_NONE ? ERR_KMS_KEY : err;
}

static int note(struct rewrap *w, struct slice attributes, struct slice key, int64_t rank, int64_t upload)
{
    bool old;
    w->looked++;
    w->rank = upload ? upload : rank;
    w->key_len = (uint32_t)key.len;
    memcpy(w->key, key.data, key.len);
    int err = is_old(w, attributes, &old);
    w->unreadable += err == ERR_KMS_KEY;
    if (err || !old)
        return err == ERR_KMS_KEY ? 0 : err;
    struct rewrap_place *place = &w->found[w->found_count++];
    *place = (struct rewrap_place){arena_copy(&w->arena, key), rank, upload};
    return place->key.data ? 0 : ERR_NO_MEMORY;
}

/* --- a page --- */

static void begin(struct rewrap *w, bool in_uploads)
{
    w->in_uploads = in_uploads;
    w->key_len = 0;
    w->rank = in_uploads ? 0 : INT64_MIN;
}

static int take_bucket(void *arg, const struct bucket_row *row)
{
    struct rewrap *w = arg;
    if (row->name.len >= sizeof(w->bucket))
        return ERR_CORRUPT;
    memcpy(w->bucket, row->name.data, row->name.len);
    w->bucket[row->name.len] = 0;
    w->bucket_id = row->id;
    return STOP;
}

static int next_bucket(struct meta_tx *tx, struct rewrap *w)
{
    int err = bucket_list(tx, slice_string(w->bucket), take_bucket, w);
    w->over = err == 0;
    begin(w, false);
    return err == STOP ? 0 : err;
}

static int look_at_versions(struct meta_tx *tx, struct rewrap *w)
{
    struct version_cursor cursor;
    struct version_row row;
    int err = version_seek(tx, w->bucket_id, slice_of(w->key, w->key_len), true, &w->rank, &cursor);
    if (err)
        return err;
    for (uint32_t i = 0; i < REWRAP_PAGE && !err; i++) {
        err = version_next(&cursor, &row);
        if (!err)
            err = note(w, row.attributes, row.key, row.rank, 0);
    }
    version_cursor_close(&cursor);
    if (err == ERR_NOT_FOUND)
        begin(w, true);
    return err == ERR_NOT_FOUND ? 0 : err;
}

struct upload_page { struct rewrap *rewrap; uint32_t count; };

static int look_at_upload(void *arg, const struct upload_row *row)
{
    struct upload_page *page = arg;
    if (page->count++ == REWRAP_PAGE)
        return STOP;
    return note(page->rewrap, row->attributes, row->key, 0, row->id);
}

static int look_at_uploads(struct meta_tx *tx, struct rewrap *w)
{
    struct upload_page page = {.rewrap = w};
    char after[KEY_LEN_MAX];
    struct slice key = slice_of(after, w->key_len);
    memcpy(after, w->key, w->key_len);
    int err = upload_list(tx, w->bucket_id, key, w->rank, look_at_upload, &page);
    if (!err)
        w->bucket_id = 0;
    return err == STOP ? 0 : err;
}

int rewrap_look(struct meta_tx *tx, struct rewrap *w)
{
    arena_free(&w->arena);
    w->found_count = 0;
    if (!w->bucket_id)
        return next_bucket(tx, w);
    return w->in_uploads ? look_at_uploads(tx, w) : look_at_versions(tx, w);
}

/* --- sealing --- */

/* *ret: the attributes with the data key sealed again; empty: it need not or cannot be. */
static int seal_again(struct rewrap *w, struct slice attributes, struct text *ret)
{
    struct encryption e;
    struct attribute attribute;
    size_t position = 0;
    uint8_t data_key[DATA_KEY_LEN];
    bool old;
    text_clear(ret);
    int err = is_old(w, attributes, &old);
    if (!err && !old)
        return 0;
    if (!err)
        err = encryption_of(attributes, &e);
    if (!err)
        err = encryption_open(&w->keys, &e, NULL, data_key);
    if (err == ERR_KMS_KEY) {
        w->page_unreadable++;
        return 0;
    }
    while (!err && attribute_next(attributes, &position, &attribute, &err))
        if (attribute.kind != ATTRIBUTE_ENCRYPTION)
            attribute_append(ret, attribute.kind, attribute.name, attribute.value);
    if (!err)
        err = encryption_seal(&w->keys, &e, data_key, ret);
    explicit_bzero(data_key, sizeof(data_key));
    if (!err && !ret->failed)
        w->page_sealed++;
    return err ? err : ret->failed ? ERR_NO_MEMORY : 0;
}

/* The row's slices are copied: they end with the next call on its table. */
static int seal_version(struct meta_tx *tx, struct rewrap *w, const struct rewrap_place *place, struct text *fresh)
{
    struct version_row row;
    struct arena arena = {0};
    int err = version_at(tx, w->bucket_id, place->key, place->rank, &row);
    if (err)
        return err == ERR_NO_SUCH_VERSION ? 0 : err;
    err = seal_again(w, row.attributes, fresh);
    if (err || !fresh->len)
        return err;
    row.key = place->key;
    row.version_id = arena_copy(&arena, row.version_id);
    row.etag = arena_copy(&arena, row.etag);
    row.origin_version_id = arena_copy(&arena, row.origin_version_id);
    row.attributes = slice_of(fresh->data, fresh->len);
    if (!row.version_id.data || !row.etag.data || !row.origin_version_id.data)
        err = ERR_NO_MEMORY;
    if (!err)
        err = version_delete(tx, &row);
    if (!err)
        err = version_insert(tx, &row);
    arena_free(&arena);
    return err;
}

static int seal_upload(struct meta_tx *tx, struct rewrap *w, const struct rewrap_place *place, struct text *fresh)
{
    struct upload_row row;
    int err = upload_at(tx, place->upload, &row);
    if (err)
        return err == ERR_NO_SUCH_UPLOAD ? 0 : err;
    err = seal_again(w, row.attributes, fresh);
    return err || !fresh->len ? err : upload_set_attributes(tx, place->upload, slice_of(fresh->data, fresh->len));
}

int rewrap_seal(struct meta_tx *tx, struct rewrap *w)
{
    struct text fresh = {0};
    int err = 0;
    w->page_sealed = w->page_unreadable = 0;
    for (uint32_t i = 0; i < w->found_count && !err; i++)
        err = w->found[i].upload ? seal_upload(tx, w, &w->found[i], &fresh) : seal_version(tx, w, &w->found[i], &fresh);
    text_free(&fresh);
    return err;
}

void rewrap_end(struct rewrap *w)
{
    arena_free(&w->arena);
}
