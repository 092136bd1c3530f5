/* Versions: the rows that requests look up and list. Walked in the order of the primary key. */
#include "meta/statement.h"
#include "meta/tables.h"
#include "meta/usage.h"

static int read_row(const struct statement *s, struct version_row *ret)
{
    int64_t size = statement_int(s, 5);
    if (size < 0)
        return ERR_CORRUPT;
    *ret = (struct version_row){
        .bucket_id = statement_int(s, 0),
        .key = statement_blob(s, 1),
        .rank = statement_int(s, 2),
        .version_id = statement_blob(s, 3),
        .flags = (uint32_t)statement_int(s, 4),
        .size = (uint64_t)size,
        .etag = statement_blob(s, 6),
        .modified_us = (uint64_t)statement_int(s, 7),
        .content_id = statement_int(s, 8),
        .owner_id = statement_int(s, 9),
        .storage_class = (uint32_t)statement_int(s, 10),
        .attributes = statement_blob(s, 11),
        .origin_clock = (uint64_t)statement_int(s, 12),
        .origin_region = (uint32_t)statement_int(s, 13),
        .origin_version_id = statement_blob(s, 14),
        .replication = (uint32_t)statement_int(s, 15),
    };
    return 0;
}

static int read_first(struct statement *s, int absent, struct version_row *ret)
{
    int err = statement_row(s);
    if (err == ERR_NOT_FOUND)
        return absent;
    return err != 0 ? err : read_row(s, ret);
}

int version_current(struct meta_tx *tx, int64_t bucket_id, struct slice key, struct version_row *ret)
{
    struct statement s = statement_begin(tx, STATEMENT_VERSION_CURRENT);
    statement_bind_int(&s, bucket_id);
    statement_bind_blob(&s, key);
    return read_first(&s, ERR_NO_SUCH_KEY, ret);
}

int version_get(struct meta_tx *tx, int64_t bucket_id, struct slice key, struct slice version_id, struct version_row *ret)
{
    struct statement s = statement_begin(tx, STATEMENT_VERSION_GET);
    statement_bind_int(&s, bucket_id);
    statement_bind_blob(&s, key);
    statement_bind_blob(&s, version_id);
    return read_first(&s, ERR_NO_SUCH_VERSION, ret);
}

int version_at(struct meta_tx *tx, int64_t bucket_id, struct slice key, int64_t rank, struct version_row *ret)
{
    struct statement s = statement_begin(tx, STATEMENT_VERSION_AT);
    statement_bind_int(&s, bucket_id);
    statement_bind_blob(&s, key);
    statement_bind_int(&s, rank);
    return read_first(&s, ERR_NO_SUCH_VERSION, ret);
}

int version_newer(struct meta_tx *tx, int64_t bucket_id, struct slice key, int64_t rank_before,
                  int (*fn)(void *, int64_t rank, uint32_t flags, uint64_t modified_us), void *arg)
{
    struct statement s = statement_begin(tx, STATEMENT_VERSION_NEWER);
    statement_bind_int(&s, bucket_id);
    statement_bind_blob(&s, key);
    statement_bind_int(&s, rank_before);
    int err;
    while ((err = statement_row(&s)) == 0) {
        err = fn(arg, statement_int(&s, 0), (uint32_t)statement_int(&s, 1), (uint64_t)statement_int(&s, 2));
        if (err != 0)
            break;
    }
    return statement_end_walk(&s, err);
}

int version_older(struct meta_tx *tx, int64_t bucket_id, struct slice key, int64_t rank_after,
                  int (*fn)(void *, int64_t rank, uint32_t flags), void *arg)
{
    struct statement s = statement_begin(tx, STATEMENT_VERSION_OLDER);
    statement_bind_int(&s, bucket_id);
    statement_bind_blob(&s, key);
    statement_bind_int(&s, rank_after);
    int err;
    while ((err = statement_row(&s)) == 0) {
        err = fn(arg, statement_int(&s, 0), (uint32_t)statement_int(&s, 1));
        if (err != 0)
            break;
    }
    return statement_end_walk(&s, err);
}

