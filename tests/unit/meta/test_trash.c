/* Deletions in the background: of a content of thousands of extents, and of an upload of many parts. Nothing is lost or left behind
 * by a crash at any point, and fsck is silent all the while. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "meta/check.h"
#include "meta/state.h"
#include "meta/statement.h"
#include "meta/tables.h"
#include "meta/transaction.h"
#include "meta_fixture.h"
#include "placement/extent_layout.h"

#define SEGMENTS 6000
#define STEP 250
#define LEN 8193u
#define PARTS 40

static struct meta_fixture f;
static int64_t bucket_id;

static int setup(void **state)
{
    (void)state;
    meta_fixture_open(&f);
    bucket_id = meta_fixture_bucket(&f, "b");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    meta_fixture_close(&f);
    return 0;
}

static void hear(void *arg, const char *text)
{
    (void)arg;
    print_message("%s\n", text);
}

static void expect_sound(void)
{
    struct check_options options = {.finding = hear};
    struct check_report report;
    assert_int_equal(check_rows(f.meta, f.loop, &options, &report), 0);
    assert_int_equal(report.findings, 0);
}

static int count(const char *table)
{
    sqlite3_stmt *s;
    char sql[64];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", table);
    assert_int_equal(sqlite3_prepare_v2(meta_connection_of(f.meta, f.loop)->db, sql, -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    int n = sqlite3_column_int(s, 0);
    sqlite3_finalize(s);
    return n;
}

/* --- making --- */

struct growth { int64_t content_id; int first, count; struct extent extents[STEP]; };

static void reserve(struct extent *e)
{
    int err = placement_reserve(f.placement, LEN, e);
    if (err == ERR_WOULD_BLOCK) {
        meta_fixture_settle(&f);
        err = placement_reserve(f.placement, LEN, e);
    }
    assert_int_equal(err, 0);
    struct extent_layout l;
    extent_layout_init(&l, 4, 2, e->unit_shift, LEN);
    e->crc_count = extent_crc_count(&l);
    e->crcs = calloc(e->crc_count, sizeof *e->crcs);
    assert_non_null(e->crcs);
}

static int insert_segments(struct meta_tx *tx, void *arg)
{
    struct growth *g = arg;
    int err = 0;
    for (int i = 0; err == 0 && i < g->count; i++) {
        struct extent *e = &g->extents[i];
        e->id = (int64_t)meta_tx_clock(tx);
        uint64_t start = (uint64_t)(g->first + i) * LEN;
        struct segment_row segment = {g->content_id, start, LEN, e->id, 0};
        struct content_part_row part = {g->content_id, (uint32_t)(g->first + i + 1), start, LEN, slice_of("", 0)};
        err = extent_insert(tx, e, 1);
        if (err == 0)
            err = content_insert_segment(tx, &segment);
        if (err == 0)
            err = content_insert_part(tx, &part);
    }
    return err;
}

static void make_content(int64_t content_id, int segments)
{
    struct growth *g = calloc(1, sizeof *g);
    assert_non_null(g);
    g->content_id = content_id;
    for (; g->first < segments; g->first += STEP) {
        g->count = segments - g->first < STEP ? segments - g->first : STEP;
        for (int i = 0; i < g->count; i++)
            reserve(&g->extents[i]);
        assert_int_equal(meta_fixture_write(&f, insert_segments, g), 0);
        for (int i = 0; i < g->count; i++)
            free(g->extents[i].crcs);
    }
    free(g);
}

static struct version_row the_version(void)
{
    struct slice none = slice_of("", 0);
    return (struct version_row){.bucket_id = bucket_id, .key = slice_string("k"), .rank = 1, .version_id = none, .size = SEGMENTS * (uint64_t)LEN,
                                .etag = none, .content_id = 7, .owner_id = 1, .attributes = none, .origin_version_id = none};
}

static int insert_version(struct meta_tx *tx, void *arg)
{
    (void)arg;
    struct version_row row = the_version();
    return version_insert(tx, &row);
}

static int delete_version(struct meta_tx *tx, void *arg)
{
    (void)arg;
    struct version_row row = the_version();
    int err = version_delete(tx, &row);
    return err != 0 ? err : content_delete(tx, 7);
}

