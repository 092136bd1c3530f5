/* SQLite over the page store: against an ordinary SQLite in memory, with readers beside the writer, failures and reopening. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meta/vfs.h"
#include "pages_fixture.h"

struct bench { struct fixture f; sqlite3 *writer, *reader; };

static void connect_both(struct bench *b)
{
    assert_int_equal(vfs_register(b->f.pages, "test"), 0);
    assert_int_equal(vfs_register(b->f.pages, "test"), ERR_EXISTS);
    assert_int_equal(vfs_connect("test", b->f.loop, true, &b->writer), 0);
    assert_int_equal(vfs_connect("test", b->f.loop, false, &b->reader), 0);
}

static void disconnect(struct bench *b)
{
    assert_int_equal(sqlite3_close(b->writer), SQLITE_OK);
    assert_int_equal(sqlite3_close(b->reader), SQLITE_OK);
    vfs_unregister("test");
}

static void init(struct bench *b, uint64_t seed)
{
    fixture_init(&b->f, seed, 5);
    connect_both(b);
}

static void fini(struct bench *b)
{
    disconnect(b);
    fixture_fini(&b->f);
}

static int run(sqlite3 *db, const char *sql)
{
    char *message = NULL;
    int code = sqlite3_exec(db, sql, NULL, NULL, &message);
    sqlite3_free(message);
    return code;
}

static sqlite3_int64 number(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *s;
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
    sqlite3_int64 n = sqlite3_step(s) == SQLITE_ROW ? sqlite3_column_int64(s, 0) : -1;
    sqlite3_finalize(s);
    return n;
}

static bool is_sound(sqlite3 *db)
{
    sqlite3_stmt *s;
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &s, NULL), SQLITE_OK);
    bool sound = sqlite3_step(s) == SQLITE_ROW && strcmp((const char *)sqlite3_column_text(s, 0), "ok") == 0;
    sqlite3_finalize(s);
    return sound;
}

static void pragmas_are_set(void **state)
{
    (void)state;
    struct bench b;
    init(&b, 1);
    assert_int_equal(number(b.writer, "PRAGMA page_size"), 4096);
    assert_int_equal(number(b.writer, "PRAGMA synchronous"), 2);
    assert_int_equal(number(b.writer, "PRAGMA secure_delete"), 0);
    assert_int_equal(number(b.writer, "PRAGMA temp_store"), 2);
    assert_int_equal(number(b.writer, "PRAGMA cache_spill"), 0);
    assert_int_equal(number(b.writer, "PRAGMA auto_vacuum"), 0);
    sqlite3_stmt *s;
    assert_int_equal(sqlite3_prepare_v2(b.writer, "PRAGMA journal_mode=WAL", -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    assert_string_equal(sqlite3_column_text(s, 0), "memory");
    sqlite3_finalize(s);
    sqlite3 *second;
    assert_int_equal(vfs_connect("test", b.f.loop, true, &second), ERR_BUSY);
    assert_int_not_equal(run(b.reader, "CREATE TABLE t(a)"), SQLITE_OK);
    fini(&b);
}

static void readers_keep_their_snapshot(void **state)
{
    (void)state;
    struct bench b;
    init(&b, 2);
    assert_int_equal(run(b.writer, "CREATE TABLE t(a INTEGER PRIMARY KEY, b); INSERT INTO t VALUES(0, 'x')"), SQLITE_OK);
    assert_int_equal(run(b.reader, "BEGIN"), SQLITE_OK);
    assert_int_equal(number(b.reader, "SELECT count(*) FROM t"), 1);
    for (int i = 0; i < 35; i++) {
        assert_int_equal(run(b.writer, "INSERT INTO t(b) VALUES(zeroblob(3000))"), SQLITE_OK);
        assert_int_equal(number(b.reader, "SELECT count(*) FROM t"), 1);
        if (i % 20 == 7)
            assert_int_equal(pages_checkpoint(b.f.pages, b.f.loop), 0);
    }
    assert_true(is_sound(b.reader));
    assert_int_equal(run(b.reader, "COMMIT"), SQLITE_OK);
    assert_int_equal(number(b.reader, "SELECT count(*) FROM t"), 36);
    fini(&b);
}

static void a_snapshot_that_stays_fills_the_log_and_no_more(void **state)
{
    (void)state;
    struct bench b;
    init(&b, 8);
    assert_int_equal(run(b.writer, "CREATE TABLE t(a INTEGER PRIMARY KEY, b)"), SQLITE_OK);
    assert_int_equal(run(b.reader, "BEGIN"), SQLITE_OK);
    assert_int_equal(number(b.reader, "SELECT count(*) FROM t"), 0);
    int rows = 0;
    while (rows < 1000 && run(b.writer, "INSERT INTO t(b) VALUES(zeroblob(3000))") == SQLITE_OK)
        rows++;
    assert_in_range(rows, 20, 999);
    assert_int_equal(vfs_last_error(b.writer), ERR_BUSY);
    assert_int_equal(number(b.reader, "SELECT count(*) FROM t"), 0);
    assert_int_equal(run(b.reader, "COMMIT"), SQLITE_OK);
    assert_int_equal(run(b.writer, "INSERT INTO t(b) VALUES('y')"), SQLITE_OK);
    assert_int_equal(number(b.reader, "SELECT count(*) FROM t"), rows + 1);
    assert_true(is_sound(b.reader));
    fini(&b);
}

static void a_rolled_back_transaction_leaves_nothing(void **state)
{
    (void)state;
    struct bench b;
    init(&b, 3);
    assert_int_equal(run(b.writer, "CREATE TABLE t(a)"), SQLITE_OK);
    uint64_t before;
    struct pages_status status;
    pages_status(b.f.pages, &status);
    before = status.sequence;
    assert_int_equal(run(b.writer, "BEGIN; INSERT INTO t VALUES(zeroblob(100000)); SAVEPOINT s; INSERT INTO t VALUES(1); "
                                   "ROLLBACK TO s; ROLLBACK"), SQLITE_OK);
    pages_status(b.f.pages, &status);
    assert_int_equal(status.sequence, before);
    assert_int_equal(number(b.writer, "SELECT count(*) FROM t"), 0);
    assert_true(is_sound(b.writer));
    fini(&b);
}

static void a_commit_that_is_too_large_is_undone_and_the_store_goes_on(void **state)
{
    (void)state;
    struct bench b;
    init(&b, 4);
    assert_int_equal(run(b.writer, "CREATE TABLE t(a INTEGER PRIMARY KEY, b); INSERT INTO t VALUES(1, 'x')"), SQLITE_OK);
    /* More than a record can hold. */
    assert_int_equal(run(b.writer, "INSERT INTO t(b) VALUES(zeroblob(3000000))") & 0xff, SQLITE_IOERR);
    assert_int_equal(vfs_last_error(b.writer), ERR_COMMIT_TOO_LARGE);
    assert_int_equal(number(b.writer, "SELECT count(*) FROM t"), 1);
    assert_int_equal(run(b.writer, "INSERT INTO t(b) VALUES('y')"), SQLITE_OK);
    assert_int_equal(number(b.reader, "SELECT count(*) FROM t"), 2);
    assert_true(is_sound(b.reader));
    fini(&b);
}

