/* A database of an older schema becomes, at the next start, what schema.sql makes. */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "meta/migrate.h"
#include "meta/state.h"
#include "meta/transaction.h"
#include "meta_fixture.h"

static int read_schema(struct meta_tx *tx, void *arg)
{
    struct text *ret = arg;
    sqlite3_stmt *s;
    text_clear(ret);
    assert_int_equal(sqlite3_prepare_v2(tx->connection->db, "SELECT type, name, sql FROM sqlite_master ORDER BY type, name", -1, &s, NULL),
                     SQLITE_OK);
    while (sqlite3_step(s) == SQLITE_ROW) {
        for (int i = 0; i < 3; i++)
            for (const char *c = (const char *)sqlite3_column_text(s, i); c && *c; c++)
                if (!isspace((unsigned char)*c))
                    text_append(ret, c, 1);
        text_append_string(ret, "\n");
    }
    sqlite3_finalize(s);
    return ret->failed ? ERR_NO_MEMORY : 0;
}

static int make_older(struct meta_tx *tx, void *arg)
{
    (void)arg;
    int err = connection_script(tx->connection, "DROP TABLE lifecycle_due; DROP TABLE lifecycle_walk;");
    return err ? err : setting_set_u64(tx, "schema_version", 1);
}

static int read_version(struct meta_tx *tx, void *arg)
{
    return setting_get_u64(tx, "schema_version", arg);
}

static void test_from_the_first(void **state)
{
    (void)state;
    struct meta_fixture f;
    struct text fresh = {0}, older = {0}, migrated = {0};
    uint64_t version = 0;
    meta_fixture_open(&f);
    int64_t bucket = meta_fixture_bucket(&f, "kept");
    assert_int_equal(meta_fixture_read(&f, read_schema, &fresh), 0);
    assert_int_equal(meta_fixture_write(&f, make_older, NULL), 0);
    assert_int_equal(meta_fixture_read(&f, read_schema, &older), 0);
    assert_string_not_equal(older.data, fresh.data);
    meta_fixture_crash(&f);
    assert_int_equal(meta_fixture_read(&f, read_schema, &migrated), 0);
    assert_string_equal(migrated.data, fresh.data);
    assert_int_equal(meta_fixture_read(&f, read_version, &version), 0);
    assert_int_equal(version, SCHEMA_VERSION);
    assert_int_equal(meta_fixture_bucket(&f, "next"), bucket + 1); /* what was there is there */
    meta_fixture_close(&f);
    text_free(&fresh);
    text_free(&older);
    text_free(&migrated);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_from_the_first)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