static int insert_upload(struct meta_tx *tx, void *arg)
{
    (void)arg;
    struct slice none = slice_of("", 0);
    struct upload_row upload = {.id = 5, .upload_id = slice_of("0123456789abcdef", 16), .bucket_id = bucket_id, .key = slice_string("k"), .attributes = none};
    int err = upload_insert(tx, &upload);
    for (uint32_t i = 0; err == 0 && i < PARTS; i++) {
        /* The first is large; the second was joined to an object and has no content any more. */
        struct part_row part = {.upload_row = 5, .part_number = i + 1, .content_id = 100 + i, .size = i == 0 ? 20 * LEN : 3, .etag = none, .checksum = none};
        int64_t replaced;
        err = part_put(tx, &part, &replaced);
        if (err == 0 && i > 1)
            err = content_insert_inline(tx, part.content_id, slice_of("abc", 3));
    }
    return err;
}

static int delete_upload(struct meta_tx *tx, void *arg)
{
    (void)arg;
    return upload_delete(tx, 5);
}

/* --- tests --- */

static void hold(void) { f.meta->trash.not_before_us = UINT64_MAX; }

static void test_large_content(void **state)
{
    (void)state;
    make_content(7, SEGMENTS);
    assert_int_equal(meta_fixture_write(&f, insert_version, NULL), 0);
    expect_sound();
    hold();
    assert_int_equal(meta_fixture_write(&f, delete_version, NULL), 0);
    assert_int_equal(count("outbox"), 1);
    assert_int_equal(count("segment"), SEGMENTS);
    expect_sound();
    int slices = 0;
    for (int before = SEGMENTS; count("outbox") > 0; slices++) {
        meta_fixture_crash(&f);
        assert_true(meta_step(f.meta)); /* one slice */
        hold();
        expect_sound();
        assert_true(count("segment") <= before && slices < 100);
        before = count("segment");
    }
    assert_true(slices > 1);
    assert_int_equal(count("segment") + count("content_part") + count("extent"), 0);
    meta_fixture_crash(&f);
    meta_fixture_settle(&f);
    expect_sound();
}

static void test_parts_of_an_upload(void **state)
{
    (void)state;
    make_content(100, 20);
    assert_int_equal(meta_fixture_write(&f, insert_upload, NULL), 0);
    hold();
    assert_int_equal(meta_fixture_write(&f, delete_upload, NULL), 0);
    assert_int_equal(count("upload"), 0);
    assert_int_equal(count("part"), PARTS);
    expect_sound();
    meta_fixture_crash(&f);
    expect_sound();
    meta_fixture_settle(&f);
    assert_int_equal(count("part") + count("segment") + count("extent") + count("inline_content") + count("outbox"), 0);
    expect_sound();
}

static int break_reference(struct meta_tx *tx, void *arg)
{
    return connection_script(tx->connection, arg);
}

/* A row that is damaged keeps its content owed, and nothing else from going on. */
static void test_failure_is_tried_again(void **state)
{
    (void)state;
    make_content(100, 20);
    assert_int_equal(meta_fixture_write(&f, insert_upload, NULL), 0);
    hold();
    assert_int_equal(meta_fixture_write(&f, delete_upload, NULL), 0);
    assert_int_equal(meta_fixture_write(&f, break_reference, (void *)(uintptr_t)"UPDATE extent SET refs = 0"), 0);
    f.meta->trash.not_before_us = 0;
    meta_fixture_settle(&f);
    assert_true(meta_writable(f.meta) && f.meta->trash.due && f.meta->trash.not_before_us > 0);
    assert_int_equal(count("part"), 0);
    assert_int_equal(count("segment"), 20);
    assert_int_equal(meta_fixture_write(&f, break_reference, (void *)(uintptr_t)"UPDATE extent SET refs = 1"), 0);
    f.meta->trash.not_before_us = 0;
    meta_fixture_settle(&f);
    assert_int_equal(count("segment") + count("extent") + count("outbox"), 0);
    expect_sound();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {TEST(test_large_content), TEST(test_parts_of_an_upload), TEST(test_failure_is_tried_again)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
