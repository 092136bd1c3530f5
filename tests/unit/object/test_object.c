/* Objects over a whole store: bodies of every size, ranges, versions, conditions, lists, copies and multipart, over a restart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meta/attribute.h"
#include "object_fixture.h"

static struct object_fixture fixture;

static char *bytes(size_t len, unsigned seed)
{
    char *data = malloc(len + 1);
    assert_non_null(data);
    for (size_t i = 0; i < len; i++)
        data[i] = (char)((i * 2654435761u + seed * 40503u) >> 13);
    return data;
}

static int put(const char *key, const void *data, size_t len, struct object_put_result *ret)
{
    struct object_put_options options = {.target = PUT_OBJECT, .bucket = slice_string("b"), .key = slice_string(key), .size = len, .owner_id = 1};
    return object_fixture_put(&fixture, &options, data, len, ret);
}

static int get(const char *key, struct text *body)
{
    struct object_get request = {.bucket = slice_string("b"), .key = slice_string(key)};
    int err = object_fixture_get(&fixture, &request, body);
    object_get_fini(&request);
    return err;
}

static void expect(const char *key, const void *data, size_t len)
{
    struct text body = {0};
    assert_int_equal(get(key, &body), 0);
    assert_int_equal(body.len, len);
    assert_true(len == 0 || memcmp(body.data, data, len) == 0);
    text_free(&body);
}

struct waited_delete { struct object_delete request; bool done; };

static void delete_done(struct object_delete *request)
{
    ((struct waited_delete *)request)->done = true;
}

static int delete_items(struct object_delete_item *items, uint32_t count)
{
    struct waited_delete w = {.request = {.reactor = &fixture.reactor, .bucket = slice_string("b"), .items = items, .count = count,
                                          .owner_id = 1, .done = delete_done}};
    object_delete_start(&w.request);
    object_fixture_until(&fixture, &w.done);
    return w.request.err;
}

static void delete_key(const char *key)
{
    struct object_delete_item item = {.key = slice_string(key)};
    assert_int_equal(delete_items(&item, 1), 0);
    assert_int_equal(item.err, 0);
}

static const size_t sizes[] = {0, 1, 8192, 8193, 65536, 65537, 262144, 1000003, 5u << 20, (16u << 20) + 12345};

static void bodies_of_every_size_come_back(void **state)
{
    (void)state;
    char key[32];
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        char *data = bytes(sizes[i], (unsigned)i);
        snprintf(key, sizeof(key), "size/%zu", sizes[i]);
        assert_int_equal(put(key, data, sizes[i], NULL), 0);
        expect(key, data, sizes[i]);
        free(data);
    }
    object_fixture_crash(&fixture);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        char *data = bytes(sizes[i], (unsigned)i);
        snprintf(key, sizeof(key), "size/%zu", sizes[i]);
        expect(key, data, sizes[i]);
        free(data);
    }
}

static void ranges_are_exact(void **state)
{
    (void)state;
    size_t len = 3u << 20;
    char *data = bytes(len, 77);
    assert_int_equal(put("ranged", data, len, NULL), 0);
    static const struct { uint64_t first, last; } ranges[] = {{0, 0}, {65535, 65536}, {1, 300000}, {0, 5}, {1048575, 2097153}};
    for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++) {
        struct object_get request = {.bucket = slice_string("b"), .key = slice_string("ranged"), .has_range = true,
                                     .range_first = ranges[i].first, .range_last = ranges[i].last};
        struct text body = {0};
        assert_int_equal(object_fixture_get(&fixture, &request, &body), 0);
        assert_int_equal(body.len, ranges[i].last - ranges[i].first + 1);
        assert_memory_equal(body.data, data + ranges[i].first, body.len);
        text_free(&body);
        object_get_fini(&request);
    }
    struct object_get past = {.bucket = slice_string("b"), .key = slice_string("ranged"), .has_range = true, .range_first = len, .range_last = UINT64_MAX};
    assert_int_equal(object_fixture_get(&fixture, &past, NULL), ERR_INVALID_RANGE);
    object_get_fini(&past);
    free(data);
}

static void overwriting_and_deleting_frees_space(void **state)
{
    (void)state;
    size_t len = 8u << 20;
    char *data = bytes(len, 5);
    assert_int_equal(put("space", data, len, NULL), 0);
    uint64_t before = object_fixture_available(&fixture);
    for (int i = 0; i < 40; i++) /* many times what the store holds */
        assert_int_equal(put("space", data, len, NULL), 0);
    expect("space", data, len);
    assert_int_equal(object_fixture_available(&fixture), before);
    delete_key("space");
    assert_true(object_fixture_available(&fixture) > before);
    assert_int_equal(get("space", NULL), ERR_NO_SUCH_KEY);
    free(data);
}

