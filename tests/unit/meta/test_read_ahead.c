/* The plan for walks, on the pages of a real b-tree, and reading ahead on disks that fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "meta/read_ahead.h"
#include "pages_fixture.h"

#define DATABASE_PAGES_MAX 2000
#define LOG_SIZE (1u << 20) /* of the fixture */

static uint8_t database[DATABASE_PAGES_MAX][PAGE_SIZE];
static uint32_t database_pages;

static int make_database(void **state)
{
    (void)state;
    char path[] = "/tmp/test_read_ahead.XXXXXX";
    close(mkstemp(path));
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA page_size = 4096; BEGIN; CREATE TABLE t(k BLOB PRIMARY KEY, v BLOB) WITHOUT ROWID;"
                                      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
                                      "INSERT INTO t SELECT CAST(printf('%06d', i) AS BLOB), zeroblob(150) FROM n; COMMIT", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    FILE *file = fopen(path, "rb");
    database_pages = (uint32_t)fread(database, PAGE_SIZE, DATABASE_PAGES_MAX, file);
    fclose(file);
    unlink(path);
    return 0;
}

static bool is_interior(uint32_t number)
{
    return database[number - 1][number == 1 ? 100 : 0] == 2;
}

/* Every interior page: its children in order are planned together from the second on, and each plan begins with what was asked. */
static void a_walk_is_planned(void **state)
{
    (void)state;
    uint32_t interior = 0, planned = 0;
    for (uint32_t number = 1; number <= database_pages; number++) {
        struct read_ahead r = {0};
        const uint32_t *next;
        if (!is_interior(number))
            continue;
        interior++;
        read_ahead_see(&r, number, database[number - 1]);
        assert_in_range(r.count, 2, READ_AHEAD_CHILDREN);
        uint32_t children[READ_AHEAD_CHILDREN], count = r.count;
        memcpy(children, r.children, sizeof children);
        for (uint32_t i = 0; i < count; i++) {
            assert_in_range(children[i], 2, database_pages);
            uint32_t length = read_ahead_plan(&r, children[i], &next);
            uint32_t rest = count - i, most = rest < READ_AHEAD_PAGES ? rest : READ_AHEAD_PAGES;
            assert_int_equal(length, i == 0 ? 1 : most);
            if (length > 1)
                assert_memory_equal(next, children + i, length * sizeof *next);
            planned += length > 1;
        }
    }
    assert_true(interior > 10 && planned > 500);
}

static void lookups_are_not(void **state)
{
    (void)state;
    struct read_ahead r = {0};
    const uint32_t *next;
    assert_int_equal(read_ahead_plan(&r, 5, &next), 1);
    for (uint32_t number = 1; number <= database_pages; number++) {
        if (!is_interior(number))
            continue;
        read_ahead_see(&r, number, database[number - 1]);
        uint32_t some = r.count / 2, count = r.count;
        assert_int_equal(read_ahead_plan(&r, r.children[some], &next), 1);
        assert_int_equal(read_ahead_plan(&r, r.children[(some + 2) % count], &next), 1);
        assert_int_equal(read_ahead_plan(&r, database_pages + 1, &next), 1);
    }
}

static void damage_stays_in_bounds(void **state)
{
    (void)state;
    uint8_t page[PAGE_SIZE];
    struct read_ahead r = {0};
    const uint32_t *next;
    srand(7);
    for (int i = 0; i < 100000; i++) {
        for (uint32_t j = 0; j < 64; j++)
            page[j] = (uint8_t)rand();
        page[0] = page[100] = i % 2 ? 2 : 5;
        page[3] = page[103] = (uint8_t)(rand() % 3);
        read_ahead_see(&r, 1 + (uint32_t)i % 2, page);
        assert_true(r.count <= READ_AHEAD_CHILDREN);
        for (uint32_t j = 0; j < 3; j++)
            assert_in_range(read_ahead_plan(&r, r.children[r.count ? j % r.count : 0], &next), 1, READ_AHEAD_PAGES);
    }
}

