/* Every verb of the tables: what it stores, and what it says when there is nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meta_fixture.h"

static struct meta_fixture f;

/* Slices in designated initialisers. */
#define S(text) ((struct slice){.data = (text), .len = sizeof(text) - 1})

static void assert_slice(struct slice s, const char *expected)
{
    assert_int_equal(s.len, strlen(expected));
    assert_memory_equal(s.data, expected, s.len);
}

static int setup(void **state)
{
    (void)state;
    meta_fixture_open(&f);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    meta_fixture_close(&f);
    return 0;
}

static void write_ok(int (*fn)(struct meta_tx *, void *), void *arg)
{
    assert_int_equal(meta_fixture_write(&f, fn, arg), 0);
}

/* --- settings and cursors --- */

static int settings(struct meta_tx *tx, void *arg)
{
    (void)arg;
    uint64_t value = 5;
    assert_int_equal(setting_get_u64(tx, "none", &value), ERR_NOT_FOUND);
    assert_int_equal(value, 5);
    assert_int_equal(setting_set_u64(tx, "a", 1), 0);
    assert_int_equal(setting_set_u64(tx, "a", 2), 0);
    assert_int_equal(setting_get_u64(tx, "a", &value), 0);
    assert_int_equal(value, 2);
    int64_t position, total;
    assert_int_equal(cursor_get(tx, "scrub", &position, &total), ERR_NOT_FOUND);
    assert_int_equal(cursor_set(tx, "scrub", 3, 9), 0);
    assert_int_equal(cursor_set(tx, "scrub", 4, 9), 0);
    assert_int_equal(cursor_get(tx, "scrub", &position, &total), 0);
    assert_int_equal(position, 4);
    assert_int_equal(total, 9);
    assert_int_equal(cursor_delete(tx, "scrub"), 0);
    assert_int_equal(cursor_delete(tx, "scrub"), ERR_NOT_FOUND);
    return 0;
}

static void test_settings(void **state)
{
    (void)state;
    write_ok(settings, NULL);
}

/* --- buckets --- */

static int collect_name(void *arg, const struct bucket_row *row)
{
    text_append(arg, row->name.data, row->name.len);
    text_append_string(arg, " ");
    return 0;
}

static int stop_here(void *arg, const struct bucket_row *row)
{
    (void)row;
    ++*(int *)arg;
    return ERR_CANCELLED;
}

static int buckets(struct meta_tx *tx, void *arg)
{
    int64_t *ids = arg;
    struct bucket_row row = {.name = S("b"), .owner_id = 7, .created_us = 9, .region = S("r"), .attributes = S("x")};
    assert_int_equal(bucket_insert(tx, &row, &ids[0]), 0);
    int64_t unused = -1;
    assert_int_equal(bucket_insert(tx, &row, &unused), ERR_EXISTS);
    assert_int_equal(unused, -1);
    row.name = S("a");
    assert_int_equal(bucket_insert(tx, &row, &ids[1]), 0);
    assert_int_not_equal(ids[0], ids[1]);
    struct bucket_row found;
    assert_int_equal(bucket_get(tx, S("none"), &found), ERR_NO_SUCH_BUCKET);
    assert_int_equal(bucket_get(tx, S("b"), &found), 0);
    assert_int_equal(found.owner_id, 7);
    assert_int_equal(found.created_us, 9);
    assert_slice(found.region, "r");
    assert_slice(found.attributes, "x");
    found.versioning = BUCKET_VERSIONING_ENABLED;
    found.attributes = S("yy");
    assert_int_equal(bucket_update(tx, &found), 0);
    assert_int_equal(bucket_get(tx, S("b"), &found), 0);
    assert_int_equal(found.versioning, BUCKET_VERSIONING_ENABLED);
    assert_slice(found.attributes, "yy");
    struct text names = {0};
    assert_int_equal(bucket_list(tx, S(""), collect_name, &names), 0);
    assert_string_equal(names.data, "a b ");
    text_clear(&names);
    assert_int_equal(bucket_list(tx, S("a"), collect_name, &names), 0);
    assert_string_equal(names.data, "b ");
    text_free(&names);
    int calls = 0;
    assert_int_equal(bucket_list(tx, S(""), stop_here, &calls), ERR_CANCELLED);
    assert_int_equal(calls, 1);
    struct bucket_row none = {.id = 12345};
    assert_int_equal(bucket_update(tx, &none), ERR_NO_SUCH_BUCKET);
    assert_int_equal(bucket_delete(tx, 12345), ERR_NO_SUCH_BUCKET);
    return 0;
}