static void conditions_hold_at_the_commit(void **state)
{
    (void)state;
    struct object_put_options options = {.target = PUT_OBJECT, .bucket = slice_string("b"), .key = slice_string("once"), .size = 3, .owner_id = 1,
                                         .conditions = {.if_none_match = slice_string("*")}};
    struct object_put_result result;
    assert_int_equal(object_fixture_put(&fixture, &options, "one", 3, &result), 0);
    assert_int_equal(object_fixture_put(&fixture, &options, "two", 3, NULL), ERR_PRECONDITION);
    expect("once", "one", 3);
    char etag[48];
    object_etag_format(result.info.etag, result.info.etag_len, etag);
    options.conditions = (struct object_conditions){.if_match = slice_string(etag)};
    assert_int_equal(object_fixture_put(&fixture, &options, "two", 3, NULL), 0);
    assert_int_equal(object_fixture_put(&fixture, &options, "333", 3, NULL), ERR_PRECONDITION);
    options.key = slice_string("never");
    assert_int_equal(object_fixture_put(&fixture, &options, "333", 3, NULL), ERR_NO_SUCH_KEY);
    expect("once", "two", 3);
}

static void a_short_body_leaves_nothing(void **state)
{
    (void)state;
    uint64_t before = object_fixture_available(&fixture);
    char *data = bytes(1u << 20, 9);
    struct object_put_options options = {.target = PUT_OBJECT, .bucket = slice_string("b"), .key = slice_string("short"), .size = 2u << 20, .owner_id = 1};
    assert_int_equal(object_fixture_put(&fixture, &options, data, 1u << 20, NULL), ERR_INCOMPLETE_BODY);
    options.bucket = slice_string("nowhere");
    options.size = 1u << 20;
    assert_int_equal(object_fixture_put(&fixture, &options, data, 1u << 20, NULL), ERR_NO_SUCH_BUCKET);
    assert_int_equal(get("short", NULL), ERR_NO_SUCH_KEY);
    assert_int_equal(object_fixture_available(&fixture), before);
    free(data);
}

struct waited_update { struct object_attribute_update request; bool done; };

static void update_done(struct object_attribute_update *request)
{
    ((struct waited_update *)request)->done = true;
}

static int update(const char *bucket, const char *key, const char *name, const char *value)
{
    struct text entry = {0};
    if (value)
        attribute_append(&entry, ATTRIBUTE_TAG, slice_string(name), slice_string(value));
    struct waited_update w = {.request = {.reactor = &fixture.reactor, .bucket = slice_string(bucket), .key = slice_string(key),
                                          .kind = ATTRIBUTE_TAG, .name = slice_string(name),
                                          .replacement = slice_of(entry.data ? entry.data : "", entry.len), .done = update_done}};
    object_attribute_update_start(&w.request);
    object_fixture_until(&fixture, &w.done);
    text_free(&entry);
    return w.request.err;
}

