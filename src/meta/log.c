/* Access log records that are not delivered yet: streams, each with its records in order. See meta/log.h. */
#include "meta/log.h"

#include "meta/statement.h"

static struct log_stream_row read_stream(const struct statement *s)
{
    return (struct log_stream_row){
        .id = statement_int(s, 0),
        .target_id = statement_int(s, 1),
        .target = statement_string(s, 2),
        .format = (uint32_t)statement_int(s, 3),
        .head = statement_blob(s, 4),
        .size = (uint64_t)statement_int(s, 5),
        .roll_us = (uint64_t)statement_int(s, 6),
    };
}

int log_stream_find(struct meta_tx *tx, int64_t target_id, uint32_t format, struct slice head, struct log_stream_row *ret)
{
    struct statement s = statement_begin(tx, STATEMENT_LOG_STREAM_FIND);
    statement_bind_int(&s, target_id);
    statement_bind_int(&s, format);
    statement_bind_blob(&s, head);
    int err = statement_row(&s);
    if (err == 0)
        *ret = read_stream(&s);
    return err;
}

int log_stream_get(struct meta_tx *tx, int64_t id, struct log_stream_row *ret)
{
    struct statement s = statement_begin(tx, STATEMENT_LOG_STREAM_GET);
    statement_bind_int(&s, id);
    int err = statement_row(&s);
    if (err == 0)
        *ret = read_stream(&s);
    return err;
}

int log_stream_list(struct meta_tx *tx, int (*fn)(void *, const struct log_stream_row *), void *arg)
{
    struct statement s = statement_begin(tx, STATEMENT_LOG_STREAM_LIST);
    int err;
    while ((err = statement_row(&s)) == 0) {
        struct log_stream_row row = read_stream(&s);
        err = fn(arg, &row);
        if (err != 0)
            break;
    }
    return statement_end_walk(&s, err);
}

static int insert_stream(struct meta_tx *tx, const struct log_stream_row *row, int64_t *ret_id)
{
    int64_t id = (int64_t)meta_tx_clock(tx);
    struct statement s = statement_begin(tx, STATEMENT_LOG_STREAM_INSERT);
    statement_bind_int(&s, id);
    statement_bind_int(&s, row->target_id);
    statement_bind_text(&s, row->target);
    statement_bind_int(&s, row->format);
    statement_bind_blob(&s, row->head);
    statement_bind_int(&s, 0);
    statement_bind_int(&s, (int64_t)row->roll_us);
    *ret_id = id;
    return statement_execute(&s);
}

static int resize_stream(struct meta_tx *tx, int64_t id, int64_t by, uint64_t roll_us)
{
    struct statement s = statement_begin(tx, STATEMENT_LOG_STREAM_RESIZE);
    statement_bind_int(&s, by);
    statement_bind_int(&s, (int64_t)roll_us);
    statement_bind_int(&s, id);
    int err = statement_execute(&s);
    return err == 0 && statement_changes(&s) == 0 ? ERR_NOT_FOUND : err;
}

int log_append(struct meta_tx *tx, const struct log_stream_row *stream, uint64_t time_us, struct slice records)
{
    struct log_stream_row found;
    int64_t id = 0;
    int err = log_stream_find(tx, stream->target_id, stream->format, stream->head, &found);
    if (err == 0)
        id = found.id;
    else if (err == ERR_NOT_FOUND)
        err = insert_stream(tx, stream, &id);
    if (err == 0)
        err = resize_stream(tx, id, (int64_t)records.len, stream->roll_us);
    if (err != 0)
        return err;
    struct statement s = statement_begin(tx, STATEMENT_LOG_RECORD_INSERT);
    statement_bind_int(&s, id);
    statement_bind_int(&s, (int64_t)meta_tx_clock(tx));
    statement_bind_int(&s, (int64_t)time_us);
    statement_bind_blob(&s, records);
    return statement_execute(&s);
}

int log_record_list(struct meta_tx *tx, int64_t stream_id, int (*fn)(void *, const struct log_record_row *), void *arg)
{
    struct statement s = statement_begin(tx, STATEMENT_LOG_RECORD_LIST);
    statement_bind_int(&s, stream_id);
    int err;
    while ((err = statement_row(&s)) == 0) {
        struct log_record_row row = {
            .id = statement_int(&s, 0),
            .time_us = (uint64_t)statement_int(&s, 1),
            .records = statement_blob(&s, 2),
        };
        err = fn(arg, &row);
        if (err != 0)
            break;
    }
    return statement_end_walk(&s, err);
}

int log_record_first(struct meta_tx *tx, int64_t stream_id, uint64_t *ret_time_us)
{
    struct statement s = statement_begin(tx, STATEMENT_LOG_RECORD_FIRST);
    statement_bind_int(&s, stream_id);
    int err = statement_row(&s);
    if (err != 0)
        return err;
    *ret_time_us = (uint64_t)statement_int(&s, 0);
    statement_end(&s);
    return 0;
}

static int drop_if_empty(struct meta_tx *tx, int64_t stream_id)
{
    uint64_t first;
    int err = log_record_first(tx, stream_id, &first);
    if (err != ERR_NOT_FOUND)
        return err;
    struct statement s = statement_begin(tx, STATEMENT_LOG_STREAM_DELETE);
    statement_bind_int(&s, stream_id);
    return statement_execute(&s);
}

int log_records_delete(struct meta_tx *tx, int64_t stream_id, int64_t last_id, uint32_t count, uint64_t size)
{
    struct statement s = statement_begin(tx, STATEMENT_LOG_RECORD_DELETE);
    statement_bind_int(&s, stream_id);
    statement_bind_int(&s, last_id);
    int err = statement_execute(&s);
    if (err != 0)
        return err;
    if (statement_changes(&s) != count)
        return ERR_CONFLICT;
    s = statement_begin(tx, STATEMENT_LOG_STREAM_RESIZE_ONLY);
    statement_bind_int(&s, -(int64_t)size);
    statement_bind_int(&s, stream_id);
    err = statement_execute(&s);
    return err != 0 ? err : drop_if_empty(tx, stream_id);
}

int log_target_gone(struct meta_tx *tx, int64_t target_id)
{
    struct statement s = statement_begin(tx, STATEMENT_LOG_STREAM_ORPHAN);
    statement_bind_int(&s, target_id);
    return statement_execute(&s);
}
