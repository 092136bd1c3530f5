/* See check.h. A statement answers with a line per finding; a second and a third column are what mending it needs. ?1 is the
 * number of blocks in a chunk. */
#include "meta/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "meta/connection.h"
#include "meta/job.h"
#include "meta/state.h"
#include "meta/tables.h"
#include "meta/transaction.h"
#include "meta/writer.h"
#include "placement/extent_layout.h"

#define PROGRESS_STEPS 10000 /* of SQLite's machine between two looks around */
#define MEND_BATCH 64u
#define MEND_MAX 100000u     /* per check and run */
#define LINE_MAX_LEN 300

struct repairable { int64_t id, value; };

struct check {
    const char *what;
    const char *sql;
    bool (*judge)(sqlite3_stmt *, char line[LINE_MAX_LEN]); /* NULL: every row is a finding, its first column the line */
    int (*mend)(struct meta_tx *, const struct repairable *);
};

struct checking {
    struct meta *meta;
    struct loop *loop;
    struct connection *connection;
    const struct check_options *options;
    struct check_report report;
    bool pressed;                /* broken off because the log fills */
    struct repairable *found;
    uint32_t found_count, found_capacity;
};

#define OWNERS "SELECT content_id FROM version WHERE content_id <> 0 UNION ALL SELECT content_id FROM part WHERE content_id <> 0 " \
    "UNION ALL SELECT target FROM outbox WHERE kind = 1"
/* What is being deleted in the background (trash.h): half of it may be gone. */
#define KEPT_CONTENT "content_id NOT IN (SELECT target FROM outbox WHERE kind = 1)"
#define KEPT_UPLOAD "upload_row NOT IN (SELECT target FROM outbox WHERE kind = 2)"
#define BYTES_OF(id) "(COALESCE((SELECT length(bytes) FROM inline_content i WHERE i.content_id = " id "), 0) + " \
                     "COALESCE((SELECT SUM(len) FROM segment s WHERE s.content_id = " id "), 0))"
/* Encrypted contents lie in frames (base/frame.h), each stream of size bytes for itself. */
#define FRAMED(size) "(" size " + (" size " + 65535) / 65536 * 32)"
#define PARTS_FRAMED "(SELECT SUM" FRAMED("c.size") " FROM content_part c WHERE c.content_id = v.content_id)"
#define USAGE(column, counted) "SELECT printf('bucket_usage %lld: %lld " column ", but its bucket has %lld', bucket_id, " column ", have), " \
                               "bucket_id, have FROM (SELECT u.bucket_id, u." column ", COALESCE((SELECT " counted \
                               " FROM version v WHERE v.bucket_id = u.bucket_id), 0) AS have FROM bucket_usage u) WHERE " column " <> have"
#define KEY "CASE WHEN length(key) > 64 THEN substr(hex(key), 1, 128) || '...' ELSE hex(key) END"

static bool judge_integrity(sqlite3_stmt *s, char line[LINE_MAX_LEN])
{
    const char *text = (const char *)sqlite3_column_text(s, 0);
    snprintf(line, LINE_MAX_LEN, "database: %s", text != NULL ? text : "?");
    return text == NULL || strcmp(text, "ok") != 0;
}

/* id, len, unit_shift, block_count, bytes of crcs, data_count, parity_count */
static bool judge_layout(sqlite3_stmt *s, char line[LINE_MAX_LEN])
{
    struct extent_layout l;
    int64_t len = sqlite3_column_int64(s, 1), shift = sqlite3_column_int64(s, 2);
    int64_t k = sqlite3_column_int64(s, 5), m = sqlite3_column_int64(s, 6);
    bool plausible = len > 0 && len <= EXTENT_LEN_MAX && shift == EXTENT_UNIT_SHIFT && k >= 1 && k <= DATA_MAX && m >= 0 &&
                     m <= PARITY_MAX;
    if (plausible) {
        extent_layout_init(&l, (uint32_t)k, (uint32_t)m, (uint8_t)shift, (uint64_t)len);
        if (sqlite3_column_int64(s, 3) == extent_block_count(&l) && sqlite3_column_int64(s, 4) == 4ll * extent_crc_count(&l))
            return false;
    }
    snprintf(line, LINE_MAX_LEN, "extent %lld: its blocks or checksums do not fit its length of %lld",
             (long long)sqlite3_column_int64(s, 0), (long long)len);
    return true;
}

static int mend_content(struct meta_tx *tx, const struct repairable *r)
{
    return content_delete(tx, r->id);
}