static void attributes_change_in_place(void **state)
{
    (void)state;
    struct object_put_result result;
    assert_int_equal(put("tagged", "abc", 3, &result), 0);
    assert_int_equal(update("b", "tagged", "one", "1"), 0);
    assert_int_equal(update("b", "tagged", "two", "2"), 0);
    assert_int_equal(update("b", "tagged", "one", "3"), 0);
    assert_int_equal(update("b", "tagged", "two", NULL), 0);
    object_fixture_crash(&fixture);
    struct object_get request = {.bucket = slice_string("b"), .key = slice_string("tagged")};
    struct slice value;
    struct text body = {0};
    assert_int_equal(object_fixture_get(&fixture, &request, &body), 0);
    assert_memory_equal(body.data, "abc", 3);
    assert_int_equal(attribute_find(request.info.attributes, ATTRIBUTE_TAG, "one", &value), 0);
    assert_true(slice_equal_string(value, "3"));
    assert_int_not_equal(attribute_find(request.info.attributes, ATTRIBUTE_TAG, "two", &value), 0);
    assert_int_equal(request.info.modified_us, result.info.modified_us);
    assert_memory_equal(request.info.etag, result.info.etag, 16);
    text_free(&body);
    object_get_fini(&request);
    assert_int_equal(update("b", "", "one", "1"), 0);
    assert_int_equal(update("b", "no such key", "one", "1"), ERR_NO_SUCH_KEY);
    assert_int_equal(update("no-such-bucket", "k", "one", "1"), ERR_NO_SUCH_BUCKET);
}

static void versions_stay_until_deleted_by_id(void **state)
{
    (void)state;
    assert_int_equal(object_fixture_bucket(&fixture, "v", true), 0);
    struct object_put_options options = {.target = PUT_OBJECT, .bucket = slice_string("v"), .key = slice_string("k"), .size = 1, .owner_id = 1};
    struct object_put_result first, second;
    assert_int_equal(object_fixture_put(&fixture, &options, "1", 1, &first), 0);
    assert_int_equal(object_fixture_put(&fixture, &options, "2", 1, &second), 0);
    assert_false(first.info.null_version);
    struct object_get request = {.bucket = slice_string("v"), .key = slice_string("k"), .has_version_id = true};
    memcpy(request.version_id, first.info.version_id, 16);
    struct text body = {0};
    assert_int_equal(object_fixture_get(&fixture, &request, &body), 0);
    assert_int_equal(body.data[0], '1');
    text_free(&body);
    object_get_fini(&request);

    struct object_delete_item item = {.key = slice_string("k")};
    struct waited_delete w = {.request = {.reactor = &fixture.reactor, .bucket = slice_string("v"), .items = &item, .count = 1, .owner_id = 1, .done = delete_done}};
    object_delete_start(&w.request);
    object_fixture_until(&fixture, &w.done);
    assert_true(item.delete_marker && item.marker_created);
    request = (struct object_get){.bucket = slice_string("v"), .key = slice_string("k")};
    assert_int_equal(object_fixture_get(&fixture, &request, NULL), ERR_DELETE_MARKER);
    object_get_fini(&request);

    struct object_delete_item marker = {.key = slice_string("k"), .has_version_id = true};
    memcpy(marker.version_id, item.result_version_id, 16);
    w = (struct waited_delete){.request = {.reactor = &fixture.reactor, .bucket = slice_string("v"), .items = &marker, .count = 1, .owner_id = 1, .done = delete_done}};
    object_delete_start(&w.request);
    object_fixture_until(&fixture, &w.done);
    assert_true(marker.delete_marker && !marker.marker_created);
    request = (struct object_get){.bucket = slice_string("v"), .key = slice_string("k")};
    body = (struct text){0};
    assert_int_equal(object_fixture_get(&fixture, &request, &body), 0);
    assert_int_equal(body.data[0], '2');
    text_free(&body);
    object_get_fini(&request);
}

/* --- many keys at once: more than one commit of the smallest log can hold --- */

#define CROWD 6u
#define CROWD_KEYS 1000u
#define CROWD_STEP 100u
#define CROWD_KEPT 700u /* of each request: its condition does not hold */

struct crowd_key { char name[32]; };

struct crowd { struct meta_write write; struct crowd_key *keys; uint32_t first; bool done; };