/* Not what SQLite does today: pages in any order, a page twice, and a cut. */
static void pages_are_gathered_in_any_order(void **state)
{
    (void)state;
    struct bench b;
    init(&b, 9);
    sqlite3_file *file = NULL;
    assert_int_equal(sqlite3_file_control(b.writer, "main", SQLITE_FCNTL_FILE_POINTER, &file), SQLITE_OK);
    const sqlite3_io_methods *m = file->pMethods;
    assert_int_equal(m->xLock(file, SQLITE_LOCK_SHARED), SQLITE_OK);
    assert_int_equal(m->xLock(file, SQLITE_LOCK_RESERVED), SQLITE_OK);
    uint8_t page[PAGE_SIZE], got[PAGE_SIZE];
    for (uint32_t i = 0; i < 100; i++) {
        uint32_t number = i * 37 % 100 + 1;
        fixture_fill(page, number, number + (i == 99));
        assert_int_equal(m->xWrite(file, page, PAGE_SIZE, (sqlite3_int64)(number - 1) * PAGE_SIZE), SQLITE_OK);
    }
    fixture_fill(page, 5, 1000);
    assert_int_equal(m->xWrite(file, page, PAGE_SIZE, 4 * PAGE_SIZE), SQLITE_OK);
    assert_int_equal(m->xTruncate(file, 90 * PAGE_SIZE), SQLITE_OK);
    fixture_fill(page, 92, 2000);
    assert_int_equal(m->xWrite(file, page, PAGE_SIZE, 91 * PAGE_SIZE), SQLITE_OK);
    for (int committed = 0; committed < 2; committed++) {
        for (uint32_t number = 1; number <= 90; number++) {
            fixture_fill(page, number, number == 5 ? 1000 : number + (number == 99 * 37 % 100 + 1));
            assert_int_equal(m->xRead(file, got, PAGE_SIZE, (sqlite3_int64)(number - 1) * PAGE_SIZE), SQLITE_OK);
            assert_memory_equal(got, page, PAGE_SIZE);
        }
        fixture_fill(page, 92, 2000);
        assert_int_equal(m->xRead(file, got, PAGE_SIZE, 91 * PAGE_SIZE), SQLITE_OK);
        assert_memory_equal(got, page, PAGE_SIZE);
        if (committed == 0)
            assert_int_equal(m->xSync(file, 0), SQLITE_OK);
    }
    assert_int_equal(m->xUnlock(file, SQLITE_LOCK_NONE), SQLITE_OK);
    fini(&b);
}