static int execute(struct meta_tx *tx, const char *sql, const struct repairable *r)
{
    sqlite3_stmt *s;
    int code = sqlite3_prepare_v2(tx->connection->db, sql, -1, &s, NULL);
    if (code != SQLITE_OK)
        return statement_error(tx->connection, code);
    sqlite3_bind_int64(s, 1, r->id);
    if (sqlite3_bind_parameter_count(s) > 1)
        sqlite3_bind_int64(s, 2, r->value);
    code = sqlite3_step(s);
    int err = code == SQLITE_DONE ? 0 : statement_error(tx->connection, code);
    sqlite3_finalize(s);
    return err;
}

/* value: segments that name it. The group's counter is put right by the check that follows. */
static int mend_references(struct meta_tx *tx, const struct repairable *r)
{
    return execute(tx, r->value > 0 ? "UPDATE extent SET refs = ?2 WHERE id = ?1" : "DELETE FROM extent WHERE id = ?1", r);
}

static int mend_free_blocks(struct meta_tx *tx, const struct repairable *r)
{
    return execute(tx, "UPDATE chunk_group SET free_blocks = ?2 WHERE id = ?1 AND ?2 >= 0", r);
}

static int mend_versions(struct meta_tx *tx, const struct repairable *r)
{
    return execute(tx, "UPDATE bucket_usage SET versions = ?2 WHERE bucket_id = ?1", r);
}

static int mend_bytes(struct meta_tx *tx, const struct repairable *r)
{
    return execute(tx, "UPDATE bucket_usage SET bytes = ?2 WHERE bucket_id = ?1", r);
}

static int mend_parts(struct meta_tx *tx, const struct repairable *r)
{
    return execute(tx, "DELETE FROM part WHERE upload_row = ?1", r);
}

static const struct check integrity = {.what = "database", .sql = "PRAGMA integrity_check(100)", .judge = judge_integrity};