static int fill_bucket(struct meta_tx *tx, void *arg)
{
    int64_t *ids = arg;
    struct version_row v = {.bucket_id = ids[0], .key = S("k"), .rank = 1};
    struct upload_row u = {.id = 1, .upload_id = S("0123456789abcdef"), .bucket_id = ids[1], .key = S("k")};
    assert_int_equal(version_insert(tx, &v), 0);
    assert_int_equal(upload_insert(tx, &u), 0);
    assert_int_equal(bucket_delete(tx, ids[0]), ERR_BUCKET_NOT_EMPTY);
    assert_int_equal(bucket_delete(tx, ids[1]), ERR_BUCKET_NOT_EMPTY);
    assert_int_equal(version_delete(tx, &v), 0);
    assert_int_equal(upload_delete(tx, 1), 0);
    assert_int_equal(bucket_delete(tx, ids[0]), 0);
    assert_int_equal(bucket_delete(tx, ids[1]), 0);
    return 0;
}

static int find(struct meta_tx *tx, void *arg)
{
    struct bucket_row row;
    int err = bucket_get(tx, slice_string("fresh"), &row);
    if (err == 0)
        *(int *)arg = row.versioning;
    return err;
}

static int change(struct meta_tx *tx, void *arg)
{
    struct bucket_row row;
    int err = bucket_get(tx, S("fresh"), &row);
    row.versioning = *(enum bucket_versioning *)arg;
    return err != 0 ? err : bucket_update(tx, &row);
}

static int drop(struct meta_tx *tx, void *arg)
{
    return bucket_delete(tx, *(int64_t *)arg);
}

static void test_buckets(void **state)
{
    (void)state;
    int64_t ids[2];
    write_ok(buckets, ids);
    write_ok(fill_bucket, ids);
    int64_t id = meta_fixture_bucket(&f, "c");
    assert_true(id > ids[0] && id > ids[1]);
}

static void test_bucket_cache_follows_changes(void **state)
{
    (void)state;
    int versioning = -1;
    assert_int_equal(meta_fixture_read(&f, find, &versioning), ERR_NO_SUCH_BUCKET);
    int64_t id = meta_fixture_bucket(&f, "fresh");
    for (int i = 0; i < 3; i++)
        assert_int_equal(meta_fixture_read(&f, find, &versioning), 0);
    assert_int_equal(versioning, BUCKET_UNVERSIONED);
    enum bucket_versioning on = BUCKET_VERSIONING_ENABLED;
    write_ok(change, &on);
    assert_int_equal(meta_fixture_read(&f, find, &versioning), 0);
    assert_int_equal(versioning, BUCKET_VERSIONING_ENABLED);
    write_ok(drop, &id);
    assert_int_equal(meta_fixture_read(&f, find, &versioning), ERR_NO_SUCH_BUCKET);
}

/* --- versions --- */

static struct version_row version_of(const char *key, int64_t rank, struct slice id)
{
    return (struct version_row){
        .bucket_id = 50, .key = slice_string(key), .rank = rank, .version_id = id, .flags = 0, .size = 11,
        .etag = S("0123456789abcdef"), .modified_us = 12, .content_id = 13, .owner_id = 14, .storage_class = 15,
        .attributes = S("attributes"), .origin_clock = 16, .origin_region = 17, .replication = 2,
    };
}

static void expect_walk(struct meta_tx *tx, struct slice from, bool inclusive, const int64_t *rank, const char *expected)
{
    struct version_cursor c;
    assert_int_equal(version_seek(tx, 50, from, inclusive, rank, &c), 0);
    struct text seen = {0};
    text_append_string(&seen, "");
    struct version_row row;
    int err;
    while ((err = version_next(&c, &row)) == 0)
        text_append_format(&seen, "%.*s%lld ", (int)row.key.len, row.key.data, (long long)row.rank);
    assert_int_equal(err, ERR_NOT_FOUND);
    assert_int_equal(version_next(&c, &row), ERR_NOT_FOUND);
    version_cursor_close(&c);
    assert_string_equal(seen.len > 0 ? seen.data : "", expected);
    text_free(&seen);
}