static int crowd_insert(struct meta_tx *tx, struct meta_write *write)
{
    static const char body[8192], etag[16];
    struct crowd *c = (struct crowd *)write;
    struct bucket_row bucket;
    int err = bucket_get(tx, slice_string("b"), &bucket);
    for (uint32_t i = c->first; err == 0 && i < c->first + CROWD_STEP; i++) {
        uint64_t clock = meta_tx_clock(tx);
        struct slice empty = slice_of("", 0);
        struct version_row row = {.bucket_id = bucket.id, .key = slice_string(c->keys[i].name), .rank = version_rank(clock), .version_id = empty,
                                  .size = sizeof(body), .etag = slice_of(etag, sizeof(etag)), .modified_us = clock,
                                  .content_id = (int64_t)clock, .owner_id = 1, .attributes = empty, .origin_version_id = empty};
        err = version_insert(tx, &row);
        if (err == 0)
            err = content_insert_inline(tx, row.content_id, slice_of(body, sizeof(body)));
    }
    return err;
}

static void crowd_inserted(struct meta_write *write) { ((struct crowd *)write)->done = true; }

static void crowd_put(struct crowd_key *keys)
{
    for (uint32_t i = 0; i < CROWD * CROWD_KEYS; i++)
        snprintf(keys[i].name, sizeof(keys[i].name), "crowd/%08x", i * 2654435761u);
    for (uint32_t i = 0; i < CROWD * CROWD_KEYS; i += CROWD_STEP) {
        struct crowd c = {.write = {.run = crowd_insert, .done = crowd_inserted, .loop = fixture.loop}, .keys = keys, .first = i};
        meta_write(fixture.meta, &c.write);
        object_fixture_until(&fixture, &c.done);
        assert_int_equal(c.write.err, 0);
    }
}

/* Of keys that lie apart, so that each has pages of its own. */
static void crowd_delete(struct crowd_key *keys, struct object_delete_item *items, struct waited_delete *w)
{
    for (uint32_t i = 0; i < CROWD; i++) {
        for (uint32_t n = 0; n < CROWD_KEYS; n++)
            items[i * CROWD_KEYS + n].key = slice_string(keys[(i * CROWD_KEYS + n) * 2671u % (CROWD * CROWD_KEYS)].name);
        items[i * CROWD_KEYS + CROWD_KEPT].conditions.if_match = slice_string("\"0123456789abcdef0123456789abcdef\"");
        w[i] = (struct waited_delete){.request = {.reactor = &fixture.reactor, .bucket = slice_string("b"), .items = &items[i * CROWD_KEYS],
                                                  .count = CROWD_KEYS, .owner_id = 1, .done = delete_done}};
        object_delete_start(&w[i].request);
    }
    for (uint32_t i = 0; i < CROWD; i++)
        object_fixture_until(&fixture, &w[i].done);
}

/* Requests of 1000 keys, side by side: all of them succeed, whatever shares a commit, and each key has its outcome. */
static void a_crowd_of_deletions_succeeds(void **state)
{
    (void)state;
    struct crowd_key *keys = calloc((size_t)CROWD * CROWD_KEYS, sizeof(*keys));
    struct object_delete_item *items = calloc((size_t)CROWD * CROWD_KEYS, sizeof(*items));
    struct waited_delete w[CROWD];
    assert_true(keys && items);
    crowd_put(keys);
    crowd_delete(keys, items, w);
    for (uint32_t i = 0; i < CROWD; i++) {
        assert_int_equal(w[i].request.err, 0);
        for (uint32_t n = 0; n < CROWD_KEYS; n++) {
            const struct object_delete_item *item = &items[i * CROWD_KEYS + n];
            struct object_get request = {.bucket = slice_string("b"), .key = item->key};
            assert_int_equal(item->err, n == CROWD_KEPT ? ERR_PRECONDITION : 0);
            assert_int_equal(object_fixture_get(&fixture, &request, NULL), n == CROWD_KEPT ? 0 : ERR_NO_SUCH_KEY);
            object_get_fini(&request);
        }
    }
    free(items);
    free(keys);
}

