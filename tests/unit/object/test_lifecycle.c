/* Lifecycle rules over a whole store: what the worker does to versions, markers and uploads, that space returns, that counts are
 * kept, that it goes on after a crash, and that one thing that cannot be done holds up no other. Days last milliseconds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"
#include "object/lifecycle_worker.h"
#include "object_fixture.h"

#define DAY_US 20000u
#define TURNS_MAX 3000 /* of 10 ms */
#define ON "<Status>Enabled</Status>"
#define NEVER "<Expiration><Days>1000000</Days></Expiration>"

static struct object_fixture fixture;
static struct lifecycle_worker worker;
static bool working;

/* --- the worker --- */

static void start_worker(uint64_t day_us)
{
    const struct lifecycle_worker_options options = {.meta = fixture.meta, .loop = fixture.loop, .day_us = day_us};
    memset(&worker, 0, sizeof worker);
    assert_int_equal(lifecycle_worker_init(&worker, &options), 0);
    lifecycle_worker_start(&worker);
    working = true;
}

struct nap { struct timer timer; bool over; };

static void nap_over(struct timer *timer)
{
    container_of(timer, struct nap, timer)->over = true;
}

static void nap(void)
{
    struct nap n = {.timer.fire = nap_over};
    loop_timer_set(fixture.loop, &n.timer, loop_now_us(fixture.loop) + 10000);
    object_fixture_until(&fixture, &n.over);
}

static void stop_worker(void)
{
    if (!working)
        return;
    lifecycle_worker_stop(&worker);
    while (!lifecycle_worker_idle(&worker))
        nap();
    lifecycle_worker_fini(&worker);
    working = false;
}

/* --- what is there --- */

struct census { struct meta_read read; int64_t bucket; uint32_t versions, markers, moved, due, walks, uploads; bool done; };

static int count_due(void *arg, const struct lifecycle_due_row *row)
{
    (void)row;
    ((struct census *)arg)->due++;
    return 0;
}

static int count_upload(void *arg, const struct upload_row *row)
{
    (void)row;
    ((struct census *)arg)->uploads++;
    return 0;
}

static int run_census(struct meta_tx *tx, struct meta_read *read)
{
    struct census *c = container_of(read, struct census, read);
    struct version_cursor cursor;
    struct version_row row;
    struct lifecycle_walk_row walk;
    c->versions = c->markers = c->moved = c->due = c->walks = c->uploads = 0;
    int err = version_seek(tx, c->bucket, slice_of("", 0), true, NULL, &cursor);
    while (!err && !(err = version_next(&cursor, &row))) {
        *(row.flags & VERSION_DELETE_MARKER ? &c->markers : &c->versions) += 1;
        c->moved += row.storage_class != 0;
    }
    version_cursor_close(&cursor);
    if (err != ERR_NOT_FOUND)
        return err;
    err = lifecycle_due_list_bucket(tx, c->bucket, count_due, c);
    if (!err)
        err = upload_list(tx, c->bucket, slice_of("", 0), INT64_MAX, count_upload, c);
    for (int64_t after = 0; !err && !(err = lifecycle_walk_first(tx, after, &walk)); after = walk.bucket_id)
        c->walks++;
    return err == ERR_NOT_FOUND ? 0 : err;
}

static void census_done(struct meta_read *read)
{
    container_of(read, struct census, read)->done = true;
}

static struct census census(int64_t bucket)
{
    struct census c = {.bucket = bucket, .read = {.run = run_census, .done = census_done, .loop = fixture.loop}};
    meta_read(fixture.meta, &c.read);
    object_fixture_until(&fixture, &c.done);
    assert_int_equal(c.read.err, 0);
    return c;
}

/* Until that much is there, and stays. */
static void settle(int64_t bucket, uint32_t versions, uint32_t markers)
{
    struct census c = {0};
    for (int i = 0; i < TURNS_MAX; i++) {
        c = census(bucket);
        if (c.versions == versions && c.markers == markers && c.walks == 0)
            return;
        nap();
    }
    fail_msg("%u versions and %u markers, not %u and %u; %u due, %u walks", c.versions, c.markers, versions, markers, c.due, c.walks);
}

static void settle_index(int64_t bucket)
{
    for (int i = 0; i < TURNS_MAX; i++) {
        struct census c = census(bucket);
        if (c.due == 0 && c.walks == 0)
            return;
        nap();
    }
    fail_msg("rows stay in the index");
}

/* --- what clients do --- */