static int versions(struct meta_tx *tx, void *arg)
{
    (void)arg;
    struct version_row rows[] = {version_of("a", 3, S("")), version_of("b", 5, S("2222222222222222")),
                                 version_of("b", 2, S("1111111111111111")), version_of("b", 9, S("")), version_of("c", 1, S(""))};
    rows[1].origin_version_id = S("origin");
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(version_insert(tx, &rows[i]), 0);
    assert_int_equal(version_insert(tx, &rows[0]), ERR_EXISTS);
    struct version_row r;
    assert_int_equal(version_current(tx, 50, S("b"), &r), 0);
    assert_int_equal(r.rank, 2);
    assert_int_equal(r.size, 11);
    assert_int_equal(r.modified_us, 12);
    assert_int_equal(r.content_id, 13);
    assert_int_equal(r.owner_id, 14);
    assert_int_equal(r.storage_class, 15);
    assert_int_equal(r.origin_clock, 16);
    assert_int_equal(r.origin_region, 17);
    assert_int_equal(r.replication, 2);
    assert_slice(r.etag, "0123456789abcdef");
    assert_slice(r.attributes, "attributes");
    assert_slice(r.origin_version_id, "");
    assert_int_equal(version_current(tx, 50, S("bb"), &r), ERR_NO_SUCH_KEY);
    assert_int_equal(version_current(tx, 51, S("b"), &r), ERR_NO_SUCH_KEY);
    assert_int_equal(version_get(tx, 50, S("b"), S(""), &r), 0);
    assert_int_equal(r.rank, 9);
    assert_int_equal(version_get(tx, 50, S("b"), S("2222222222222222"), &r), 0);
    assert_slice(r.origin_version_id, "origin");
    assert_int_equal(version_get(tx, 50, S("b"), S("3333333333333333"), &r), ERR_NO_SUCH_VERSION);
    assert_int_equal(version_at(tx, 50, S("b"), 5, &r), 0);
    assert_slice(r.version_id, "2222222222222222");
    assert_int_equal(version_at(tx, 50, S("b"), 6, &r), ERR_NO_SUCH_VERSION);
    int64_t rank = 2;
    expect_walk(tx, S(""), true, NULL, "a3 b2 b5 b9 c1 ");
    expect_walk(tx, S("b"), true, NULL, "b2 b5 b9 c1 ");
    expect_walk(tx, S("b"), false, NULL, "c1 ");
    expect_walk(tx, S("b"), false, &rank, "b5 b9 c1 ");
    expect_walk(tx, S("d"), true, NULL, "");
    assert_int_equal(version_delete(tx, &rows[1]), 0);
    assert_int_equal(version_delete(tx, &rows[1]), ERR_NO_SUCH_VERSION);
    expect_walk(tx, S("b"), true, NULL, "b2 b9 c1 ");
    struct version_cursor open_to_the_end;
    assert_int_equal(version_seek(tx, 50, S(""), true, NULL, &open_to_the_end), 0);
    assert_int_equal(version_next(&open_to_the_end, &r), 0);
    version_cursor_close(&open_to_the_end);
    version_cursor_close(&open_to_the_end);
    assert_int_equal(version_next(&open_to_the_end, &r), ERR_NOT_FOUND);
    return 0;
}

static void test_versions(void **state)
{
    (void)state;
    write_ok(versions, NULL);
}

/* --- groups, extents, contents --- */

static uint32_t crcs[] = {1, 0x01020304, UINT32_MAX};

static struct extent extent_of(int64_t id, uint32_t block, uint32_t count)
{
    return (struct extent){.id = id, .group_id = 60, .block = block, .block_count = count, .len = 1000, .unit_shift = 16,
                           .crc_count = 3, .crcs = crcs};
}

static struct group group_of(int64_t id)
{
    struct group g = {.id = id, .data_count = 4, .parity_count = 2, .matrix = 1, .free_blocks = 1000};
    for (uint32_t i = 0; i < 6; i++)
        g.slots[i] = (struct group_slot){.volume_index = i, .chunk = 70 + (uint32_t)id % 10};
    return g;
}

struct seen { int count; struct group group; struct extent extents[8]; };

static int see_group(void *arg, const struct group *g)
{
    struct seen *s = arg;
    s->group = *g;
    s->count++;
    return 0;
}

static int see_extent(void *arg, const struct extent *e)
{
    struct seen *s = arg;
    s->extents[s->count++] = *e;
    return 0;
}

static uint32_t free_blocks(struct meta_tx *tx)
{
    struct seen s = {0};
    assert_int_equal(group_list(tx, 59, see_group, &s), 0);
    assert_int_equal(s.group.id, 60);
    return s.group.free_blocks;
}

static int groups(struct meta_tx *tx, void *arg)
{
    (void)arg;
    struct group g = group_of(60);
    assert_int_equal(group_insert(tx, &g), 0);
    assert_int_equal(group_insert(tx, &g), ERR_EXISTS);
    struct seen s = {0};
    assert_int_equal(group_list(tx, 0, see_group, &s), 0);
    assert_int_equal(s.count, 1);
    assert_memory_equal(s.group.slots, g.slots, sizeof g.slots);
    g.closed = 1;
    g.slots[3].chunk = 99;
    assert_int_equal(group_update(tx, &g), 0);
    assert_int_equal(group_list(tx, 0, see_group, &s), 0);
    assert_int_equal(s.group.closed, 1);
    assert_int_equal(s.group.slots[3].chunk, 99);
    assert_int_equal(s.group.free_blocks, 1000);
    assert_int_equal(group_list(tx, 60, see_group, &s), 0);
    assert_int_equal(s.count, 2);
    struct group bad = g;
    bad.data_count = 0;
    assert_int_equal(group_insert(tx, &bad), ERR_INVALID);
    assert_int_equal(group_update(tx, &bad), ERR_INVALID);
    bad = group_of(61);
    assert_int_equal(group_update(tx, &bad), ERR_NOT_FOUND);
    assert_int_equal(group_delete(tx, 61), ERR_NOT_FOUND);
    assert_int_equal(group_insert(tx, &bad), 0);
    assert_int_equal(group_delete(tx, 61), 0);
    return 0;
}

