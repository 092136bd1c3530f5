/* Contents: the bytes of a version or part, inline in the database or as segments of extents, and the boundaries of the
 * parts they were made of. A segment holds one reference to its extent. Segments of a content lie end to end from 0. */
#include "meta/statement.h"
#include "meta/tables.h"
#include "meta/extent_reference.h"
#include "meta/trash.h"

#define ROWS_AT_ONCE_MAX 16 /* segments, and boundaries: what one request deletes of a content itself */

int content_insert_inline(struct meta_tx *tx, int64_t content_id, struct slice bytes)
{
    if (bytes.len > INLINE_CONTENT_MAX)
        return ERR_TOO_LARGE;
    struct statement s = statement_begin(tx, STATEMENT_INLINE_INSERT);
    statement_bind_int(&s, content_id);
    statement_bind_blob(&s, bytes);
    return statement_execute(&s);
}

int content_get_inline(struct meta_tx *tx, int64_t content_id, struct slice *ret)
{
    struct statement s = statement_begin(tx, STATEMENT_INLINE_GET);
    statement_bind_int(&s, content_id);
    int err = statement_row(&s);
    if (err == 0)
        *ret = statement_blob(&s, 0);
    return err;
}

static int inline_size(struct meta_tx *tx, int64_t content_id, uint64_t *ret)
{
    struct statement s = statement_begin(tx, STATEMENT_INLINE_SIZE);
    statement_bind_int(&s, content_id);
    int err = statement_row(&s);
    if (err != 0)
        return err;
    *ret = (uint64_t)statement_int(&s, 0);
    statement_end(&s);
    return 0;
}

int content_is_inline(struct meta_tx *tx, int64_t content_id, bool *ret)
{
    uint64_t size;
    int err = inline_size(tx, content_id, &size);
    if (err != 0 && err != ERR_NOT_FOUND)
        return err;
    *ret = err == 0;
    return 0;
}

int content_insert_segment(struct meta_tx *tx, const struct segment_row *row)
{
    struct statement s = statement_begin(tx, STATEMENT_SEGMENT_INSERT);
    statement_bind_int(&s, row->content_id);
    statement_bind_int(&s, (int64_t)row->start);
    statement_bind_int(&s, (int64_t)row->len);
    statement_bind_int(&s, row->extent_id);
    statement_bind_int(&s, (int64_t)row->extent_off);
    return statement_execute(&s);
}

static int read_segment(const struct statement *s, struct segment_row *ret)
{
    if (statement_int(s, 1) < 0 || statement_int(s, 2) <= 0 || statement_int(s, 4) < 0)
        return ERR_CORRUPT;
    *ret = (struct segment_row){
        .content_id = statement_int(s, 0),
        .start = (uint64_t)statement_int(s, 1),
        .len = (uint64_t)statement_int(s, 2),
        .extent_id = statement_int(s, 3),
        .extent_off = (uint64_t)statement_int(s, 4),
    };
    return 0;
}

static int64_t end_of(uint64_t from, uint64_t len)
{
    return len > (uint64_t)INT64_MAX - from ? INT64_MAX : (int64_t)(from + len);
}

static int walk_segments(struct statement *s, int64_t content_id, uint64_t from, uint64_t len,
                         int (*fn)(void *, const struct segment_row *), void *arg)
{
    if (from > INT64_MAX)
        from = INT64_MAX;
    statement_bind_int(s, content_id);
    statement_bind_int(s, (int64_t)from);
    statement_bind_int(s, end_of(from, len));
    int err;
    while ((err = statement_row(s)) == 0) {
        struct segment_row row;
        err = read_segment(s, &row);
        if (err == 0 && row.start + row.len > from)
            err = fn(arg, &row);
        if (err != 0)
            break;
    }
    return statement_end_walk(s, err);
}

int content_segments(struct meta_tx *tx, int64_t content_id, uint64_t from, uint64_t len,
                     int (*fn)(void *, const struct segment_row *), void *arg)
{
    struct statement s = statement_begin(tx, STATEMENT_SEGMENT_LIST);
    return walk_segments(&s, content_id, from, len, fn, arg);
}

