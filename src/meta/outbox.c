/* What is owed to others: put in the transaction that owes it, deleted in the one that knows it done. */
#include "meta/statement.h"
#include "meta/tables.h"

int outbox_put(struct meta_tx *tx, const struct outbox_row *row)
{
    struct statement s = statement_begin(tx, STATEMENT_OUTBOX_PUT);
    statement_bind_int(&s, row->id);
    statement_bind_int(&s, row->kind);
    statement_bind_int(&s, row->target);
    statement_bind_int(&s, row->bucket_id);
    statement_bind_blob(&s, row->key);
    statement_bind_int(&s, row->rank);
    statement_bind_int(&s, row->attempts);
    statement_bind_int(&s, (int64_t)row->due_us);
    statement_bind_blob(&s, row->payload);
    return statement_execute(&s);
}

int outbox_list(struct meta_tx *tx, int64_t after, int (*fn)(void *, const struct outbox_row *), void *arg)
{
    struct statement s = statement_begin(tx, STATEMENT_OUTBOX_LIST);
    statement_bind_int(&s, after);
    int err;
    while ((err = statement_row(&s)) == 0) {
        struct outbox_row row = {
            .id = statement_int(&s, 0),
            .kind = (uint32_t)statement_int(&s, 1),
            .target = statement_int(&s, 2),
            .bucket_id = statement_int(&s, 3),
            .key = statement_blob(&s, 4),
            .rank = statement_int(&s, 5),
            .attempts = (uint32_t)statement_int(&s, 6),
            .due_us = (uint64_t)statement_int(&s, 7),
            .payload = statement_blob(&s, 8),
        };
        err = fn(arg, &row);
        if (err != 0)
            break;
    }
    return statement_end_walk(&s, err);
}

int outbox_postpone(struct meta_tx *tx, int64_t id, uint64_t due_us)
{
    struct statement s = statement_begin(tx, STATEMENT_OUTBOX_POSTPONE);
    statement_bind_int(&s, id);
    statement_bind_int(&s, (int64_t)due_us);
    int err = statement_execute(&s);
    return err == 0 && statement_changes(&s) == 0 ? ERR_NOT_FOUND : err;
}

int outbox_delete(struct meta_tx *tx, int64_t id)
{
    struct statement s = statement_begin(tx, STATEMENT_OUTBOX_DELETE);
    statement_bind_int(&s, id);
    int err = statement_execute(&s);
    return err == 0 && statement_changes(&s) == 0 ? ERR_NOT_FOUND : err;
}