static int uploads_insert(struct meta_tx *tx, struct meta_write *write)
{
    struct crowd *c = (struct crowd *)write;
    struct bucket_row bucket;
    int err = bucket_get(tx, slice_string("many"), &bucket);
    for (uint32_t i = 0; err == 0 && i < CROWD_STEP; i++) {
        uint64_t clock = meta_tx_clock(tx);
        char id[17];
        snprintf(id, sizeof(id), "%016llx", (unsigned long long)clock * 2654435761u);
        struct upload_row row = {.id = (int64_t)clock, .upload_id = slice_of(id, 16), .bucket_id = bucket.id,
                                 .key = slice_string(c->keys[c->first + i].name), .attributes = slice_of("", 0)};
        err = upload_insert(tx, &row);
    }
    return err;
}

/* More uploads than one transaction may abort; and none of them while the bucket has to stay. */
static void a_bucket_goes_with_thousands_of_uploads(void **state)
{
    (void)state;
    struct crowd_key *keys = calloc((size_t)CROWD * CROWD_KEYS, sizeof(*keys));
    assert_non_null(keys);
    assert_int_equal(object_fixture_bucket(&fixture, "many", false), 0);
    for (uint32_t i = 0; i < CROWD * CROWD_KEYS; i += CROWD_STEP) {
        for (uint32_t n = i; n < i + CROWD_STEP; n++)
            snprintf(keys[n].name, sizeof(keys[n].name), "upload/%08x", n * 2654435761u);
        struct crowd c = {.write = {.run = uploads_insert, .done = crowd_inserted, .loop = fixture.loop}, .keys = keys, .first = i};
        meta_write(fixture.meta, &c.write);
        object_fixture_until(&fixture, &c.done);
        assert_int_equal(c.write.err, 0);
    }
    struct object_put_options options = {.target = PUT_OBJECT, .bucket = slice_string("many"), .key = slice_string("k"), .size = 1, .owner_id = 1};
    assert_int_equal(object_fixture_put(&fixture, &options, "1", 1, NULL), 0);
    assert_int_equal(object_fixture_remove_bucket(&fixture, "many"), ERR_BUCKET_NOT_EMPTY);
    struct object_delete_item item = {.key = slice_string("k")};
    struct waited_delete w = {.request = {.reactor = &fixture.reactor, .bucket = slice_string("many"), .items = &item, .count = 1, .owner_id = 1, .done = delete_done}};
    object_delete_start(&w.request);
    object_fixture_until(&fixture, &w.done);
    assert_int_equal(object_fixture_remove_bucket(&fixture, "many"), 0);
    assert_int_equal(object_fixture_remove_bucket(&fixture, "many"), ERR_NO_SUCH_BUCKET);
    free(keys);
}

struct waited_list { struct object_list list; bool done; };

static void list_done(struct object_list *list)
{
    ((struct waited_list *)list)->done = true;
}

static void run_list(struct waited_list *w)
{
    w->done = false;
    w->list.reactor = &fixture.reactor;
    w->list.done = list_done;
    object_list_start(&w->list);
    object_fixture_until(&fixture, &w->done);
    assert_int_equal(w->list.err, 0);
}

