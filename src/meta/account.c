/* Accounts. Their ids come from the store's clock and are never used again: objects may outlive their owner. */
#include <stdio.h>
#include <string.h>

#include "meta/identity.h"
#include "meta/statement.h"
#include "meta/tables.h"
#include "meta/transaction.h"

bool account_name_valid(struct slice name)
{
    static const char others[] = "+=,.@_-";
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && (c == '\0' || strchr(others, c) == NULL))
            return false;
    }
    return name.len > 0 && name.len <= ACCOUNT_NAME_MAX;
}

int account_make(char number[ACCOUNT_NUMBER_LEN + 1], char canonical_id[CANONICAL_ID_LEN + 1])
{
    uint8_t bytes[CANONICAL_ID_LEN / 2];
    uint64_t value;
    int err = random_bytes(bytes, sizeof bytes);
    if (err == 0)
        err = random_bytes(&value, sizeof value);
    if (err != 0)
        return err;
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(canonical_id + 2 * i, 3, "%02x", bytes[i]);
    snprintf(number, ACCOUNT_NUMBER_LEN + 1, "%012llu", (unsigned long long)(100000000000u + value % 900000000000u));
    return 0;
}

static struct account_row read_row(const struct statement *s)
{
    return (struct account_row){
        .id = statement_int(s, 0),
        .number = statement_string(s, 1),
        .name = statement_string(s, 2),
        .display_name = statement_string(s, 3),
        .email = statement_string(s, 4),
        .canonical_id = statement_string(s, 5),
        .enabled = statement_int(s, 6) != 0,
        .created_us = (uint64_t)statement_int(s, 7),
        .attributes = statement_blob(s, 8),
    };
}

static int finish_get(struct statement *s, struct account_row *ret)
{
    int err = statement_row(s);
    if (err == 0)
        *ret = read_row(s);
    return err;
}

static int get_by_text(struct meta_tx *tx, enum statement_id id, struct slice text, struct account_row *ret)
{
    struct statement s = statement_begin(tx, id);
    statement_bind_text(&s, text);
    return finish_get(&s, ret);
}

int account_get(struct meta_tx *tx, int64_t id, struct account_row *ret)
{
    struct statement s = statement_begin(tx, STATEMENT_ACCOUNT_GET);
    statement_bind_int(&s, id);
    return finish_get(&s, ret);
}

int account_get_by_name(struct meta_tx *tx, struct slice name, struct account_row *ret)
{
    return get_by_text(tx, STATEMENT_ACCOUNT_GET_BY_NAME, name, ret);
}

int account_get_by_number(struct meta_tx *tx, struct slice number, struct account_row *ret)
{
    return get_by_text(tx, STATEMENT_ACCOUNT_GET_BY_NUMBER, number, ret);
}

int account_get_by_canonical_id(struct meta_tx *tx, struct slice canonical_id, struct account_row *ret)
{
    return get_by_text(tx, STATEMENT_ACCOUNT_GET_BY_CANONICAL_ID, canonical_id, ret);
}

int account_get_by_email(struct meta_tx *tx, struct slice email, struct account_row *ret)
{
    return get_by_text(tx, STATEMENT_ACCOUNT_GET_BY_EMAIL, email, ret);
}

int account_list(struct meta_tx *tx, int (*fn)(void *, const struct account_row *), void *arg)
{
    struct statement s = statement_begin(tx, STATEMENT_ACCOUNT_LIST);
    int err;
    while ((err = statement_row(&s)) == 0) {
        struct account_row row = read_row(&s);
        err = fn(arg, &row);
        if (err != 0)
            break;
    }
    return statement_end_walk(&s, err);
}

int account_insert(struct meta_tx *tx, const struct account_row *row, int64_t *ret_id)
{
    tx->identities_changed = true;
    int64_t id = row->id != 0 ? row->id : (int64_t)meta_tx_clock(tx);
    struct statement s = statement_begin(tx, STATEMENT_ACCOUNT_INSERT);
    statement_bind_int(&s, id);
    statement_bind_text(&s, row->number);
    statement_bind_text(&s, row->name);
    statement_bind_text(&s, row->display_name);
    if (row->email.len > 0)
        statement_bind_text(&s, row->email);
    else
        statement_bind_null(&s);
    statement_bind_text(&s, row->canonical_id);
    statement_bind_int(&s, row->enabled);
    statement_bind_int(&s, (int64_t)row->created_us);
    statement_bind_blob(&s, row->attributes);
    int err = statement_execute(&s);
    if (err == 0)
        *ret_id = id;
    return err;
}

int account_set_enabled(struct meta_tx *tx, int64_t id, bool enabled)
{
    tx->identities_changed = true;
    struct statement s = statement_begin(tx, STATEMENT_ACCOUNT_ENABLE);
    statement_bind_int(&s, id);
    statement_bind_int(&s, enabled);
    int err = statement_execute(&s);
    return err == 0 && statement_changes(&s) == 0 ? ERR_NOT_FOUND : err;
}

static int refuse_owner(void *arg, const struct bucket_row *row)
{
    return row->owner_id == *(const int64_t *)arg ? ERR_BUSY : 0;
}

int account_delete(struct meta_tx *tx, int64_t id)
{
    tx->identities_changed = true;
    int err = bucket_list(tx, slice_of("", 0), refuse_owner, &id);
    if (err == 0)
        err = identity_delete_account(tx, id);
    if (err == 0)
        err = access_key_delete_user(tx, id, 0);
    if (err != 0)
        return err;
    struct statement s = statement_begin(tx, STATEMENT_ACCOUNT_DELETE);
    statement_bind_int(&s, id);
    err = statement_execute(&s);
    return err == 0 && statement_changes(&s) == 0 ? ERR_NOT_FOUND : err;
}
