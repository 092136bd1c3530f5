/* Access keys. Secrets are sealed in the row, with the access key as context (base/seal.h); opened ones live
 * in the connection's own buffer until the request ends. */
#include <string.h>

#include "meta/connection.h"
#include "meta/statement.h"
#include "meta/tables.h"
#include "meta/transaction.h"

int access_key_make(const char *prefix, char access_key[ACCESS_KEY_MADE_LEN + 1], char secret[SECRET_MADE_LEN + 1])
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    uint8_t bytes[SECRET_MADE_LEN / 4 * 3], name[ACCESS_KEY_MADE_LEN - 4];
    struct text encoded = {0};
    int err = random_bytes(bytes, sizeof bytes);
    if (err == 0)
        err = random_bytes(name, sizeof name);
    if (err != 0)
        return err;
    memcpy(access_key, prefix, 4);
    for (size_t i = 0; i < sizeof name; i++)
        access_key[4 + i] = letters[name[i] % 32];
    access_key[ACCESS_KEY_MADE_LEN] = '\0';
    text_append_base64(&encoded, bytes, sizeof bytes);
    if (encoded.failed)
        return ERR_NO_MEMORY;
    memcpy(secret, encoded.data, SECRET_MADE_LEN + 1);
    explicit_bzero(encoded.data, encoded.len);
    explicit_bzero(bytes, sizeof bytes);
    text_free(&encoded);
    return 0;
}

static struct access_key_row read_key(const struct statement *s)
{
    return (struct access_key_row){
        .access_key = statement_string(s, 0),
        .account_id = statement_int(s, 1),
        .user_id = statement_int(s, 2),
        .enabled = statement_int(s, 4) != 0,
        .bucket = statement_string(s, 5),
        .prefix = statement_blob(s, 6),
        .policy = statement_string(s, 7),
        .expires_us = (uint64_t)statement_int(s, 8),
        .created_us = (uint64_t)statement_int(s, 9),
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
    err = open_secret(tx, row.access_key, statement_blob(&s, 3), &row.secret);
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

static int insert_row(struct meta_tx *tx, const struct access_key_row *row, struct slice sealed)
{
    struct statement s = statement_begin(tx, STATEMENT_ACCESS_KEY_INSERT);
    statement_bind_text(&s, row->access_key);
    statement_bind_int(&s, row->account_id);
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

int access_key_insert(struct meta_tx *tx, const struct access_key_row *row)
{
    tx->identities_changed = true;
    if (row->secret.len == 0 || row->secret.len > SECRET_LEN_MAX || row->access_key.len == 0
        || row->access_key.len > ACCESS_KEY_LEN_MAX)
        return ERR_INVALID;
    uint8_t nonce[12], sealed[SECRET_LEN_MAX + SEAL_OVERHEAD];
    int err = random_bytes(nonce, sizeof nonce);
    if (err == 0)
        err = seal(&meta_store(tx->meta)->sealing_key, nonce, row->access_key.data, row->access_key.len, row->secret.data,
                   row->secret.len, sealed);
    return err != 0 ? err : insert_row(tx, row, slice_of((const char *)sealed, row->secret.len + SEAL_OVERHEAD));
}

int access_key_delete(struct meta_tx *tx, struct slice access_key)
{
    tx->identities_changed = true;
    struct statement s = statement_begin(tx, STATEMENT_ACCESS_KEY_DELETE);
    statement_bind_text(&s, access_key);
    int err = statement_execute(&s);
    return err == 0 && statement_changes(&s) == 0 ? ERR_NOT_FOUND : err;
}

int access_key_set_enabled(struct meta_tx *tx, struct slice access_key, bool enabled)
{
    tx->identities_changed = true;
    struct statement s = statement_begin(tx, STATEMENT_ACCESS_KEY_ENABLE);
    statement_bind_text(&s, access_key);
    statement_bind_int(&s, enabled);
    int err = statement_execute(&s);
    return err == 0 && statement_changes(&s) == 0 ? ERR_NOT_FOUND : err;
}

static int walk(struct statement *s, int (*fn)(void *, const struct access_key_row *), void *arg)
{
    int err;
    while ((err = statement_row(s)) == 0) {
        struct access_key_row row = read_key(s);
        err = fn(arg, &row);
        if (err != 0)
            break;
    }
    return statement_end_walk(s, err);
}

int access_key_list(struct meta_tx *tx, struct slice after, int (*fn)(void *, const struct access_key_row *), void *arg)
{
    struct statement s = statement_begin(tx, STATEMENT_ACCESS_KEY_LIST);
    statement_bind_text(&s, after);
    return walk(&s, fn, arg);
}

int access_key_list_user(struct meta_tx *tx, int64_t account_id, int64_t user_id, struct slice after,
                         int (*fn)(void *, const struct access_key_row *), void *arg)
{
    struct statement s = statement_begin(tx, STATEMENT_ACCESS_KEY_LIST_USER);
    statement_bind_int(&s, account_id);
    statement_bind_int(&s, user_id);
    statement_bind_text(&s, after);
    return walk(&s, fn, arg);
}

/* The walk ends before the key it stands on is deleted. */
struct found_key { char name[ACCESS_KEY_LEN_MAX]; size_t len; };

static int take_key(void *arg, const struct access_key_row *row)
{
    struct found_key *found = arg;
    if (row->access_key.len > sizeof found->name)
        return ERR_CORRUPT;
    memcpy(found->name, row->access_key.data, row->access_key.len);
    found->len = row->access_key.len;
    return ERR_EXISTS;
}

int access_key_delete_user(struct meta_tx *tx, int64_t account_id, int64_t user_id)
{
    struct found_key found;
    int err;
    while ((err = access_key_list_user(tx, account_id, user_id, slice_of("", 0), take_key, &found)) == ERR_EXISTS) {
        err = access_key_delete(tx, slice_of(found.name, found.len));
        if (err != 0)
            return err;
    }
    return err;
}