/* What is mended first makes what later checks see. */
static const struct check checks[] = {
    {.what = "versions in buckets", .sql =
        "SELECT printf('version (bucket %lld, key x%s, rank %lld): its bucket does not exist', bucket_id, " KEY ", rank) "
        "FROM version WHERE bucket_id NOT IN (SELECT id FROM bucket)"},
    {.what = "uploads in buckets", .sql =
        "SELECT printf('upload %lld: its bucket %lld does not exist', id, bucket_id) "
        "FROM upload WHERE bucket_id NOT IN (SELECT id FROM bucket)"},
    {.what = "parts of uploads", .sql =
        "SELECT printf('part (upload %lld): its upload does not exist', upload_row), upload_row, 0 "
        "FROM part WHERE upload_row NOT IN (SELECT id FROM upload) AND " KEPT_UPLOAD " GROUP BY upload_row", .mend = mend_parts},
    {.what = "bytes of versions", .sql =
        "SELECT printf('version (bucket %lld, key x%s, rank %lld): %lld bytes, but content %lld has %lld', bucket_id, " KEY
        ", rank, want, content_id, have) FROM (SELECT *, " BYTES_OF("v.content_id") " AS have, "
        "CASE WHEN flags & 2 THEN COALESCE(" PARTS_FRAMED ", " FRAMED("v.size") ") ELSE size END AS want "
        "FROM version v WHERE flags & 1 = 0) WHERE have <> want"},
    {.what = "delete markers", .sql =
        "SELECT printf('version (bucket %lld, key x%s, rank %lld): a delete marker with content', bucket_id, " KEY ", rank) "
        "FROM version WHERE flags & 1 AND (content_id <> 0 OR size <> 0)"},
    {.what = "bytes of parts", .sql =
        "SELECT printf('part (upload %lld, number %lld): %lld bytes, but content %lld has %lld', upload_row, part_number, size, "
        "content_id, have) FROM (SELECT *, " BYTES_OF("p.content_id") " AS have, (SELECT CASE WHEN substr(upload_id, 16) >= x'80' "
        "THEN " FRAMED("p.size") " ELSE p.size END FROM upload WHERE id = upload_row) AS want FROM part p WHERE " KEPT_UPLOAD ") WHERE have <> want"},
    {.what = "owners of contents", .sql =
        "SELECT printf('content %lld: %lld versions and parts own it', content_id, COUNT(*)) FROM (" OWNERS ") "
        "GROUP BY content_id HAVING COUNT(*) > 1"},
    {.what = "contents without an owner", .sql =
        "SELECT printf('content %lld: no version or part owns it', content_id), content_id, 0 FROM "
        "(SELECT content_id FROM inline_content UNION SELECT content_id FROM segment UNION SELECT content_id FROM content_part) "
        "WHERE content_id NOT IN (" OWNERS ")", .mend = mend_content},
    {.what = "segments end to end", .sql =
        "SELECT printf('segment (content %lld, start %lld): begins where %lld is expected', content_id, start, expected) FROM "
        "(SELECT content_id, start, LAG(start + len, 1, 0) OVER (PARTITION BY content_id ORDER BY start) AS expected FROM segment) "
        "WHERE start <> expected"},
    {.what = "parts of contents end to end", .sql =
        "SELECT printf('content_part (content %lld, part %lld): begins at %lld where %lld is expected', content_id, part_number, "
        "start, expected) FROM (SELECT content_id, part_number, start, LAG(start + size, 1, 0) OVER "
        "(PARTITION BY content_id ORDER BY part_number) AS expected FROM content_part) WHERE start <> expected"},
    {.what = "parts of contents", .sql =
        "SELECT printf('content_part (content %lld): %lld bytes in parts, but the content has %lld', content_id, size, have) FROM "
        "(SELECT content_id, size, " BYTES_OF("c.content_id") " AS have FROM "
        "(SELECT content_id, SUM(CASE WHEN content_id IN (SELECT content_id FROM version WHERE flags & 2) THEN " FRAMED("size")
        " ELSE size END) AS size FROM content_part WHERE " KEPT_CONTENT " GROUP BY content_id) c) WHERE size <> have"},
    {.what = "extents of segments", .sql =
        "SELECT printf('segment (content %lld, start %lld): extent %lld %s', content_id, start, extent_id, "
        "CASE WHEN e.id IS NULL THEN 'does not exist' ELSE 'is shorter than what it names' END) "
        "FROM segment s LEFT JOIN extent e ON e.id = s.extent_id "
        "WHERE e.id IS NULL OR s.extent_off < 0 OR s.len <= 0 OR s.extent_off + s.len > e.len"},
    {.what = "references of extents", .sql =
        "SELECT printf('extent %lld: %lld references, but %lld segments name it', e.id, e.refs, COALESCE(n, 0)), e.id, "
        "COALESCE(n, 0) FROM extent e LEFT JOIN (SELECT extent_id, COUNT(*) AS n FROM segment GROUP BY extent_id) c "
        "ON c.extent_id = e.id WHERE e.refs <> COALESCE(n, 0)", .mend = mend_references},
    {.what = "groups of extents", .sql =
        "SELECT printf('extent %lld: its group %lld does not exist', id, group_id) FROM extent "
        "WHERE group_id NOT IN (SELECT id FROM chunk_group)"},
    {.what = "places of extents", .sql =
        "SELECT printf('extent %lld: blocks %lld to %lld of group %lld are outside of its chunks', id, block, "
        "block + block_count - 1, group_id) FROM extent WHERE block < 1 OR block_count < 1 OR block + block_count > ?1"},
    {.what = "overlaps of extents", .sql =
        "SELECT printf('extent %lld: block %lld of group %lld is in another extent, too', id, block, group_id) FROM "
        "(SELECT id, group_id, block, MAX(block + block_count) OVER (PARTITION BY group_id ORDER BY block "
        "ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS taken FROM extent) WHERE block < taken"},
    {.what = "layout of extents", .judge = judge_layout, .sql =
        "SELECT e.id, len, unit_shift, block_count, length(crcs), data_count, parity_count FROM extent e "
        "JOIN chunk_group g ON g.id = e.group_id"},
    {.what = "missing slots of extents", .sql =
        "SELECT printf('extent %lld: slots are noted missing that its group does not have', e.id) FROM extent e "
        "JOIN chunk_group g ON g.id = e.group_id WHERE missing < 0 OR missing >> (data_count + parity_count) <> 0"},
    {.what = "free blocks of groups", .sql =
        "SELECT printf('chunk_group %lld: %lld free blocks, but its extents leave %lld', id, free_blocks, room), id, room FROM "
        "(SELECT id, free_blocks, ?1 - 1 - COALESCE((SELECT SUM(block_count) FROM extent e WHERE e.group_id = g.id), 0) AS room "
        "FROM chunk_group g) WHERE free_blocks <> room", .mend = mend_free_blocks},
    {.what = "inventories of buckets", .sql =
        "SELECT printf('inventory %lld %s: its bucket does not exist', bucket_id, id) FROM inventory WHERE bucket_id NOT IN (SELECT id FROM bucket)"},
    {.what = "usage of buckets", .sql =
        "SELECT printf('bucket %lld: its usage is not counted', id) FROM bucket WHERE id NOT IN (SELECT bucket_id FROM bucket_usage) "
        "UNION ALL SELECT printf('bucket_usage %lld: its bucket does not exist', bucket_id) FROM bucket_usage "
        "WHERE bucket_id NOT IN (SELECT id FROM bucket)"},
    {.what = "versions in usage", .sql = USAGE("versions", "SUM(v.flags & 1 = 0)"), .mend = mend_versions},
    {.what = "bytes in usage", .sql = USAGE("bytes", "SUM(v.size)"), .mend = mend_bytes},
    {.what = "numbers given out", .sql =
        "SELECT printf('setting clock_ceiling: %lld, but number %lld is in use already', ceiling, used) FROM "
        "(SELECT (SELECT value FROM setting WHERE name = 'clock_ceiling') AS ceiling, MAX(COALESCE((SELECT MAX(id) FROM extent), 0), "
        "COALESCE((SELECT MAX(id) FROM chunk_group), 0), COALESCE((SELECT MAX(id) FROM upload), 0)) AS used) "
        "WHERE ceiling IS NULL OR used >= ceiling"},
};
#define CHECK_COUNT (sizeof checks / sizeof checks[0])