static int64_t put(const char *bucket, const char *key, size_t len, struct slice attributes)
{
    static char data[1 << 20];
    struct object_put_options options = {.target = PUT_OBJECT, .bucket = slice_string(bucket), .key = slice_string(key), .size = len,
                                         .owner_id = 1, .attributes = attributes};
    struct object_put_result result;
    assert_int_equal(object_fixture_put(&fixture, &options, data, len, &result), 0);
    return 0;
}

struct waited_update { struct object_attribute_update update; bool done; };

static void update_done(struct object_attribute_update *update)
{
    container_of(update, struct waited_update, update)->done = true;
}

static void update(const char *bucket, const char *key, enum attribute_kind kind, const char *name, struct slice replacement)
{
    struct waited_update w = {.update = {.reactor = &fixture.reactor, .bucket = slice_string(bucket), .key = slice_string(key),
                                         .kind = kind, .name = name ? slice_string(name) : slice_of(NULL, 0),
                                         .replacement = replacement, .done = update_done}};
    object_attribute_update_start(&w.update);
    object_fixture_until(&fixture, &w.done);
    assert_int_equal(w.update.err, 0);
}

static void set_compact(const char *bucket, struct slice compact)
{
    struct text entry = {0};
    attribute_append(&entry, ATTRIBUTE_CONFIGURATION, slice_string(LIFECYCLE_NAME), compact);
    update(bucket, "", ATTRIBUTE_CONFIGURATION, LIFECYCLE_NAME, slice_of(entry.data, entry.len));
    text_free(&entry);
}

static void set_rules(const char *bucket, const char *rules)
{
    char xml[4096];
    struct text compact = {0};
    struct lifecycle_refusal why;
    snprintf(xml, sizeof xml, "<LifecycleConfiguration>%s</LifecycleConfiguration>", rules);
    assert_int_equal(lifecycle_parse(xml, strlen(xml), LIFECYCLE_MINIMUM_NONE, 1, &compact, &why), 0);
    set_compact(bucket, slice_of(compact.data, compact.len));
    text_free(&compact);
}

struct waited_delete { struct object_delete request; struct object_delete_item item; bool done; };

static void delete_done(struct object_delete *request)
{
    container_of(request, struct waited_delete, request)->done = true;
}

static void delete_newest(const char *bucket, const char *key)
{
    struct waited_delete w = {.request = {.reactor = &fixture.reactor, .bucket = slice_string(bucket), .count = 1, .owner_id = 1,
                                          .done = delete_done}, .item = {.key = slice_string(key)}};
    w.request.items = &w.item;
    object_delete_start(&w.request);
    object_fixture_until(&fixture, &w.done);
    assert_true(!w.request.err && !w.item.err);
}

struct waited_create { struct upload_create create; bool done; };

static void create_done(struct upload_create *create)
{
    container_of(create, struct waited_create, create)->done = true;
}

static void create_upload(const char *bucket, const char *key)
{
    struct waited_create w = {.create = {.reactor = &fixture.reactor, .bucket = slice_string(bucket), .key = slice_string(key),
                                         .owner_id = 1, .done = create_done}};
    upload_create_start(&w.create);
    object_fixture_until(&fixture, &w.done);
    assert_int_equal(w.create.err, 0);
    upload_create_fini(&w.create);
}

/* Buckets are numbered from 1, in order. */
static int setup(void **state)
{
    (void)state;
    object_fixture_open(&fixture);
    assert_int_equal(object_fixture_bucket(&fixture, "plain", false), 0);
    assert_int_equal(object_fixture_bucket(&fixture, "versioned", true), 0);
    return 0;
}
#define PLAIN 1
#define VERSIONED 2

static int teardown(void **state)
{
    (void)state;
    stop_worker();
    object_fixture_close(&fixture);
    return 0;
}

/* --- tests --- */

static void objects_expire_and_their_space_returns(void **state)
{
    (void)state;
    char key[32];
    put("plain", "keep/first", 1 << 20, slice_of(NULL, 0)); /* groups are made now */
    uint64_t before = object_fixture_available(&fixture);
    for (int i = 0; i < 10; i++) {
        snprintf(key, sizeof key, "old/%d", i);
        put("plain", key, 1 << 20, slice_of(NULL, 0));
    }
    assert_true(object_fixture_available(&fixture) < before);
    assert_int_equal(census(PLAIN).due, 0);
    set_rules("plain", "<Rule><Prefix>old/</Prefix>" ON "<Expiration><Days>1</Days></Expiration></Rule>");
    start_worker(DAY_US);
    settle(PLAIN, 1, 0);
    put("plain", "old/later", 1 << 20, slice_of(NULL, 0)); /* no walk this time */
    put("plain", "old/gone", 100, slice_of(NULL, 0));
    delete_newest("plain", "old/gone");
    settle(PLAIN, 1, 0);
    for (int i = 0; object_fixture_available(&fixture) < before && i < TURNS_MAX; i++)
        nap();
    assert_true(object_fixture_available(&fixture) == before);
    assert_int_equal(census(PLAIN).due, 0);
    struct lifecycle_worker_status status;
    lifecycle_worker_status(&worker, &status);
    assert_int_equal(status.counts.expired, 11);
}

