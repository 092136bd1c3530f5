/* No statement of the tables scans a table or sorts: each searches by key or walks one in its order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "meta/connection.h"
#include "meta/state.h"
#include "meta_fixture.h"

static bool has_plan(const char *sql)
{
    return strncmp(sql, "SELECT", 6) == 0 || strncmp(sql, "UPDATE", 6) == 0 || strncmp(sql, "DELETE", 6) == 0 ||
           strstr(sql, " SELECT ") != NULL;
}

static int check_plan(sqlite3 *db, const char *sql)
{
    char explain[2048];
    snprintf(explain, sizeof explain, "EXPLAIN QUERY PLAN %s", sql);
    sqlite3_stmt *s;
    assert_int_equal(sqlite3_prepare_v2(db, explain, -1, &s, NULL), SQLITE_OK);
    int searches = 0;
    while (sqlite3_step(s) == SQLITE_ROW) {
        const char *detail = (const char *)sqlite3_column_text(s, 3);
        if (strncmp(detail, "SCAN", 4) == 0 || strstr(detail, "TEMP B-TREE") != NULL || strstr(detail, "AUTOMATIC") != NULL)
            fail_msg("%s: %s", sql, detail);
        searches += strncmp(detail, "SEARCH", 6) == 0;
    }
    sqlite3_finalize(s);
    return searches;
}

static void test_plans(void **state)
{
    (void)state;
    struct meta_fixture f;
    meta_fixture_open(&f);
    sqlite3 *db = meta_connection_of(f.meta, f.loop)->db;
    int checked = 0;
    for (int id = 0; id < STATEMENT_COUNT; id++) {
        const char *sql = statement_text((enum statement_id)id);
        if (!has_plan(sql))
            continue;
        if (check_plan(db, sql) == 0)
            fail_msg("%s: no search", sql);
        checked++;
    }
    assert_true(checked > 40);
    meta_fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_plans)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