static int extents(struct meta_tx *tx, void *arg)
{
    (void)arg;
    struct extent a = extent_of(100, 10, 5), b = extent_of(101, 1, 9), e;
    b.missing = 4;
    assert_int_equal(extent_insert(tx, &a, 1), 0);
    assert_int_equal(extent_insert(tx, &b, 1), 0);
    assert_int_equal(free_blocks(tx), 1000 - 14);
    struct extent twice = extent_of(102, 10, 5);
    assert_int_equal(extent_insert(tx, &twice, 1), ERR_EXISTS);
    assert_int_equal(extent_get(tx, 99, &e), ERR_CORRUPT);
    assert_int_equal(extent_get(tx, 101, &e), 0);
    assert_int_equal(e.block, 1);
    assert_int_equal(e.block_count, 9);
    assert_int_equal(e.len, 1000);
    assert_int_equal(e.unit_shift, 16);
    assert_int_equal(e.missing, 4);
    assert_int_equal(e.crc_count, 3);
    assert_memory_equal(e.crcs, crcs, sizeof crcs);
    free(e.crcs);
    struct seen s = {0};
    uint64_t missing;
    assert_int_equal(extent_list(tx, 0, true, see_extent, &s), 0);
    assert_int_equal(s.count, 1);
    assert_int_equal(s.extents[0].id, 101);
    assert_int_equal(extent_count_missing(tx, &missing), 0);
    assert_int_equal(missing, 1);
    assert_int_equal(extent_set_missing(tx, 101, 0), 0);
    assert_int_equal(extent_count_missing(tx, &missing), 0);
    assert_int_equal(missing, 0);
    assert_int_equal(extent_set_missing(tx, 109, 0), ERR_NOT_FOUND);
    s.count = 0;
    assert_int_equal(extent_list(tx, 0, true, see_extent, &s), 0);
    assert_int_equal(s.count, 0);
    assert_int_equal(extent_list(tx, 100, false, see_extent, &s), 0);
    assert_int_equal(s.count, 1);
    s.count = 0;
    assert_int_equal(extent_list_group(tx, 60, 0, see_extent, &s), 0);
    assert_int_equal(s.count, 2);
    assert_int_equal(s.extents[0].block, 1);
    assert_int_equal(s.extents[1].block, 10);
    assert_null(s.extents[0].crcs);
    s.count = 0;
    assert_int_equal(extent_list_group(tx, 60, 2, see_extent, &s), 0);
    assert_int_equal(s.count, 1);
    struct extent from = extent_of(101, 1, 9), to = extent_of(101, 40, 7);
    assert_int_equal(extent_move(tx, &from, &to), 0);
    assert_int_equal(free_blocks(tx), 1000 - 12);
    assert_int_equal(extent_move(tx, &from, &to), ERR_NOT_FOUND); /* not there any more */
    assert_int_equal(extent_get(tx, 101, &e), 0);
    assert_int_equal(e.block, 40);
    assert_int_equal(e.block_count, 7);
    assert_memory_equal(e.crcs, crcs, sizeof crcs);
    free(e.crcs);
    struct extent taken = extent_of(101, 10, 7);
    assert_int_equal(extent_move(tx, &to, &taken), ERR_EXISTS); /* another's place */
    assert_int_equal(extent_move(tx, &to, &from), 0);
    assert_int_equal(free_blocks(tx), 1000 - 14);
    struct extent lost = extent_of(103, 10, 5);
    lost.group_id = 61;
    assert_int_equal(extent_insert(tx, &lost, 1), ERR_CORRUPT);
    return 0;
}

struct walked { int count; struct segment_row rows[8]; };

static int see_segment(void *arg, const struct segment_row *row)
{
    struct walked *w = arg;
    w->rows[w->count++] = *row;
    return 0;
}

static struct walked walk(struct meta_tx *tx, int64_t id, uint64_t from, uint64_t len)
{
    struct walked w = {0};
    assert_int_equal(content_segments(tx, id, from, len, see_segment, &w), 0);
    return w;
}

static int segments(struct meta_tx *tx, void *arg)
{
    (void)arg;
    struct segment_row rows[] = {{200, 0, 100, 100, 0}, {200, 100, 50, 101, 7}};
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(content_insert_segment(tx, &rows[i]), 0);
    assert_int_equal(content_insert_segment(tx, &rows[0]), ERR_EXISTS);
    assert_int_equal(walk(tx, 200, 0, 1000).count, 2);
    assert_int_equal(walk(tx, 200, 0, UINT64_MAX).count, 2);
    assert_int_equal(walk(tx, 200, 99, 1).count, 1);
    assert_int_equal(walk(tx, 200, 99, 2).count, 2);
    assert_int_equal(walk(tx, 200, 100, 50).rows[0].extent_off, 7);
    assert_int_equal(walk(tx, 200, 150, 1).count, 0);
    assert_int_equal(walk(tx, 200, UINT64_MAX, 1).count, 0);
    assert_int_equal(walk(tx, 201, 0, 1).count, 0);

    /* [90, 120) shared behind 10 bytes of another content */
    assert_int_equal(content_share(tx, 200, 90, 30, false, 201, 10), 0);
    struct walked w = walk(tx, 201, 0, 100);
    assert_int_equal(w.count, 2);
    const struct segment_row expected[] = {{201, 10, 10, 100, 90}, {201, 20, 20, 101, 7}};
    assert_memory_equal(w.rows, expected, sizeof expected);
    assert_int_equal(content_share(tx, 200, 140, 20, false, 202, 0), ERR_CORRUPT);
    assert_int_equal(content_share(tx, 200, 0, 10, false, 200, 0), ERR_INVALID);
    struct content_part_row empty = {.content_id = 203, .part_number = 1}; /* an upload of one empty part, copied */
    assert_int_equal(content_insert_part(tx, &empty), 0);
    assert_int_equal(content_share(tx, 203, 0, 0, true, 204, 0), 0);
    assert_int_equal(content_get_part(tx, 204, 1, &empty), 0);
    assert_int_equal(content_delete(tx, 203), 0);
    assert_int_equal(content_delete(tx, 204), 0);
    return 0;
}

