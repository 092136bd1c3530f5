/* A database of an older schema becomes, at the next start, what schema.sql makes. */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "meta/migrate.h"
#include "meta/state.h"
#include "meta/tables.h"
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

/* The tables of version 1, and in them the user that every store has and one more with a key, as somebody may have made. */
static const char first[] =
    "DROP TABLE inventory; DROP TABLE bucket_usage; DROP TABLE log_record; DROP TABLE log_stream; DROP TABLE identity; DROP TABLE identity_policy; DROP TABLE identity_attachment; DROP TABLE identity_member; DROP TABLE lifecycle_due; DROP TABLE lifecycle_walk; DROP VIEW buckets; DROP VIEW access_keys; DROP TABLE access_key;"
    "CREATE TABLE user(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, display_name TEXT NOT NULL, canonical_id TEXT NOT NULL UNIQUE,"
    "is_root INTEGER NOT NULL, created_us INTEGER NOT NULL, attributes BLOB NOT NULL);"
    "INSERT INTO user SELECT id, name, display_name, canonical_id, 1, created_us, attributes FROM account; DROP TABLE account;"
    "INSERT INTO user VALUES(7, 'ann', 'Ann', 'c7', 0, 5, x'');"
    "CREATE TABLE access_key(access_key TEXT PRIMARY KEY, user_id INTEGER NOT NULL, secret BLOB NOT NULL, enabled INTEGER NOT NULL,"
    "bucket TEXT, prefix BLOB, policy TEXT, expires_us INTEGER, created_us INTEGER NOT NULL) WITHOUT ROWID;"
    "INSERT INTO access_key VALUES('ANNS', 7, x'00', 1, 'b', NULL, 'readonly', NULL, 6);"
    "CREATE VIEW buckets AS SELECT name FROM bucket; CREATE VIEW access_keys AS SELECT access_key FROM access_key;";

static int make_older(struct meta_tx *tx, void *arg)
{
    (void)arg;
    int err = connection_script(tx->connection, first);
    return err ? err : setting_set_u64(tx, "schema_version", 1);
}

static int see_key(void *arg, const struct access_key_row *row)
{
    *(bool *)arg = row->account_id == 7 && row->user_id == 0 && row->enabled && slice_equal_string(row->bucket, "b")
                   && slice_equal_string(row->policy, "readonly") && row->created_us == 6;
    return 0;
}

static int look_at_users(struct meta_tx *tx, void *arg)
{
    struct account_row row;
    assert_int_equal(account_get(tx, ACCOUNT_ROOT_ID, &row), 0);
    assert_true(slice_equal_string(row.name, "root") && row.enabled && row.number.len == ACCOUNT_NUMBER_LEN);
    assert_int_equal(account_get_by_name(tx, slice_string("ann"), &row), 0);
    assert_true(row.id == 7 && row.number.len == ACCOUNT_NUMBER_LEN && row.email.len == 0 && slice_equal_string(row.canonical_id, "c7"));
    return access_key_list(tx, slice_of("", 0), see_key, arg);
}

/* Two versions and a marker, of which a store of version 1 kept no count. */
static int fill_bucket(struct meta_tx *tx, void *arg)
{
    int64_t *bucket = arg;
    struct slice none = slice_of("", 0);
    int err = 0;
    for (int64_t rank = 1; rank <= 3 && !err; rank++) {
        struct version_row row = {.bucket_id = *bucket, .key = slice_string("k"), .rank = rank, .version_id = none, .size = rank < 3 ? 100 : 0,
                                  .flags = rank < 3 ? 0 : VERSION_DELETE_MARKER, .etag = none, .attributes = none, .origin_version_id = none};
        err = version_insert(tx, &row);
    }
    return err;
}

static int look_at_usage(struct meta_tx *tx, void *arg)
{
    struct bucket_usage usage;
    int64_t *bucket = arg;
    assert_int_equal(usage_get(tx, *bucket, &usage), 0);
    assert_true(usage.versions == 2 && usage.bytes == 200);
    return 0;
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
    assert_int_equal(meta_fixture_write(&f, fill_bucket, &bucket), 0);
    assert_int_equal(meta_fixture_read(&f, look_at_usage, &bucket), 0);
    assert_int_equal(meta_fixture_write(&f, make_older, NULL), 0);
    assert_int_equal(meta_fixture_read(&f, read_schema, &older), 0);
    assert_string_not_equal(older.data, fresh.data);
    meta_fixture_crash(&f);
    assert_int_equal(meta_fixture_read(&f, read_schema, &migrated), 0);
    assert_string_equal(migrated.data, fresh.data);
    assert_int_equal(meta_fixture_read(&f, read_version, &version), 0);
    assert_int_equal(version, SCHEMA_VERSION);
    assert_int_equal(meta_fixture_read(&f, look_at_usage, &bucket), 0);
    bool key_kept = false;
    assert_int_equal(meta_fixture_read(&f, look_at_users, &key_kept), 0);
    assert_true(key_kept);
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