/* How many of pages 1..count are in the cache, right by the model. */
static uint32_t count_cached(struct fixture *f, uint32_t count)
{
    struct pages_snapshot snapshot;
    uint32_t cached = 0;
    pages_snapshot_begin(f->pages, &snapshot);
    for (uint32_t number = 1; number <= count; number++) {
        uint8_t page[PAGE_SIZE], expected[PAGE_SIZE];
        int err = pages_read(f->pages, f->loop, &snapshot, number, 0, page, PAGE_SIZE, true);
        assert_true(err == 0 || err == ERR_WOULD_BLOCK);
        if (err != 0)
            continue;
        fixture_fill(expected, number, f->acknowledged.stamps[number]);
        assert_memory_equal(page, expected, PAGE_SIZE);
        cached++;
    }
    pages_snapshot_end(f->pages, &snapshot);
    return cached;
}

static void read_ahead(struct fixture *f, uint32_t count)
{
    struct pages_snapshot snapshot;
    uint32_t numbers[MIRROR_READ_AHEAD_MAX];
    for (uint32_t i = 0; i < count; i++)
        numbers[i] = i + 1;
    pages_snapshot_begin(f->pages, &snapshot);
    pages_read_ahead(f->pages, f->loop, &snapshot, numbers, count);
    pages_snapshot_end(f->pages, &snapshot);
}

/* A store whose pages 1..64 are at home and not in the cache. */
static void open_cold(struct fixture *f)
{
    fixture_init(f, 4, 5);
    while (f->acknowledged.stamps[1] == 0 || f->acknowledged.database_pages < 64)
        assert_int_equal(fixture_commit(f, 30, 64), 0);
    for (int i = 0; i < 40; i++)
        assert_int_equal(fixture_commit(f, 30, 64), 0);
    assert_int_equal(pages_checkpoint(f->pages, f->loop), 0);
    fixture_close(f);
    assert_int_equal(fixture_open(f), 0);
}

static void pages_come_together(void **state)
{
    (void)state;
    struct fixture f;
    open_cold(&f);
    uint32_t before = count_cached(&f, 64);
    assert_true(before < 16);
    read_ahead(&f, 16);
    assert_int_equal(count_cached(&f, 16), 16);
    assert_true(count_cached(&f, 64) < 32);
    read_ahead(&f, 64); /* the first one is there: nothing is read */
    assert_true(count_cached(&f, 64) < 32);
    assert_true(fixture_is_right(&f));
    fixture_fini(&f);
}

/* What mirrors that are rotten, fail or hang were asked for is left, and had from others when it is read. */
static void what_fails_is_left(void **state)
{
    (void)state;
    enum { ROTTEN, FAILING, HANGING, WAYS };
    for (int way = 0; way < WAYS; way++) {
        struct fixture f;
        open_cold(&f);
        for (uint32_t number = 1; way == ROTTEN && number <= 64; number++)
            for (uint32_t disk = 0; disk < 2; disk++)
                fake_rot(f.world, disk, page_home_off(LOG_SIZE, number), 64);
        for (uint32_t disk = 0; disk < 2; disk++) {
            f.world->disks[disk].fail_reads = way == FAILING;
            f.world->disks[disk].hang_reads = way == HANGING;
        }
        uint32_t before = count_cached(&f, 64);
        read_ahead(&f, 64);
        uint32_t after = count_cached(&f, 64);
        assert_true(after > before && after < 64);
        assert_true(fixture_is_right(&f));
        fixture_fini(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_walk_is_planned), cmocka_unit_test(lookups_are_not), cmocka_unit_test(damage_stays_in_bounds),
        cmocka_unit_test(pages_come_together), cmocka_unit_test(what_fails_is_left),
    };
    return cmocka_run_group_tests(tests, make_database, NULL);
}
