/* Deletions in buckets without versioning, remembered so that replication does not bring the key back. */
#include "meta/statement.h"
#include "meta/tables.h"

int tombstone_put(struct meta_tx *tx, int64_t bucket_id, struct slice key, uint64_t origin_clock, uint32_t origin_region)
{
    struct statement s = statement_begin(tx, STATEMENT_TOMBSTONE_PUT);
    statement_bind_int(&s, bucket_id);
    statement_bind_blob(&s, key);
    statement_bind_int(&s, (int64_t)origin_clock);
    statement_bind_int(&s, origin_region);
    return statement_execute(&s);
}

int tombstone_get(struct meta_tx *tx, int64_t bucket_id, struct slice key, uint64_t *ret_origin_clock,
                  uint32_t *ret_origin_region)
{
    struct statement s = statement_begin(tx, STATEMENT_TOMBSTONE_GET);
    statement_bind_int(&s, bucket_id);
    statement_bind_blob(&s, key);
    int err = statement_row(&s);
    if (err != 0)
        return err;
    *ret_origin_clock = (uint64_t)statement_int(&s, 0);
    *ret_origin_region = (uint32_t)statement_int(&s, 1);
    statement_end(&s);
    return 0;
}

int tombstone_delete(struct meta_tx *tx, int64_t bucket_id, struct slice key)
{
    struct statement s = statement_begin(tx, STATEMENT_TOMBSTONE_DELETE);
    statement_bind_int(&s, bucket_id);
    statement_bind_blob(&s, key);
    int err = statement_execute(&s);
    return err == 0 && statement_changes(&s) == 0 ? ERR_NOT_FOUND : err;
}
