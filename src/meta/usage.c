/* See usage.h. */
#include "meta/usage.h"

#include <stdlib.h>

#include "meta/statement.h"
#include "meta/transaction.h"

static struct bucket_usage sum(const struct usage_batch *batch, size_t from, int64_t bucket_id)
{
    struct bucket_usage ret = {0};
    for (size_t i = from; i < batch->count; i++) {
        if (batch->changes[i].bucket_id != bucket_id)
            continue;
        ret.versions += batch->changes[i].usage.versions;
        ret.bytes += batch->changes[i].usage.bytes;
    }
    return ret;
}

int usage_add(struct meta_tx *tx, int64_t bucket_id, struct bucket_usage change)
{
    struct usage_batch *batch = &tx->usage;
    struct usage_change *last = batch->count > tx->mark.usage ? &batch->changes[batch->count - 1] : NULL;
    if (last != NULL && last->bucket_id == bucket_id) {
        last->usage.versions += change.versions;
        last->usage.bytes += change.bytes;
        return 0;
    }
    if (batch->count == batch->capacity) {
        size_t capacity = batch->capacity > 0 ? batch->capacity * 2 : 64;
        struct usage_change *grown = realloc(batch->changes, capacity * sizeof *grown);
        if (grown == NULL)
            return ERR_NO_MEMORY;
        batch->changes = grown;
        batch->capacity = capacity;
    }
    batch->changes[batch->count++] = (struct usage_change){bucket_id, change};
    return 0;
}

int usage_get(struct meta_tx *tx, int64_t bucket_id, struct bucket_usage *ret)
{
    struct statement s = statement_begin(tx, STATEMENT_USAGE_GET);
    statement_bind_int(&s, bucket_id);
    int err = statement_row(&s);
    if (err != 0)
        return err == ERR_NOT_FOUND ? ERR_NO_SUCH_BUCKET : err;
    struct bucket_usage changed = sum(&tx->usage, 0, bucket_id);
    *ret = (struct bucket_usage){statement_int(&s, 0) + changed.versions, statement_int(&s, 1) + changed.bytes};
    statement_end(&s);
    return 0;
}

struct bucket_usage usage_of_request(const struct meta_tx *tx, int64_t bucket_id)
{
    return sum(&tx->usage, tx->mark.usage, bucket_id);
}

static int write_change(struct meta_tx *tx, const struct usage_change *change)
{
    if (change->usage.versions == 0 && change->usage.bytes == 0)
        return 0;
    struct statement s = statement_begin(tx, STATEMENT_USAGE_ADD);
    statement_bind_int(&s, change->bucket_id);
    statement_bind_int(&s, change->usage.versions);
    statement_bind_int(&s, change->usage.bytes);
    return statement_execute(&s);
}

static int compare(const void *a, const void *b)
{
    int64_t x = ((const struct usage_change *)a)->bucket_id, y = ((const struct usage_change *)b)->bucket_id;
    return (x > y) - (x < y);
}

int usage_write(struct meta_tx *tx)
{
    struct usage_batch *batch = &tx->usage;
    if (batch->count == 0)
        return 0;
    qsort(batch->changes, batch->count, sizeof batch->changes[0], compare);
    int err = 0;
    for (size_t i = 0, next; i < batch->count && err == 0; i = next) {
        struct usage_change change = batch->changes[i];
        for (next = i + 1; next < batch->count && batch->changes[next].bucket_id == change.bucket_id; next++) {
            change.usage.versions += batch->changes[next].usage.versions;
            change.usage.bytes += batch->changes[next].usage.bytes;
        }
        err = write_change(tx, &change);
    }
    return err;
}

static int run(struct meta_tx *tx, enum statement_id id, int64_t bucket_id)
{
    struct statement s = statement_begin(tx, id);
    statement_bind_int(&s, bucket_id);
    return statement_execute(&s);
}

int usage_begin(struct meta_tx *tx, int64_t bucket_id)
{
    return run(tx, STATEMENT_USAGE_INSERT, bucket_id);
}

int usage_end(struct meta_tx *tx, int64_t bucket_id)
{
    return run(tx, STATEMENT_USAGE_DELETE, bucket_id);
}