static void lists_group_and_page(void **state)
{
    (void)state;
    assert_int_equal(object_fixture_bucket(&fixture, "l", false), 0);
    static const char *const keys[] = {"a", "b/1", "b/2", "b/3", "c", "d/x/1", "d/y", "e\xff"};
    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
        struct object_put_options options = {.target = PUT_OBJECT, .bucket = slice_string("l"), .key = slice_string(keys[i]), .size = 1, .owner_id = 1};
        assert_int_equal(object_fixture_put(&fixture, &options, "x", 1, NULL), 0);
    }
    static const char *const expected[] = {"a", "b/", "c", "d/", "e\xff"};
    struct text after = {0};
    bool after_is_prefix = false;
    for (size_t i = 0; i < 5; i++) {
        struct waited_list w = {.list = {.bucket = slice_string("l"), .prefix = slice_of("", 0), .delimiter = slice_string("/"), .max = 1,
                                         .after = slice_of(after.data, after.len), .after_is_prefix = after_is_prefix}};
        run_list(&w);
        assert_int_equal(w.list.count, 1);
        assert_true(slice_equal_string(w.list.entries[0].key, expected[i]));
        assert_int_equal(w.list.entries[0].is_prefix, expected[i][strlen(expected[i]) - 1] == '/');
        assert_int_equal(w.list.truncated, i < 4);
        text_clear(&after);
        text_append(&after, w.list.entries[0].key.data, w.list.entries[0].key.len);
        after_is_prefix = w.list.entries[0].is_prefix;
        object_list_fini(&w.list);
    }
    text_free(&after);
    struct waited_list inside = {.list = {.bucket = slice_string("l"), .prefix = slice_string("b/"), .max = 1000, .after = slice_string("b/1")}};
    run_list(&inside);
    assert_int_equal(inside.list.count, 2);
    object_list_fini(&inside.list);
}

struct waited_copy { struct object_copy copy; bool done; };

static void copy_done(struct object_copy *copy)
{
    ((struct waited_copy *)copy)->done = true;
}

static void copies_share_their_bytes(void **state)
{
    (void)state;
    size_t len = 6u << 20;
    char *data = bytes(len, 21);
    assert_int_equal(put("source", data, len, NULL), 0);
    uint64_t before = object_fixture_available(&fixture);
    struct waited_copy w = {.copy = {.reactor = &fixture.reactor, .source_bucket = slice_string("b"), .source_key = slice_string("source"),
                                     .bucket = slice_string("b"), .key = slice_string("target"), .owner_id = 1, .done = copy_done}};
    object_copy_start(&w.copy);
    object_fixture_until(&fixture, &w.done);
    assert_int_equal(w.copy.err, 0);
    object_copy_fini(&w.copy);
    assert_int_equal(object_fixture_available(&fixture), before);
    delete_key("source");
    assert_int_equal(object_fixture_available(&fixture), before);
    object_fixture_crash(&fixture);
    expect("target", data, len);
    delete_key("target");
    assert_true(object_fixture_available(&fixture) > before);
    free(data);
}

struct waited_create { struct upload_create request; bool done; };
struct waited_complete { struct upload_complete request; bool done; };

static void create_done(struct upload_create *request)
{
    ((struct waited_create *)request)->done = true;
}

static void complete_done(struct upload_complete *request)
{
    ((struct waited_complete *)request)->done = true;
}