static void a_failed_commit_stops_writing_until_reopened(void **state)
{
    (void)state;
    struct bench b;
    init(&b, 5);
    assert_int_equal(run(b.writer, "CREATE TABLE t(a INTEGER PRIMARY KEY, b); INSERT INTO t VALUES(1, 'x')"), SQLITE_OK);
    for (uint32_t i = 0; i < 3; i++)
        b.f.world->disks[i].fail_writes = true;
    assert_int_equal(run(b.writer, "INSERT INTO t(b) VALUES('y')") & 0xff, SQLITE_IOERR);
    assert_int_equal(vfs_last_error(b.writer), ERR_QUORUM);
    for (uint32_t i = 0; i < 3; i++)
        b.f.world->disks[i].fail_writes = false;
    assert_int_not_equal(run(b.writer, "INSERT INTO t(b) VALUES('z')"), SQLITE_OK);
    assert_int_equal(vfs_last_error(b.writer), ERR_READ_ONLY);
    assert_int_equal(number(b.reader, "SELECT count(*) FROM t"), 1);
    disconnect(&b);
    fixture_close(&b.f);
    assert_int_equal(fixture_open(&b.f), 0);
    connect_both(&b);
    assert_int_equal(run(b.writer, "INSERT INTO t(b) VALUES('z')"), SQLITE_OK);
    assert_true(is_sound(b.reader));
    fini(&b);
}

static void a_page_that_is_not_cached_would_block(void **state)
{
    (void)state;
    struct bench b;
    init(&b, 6);
    assert_int_equal(run(b.writer, "CREATE TABLE t(a INTEGER PRIMARY KEY, b); INSERT INTO t VALUES(1, zeroblob(50000))"), SQLITE_OK);
    assert_int_equal(pages_checkpoint(b.f.pages, b.f.loop), 0);
    disconnect(&b);
    fixture_close(&b.f);
    assert_int_equal(fixture_open(&b.f), 0);
    connect_both(&b);
    vfs_set_cache_only(b.reader, true);
    assert_int_not_equal(run(b.reader, "SELECT sum(length(b)) FROM t"), SQLITE_OK);
    assert_true(vfs_would_block(b.reader));
    vfs_set_cache_only(b.reader, false);
    assert_false(vfs_would_block(b.reader));
    assert_int_equal(number(b.reader, "SELECT sum(length(b)) FROM t"), 50000);
    vfs_set_cache_only(b.reader, true);
    assert_int_equal(number(b.reader, "SELECT sum(length(b)) FROM t"), 50000);
    assert_false(vfs_would_block(b.reader));
    fini(&b);
}