/* --- running one --- */

static int look_around(void *arg)
{
    struct checking *c = arg;
    c->pressed |= c->options->live && meta_job_pressed(c->meta);
    return c->pressed || meta_job_cancelled(c->meta);
}

static int note(struct checking *c, sqlite3_stmt *s)
{
    if (c->found_count >= MEND_MAX)
        return 0;
    if (c->found_count == c->found_capacity) {
        uint32_t capacity = c->found_capacity != 0 ? c->found_capacity * 2 : 256;
        struct repairable *grown = realloc(c->found, capacity * sizeof *grown);
        if (grown == NULL)
            return ERR_NO_MEMORY;
        c->found = grown;
        c->found_capacity = capacity;
    }
    c->found[c->found_count++] = (struct repairable){sqlite3_column_int64(s, 1), sqlite3_column_int64(s, 2)};
    return 0;
}

static void tell(struct checking *c, const char *line)
{
    if (c->options->finding != NULL)
        c->options->finding(c->options->arg, line);
}

static int take_row(struct checking *c, const struct check *check, sqlite3_stmt *s, uint64_t *count)
{
    char line[LINE_MAX_LEN];
    if (check->judge == NULL) {
        const char *text = (const char *)sqlite3_column_text(s, 0);
        snprintf(line, sizeof line, "%s", text != NULL ? text : "?");
    } else if (!check->judge(s, line)) {
        return 0;
    }
    if ((*count)++ < CHECK_LINES_MAX)
        tell(c, line);
    return check->mend != NULL && c->options->mend ? note(c, s) : 0;
}

static int explain(struct checking *c, const struct check *check, int code)
{
    int err = statement_error(c->connection, code);
    char line[LINE_MAX_LEN];
    if (meta_job_cancelled(c->meta))
        return ERR_CANCELLED;
    if (err == ERR_NO_MEMORY)
        return err;
    c->report.left_out++;
    if (c->pressed) {
        snprintf(line, sizeof line, "left out: %s: the log fills meanwhile; check while no server runs", check->what);
    } else {
        c->report.findings++;
        snprintf(line, sizeof line, "database: %s cannot be checked: %s", check->what, err_text(err));
    }
    tell(c, line);
    return 0;
}

static int run(struct checking *c, const struct check *check, const char *sql)
{
    sqlite3_stmt *s;
    uint64_t count = 0;
    int err = 0, code;
    c->found_count = 0;
    c->pressed = false;
    c->report.checks++;
    code = sqlite3_prepare_v2(c->connection->db, sql, -1, &s, NULL);
    if (code != SQLITE_OK)
        return explain(c, check, code);
    if (sqlite3_bind_parameter_count(s) > 0)
        sqlite3_bind_int64(s, 1, c->meta->store->chunk_size / BLOCK_SIZE);
    while (err == 0 && (code = sqlite3_step(s)) == SQLITE_ROW)
        err = take_row(c, check, s, &count);
    sqlite3_finalize(s);
    c->report.findings += count;
    if (count > CHECK_LINES_MAX) {
        char line[LINE_MAX_LEN];
        snprintf(line, sizeof line, "%s: %llu more", check->what, (unsigned long long)(count - CHECK_LINES_MAX));
        tell(c, line);
    }
    return err != 0 || code == SQLITE_DONE ? err : explain(c, check, code);
}

/* --- mending --- */

struct mending {
    struct meta_exclusive exclusive;
    const struct check *check;
    const struct repairable *found;
    uint32_t count;
    bool done;
};

