/* What is due by lifecycle rules, and the walks through buckets whose rules changed. */
#include "meta/statement.h"
#include "meta/tables.h"

static int write_row(struct meta_tx *tx, enum statement_id id, const struct lifecycle_due_row *row)
{
    struct statement s = statement_begin(tx, id);
    statement_bind_int(&s, row->bucket_id);
    statement_bind_blob(&s, row->key);
    statement_bind_int(&s, row->rank);
    statement_bind_int(&s, (int64_t)row->due_us);
    return statement_execute(&s);
}

int lifecycle_due_put(struct meta_tx *tx, const struct lifecycle_due_row *row)
{
    return write_row(tx, STATEMENT_LIFECYCLE_DUE_PUT, row);
}

int lifecycle_due_advance(struct meta_tx *tx, const struct lifecycle_due_row *row)
{
    return write_row(tx, STATEMENT_LIFECYCLE_DUE_ADVANCE, row);
}

int lifecycle_due_delete(struct meta_tx *tx, int64_t bucket_id, struct slice key, int64_t rank)
{
    struct statement s = statement_begin(tx, STATEMENT_LIFECYCLE_DUE_DELETE);
    statement_bind_int(&s, bucket_id);
    statement_bind_blob(&s, key);
    statement_bind_int(&s, rank);
    return statement_execute(&s);
}

static int walk(struct statement *s, int (*fn)(void *, const struct lifecycle_due_row *), void *arg)
{
    int err;
    while ((err = statement_row(s)) == 0) {
        struct lifecycle_due_row row = {statement_int(s, 0), statement_blob(s, 1), statement_int(s, 2), (uint64_t)statement_int(s, 3)};
        err = fn(arg, &row);
        if (err != 0)
            break;
    }
    return statement_end_walk(s, err);
}

int lifecycle_due_list(struct meta_tx *tx, uint64_t until_us, int (*fn)(void *, const struct lifecycle_due_row *), void *arg)
{
    struct statement s = statement_begin(tx, STATEMENT_LIFECYCLE_DUE_LIST);
    statement_bind_int(&s, (int64_t)until_us);
    return walk(&s, fn, arg);
}

int lifecycle_due_list_bucket(struct meta_tx *tx, int64_t bucket_id, int (*fn)(void *, const struct lifecycle_due_row *), void *arg)
{
    struct statement s = statement_begin(tx, STATEMENT_LIFECYCLE_DUE_LIST_BUCKET);
    statement_bind_int(&s, bucket_id);
    return walk(&s, fn, arg);
}

int lifecycle_walk_put(struct meta_tx *tx, const struct lifecycle_walk_row *row)
{
    struct statement s = statement_begin(tx, STATEMENT_LIFECYCLE_WALK_PUT);
    statement_bind_int(&s, row->bucket_id);
    statement_bind_int(&s, (int64_t)row->begun);
    statement_bind_int(&s, row->stage);
    statement_bind_blob(&s, row->key);
    statement_bind_int(&s, row->rank);
    statement_bind_int(&s, (int64_t)row->looked);
    return statement_execute(&s);
}

static int read_walk(struct statement *s, struct lifecycle_walk_row *ret)
{
    int err = statement_row(s);
    if (err == 0)
        *ret = (struct lifecycle_walk_row){
            .bucket_id = statement_int(s, 0),
            .begun = (uint64_t)statement_int(s, 1),
            .stage = (uint32_t)statement_int(s, 2),
            .key = statement_blob(s, 3),
            .rank = statement_int(s, 4),
            .looked = (uint64_t)statement_int(s, 5),
        };
    return err;
}

int lifecycle_walk_get(struct meta_tx *tx, int64_t bucket_id, struct lifecycle_walk_row *ret)
{
    struct statement s = statement_begin(tx, STATEMENT_LIFECYCLE_WALK_GET);
    statement_bind_int(&s, bucket_id);
    return read_walk(&s, ret);
}

int lifecycle_walk_first(struct meta_tx *tx, int64_t bucket_after, struct lifecycle_walk_row *ret)
{
    struct statement s = statement_begin(tx, STATEMENT_LIFECYCLE_WALK_FIRST);
    statement_bind_int(&s, bucket_after);
    return read_walk(&s, ret);
}

int lifecycle_walk_delete(struct meta_tx *tx, int64_t bucket_id)
{
    struct statement s = statement_begin(tx, STATEMENT_LIFECYCLE_WALK_DELETE);
    statement_bind_int(&s, bucket_id);
    return statement_execute(&s);
}