static struct bucket_usage usage_of(const struct version_row *row, int64_t sign)
{
    return (struct bucket_usage){.versions = row->flags & VERSION_DELETE_MARKER ? 0 : sign, .bytes = sign * (int64_t)row->size};
}

int version_insert(struct meta_tx *tx, const struct version_row *row)
{
    struct statement s = statement_begin(tx, STATEMENT_VERSION_INSERT);
    statement_bind_int(&s, row->bucket_id);
    statement_bind_blob(&s, row->key);
    statement_bind_int(&s, row->rank);
    statement_bind_blob(&s, row->version_id);
    statement_bind_int(&s, row->flags);
    statement_bind_int(&s, (int64_t)row->size);
    statement_bind_blob(&s, row->etag);
    statement_bind_int(&s, (int64_t)row->modified_us);
    statement_bind_int(&s, row->content_id);
    statement_bind_int(&s, row->owner_id);
    statement_bind_int(&s, row->storage_class);
    statement_bind_blob(&s, row->attributes);
    statement_bind_int(&s, (int64_t)row->origin_clock);
    statement_bind_int(&s, row->origin_region);
    if (row->origin_version_id.len > 0)
        statement_bind_blob(&s, row->origin_version_id);
    else
        statement_bind_null(&s);
    statement_bind_int(&s, row->replication);
    int err = statement_execute(&s);
    return err != 0 ? err : usage_add(tx, row->bucket_id, usage_of(row, 1));
}

int version_delete(struct meta_tx *tx, const struct version_row *row)
{
    struct statement s = statement_begin(tx, STATEMENT_VERSION_DELETE);
    statement_bind_int(&s, row->bucket_id);
    statement_bind_blob(&s, row->key);
    statement_bind_int(&s, row->rank);
    int err = statement_execute(&s);
    if (err == 0 && statement_changes(&s) == 0)
        return ERR_NO_SUCH_VERSION;
    return err != 0 ? err : usage_add(tx, row->bucket_id, usage_of(row, -1));
}

/* Ranks lie between 0 and INT64_MAX, so that (from, -1) is before and (from, INT64_MAX) behind all rows of a key. The
 * cursor's statement is the connection's own; `from` is copied into it, as the caller's may go before the walk ends. */
int version_seek(struct meta_tx *tx, int64_t bucket_id, struct slice from, bool inclusive, const int64_t *rank_after,
                 struct version_cursor *ret)
{
    int64_t rank = rank_after != NULL ? *rank_after : inclusive ? -1 : INT64_MAX;
    struct statement s = statement_begin(tx, STATEMENT_VERSION_SEEK);
    statement_bind_int(&s, bucket_id);
    statement_bind_copy(&s, from);
    statement_bind_int(&s, rank);
    if (s.err != 0) {
        statement_end(&s);
        return s.err;
    }
    *ret = (struct version_cursor){.tx = tx, .statement = s.raw};
    return 0;
}

static struct statement statement_of(const struct version_cursor *c)
{
    return statement_resume(c->tx, STATEMENT_VERSION_SEEK, c->statement);
}

int version_next(struct version_cursor *cursor, struct version_row *ret)
{
    if (cursor->statement == NULL)
        return ERR_NOT_FOUND;
    struct statement s = statement_of(cursor);
    int err = statement_row(&s);
    if (err != 0)
        cursor->statement = NULL; /* stepping a finished statement would start it again */
    return err != 0 ? err : read_row(&s, ret);
}

void version_cursor_close(struct version_cursor *cursor)
{
    if (cursor->statement == NULL)
        return;
    struct statement s = statement_of(cursor);
    statement_end(&s);
    cursor->statement = NULL;
}