static int append_and_delete(struct meta_tx *tx, void *arg)
{
    (void)arg;
    assert_int_equal(content_delete(tx, 202), 0); /* the rows of the share that failed above */
    assert_int_equal(content_append(tx, 201, 200, 140), 0);
    struct walked w = walk(tx, 200, 150, 100);
    assert_int_equal(w.count, 2);
    assert_int_equal(w.rows[0].start, 150);
    assert_int_equal(w.rows[1].start, 160);
    assert_int_equal(walk(tx, 201, 0, 100).count, 0);
    assert_int_equal(free_blocks(tx), 1000 - 14);
    assert_int_equal(content_delete(tx, 200), 0);
    assert_int_equal(walk(tx, 200, 0, 1000).count, 0);
    struct extent e;
    assert_int_equal(extent_get(tx, 100, &e), ERR_CORRUPT);
    assert_int_equal(extent_get(tx, 101, &e), ERR_CORRUPT);
    assert_int_equal(free_blocks(tx), 1000);
    struct segment_row lost = {205, 0, 100, 999, 0};
    assert_int_equal(content_insert_segment(tx, &lost), 0);
    assert_int_equal(content_delete(tx, 205), ERR_CORRUPT);
    assert_int_equal(content_share(tx, 205, 0, 100, false, 206, 0), ERR_CORRUPT);
    return ERR_CANCELLED; /* the placement knows nothing of these extents: roll back */
}

static int all_of_extents(struct meta_tx *tx, void *arg)
{
    int err = groups(tx, arg);
    if (err == 0)
        err = extents(tx, arg);
    if (err == 0)
        err = segments(tx, arg);
    return err == 0 ? append_and_delete(tx, arg) : err;
}

static void test_extents(void **state)
{
    (void)state;
    assert_int_equal(meta_fixture_write(&f, all_of_extents, NULL), ERR_CANCELLED);
}

static int see_part(void *arg, const struct content_part_row *row)
{
    text_append_format(arg, "%u:%llu+%llu ", row->part_number, (unsigned long long)row->start, (unsigned long long)row->size);
    return 0;
}

static int inline_contents(struct meta_tx *tx, void *arg)
{
    (void)arg;
    static const char large[INLINE_CONTENT_MAX + 1];
    struct slice bytes;
    bool is_inline;
    assert_int_equal(content_get_inline(tx, 300, &bytes), ERR_NOT_FOUND);
    assert_int_equal(content_is_inline(tx, 300, &is_inline), 0);
    assert_false(is_inline);
    assert_int_equal(content_insert_inline(tx, 300, slice_of(large, sizeof large)), ERR_TOO_LARGE);
    assert_int_equal(content_insert_inline(tx, 300, S("hello world")), 0);
    assert_int_equal(content_insert_inline(tx, 300, S("again")), ERR_EXISTS);
    assert_int_equal(content_is_inline(tx, 300, &is_inline), 0);
    assert_true(is_inline);
    struct content_part_row part = {300, 1, 0, 5, S("sum")}, found;
    assert_int_equal(content_insert_part(tx, &part), 0);
    part.part_number = 2, part.start = 5, part.size = 6;
    assert_int_equal(content_insert_part(tx, &part), 0);
    assert_int_equal(content_get_part(tx, 300, 2, &found), 0);
    assert_int_equal(found.start, 5);
    assert_slice(found.checksum, "sum");
    assert_int_equal(content_get_part(tx, 300, 3, &found), ERR_INVALID_PART);
    assert_int_equal(content_share(tx, 300, 6, 5, false, 301, 0), 0);
    assert_int_equal(content_get_inline(tx, 301, &bytes), 0);
    assert_slice(bytes, "world");
    assert_int_equal(content_share(tx, 300, 6, 6, false, 302, 0), ERR_CORRUPT);
    assert_int_equal(content_share(tx, 300, 0, 5, false, 302, 1), ERR_INVALID);
    assert_int_equal(content_share(tx, 300, 0, 11, true, 302, 0), 0);
    struct text parts = {0};
    assert_int_equal(content_parts(tx, 302, 0, see_part, &parts), 0);
    assert_string_equal(parts.data, "1:0+5 2:5+6 ");
    text_clear(&parts);
    assert_int_equal(content_parts(tx, 302, 1, see_part, &parts), 0);
    assert_string_equal(parts.data, "2:5+6 ");
    text_free(&parts);
    assert_int_equal(content_append(tx, 301, 303, 4), ERR_INVALID);
    assert_int_equal(content_append(tx, 301, 303, 0), 0);
    assert_int_equal(content_get_inline(tx, 303, &bytes), 0);
    assert_int_equal(content_delete(tx, 302), 0);
    assert_int_equal(content_get_part(tx, 302, 1, &found), ERR_INVALID_PART);
    assert_int_equal(content_get_inline(tx, 302, &bytes), ERR_NOT_FOUND);
    return 0;
}