static void step_both(struct fixture *f, sqlite3 *ours, sqlite3 *theirs)
{
    char sql[256];
    int key = (int)(fake_random(f->world) % 500), len = (int)(fake_random(f->world) % 6000);
    switch (fake_random(f->world) % 8) {
    case 0: snprintf(sql, sizeof sql, "DELETE FROM t WHERE a BETWEEN %d AND %d", key, key + len % 20); break;
    case 1: snprintf(sql, sizeof sql, "UPDATE t SET c = c || 'u%d' WHERE a %% 7 = %d", len, key % 7); break;
    case 2: snprintf(sql, sizeof sql, "SAVEPOINT s; DELETE FROM t WHERE a > %d; ROLLBACK TO s; RELEASE s", key); break;
    default:
        snprintf(sql, sizeof sql, "INSERT OR REPLACE INTO t VALUES(%d, substr(hex(zeroblob(%d)), 1, %d), 'k%d')", key, len, len,
                 (int)(fake_random(f->world) % 1000));
    }
    assert_int_equal(run(ours, sql), SQLITE_OK);
    assert_int_equal(run(theirs, sql), SQLITE_OK);
}

static void the_same(sqlite3 *ours, sqlite3 *theirs)
{
    const char *questions[] = {"SELECT count(*) FROM t", "SELECT coalesce(sum(a * length(b)), 0) FROM t",
                               "SELECT count(*) FROM t WHERE c > 'k5'", "SELECT coalesce(sum(length(c)), 0) FROM t"};
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++)
        assert_int_equal(number(ours, questions[i]), number(theirs, questions[i]));
}

static void random_sql_equals_ordinary_sqlite(void **state)
{
    (void)state;
    struct bench b;
    fixture_init_log(&b.f, 7, 5, 8u << 20);
    connect_both(&b);
    sqlite3 *theirs;
    assert_int_equal(sqlite3_open(":memory:", &theirs), SQLITE_OK);
    const char *schema = "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT, c TEXT); CREATE INDEX i ON t(c, a)";
    assert_int_equal(run(b.writer, schema), SQLITE_OK);
    assert_int_equal(run(theirs, schema), SQLITE_OK);
    for (int batch = 0; batch < 120; batch++) {
        const char *end = fake_random(b.f.world) % 5 == 0 ? "ROLLBACK" : "COMMIT";
        assert_int_equal(run(b.writer, "BEGIN IMMEDIATE"), SQLITE_OK);
        assert_int_equal(run(theirs, "BEGIN IMMEDIATE"), SQLITE_OK);
        for (uint64_t i = fake_random(b.f.world) % 10; i > 0; i--)
            step_both(&b.f, b.writer, theirs);
        assert_int_equal(run(b.writer, end), SQLITE_OK);
        assert_int_equal(run(theirs, end), SQLITE_OK);
        the_same(b.reader, theirs);
        if (pages_checkpoint_due(b.f.pages))
            assert_int_equal(pages_checkpoint(b.f.pages, b.f.loop), 0);
        if (batch % 30 == 29) {
            disconnect(&b);
            fake_world_crash(b.f.world); /* everything acknowledged was flushed */
            fixture_close(&b.f);
            assert_int_equal(fixture_open(&b.f), 0);
            connect_both(&b);
            assert_true(is_sound(b.reader));
            the_same(b.reader, theirs);
        }
    }
    assert_int_equal(run(b.writer, "VACUUM"), SQLITE_OK);
    assert_true(is_sound(b.reader));
    the_same(b.reader, theirs);
    sqlite3_close(theirs);
    fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pragmas_are_set),
        cmocka_unit_test(readers_keep_their_snapshot),
        cmocka_unit_test(a_snapshot_that_stays_fills_the_log_and_no_more),
        cmocka_unit_test(a_rolled_back_transaction_leaves_nothing),
        cmocka_unit_test(a_commit_that_is_too_large_is_undone_and_the_store_goes_on),
        cmocka_unit_test(pages_are_gathered_in_any_order),
        cmocka_unit_test(a_failed_commit_stops_writing_until_reopened),
        cmocka_unit_test(a_page_that_is_not_cached_would_block),
        cmocka_unit_test(random_sql_equals_ordinary_sqlite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