static void tags_and_sizes_decide_when_they_change(void **state)
{
    (void)state;
    struct text tag = {0};
    attribute_append(&tag, ATTRIBUTE_TAG, slice_string("k"), slice_string("v"));
    set_rules("plain", "<Rule><Filter><Tag><Key>k</Key><Value>v</Value></Tag></Filter>" ON "<Expiration><Days>1</Days></Expiration></Rule>"
                       "<Rule><Filter><ObjectSizeGreaterThan>50</ObjectSizeGreaterThan></Filter>" ON "<Expiration><Days>1</Days></Expiration></Rule>");
    start_worker(DAY_US);
    put("plain", "tagged", 10, slice_of(tag.data, tag.len));
    put("plain", "large", 51, slice_of(NULL, 0));
    put("plain", "small", 50, slice_of(NULL, 0));
    settle(PLAIN, 1, 0);
    settle_index(PLAIN);
    update("plain", "small", ATTRIBUTE_TAG, NULL, slice_of(tag.data, tag.len));
    settle(PLAIN, 0, 0);
    text_free(&tag);
}

static void so_many_newer_versions_stay(void **state)
{
    (void)state;
    set_rules("versioned", "<Rule><Filter/>" ON "<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays>"
                           "<NewerNoncurrentVersions>3</NewerNoncurrentVersions></NoncurrentVersionExpiration></Rule>");
    for (int i = 0; i < 8; i++)
        put("versioned", "k", 10, slice_of(NULL, 0));
    start_worker(DAY_US);
    settle(VERSIONED, 4, 0);
    settle_index(VERSIONED); /* those that stay are looked at no more */
    for (int i = 0; i < 3; i++) {
        put("versioned", "k", 10, slice_of(NULL, 0));
        settle(VERSIONED, 4, 0);
    }
    for (int i = 0; i < 20; i++) /* faster than the worker */
        put("versioned", "k", 10, slice_of(NULL, 0));
    settle(VERSIONED, 4, 0);
    delete_newest("versioned", "k");
    settle(VERSIONED, 3, 1);
}

static void what_expires_in_a_versioned_bucket(void **state)
{
    (void)state;
    put("versioned", "k", 10, slice_of(NULL, 0));
    set_rules("versioned", "<Rule><Filter/>" ON "<Expiration><Days>1</Days></Expiration></Rule>");
    start_worker(DAY_US);
    settle(VERSIONED, 1, 1); /* a marker before it; which stays, for it is not alone */
    settle_index(VERSIONED);
    set_rules("versioned", "<Rule><Filter/>" ON "<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays>"
                           "</NoncurrentVersionExpiration></Rule>");
    settle(VERSIONED, 0, 1);
    set_rules("versioned", "<Rule><Filter/>" ON "<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration></Rule>");
    settle(VERSIONED, 0, 0);
    settle_index(VERSIONED);
    put("versioned", "k", 10, slice_of(NULL, 0)); /* all of it at once, without a walk */
    set_rules("versioned", "<Rule><Filter/>" ON "<Expiration><Days>1</Days></Expiration><NoncurrentVersionExpiration>"
                           "<NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration></Rule>");
    settle(VERSIONED, 0, 0);
}

static void uploads_are_aborted_and_classes_change(void **state)
{
    (void)state;
    create_upload("plain", "stale/1");
    create_upload("plain", "other");
    put("plain", "cold/1", 10, slice_of(NULL, 0));
    set_rules("plain", "<Rule><Prefix>stale/</Prefix>" ON
                       "<AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule>"
                       "<Rule><Prefix>cold/</Prefix>" ON "<Transition><Days>1</Days><StorageClass>GLACIER</StorageClass></Transition></Rule>");
    start_worker(DAY_US);
    create_upload("plain", "stale/2");
    put("plain", "cold/2", 10, slice_of(NULL, 0));
    struct census c = {0};
    for (int i = 0; i < TURNS_MAX && (c.uploads != 1 || c.moved != 2); i++) {
        nap();
        c = census(PLAIN);
    }
    assert_int_equal(c.uploads, 1);
    assert_int_equal(c.moved, 2);
    assert_int_equal(c.versions, 2);
    settle_index(PLAIN);
}