static void test_inline_contents(void **state)
{
    (void)state;
    write_ok(inline_contents, NULL);
}

/* --- uploads --- */

static int see_upload(void *arg, const struct upload_row *row)
{
    text_append_format(arg, "%.*s%lld ", (int)row->key.len, row->key.data, (long long)row->id);
    return 0;
}

static int see_part_number(void *arg, const struct part_row *row)
{
    text_append_format(arg, "%u ", row->part_number);
    return 0;
}

static void expect_uploads(struct meta_tx *tx, struct slice key, int64_t id, const char *expected)
{
    struct text seen = {0};
    text_append_string(&seen, "");
    assert_int_equal(upload_list(tx, 400, key, id, see_upload, &seen), 0);
    assert_string_equal(seen.len > 0 ? seen.data : "", expected);
    text_free(&seen);
}

static int uploads(struct meta_tx *tx, void *arg)
{
    (void)arg;
    struct upload_row u = {.id = 5, .upload_id = S("aaaaaaaaaaaaaaaa"), .bucket_id = 400, .key = S("k"), .initiated_us = 6,
                           .owner_id = 7, .storage_class = 8, .checksum_kind = 2, .checksum_type = 1, .attributes = S("z")};
    assert_int_equal(upload_insert(tx, &u), 0);
    assert_int_equal(upload_insert(tx, &u), ERR_EXISTS);
    u.id = 9, u.upload_id = S("bbbbbbbbbbbbbbbb");
    assert_int_equal(upload_insert(tx, &u), 0);
    u.id = 3, u.upload_id = S("cccccccccccccccc"), u.key = S("l");
    assert_int_equal(upload_insert(tx, &u), 0);
    expect_uploads(tx, S(""), INT64_MAX, "k5 k9 l3 ");
    expect_uploads(tx, S("k"), 5, "k9 l3 ");
    expect_uploads(tx, S("k"), INT64_MAX, "l3 ");
    struct upload_row found;
    assert_int_equal(upload_get(tx, 400, S("k"), S("aaaaaaaaaaaaaaaa"), &found), 0);
    assert_int_equal(found.id, 5);
    assert_int_equal(found.initiated_us, 6);
    assert_int_equal(found.checksum_kind, 2);
    assert_int_equal(found.checksum_type, 1);
    assert_slice(found.attributes, "z");
    assert_int_equal(upload_get(tx, 400, S("l"), S("aaaaaaaaaaaaaaaa"), &found), ERR_NO_SUCH_UPLOAD);
    assert_int_equal(upload_get(tx, 401, S("k"), S("aaaaaaaaaaaaaaaa"), &found), ERR_NO_SUCH_UPLOAD);
    assert_int_equal(upload_get(tx, 400, S("k"), S("dddddddddddddddd"), &found), ERR_NO_SUCH_UPLOAD);
    struct part_row part = {.upload_row = 5, .part_number = 2, .content_id = 77, .size = 8, .etag = S("e"), .checksum = S("c"), .modified_us = 9};
    int64_t replaced = -1;
    assert_int_equal(part_put(tx, &part, &replaced), 0);
    assert_int_equal(replaced, 0);
    part.content_id = 78;
    assert_int_equal(part_put(tx, &part, &replaced), 0);
    assert_int_equal(replaced, 77);
    part.part_number = 1;
    assert_int_equal(part_put(tx, &part, &replaced), 0);
    struct part_row got;
    assert_int_equal(part_get(tx, 5, 2, &got), 0);
    assert_int_equal(got.content_id, 78);
    assert_int_equal(got.modified_us, 9);
    assert_slice(got.checksum, "c");
    assert_int_equal(part_get(tx, 5, 3, &got), ERR_INVALID_PART);
    struct text numbers = {0};
    assert_int_equal(part_list(tx, 5, 0, see_part_number, &numbers), 0);
    assert_string_equal(numbers.data, "1 2 ");
    text_clear(&numbers);
    assert_int_equal(part_list(tx, 5, 1, see_part_number, &numbers), 0);
    assert_string_equal(numbers.data, "2 ");
    text_free(&numbers);
    assert_int_equal(upload_delete(tx, 5), 0);
    assert_int_equal(upload_delete(tx, 5), ERR_NO_SUCH_UPLOAD);
    assert_int_equal(part_get(tx, 5, 2, &got), ERR_INVALID_PART);
    return 0;
}