static int mend_in_transaction(struct meta_tx *tx, void *arg)
{
    const struct mending *m = arg;
    int err = 0;
    for (uint32_t i = 0; i < m->count && err == 0; i++)
        err = m->check->mend(tx, &m->found[i]);
    return err;
}

static int run_mending(struct meta *meta, struct loop *loop, struct meta_exclusive *x)
{
    (void)loop;
    return writer_transact(meta->writer, mend_in_transaction, container_of(x, struct mending, exclusive));
}

static void mending_done(struct meta_exclusive *x) { container_of(x, struct mending, exclusive)->done = true; }
static bool is_true(void *arg) { return *(bool *)arg; }

static int mend_some(struct checking *c, const struct check *check, const struct repairable *found, uint32_t count)
{
    struct mending m = {.exclusive = {.run = run_mending, .done = mending_done, .loop = c->loop}, .check = check, .found = found,
                        .count = count};
    if (c->meta->writer == NULL)
        return ERR_READ_ONLY;
    if (!c->meta->options.threads)
        return run_mending(c->meta, c->loop, &m.exclusive);
    meta_exclusive(c->meta, &m.exclusive);
    int err = loop_run_until(c->loop, is_true, &m.done);
    return err != 0 ? err : m.exclusive.err;
}

/* One by one when some cannot be mended, so that these do not keep the others. */
static int mend(struct checking *c, const struct check *check)
{
    for (uint32_t i = 0; i < c->found_count; i += MEND_BATCH) {
        uint32_t count = c->found_count - i < MEND_BATCH ? c->found_count - i : MEND_BATCH;
        int err = mend_some(c, check, &c->found[i], count);
        if (err == 0) {
            c->report.mended += count;
            continue;
        }
        if (err != ERR_CORRUPT && err != ERR_COMMIT_TOO_LARGE)
            return err;
        for (uint32_t n = 0; n < count; n++)
            c->report.mended += mend_some(c, check, &c->found[i + n], 1) == 0;
    }
    return 0;
}

/* --- all --- */

static int check_integrity(struct checking *c)
{
    static const char *const tables[] = {
        "setting", "account", "access_key", "bucket", "bucket_usage", "inventory", "version", "inline_content", "segment", "content_part", "extent", "chunk_group",
        "upload", "part", "tombstone", "outbox", "cursor", "lifecycle_due", "lifecycle_walk",
    };
    if (!c->options->live)
        return run(c, &integrity, integrity.sql);
    int err = 0;
    for (size_t i = 0; i < sizeof tables / sizeof tables[0] && err == 0; i++) {
        char sql[64];
        snprintf(sql, sizeof sql, "PRAGMA integrity_check(%s)", tables[i]);
        err = run(c, &integrity, sql);
    }
    return err;
}

static int run_all(struct checking *c)
{
    int err = check_integrity(c);
    /* Rows that only seem to be without an owner because of a broken tree must not be deleted. */
    bool mends = c->options->mend && c->report.findings == 0;
    for (size_t i = 0; i < CHECK_COUNT && err == 0; i++) {
        if (c->options->progress != NULL)
            c->options->progress(c->options->arg, i, CHECK_COUNT);
        err = run(c, &checks[i], checks[i].sql);
        if (err == 0 && mends && c->found_count > 0)
            err = mend(c, &checks[i]);
    }
    if (err == 0 && c->options->progress != NULL)
        c->options->progress(c->options->arg, CHECK_COUNT, CHECK_COUNT);
    return err;
}

int check_rows(struct meta *meta, struct loop *loop, const struct check_options *options, struct check_report *ret)
{
    struct checking c = {.meta = meta, .loop = loop, .options = options};
    int err = connection_open(&meta->source, loop, false, &c.connection);
    if (err != 0)
        return err;
    sqlite3_progress_handler(c.connection->db, PROGRESS_STEPS, look_around, &c);
    err = run_all(&c);
    connection_close(c.connection);
    free(c.found);
    if (err == 0)
        *ret = c.report;
    return err;
}

int check_mirrors(struct meta *meta, struct loop *loop, struct pages_scrub *ret, void (*progress)(void *, uint64_t, uint64_t),
                  void *arg)
{
    return pages_scrub(meta->pages, loop, ret, progress, arg);
}

int check_read(struct meta *meta, struct loop *loop, struct meta_read *read)
{
    struct connection *c;
    int err = connection_open(&meta->source, loop, false, &c);
    if (err != 0)
        return err;
    read->err = meta_run_read(meta, c, false, read);
    connection_close(c);
    return read->err;
}
