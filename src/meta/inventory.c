/* See inventory.h. */
#include "meta/inventory.h"

#include "meta/statement.h"

static struct inventory_row read_row(const struct statement *s)
{
    return (struct inventory_row){
        .bucket_id = statement_int(s, 0),
        .id = statement_string(s, 1),
        .document = statement_blob(s, 2),
        .due_us = (uint64_t)statement_int(s, 3),
    };
}

int inventory_get(struct meta_tx *tx, int64_t bucket_id, struct slice id, struct inventory_row *ret)
{
    struct statement s = statement_begin(tx, STATEMENT_INVENTORY_GET);
    statement_bind_int(&s, bucket_id);
    statement_bind_text(&s, id);
    int err = statement_row(&s);
    if (err == 0)
        *ret = read_row(&s);
    return err;
}

int inventory_put(struct meta_tx *tx, const struct inventory_row *row)
{
    struct statement s = statement_begin(tx, STATEMENT_INVENTORY_PUT);
    statement_bind_int(&s, row->bucket_id);
    statement_bind_text(&s, row->id);
    statement_bind_blob(&s, row->document);
    statement_bind_int(&s, (int64_t)row->due_us);
    return statement_execute(&s);
}

static int change_one(struct statement *s)
{
    int err = statement_execute(s);
    return err == 0 && statement_changes(s) == 0 ? ERR_NOT_FOUND : err;
}

int inventory_set_due(struct meta_tx *tx, int64_t bucket_id, struct slice id, uint64_t due_us)
{
    struct statement s = statement_begin(tx, STATEMENT_INVENTORY_SET_DUE);
    statement_bind_int(&s, bucket_id);
    statement_bind_text(&s, id);
    statement_bind_int(&s, (int64_t)due_us);
    return change_one(&s);
}

int inventory_delete(struct meta_tx *tx, int64_t bucket_id, struct slice id)
{
    struct statement s = statement_begin(tx, STATEMENT_INVENTORY_DELETE);
    statement_bind_int(&s, bucket_id);
    statement_bind_text(&s, id);
    return change_one(&s);
}

int inventory_count(struct meta_tx *tx, int64_t bucket_id, uint64_t *ret)
{
    struct statement s = statement_begin(tx, STATEMENT_INVENTORY_COUNT);
    statement_bind_int(&s, bucket_id);
    int err = statement_row(&s);
    if (err != 0)
        return err;
    *ret = (uint64_t)statement_int(&s, 0);
    statement_end(&s);
    return 0;
}

int inventory_list(struct meta_tx *tx, int64_t bucket_id, struct slice after, int (*fn)(void *, const struct inventory_row *), void *arg)
{
    struct statement s = statement_begin(tx, STATEMENT_INVENTORY_LIST);
    statement_bind_int(&s, bucket_id);
    statement_bind_text(&s, after);
    int err;
    while ((err = statement_row(&s)) == 0) {
        struct inventory_row row = read_row(&s);
        err = fn(arg, &row);
        if (err != 0)
            break;
    }
    return statement_end_walk(&s, err);
}

int inventory_due(struct meta_tx *tx, uint64_t now_us, struct inventory_row *ret)
{
    struct statement s = statement_begin(tx, STATEMENT_INVENTORY_DUE);
    statement_bind_int(&s, (int64_t)now_us);
    int err = statement_row(&s);
    if (err == 0)
        *ret = read_row(&s);
    return err;
}

int inventory_delete_all(struct meta_tx *tx, int64_t bucket_id)
{
    struct statement s = statement_begin(tx, STATEMENT_INVENTORY_DELETE_ALL);
    statement_bind_int(&s, bucket_id);
    return statement_execute(&s);
}