static void test_uploads(void **state)
{
    (void)state;
    write_ok(uploads, NULL);
}

/* --- users --- */

static int see_key(void *arg, const struct access_key_row *row)
{
    assert_int_equal(row->secret.len, 0);
    text_append(arg, row->access_key.data, row->access_key.len);
    return 0;
}

static int see_account(void *arg, const struct account_row *row)
{
    text_append(arg, row->name.data, row->name.len);
    return 0;
}

static void account_names(void)
{
    assert_true(account_name_valid(S("ann+=,.@_-9Z")));
    assert_false(account_name_valid(S("")));
    assert_false(account_name_valid(S("a b")));
    assert_false(account_name_valid(slice_of("a\0b", 3)));
    char name[ACCOUNT_NAME_MAX + 2];
    memset(name, 'a', sizeof name);
    assert_true(account_name_valid(slice_of(name, ACCOUNT_NAME_MAX)));
    assert_false(account_name_valid(slice_of(name, ACCOUNT_NAME_MAX + 1)));
}

static int accounts(struct meta_tx *tx, void *arg)
{
    (void)arg;
    account_names();
    struct account_row a;
    assert_int_equal(account_get(tx, ACCOUNT_ROOT_ID, &a), 0);
    assert_slice(a.name, "root");
    assert_int_equal(a.number.len, ACCOUNT_NUMBER_LEN);
    assert_int_equal(account_get(tx, 2, &a), ERR_NOT_FOUND);
    assert_int_equal(account_get_by_name(tx, S("none"), &a), ERR_NOT_FOUND);
    struct account_row ann = {.number = S("123456789012"), .name = S("ann"), .display_name = S("Ann"), .email = S("ann@example.com"),
                              .canonical_id = S("c2"), .enabled = true, .created_us = 4};
    int64_t id = 0, other = 0;
    assert_int_equal(account_insert(tx, &ann, &id), 0);
    assert_int_equal(account_insert(tx, &ann, &other), ERR_EXISTS);
    assert_int_equal(account_get_by_name(tx, S("ann"), &a), 0);
    assert_int_equal(a.id, id);
    assert_slice(a.display_name, "Ann");
    assert_int_equal(account_get_by_number(tx, S("123456789012"), &a), 0);
    assert_int_equal(account_get_by_canonical_id(tx, S("c2"), &a), 0);
    assert_int_equal(account_get_by_email(tx, S("ann@example.com"), &a), 0);
    assert_int_equal(a.id, id);
    assert_true(a.enabled);
    assert_int_equal(account_set_enabled(tx, id, false), 0);
    assert_int_equal(account_get(tx, id, &a), 0);
    assert_false(a.enabled);
    assert_int_equal(account_set_enabled(tx, id + 1, false), ERR_NOT_FOUND);
    /* Those without an address do not stand in each other's way. */
    struct account_row bob = {.number = S("2"), .name = S("bob"), .canonical_id = S("c3")}, eve = {.number = S("3"), .name = S("eve"), .canonical_id = S("c4")};
    assert_int_equal(account_insert(tx, &bob, &other), 0);
    assert_true(other > id);
    assert_int_equal(account_insert(tx, &eve, &other), 0);
    struct text names = {0};
    assert_int_equal(account_list(tx, see_account, &names), 0);
    assert_string_equal(names.data, "annbobeveroot");
    text_free(&names);
    struct bucket_row bucket = {.name = S("anns"), .owner_id = id, .region = S("")};
    int64_t bucket_id;
    assert_int_equal(bucket_insert(tx, &bucket, &bucket_id), 0);
    struct access_key_row key = {.access_key = S("ANNKEY"), .account_id = id, .secret = S("secret")};
    assert_int_equal(access_key_insert(tx, &key), 0);
    assert_int_equal(account_delete(tx, id), ERR_BUSY);
    assert_int_equal(bucket_delete(tx, bucket_id), 0);
    assert_int_equal(account_delete(tx, id), 0);
    assert_int_equal(account_delete(tx, id), ERR_NOT_FOUND);
    assert_int_equal(access_key_get(tx, S("ANNKEY"), &key), ERR_NOT_FOUND);
    return 0;
}