static int run_by_id(struct meta_tx *tx, enum statement_id id, int64_t content_id, int64_t *ret_changes)
{
    struct statement s = statement_begin(tx, id);
    statement_bind_int(&s, content_id);
    int err = statement_execute(&s);
    if (err == 0)
        *ret_changes = statement_changes(&s);
    return err;
}

static int drop_segments(struct meta_tx *tx, int64_t content_id)
{
    struct statement s = statement_begin(tx, STATEMENT_SEGMENT_EXTENTS);
    statement_bind_int(&s, content_id);
    int err;
    while ((err = statement_row(&s)) == 0) {
        err = extent_drop_reference(tx, statement_int(&s, 0));
        if (err != 0)
            break;
    }
    err = statement_end_walk(&s, err);
    int64_t changes;
    return err != 0 ? err : run_by_id(tx, STATEMENT_SEGMENT_DELETE, content_id, &changes);
}

static int has_more_rows(struct meta_tx *tx, enum statement_id id, int64_t content_id, bool *ret)
{
    struct statement s = statement_begin(tx, id);
    statement_bind_int(&s, content_id);
    statement_bind_int(&s, ROWS_AT_ONCE_MAX);
    int err = statement_row(&s);
    if (err != 0 && err != ERR_NOT_FOUND)
        return err;
    *ret = err == 0;
    statement_end(&s);
    return 0;
}

static int is_large(struct meta_tx *tx, int64_t content_id, bool *ret)
{
    int err = has_more_rows(tx, STATEMENT_SEGMENT_BEYOND, content_id, ret);
    return err != 0 || *ret ? err : has_more_rows(tx, STATEMENT_CONTENT_PART_BEYOND, content_id, ret);
}

int content_delete(struct meta_tx *tx, int64_t content_id)
{
    int64_t changes;
    int err = run_by_id(tx, STATEMENT_INLINE_DELETE, content_id, &changes);
    if (err == 0 && changes == 0) {
        bool large;
        err = is_large(tx, content_id, &large);
        if (err == 0 && large)
            return trash_content(tx, content_id);
        if (err == 0)
            err = drop_segments(tx, content_id);
    }
    return err != 0 ? err : run_by_id(tx, STATEMENT_CONTENT_PART_DELETE, content_id, &changes);
}

struct share { struct meta_tx *tx; uint64_t from, end; int64_t target_id; uint64_t target_start, shared; };

static int share_segment(void *arg, const struct segment_row *row)
{
    struct share *share = arg;
    uint64_t first = row->start > share->from ? row->start : share->from;
    uint64_t end = row->start + row->len < share->end ? row->start + row->len : share->end;
    struct segment_row copy = {
        .content_id = share->target_id,
        .start = share->target_start + (first - share->from),
        .len = end - first,
        .extent_id = row->extent_id,
        .extent_off = row->extent_off + (first - row->start),
    };
    share->shared += copy.len;
    int err = content_insert_segment(share->tx, &copy);
    return err != 0 ? err : extent_add_reference(share->tx, copy.extent_id);
}

static int share_segments(struct meta_tx *tx, int64_t source_id, struct share *share)
{
    struct statement s = statement_begin(tx, STATEMENT_SEGMENT_OF_SHARE);
    int err = walk_segments(&s, source_id, share->from, share->end - share->from, share_segment, share);
    if (err != 0)
        return err;
    return share->shared == share->end - share->from ? 0 : ERR_CORRUPT;
}

static int share_inline(struct meta_tx *tx, int64_t source_id, uint64_t from, uint64_t len, int64_t target_id)
{
    struct statement s = statement_begin(tx, STATEMENT_INLINE_COPY);
    statement_bind_int(&s, target_id);
    statement_bind_int(&s, source_id);
    statement_bind_int(&s, (int64_t)from);
    statement_bind_int(&s, (int64_t)len);
    return statement_execute(&s);
}

static int share_parts(struct meta_tx *tx, int64_t source_id, int64_t target_id)
{
    struct statement s = statement_begin(tx, STATEMENT_CONTENT_PART_COPY);
    statement_bind_int(&s, target_id);
    statement_bind_int(&s, source_id);
    return statement_execute(&s);
}

