/* Users and their access keys. Secrets are sealed in the row, with the access key as context (base/seal.h); opened ones live
 * in the connection's own buffer until the request ends. */
#include <string.h>

#include "meta/connection.h"
#include "meta/statement.h"
#include "meta/tables.h"
#include "meta/transaction.h"

static struct user_row read_user(const struct statement *s)
{
    return (struct user_row){
        .id = statement_int(s, 0),
        .name = statement_string(s, 1),
        .display_name = statement_string(s, 2),
        .canonical_id = statement_string(s, 3),
        .is_root = statement_int(s, 4) != 0,
        .created_us = (uint64_t)statement_int(s, 5),
        .attributes = statement_blob(s, 6),
    };
}

int user_get(struct meta_tx *tx, int64_t id, struct user_row *ret)
{
    struct statement s = statement_begin(tx, STATEMENT_USER_GET);
    statement_bind_int(&s, id);
    int err = statement_row(&s);
    if (err == 0)
        *ret = read_user(&s);
    return err;
}

int user_get_by_name(struct meta_tx *tx, struct slice name, struct user_row *ret)
{
    struct statement s = statement_begin(tx, STATEMENT_USER_GET_BY_NAME);
    statement_bind_text(&s, name);
    int err = statement_row(&s);
    if (err == 0)
        *ret = read_user(&s);
    return err;
}

int user_insert(struct meta_tx *tx, const struct user_row *row, int64_t *ret_id)
{
    struct statement s = statement_begin(tx, STATEMENT_USER_INSERT);
    if (row->id != 0)
        statement_bind_int(&s, row->id);
    else
        statement_bind_null(&s);
    statement_bind_text(&s, row->name);
    statement_bind_text(&s, row->display_name);
    statement_bind_text(&s, row->canonical_id);
    statement_bind_int(&s, row->is_root);
    statement_bind_int(&s, (int64_t)row->created_us);
    statement_bind_blob(&s, row->attributes);
    int err = statement_execute(&s);
    if (err == 0)
        *ret_id = statement_last_id(&s);
    return err;
}

static struct access_key_row read_key(const struct statement *s)
{
    return (struct access_key_row){
        .access_key = statement_string(s, 0),
        .user_id = statement_int(s, 1),
        .enabled = statement_int(s, 3) != 0,
        .bucket = statement_string(s, 4),
        .prefix = statement_blob(s, 5),
        .policy = statement_string(s, 6),
        .expires_us = (uint64_t)statement_int(s, 7),
        .created_us = (uint64_t)statement_int(s, 8),
    };
}

static int open_secret(struct meta_tx *tx, struct slice access_key, struct slice sealed, struct slice *ret)
{
    struct connection *c = tx->connection;
    if (sealed.len < SEAL_OVERHEAD || sealed.len > SECRET_LEN_MAX + SEAL_OVERHEAD)
        return ERR_CORRUPT;
    size_t len;
    c->secret_used = true;
    int err = unseal(&meta_store(tx->meta)->sealing_key, access_key.data, access_key.len, (const uint8_t *)sealed.data,
                     sealed.len, c->secret, &len);
    if (err == 0)
        *ret = slice_of((const char *)c->secret, len);
    return err;
}

int access_key_get(struct meta_tx *tx, struct slice access_key, struct access_key_row *ret)
{
    struct statement s = statement_begin(tx, STATEMENT_ACCESS_KEY_GET);
    statement_bind_text(&s, access_key);
    int err = statement_row(&s);
    if (err != 0)
        return err;
    struct access_key_row row = read_key(&s);
    err = open_secret(tx, row.access_key, statement_blob(&s, 2), &row.secret);
    if (err == 0)
        *ret = row;
    return err;
}

static void bind_optional_text(struct statement *s, struct slice text)
{
    if (text.len > 0)
        statement_bind_text(s, text);
    else
        statement_bind_null(s);
}

static int insert_key(struct meta_tx *tx, const struct access_key_row *row, struct slice sealed)
{
    struct statement s = statement_begin(tx, STATEMENT_ACCESS_KEY_PUT);
    statement_bind_text(&s, row->access_key);
    statement_bind_int(&s, row->user_id);
    statement_bind_blob(&s, sealed);
    statement_bind_int(&s, row->enabled);
    bind_optional_text(&s, row->bucket);
    if (row->prefix.len > 0)
        statement_bind_blob(&s, row->prefix);
    else
        statement_bind_null(&s);
    bind_optional_text(&s, row->policy);
    if (row->expires_us != 0)
        statement_bind_int(&s, (int64_t)row->expires_us);
    else
        statement_bind_null(&s);
    statement_bind_int(&s, (int64_t)row->created_us);
    return statement_execute(&s);
}

int access_key_put(struct meta_tx *tx, const struct access_key_row *row)
{
    if (row->secret.len == 0 || row->secret.len > SECRET_LEN_MAX || row->access_key.len == 0)
        return ERR_INVALID;
    uint8_t nonce[12], sealed[SECRET_LEN_MAX + SEAL_OVERHEAD];
    int err = random_bytes(nonce, sizeof nonce);
    if (err == 0)
        err = seal(&meta_store(tx->meta)->sealing_key, nonce, row->access_key.data, row->access_key.len, row->secret.data,
                   row->secret.len, sealed);
    return err != 0 ? err : insert_key(tx, row, slice_of((const char *)sealed, row->secret.len + SEAL_OVERHEAD));
}

int access_key_delete(struct meta_tx *tx, struct slice access_key)
{
    struct statement s = statement_begin(tx, STATEMENT_ACCESS_KEY_DELETE);
    statement_bind_text(&s, access_key);
    int err = statement_execute(&s);
    return err == 0 && statement_changes(&s) == 0 ? ERR_NOT_FOUND : err;
}

int access_key_list(struct meta_tx *tx, int (*fn)(void *, const struct access_key_row *), void *arg)
{
    struct statement s = statement_begin(tx, STATEMENT_ACCESS_KEY_LIST);
    int err;
    while ((err = statement_row(&s)) == 0) {
        struct access_key_row row = read_key(&s);
        err = fn(arg, &row);
        if (err != 0)
            break;
    }
    return statement_end_walk(&s, err);
}