static int access_keys(struct meta_tx *tx, void *arg)
{
    (void)arg;
    struct access_key_row k = {.access_key = S("AK"), .account_id = 7, .user_id = 8, .secret = S("secret"), .enabled = true, .bucket = S("b"), .prefix = S("p/"), .policy = S("{}"), .expires_us = 5, .created_us = 6}, got;
    assert_int_equal(access_key_get(tx, S("AK"), &got), ERR_NOT_FOUND);
    assert_int_equal(access_key_insert(tx, &k), 0);
    assert_int_equal(access_key_insert(tx, &k), ERR_EXISTS);
    assert_int_equal(access_key_get(tx, S("AK"), &got), 0);
    assert_slice(got.secret, "secret");
    assert_slice(got.bucket, "b");
    assert_slice(got.prefix, "p/");
    assert_slice(got.policy, "{}");
    assert_int_equal(got.expires_us, 5);
    assert_int_equal(got.account_id, 7);
    assert_int_equal(got.user_id, 8);
    assert_int_equal(got.created_us, 6);
    assert_true(got.enabled);
    assert_int_equal(access_key_set_enabled(tx, S("AK"), false), 0);
    assert_int_equal(access_key_get(tx, S("AK"), &got), 0);
    assert_false(got.enabled);
    assert_int_equal(access_key_set_enabled(tx, S("none"), false), ERR_NOT_FOUND);
    k = (struct access_key_row){.access_key = S("BK"), .account_id = 7, .secret = S("other")};
    assert_int_equal(access_key_insert(tx, &k), 0);
    assert_int_equal(access_key_get(tx, S("BK"), &got), 0);
    assert_slice(got.secret, "other");
    assert_slice(got.bucket, "");
    assert_int_equal(got.expires_us, 0);
    struct text names = {0};
    assert_int_equal(access_key_list(tx, S(""), see_key, &names), 0);
    assert_int_equal(access_key_list(tx, S("AK"), see_key, &names), 0);
    assert_int_equal(access_key_list_user(tx, 7, 8, S(""), see_key, &names), 0);
    assert_int_equal(access_key_list_user(tx, 7, 8, S("AK"), see_key, &names), 0);
    assert_string_equal(names.data, "AKBKBKAK");
    text_free(&names);
    k.secret = S("");
    assert_int_equal(access_key_insert(tx, &k), ERR_INVALID);
    static const char long_secret[257] = "x";
    k.secret = slice_of(long_secret, sizeof long_secret);
    assert_int_equal(access_key_insert(tx, &k), ERR_INVALID);
    meta_store(meta_tx_meta(tx))->sealing_key.bytes[0] ^= 1;
    assert_int_equal(access_key_get(tx, S("AK"), &got), ERR_CORRUPT);
    assert_int_equal(access_key_delete(tx, S("AK")), 0);
    assert_int_equal(access_key_delete(tx, S("AK")), ERR_NOT_FOUND);
    return 0;
}

static void test_accounts(void **state)
{
    (void)state;
    write_ok(accounts, NULL);
}

static void test_access_keys(void **state)
{
    (void)state;
    write_ok(access_keys, NULL);
}

/* --- tombstones and outbox --- */

static int see_outbox(void *arg, const struct outbox_row *row)
{
    text_append_format(arg, "%lld:%u@%llu ", (long long)row->id, row->attempts, (unsigned long long)row->due_us);
    return 0;
}

static int owed(struct meta_tx *tx, void *arg)
{
    (void)arg;
    uint64_t clock;
    uint32_t region;
    assert_int_equal(tombstone_get(tx, 1, S("k"), &clock, &region), ERR_NOT_FOUND);
    assert_int_equal(tombstone_put(tx, 1, S("k"), 5, 6), 0);
    assert_int_equal(tombstone_put(tx, 1, S("k"), 7, 8), 0);
    assert_int_equal(tombstone_get(tx, 1, S("k"), &clock, &region), 0);
    assert_int_equal(clock, 7);
    assert_int_equal(region, 8);
    assert_int_equal(tombstone_delete(tx, 1, S("k")), 0);
    assert_int_equal(tombstone_delete(tx, 1, S("k")), ERR_NOT_FOUND);
    struct outbox_row row = {.id = 1, .kind = 2, .target = 3, .bucket_id = 4, .key = S("k"), .rank = 5, .due_us = 6, .payload = S("p")};
    assert_int_equal(outbox_put(tx, &row), 0);
    assert_int_equal(outbox_put(tx, &row), ERR_EXISTS);
    row.id = 2;
    assert_int_equal(outbox_put(tx, &row), 0);
    assert_int_equal(outbox_postpone(tx, 2, 60), 0);
    assert_int_equal(outbox_postpone(tx, 3, 60), ERR_NOT_FOUND);
    struct text seen = {0};
    assert_int_equal(outbox_list(tx, 0, see_outbox, &seen), 0);
    assert_string_equal(seen.data, "1:0@6 2:1@60 ");
    text_free(&seen);
    assert_int_equal(outbox_delete(tx, 1), 0);
    assert_int_equal(outbox_delete(tx, 1), ERR_NOT_FOUND);
    return 0;
}

static void test_owed(void **state)
{
    (void)state;
    write_ok(owed, NULL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_settings), TEST(test_buckets), TEST(test_bucket_cache_follows_changes), TEST(test_versions),
        TEST(test_extents), TEST(test_inline_contents), TEST(test_uploads), TEST(test_accounts), TEST(test_access_keys),
        TEST(test_owed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