int content_share(struct meta_tx *tx, int64_t source_id, uint64_t from, uint64_t len, bool with_parts, int64_t target_id,
                  uint64_t target_start)
{
    if (source_id == target_id || from > INT64_MAX || len > INT64_MAX - from)
        return ERR_INVALID;
    uint64_t size;
    int err = len > 0 ? inline_size(tx, source_id, &size) : 0;
    if (len == 0) {
        /* no bytes, but parts there may be: an upload of one empty part */
    } else if (err == 0) {
        if (target_start != 0)
            return ERR_INVALID;
        err = from + len > size ? ERR_CORRUPT : share_inline(tx, source_id, from, len, target_id);
    } else if (err == ERR_NOT_FOUND) {
        struct share share = {.tx = tx, .from = from, .end = from + len, .target_id = target_id,
                              .target_start = target_start};
        err = share_segments(tx, source_id, &share);
    }
    return err == 0 && with_parts ? share_parts(tx, source_id, target_id) : err;
}

static int move(struct meta_tx *tx, enum statement_id id, int64_t source_id, int64_t target_id, uint64_t target_start)
{
    struct statement s = statement_begin(tx, id);
    statement_bind_int(&s, target_id);
    statement_bind_int(&s, source_id);
    if (id == STATEMENT_SEGMENT_MOVE)
        statement_bind_int(&s, (int64_t)target_start);
    return statement_execute(&s);
}

int content_append(struct meta_tx *tx, int64_t source_id, int64_t target_id, uint64_t target_start)
{
    bool is_inline;
    int err = content_is_inline(tx, source_id, &is_inline);
    if (err != 0)
        return err;
    if (is_inline && target_start != 0)
        return ERR_INVALID;
    return move(tx, is_inline ? STATEMENT_INLINE_MOVE : STATEMENT_SEGMENT_MOVE, source_id, target_id, target_start);
}

int content_insert_part(struct meta_tx *tx, const struct content_part_row *row)
{
    struct statement s = statement_begin(tx, STATEMENT_CONTENT_PART_INSERT);
    statement_bind_int(&s, row->content_id);
    statement_bind_int(&s, row->part_number);
    statement_bind_int(&s, (int64_t)row->start);
    statement_bind_int(&s, (int64_t)row->size);
    statement_bind_blob(&s, row->checksum);
    return statement_execute(&s);
}

static struct content_part_row read_part(const struct statement *s)
{
    return (struct content_part_row){
        .content_id = statement_int(s, 0),
        .part_number = (uint32_t)statement_int(s, 1),
        .start = (uint64_t)statement_int(s, 2),
        .size = (uint64_t)statement_int(s, 3),
        .checksum = statement_blob(s, 4),
    };
}

int content_get_part(struct meta_tx *tx, int64_t content_id, uint32_t part_number, struct content_part_row *ret)
{
    struct statement s = statement_begin(tx, STATEMENT_CONTENT_PART_GET);
    statement_bind_int(&s, content_id);
    statement_bind_int(&s, part_number);
    int err = statement_row(&s);
    if (err == 0)
        *ret = read_part(&s);
    return err == ERR_NOT_FOUND ? ERR_INVALID_PART : err;
}

int content_last_part(struct meta_tx *tx, int64_t content_id, uint32_t *ret_part_number)
{
    struct statement s = statement_begin(tx, STATEMENT_CONTENT_PART_LAST);
    statement_bind_int(&s, content_id);
    int err = statement_row(&s);
    if (err != 0)
        return err;
    int64_t last = statement_int(&s, 0); /* 0 for NULL */
    statement_end(&s);
    if (last <= 0 || last > UINT32_MAX)
        return ERR_CORRUPT;
    *ret_part_number = (uint32_t)last;
    return 0;
}

int content_parts(struct meta_tx *tx, int64_t content_id, uint32_t after, int (*fn)(void *, const struct content_part_row *),
                  void *arg)
{
    struct statement s = statement_begin(tx, STATEMENT_CONTENT_PART_LIST);
    statement_bind_int(&s, content_id);
    statement_bind_int(&s, after);
    int err;
    while ((err = statement_row(&s)) == 0) {
        struct content_part_row row = read_part(&s);
        err = fn(arg, &row);
        if (err != 0)
            break;
    }
    return statement_end_walk(&s, err);
}
