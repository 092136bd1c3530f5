/* Buckets. Ids come from a counter and are never used twice, so that what outlives a bucket (tombstones) names no other. */
#include "meta/inventory.h"
#include "meta/state.h"
#include "meta/statement.h"
#include "meta/tables.h"
#include "meta/transaction.h"
#include "meta/usage.h"

static int read_row(const struct statement *s, struct bucket_row *ret)
{
    int64_t versioning = statement_int(s, 5);
    if (versioning < BUCKET_UNVERSIONED || versioning > BUCKET_VERSIONING_SUSPENDED)
        return ERR_CORRUPT;
    *ret = (struct bucket_row){
        .id = statement_int(s, 0),
        .name = statement_string(s, 1),
        .owner_id = statement_int(s, 2),
        .created_us = (uint64_t)statement_int(s, 3),
        .region = statement_string(s, 4),
        .versioning = (enum bucket_versioning)versioning,
        .attributes = statement_blob(s, 6),
    };
    return 0;
}

int bucket_get(struct meta_tx *tx, struct slice name, struct bucket_row *ret)
{
    struct bucket_cache *cache = &tx->connection->buckets;
    uint64_t epoch = meta_tx_bucket_epoch(tx);
    const struct bucket_row *kept = epoch != 0 ? bucket_cache_find(cache, name, epoch) : NULL;
    if (kept != NULL) {
        *ret = *kept;
        return 0;
    }
    struct statement s = statement_begin(tx, STATEMENT_BUCKET_GET);
    statement_bind_text(&s, name);
    int err = statement_row(&s);
    if (err == ERR_NOT_FOUND)
        return ERR_NO_SUCH_BUCKET;
    struct bucket_row row;
    if (err == 0)
        err = read_row(&s, &row);
    if (err != 0)
        return err;
    if (tx->read_epoch != 0 && tx->read_epoch == meta_tx_bucket_epoch(tx))
        bucket_cache_put(cache, &row, tx->read_epoch);
    *ret = row;
    return 0;
}

int bucket_get_by_id(struct meta_tx *tx, int64_t id, struct bucket_row *ret)
{
    struct statement s = statement_begin(tx, STATEMENT_BUCKET_BY_ID);
    statement_bind_int(&s, id);
    int err = statement_row(&s);
    return err == ERR_NOT_FOUND ? ERR_NO_SUCH_BUCKET : err != 0 ? err : read_row(&s, ret);
}

const struct bucket_row *bucket_known(struct meta *meta, struct loop *loop, struct slice name)
{
    const struct connection *c = meta_connection_of(meta, loop);
    uint64_t epoch = atomic_load_explicit(&meta->bucket_epoch, memory_order_acquire);
    return c != NULL && epoch % 2 == 0 && epoch != 0 ? bucket_cache_find(&c->buckets, name, epoch) : NULL;
}

static int take_id(struct meta_tx *tx, int64_t *ret)
{
    uint64_t id;
    int err = setting_get_u64(tx, "next_bucket_id", &id);
    if (err == ERR_NOT_FOUND)
        id = 1;
    else if (err != 0)
        return err;
    err = setting_set_u64(tx, "next_bucket_id", id + 1);
    if (err == 0)
        *ret = (int64_t)id;
    return err;
}

int bucket_insert(struct meta_tx *tx, const struct bucket_row *row, int64_t *ret_id)
{
    int64_t id;
    int err = take_id(tx, &id);
    if (err != 0)
        return err;
    tx->buckets_changed = true;
    struct statement s = statement_begin(tx, STATEMENT_BUCKET_INSERT);
    statement_bind_int(&s, id);
    statement_bind_text(&s, row->name);
    statement_bind_int(&s, row->owner_id);
    statement_bind_int(&s, (int64_t)row->created_us);
    statement_bind_text(&s, row->region);
    statement_bind_int(&s, row->versioning);
    statement_bind_blob(&s, row->attributes);
    err = statement_execute(&s);
    if (err == 0)
        err = usage_begin(tx, id);
    if (err == 0)
        *ret_id = id;
    return err;
}

int bucket_update(struct meta_tx *tx, const struct bucket_row *row)
{
    tx->buckets_changed = true;
    struct statement s = statement_begin(tx, STATEMENT_BUCKET_UPDATE);
    statement_bind_int(&s, row->versioning);
    statement_bind_blob(&s, row->attributes);
    statement_bind_int(&s, row->id);
    int err = statement_execute(&s);
    return err == 0 && statement_changes(&s) == 0 ? ERR_NO_SUCH_BUCKET : err;
}

static int refuse_if_any(struct meta_tx *tx, enum statement_id id, int64_t bucket_id)
{
    struct statement s = statement_begin(tx, id);
    statement_bind_int(&s, bucket_id);
    int err = statement_row(&s);
    if (err == ERR_NOT_FOUND)
        return 0;
    statement_end(&s);
    return err != 0 ? err : ERR_BUCKET_NOT_EMPTY;
}

int bucket_check_versions(struct meta_tx *tx, int64_t id)
{
    return refuse_if_any(tx, STATEMENT_BUCKET_HAS_VERSION, id);
}

int bucket_delete(struct meta_tx *tx, int64_t id)
{
    int err = bucket_check_versions(tx, id);
    if (err == 0)
        err = refuse_if_any(tx, STATEMENT_BUCKET_HAS_UPLOAD, id);
    if (err != 0)
        return err;
    tx->buckets_changed = true;
    struct statement s = statement_begin(tx, STATEMENT_BUCKET_DELETE);
    statement_bind_int(&s, id);
    err = statement_execute(&s);
    if (err == 0 && statement_changes(&s) == 0)
        return ERR_NO_SUCH_BUCKET;
    if (err == 0)
        err = inventory_delete_all(tx, id);
    return err != 0 ? err : usage_end(tx, id);
}

int bucket_list(struct meta_tx *tx, struct slice after, int (*fn)(void *, const struct bucket_row *), void *arg)
{
    struct statement s = statement_begin(tx, STATEMENT_BUCKET_LIST);
    statement_bind_text(&s, after);
    int err;
    while ((err = statement_row(&s)) == 0) {
        struct bucket_row row;
        err = read_row(&s, &row);
        if (err == 0)
            err = fn(arg, &row);
        if (err != 0)
            break;
    }
    return statement_end_walk(&s, err);
}