static void the_index_goes_with_the_rules_and_the_bucket(void **state)
{
    (void)state;
    char key[32];
    set_rules("plain", "<Rule><Filter/>" ON NEVER "</Rule>");
    for (int i = 0; i < 150; i++) {
        snprintf(key, sizeof key, "%d", i);
        put("plain", key, 10, slice_of(NULL, 0));
    }
    create_upload("plain", "u");
    assert_int_equal(census(PLAIN).due, 150);
    start_worker(DAY_US);
    settle(PLAIN, 150, 0);
    assert_int_equal(census(PLAIN).due, 150);
    update("plain", "", ATTRIBUTE_CONFIGURATION, LIFECYCLE_NAME, slice_of("", 0));
    settle_index(PLAIN);
    set_rules("versioned", "<Rule><Filter/>" ON "<AbortIncompleteMultipartUpload><DaysAfterInitiation>1000</DaysAfterInitiation>"
                           "</AbortIncompleteMultipartUpload></Rule>");
    settle_index(VERSIONED);
    create_upload("versioned", "u");
    assert_int_equal(census(VERSIONED).due, 1);
    assert_int_equal(object_fixture_remove_bucket(&fixture, "versioned"), 0);
    settle_index(VERSIONED);
}

static void it_goes_on_after_a_crash(void **state)
{
    (void)state;
    char key[32];
    for (int i = 0; i < 600; i++) { /* a walk of several steps */
        snprintf(key, sizeof key, "%04d", i);
        put("plain", key, 10, slice_of(NULL, 0));
    }
    set_rules("plain", "<Rule><Filter/>" ON NEVER "</Rule>");
    start_worker(DAY_US);
    for (int i = 0; i < TURNS_MAX && census(PLAIN).due == 0; i++)
        nap();
    stop_worker();
    object_fixture_crash(&fixture);
    start_worker(DAY_US);
    settle(PLAIN, 600, 0);
    assert_int_equal(census(PLAIN).due, 600);
    stop_worker();
    object_fixture_crash(&fixture);
    set_rules("plain", "<Rule><Filter/>" ON "<Expiration><Days>1</Days></Expiration></Rule>");
    start_worker(2 * DAY_US); /* days of another length: everything is looked at again */
    settle(PLAIN, 0, 0);
}

static void what_cannot_be_done_holds_up_nothing_else(void **state)
{
    (void)state;
    put("plain", "a", 10, slice_of(NULL, 0));
    set_rules("plain", "<Rule><Filter/>" ON "<Expiration><Days>1</Days></Expiration></Rule>");
    start_worker(60000000); /* long enough that nothing is due yet */
    for (int i = 0; i < TURNS_MAX && (census(PLAIN).due == 0 || census(PLAIN).walks != 0); i++)
        nap();
    stop_worker();
    set_compact("plain", slice_of("\2\0", 2)); /* rules of a later version */
    put("versioned", "b", 10, slice_of(NULL, 0));
    set_rules("versioned", "<Rule><Filter/>" ON "<Expiration><Days>1</Days></Expiration><NoncurrentVersionExpiration>"
                           "<NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration></Rule>");
    start_worker(DAY_US);
    struct census c = census(VERSIONED);
    for (int i = 0; i < TURNS_MAX && c.versions + c.markers != 0; i++) {
        nap();
        c = census(VERSIONED);
    }
    assert_int_equal(c.versions + c.markers, 0);
    assert_int_equal(census(PLAIN).versions, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(objects_expire_and_their_space_returns, setup, teardown),
        cmocka_unit_test_setup_teardown(tags_and_sizes_decide_when_they_change, setup, teardown),
        cmocka_unit_test_setup_teardown(so_many_newer_versions_stay, setup, teardown),
        cmocka_unit_test_setup_teardown(what_expires_in_a_versioned_bucket, setup, teardown),
        cmocka_unit_test_setup_teardown(uploads_are_aborted_and_classes_change, setup, teardown),
        cmocka_unit_test_setup_teardown(the_index_goes_with_the_rules_and_the_bucket, setup, teardown),
        cmocka_unit_test_setup_teardown(it_goes_on_after_a_crash, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_done_holds_up_nothing_else, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