static void parts_become_one_object(void **state)
{
    (void)state;
    struct waited_create c = {.request = {.reactor = &fixture.reactor, .bucket = slice_string("b"), .key = slice_string("joined"), .owner_id = 1,
                                          .checksum = CHECKSUM_CRC64NVME, .done = create_done}};
    upload_create_start(&c.request);
    object_fixture_until(&fixture, &c.done);
    upload_create_fini(&c.request);
    assert_int_equal(c.request.err, 0);
    size_t part_len = 5u << 20, len = 2 * part_len + 100;
    char *data = bytes(len, 33);
    struct upload_complete_part parts[3];
    for (uint32_t i = 0; i < 3; i++) {
        struct object_put_options options = {.target = PUT_PART, .bucket = slice_string("b"), .key = slice_string("joined"), .owner_id = 1,
                                             .size = i < 2 ? part_len : 100, .part_number = i + 1, .upload_id = slice_of((char *)c.request.upload_id, 16)};
        struct object_put_result result;
        if (i == 1) /* sent twice: the second one counts */
            assert_int_equal(object_fixture_put(&fixture, &options, data, part_len, NULL), 0);
        assert_int_equal(object_fixture_put(&fixture, &options, data + i * part_len, i < 2 ? part_len : 100, &result), 0);
        parts[i] = (struct upload_complete_part){.part_number = i + 1};
        memcpy(parts[i].etag, result.info.etag, 16);
    }
    for (int again = 0; again < 2; again++) { /* the answer may have been lost: asked again, it is the same */
        struct waited_complete w = {.request = {.reactor = &fixture.reactor, .bucket = slice_string("b"), .key = slice_string("joined"),
                                                .parts = parts, .part_count = 3, .done = complete_done}};
        memcpy(w.request.upload_id, c.request.upload_id, 16);
        upload_complete_start(&w.request);
        object_fixture_until(&fixture, &w.done);
        assert_int_equal(w.request.err, 0);
        assert_int_equal(w.request.info.part_count, 3);
        uint64_t crc = crc64nvme(0, data, len);
        for (int i = 0; i < 8; i++)
            assert_int_equal(w.request.checksum_value[i], (uint8_t)(crc >> (56 - 8 * i)));
        upload_complete_fini(&w.request);
    }
    expect("joined", data, len);
    struct object_get second = {.bucket = slice_string("b"), .key = slice_string("joined"), .part_number = 2};
    struct text body = {0};
    assert_int_equal(object_fixture_get(&fixture, &second, &body), 0);
    assert_int_equal(body.len, part_len);
    assert_memory_equal(body.data, data + part_len, part_len);
    text_free(&body);
    object_get_fini(&second);
    free(data);
}

static void a_bucket_goes_with_its_unfinished_uploads(void **state)
{
    (void)state;
    uint64_t before = object_fixture_available(&fixture);
    assert_int_equal(object_fixture_bucket(&fixture, "u", false), 0);
    struct waited_create c = {.request = {.reactor = &fixture.reactor, .bucket = slice_string("u"), .key = slice_string("k"), .owner_id = 1, .done = create_done}};
    upload_create_start(&c.request);
    object_fixture_until(&fixture, &c.done);
    upload_create_fini(&c.request);
    struct object_put_options options = {.target = PUT_PART, .bucket = slice_string("u"), .key = slice_string("k"), .owner_id = 1, .size = 100000,
                                         .part_number = 1, .upload_id = slice_of((char *)c.request.upload_id, 16)};
    char *data = bytes(100000, 3);
    assert_int_equal(object_fixture_put(&fixture, &options, data, 100000, NULL), 0);
    assert_int_equal(object_fixture_remove_bucket(&fixture, "u"), 0);
    assert_int_equal(object_fixture_available(&fixture), before);
    assert_int_equal(put("kept", "x", 1, NULL), 0);
    assert_int_equal(object_fixture_remove_bucket(&fixture, "b"), ERR_BUCKET_NOT_EMPTY);
    free(data);
}

static int setup(void **state)
{
    (void)state;
    object_fixture_open(&fixture);
    assert_int_equal(object_fixture_bucket(&fixture, "b", false), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    object_fixture_close(&fixture);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bodies_of_every_size_come_back, setup, teardown),
        cmocka_unit_test_setup_teardown(ranges_are_exact, setup, teardown),
        cmocka_unit_test_setup_teardown(overwriting_and_deleting_frees_space, setup, teardown),
        cmocka_unit_test_setup_teardown(conditions_hold_at_the_commit, setup, teardown),
        cmocka_unit_test_setup_teardown(a_short_body_leaves_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(attributes_change_in_place, setup, teardown),
        cmocka_unit_test_setup_teardown(versions_stay_until_deleted_by_id, setup, teardown),
        cmocka_unit_test_setup_teardown(a_crowd_of_deletions_succeeds, setup, teardown),
        cmocka_unit_test_setup_teardown(a_bucket_goes_with_thousands_of_uploads, setup, teardown),
        cmocka_unit_test_setup_teardown(lists_group_and_page, setup, teardown),
        cmocka_unit_test_setup_teardown(copies_share_their_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(parts_become_one_object, setup, teardown),
        cmocka_unit_test_setup_teardown(a_bucket_goes_with_its_unfinished_uploads, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
