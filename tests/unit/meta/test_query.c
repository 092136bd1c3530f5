/* What `ingot query` may and may not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meta/query.h"
#include "meta/state.h"
#include "meta/writer.h"
#include "meta_fixture.h"

static struct meta_fixture f;

struct answer { int columns, rows, stop_at; char last[64]; enum query_kind kinds[8]; };

static int take_columns(void *arg, const char *const *names, int count)
{
    (void)names;
    ((struct answer *)arg)->columns = count;
    return 0;
}

static int take_row(void *arg, const struct query_value *values, int count)
{
    struct answer *a = arg;
    for (int i = 0; i < count && i < 8; i++)
        a->kinds[i] = values[i].kind;
    if (values[0].bytes.data != NULL && values[0].bytes.len < sizeof a->last) {
        memcpy(a->last, values[0].bytes.data, values[0].bytes.len);
        a->last[values[0].bytes.len] = '\0';
    }
    a->rows++;
    return a->rows == a->stop_at ? ERR_CANCELLED : 0;
}

static int run(const char *sql, struct answer *a, uint64_t limit_us)
{
    struct query q = {.sql = sql, .columns = take_columns, .row = take_row, .arg = a, .time_limit_us = limit_us};
    struct store_message message;
    int err = query_run(f.meta, f.loop, &q, &message);
    assert_int_equal(err == 0 || err == ERR_CANCELLED, message.text[0] == '\0');
    return err;
}

static int setup(void **state)
{
    (void)state;
    meta_fixture_open(&f);
    meta_fixture_bucket(&f, "photos");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    meta_fixture_close(&f);
    return 0;
}

static void test_reads(void **state)
{
    (void)state;
    struct answer a = {0};
    assert_int_equal(run("SELECT name, owner FROM buckets", &a, 0), 0);
    assert_int_equal(a.columns, 2);
    assert_int_equal(a.rows, 1);
    assert_string_equal(a.last, "photos");
    a = (struct answer){0};
    assert_int_equal(run("SELECT NULL, 1, 1.5, 'x', x'00' ; ", &a, 0), 0);
    const enum query_kind kinds[] = {QUERY_NULL, QUERY_INTEGER, QUERY_REAL, QUERY_TEXT, QUERY_BLOB};
    assert_memory_equal(a.kinds, kinds, sizeof kinds);
    assert_int_equal(run("SELECT count(*) FROM objects", &a, 0), 0);
    assert_int_equal(run("SELECT * FROM uploads", &a, 0), 0);
    assert_int_equal(run("SELECT * FROM access_keys", &a, 0), 0);
    assert_int_equal(run("SELECT name, sql FROM sqlite_schema", &a, 0), 0);
}

static void test_row_ends_it(void **state)
{
    (void)state;
    struct answer a = {.stop_at = 2};
    assert_int_equal(run("SELECT name FROM sqlite_schema", &a, 0), ERR_CANCELLED);
    assert_int_equal(a.rows, 2);
}

static void test_denied(void **state)
{
    (void)state;
    static const char *const denied[] = {
        "ATTACH 'x.db' AS x", "DETACH main", "PRAGMA table_info(bucket)", "PRAGMA journal_mode", "SELECT * FROM pragma_table_info('bucket')",
        "SELECT 1 FROM pragma_table_info('bucket')",
        "INSERT INTO setting VALUES('a', 1)", "UPDATE bucket SET name = 'x'", "DELETE FROM version", "DROP TABLE bucket",
        "CREATE TABLE t(a)", "CREATE TEMP TABLE t(a)", "CREATE TEMP VIEW t AS SELECT 1", "BEGIN", "COMMIT", "VACUUM", "VACUUM INTO 'x'", "REINDEX", "ANALYZE",
        "SAVEPOINT x", "SELECT secret FROM access_key", "SELECT * FROM access_key", "SELECT bytes FROM inline_content",
        "SELECT payload FROM outbox", "SELECT 1 FROM access_key WHERE secret > x'00'", "SELECT load_extension('x')",
        "WITH s AS (SELECT secret AS a FROM access_key) SELECT a FROM s", "SELECT (SELECT max(SECRET) FROM access_key)",
        "EXPLAIN DELETE FROM version",
    };
    for (size_t i = 0; i < sizeof denied / sizeof denied[0]; i++) {
        struct answer a = {0};
        int err = run(denied[i], &a, 0);
        if (err != ERR_ACCESS)
            print_error("%s: %s\n", denied[i], err_text(err));
        assert_int_equal(err, ERR_ACCESS);
        assert_int_equal(a.rows, 0);
    }
}

static void test_invalid(void **state)
{
    (void)state;
    struct answer a = {0};
    assert_int_equal(run("SELEC 1", &a, 0), ERR_INVALID);
    assert_int_equal(run("SELECT no_such_column FROM bucket", &a, 0), ERR_INVALID);
    assert_int_equal(run("", &a, 0), ERR_INVALID);
    assert_int_equal(run("SELECT 1; SELECT 2", &a, 0), ERR_INVALID);
    assert_int_equal(run("SELECT 1; DELETE FROM version", &a, 0), ERR_INVALID);
    assert_int_equal(run("SELECT zeroblob(100000000)", &a, 0), ERR_TOO_LARGE);
}

static void test_time_limit(void **state)
{
    (void)state;
    struct answer a = {0};
    const char *endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
    assert_int_equal(run(endless, &a, 20000), ERR_TIMEOUT);
    assert_int_equal(a.rows, 0);
    const char *rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n";
    assert_int_equal(run(rows, &a, 20000), ERR_TIMEOUT);
}

/* Writes while the query stands on a row, past the fixture, which would wait for a checkpoint that the query holds up. */
struct pressing { uint32_t rows, writes; int write_err; };

static int fill(struct meta_tx *tx, void *arg)
{
    (void)arg;
    static uint64_t number;
    for (int i = 0; i < 1000; i++) {
        char name[32];
        snprintf(name, sizeof name, "fill%llu", (unsigned long long)number++);
        int err = setting_set_u64(tx, name, number);
        if (err != 0)
            return err;
    }
    return 0;
}

static int press(void *arg, const struct query_value *values, int count)
{
    (void)values, (void)count;
    struct pressing *p = arg;
    p->rows++;
    p->write_err = writer_transact(f.meta->writer, fill, NULL);
    p->writes++;
    return p->write_err == 0 && p->writes < 10000 ? 0 : ERR_CANCELLED;
}

static void test_ends_before_writes_fail(void **state)
{
    (void)state;
    struct pressing p = {0};
    struct store_message message;
    struct query q = {.sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i, (SELECT count(*) FROM bucket) FROM n",
                      .row = press, .arg = &p, .time_limit_us = UINT64_MAX / 2};
    assert_int_equal(query_run(f.meta, f.loop, &q, &message), ERR_BUSY);
    assert_int_equal(p.write_err, 0);
    assert_true(p.rows > 1);
    assert_non_null(strstr(message.text, "metadata log"));
    assert_int_equal(meta_fixture_write(&f, fill, NULL), 0);
    struct answer a = {0};
    assert_int_equal(run("SELECT count(*) FROM version", &a, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads), cmocka_unit_test(test_row_ends_it), cmocka_unit_test(test_denied),
        cmocka_unit_test(test_invalid), cmocka_unit_test(test_time_limit),
        cmocka_unit_test(test_ends_before_writes_fail),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
