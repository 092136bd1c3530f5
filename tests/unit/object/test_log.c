/* Journals and the delivery of access logs, over a whole store and through a crash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"
#include "meta/attribute.h"
#include "object/log_delivery.h"
#include "object_fixture.h"
#include "wire/logging.h"

static struct object_fixture fixture;

struct waited_update { struct object_attribute_update update; bool done; };

static void update_done(struct object_attribute_update *u)
{
    container_of(u, struct waited_update, update)->done = true;
}

static void configure(const char *inside)
{
    struct text document = {0}, value = {0}, entry = {0};
    text_append_format(&document, "<BucketLoggingStatus><LoggingEnabled><TargetBucket>logs</TargetBucket><TargetPrefix>p/</TargetPrefix>%s"
                       "</LoggingEnabled></BucketLoggingStatus>", inside);
    logging_encode(&value, 1, slice_of(document.data, document.len));
    attribute_append(&entry, ATTRIBUTE_CONFIGURATION, slice_string(LOGGING_ATTRIBUTE), slice_of(value.data, value.len));
    struct waited_update w = {.update = {.reactor = &fixture.reactor, .bucket = slice_string("b"), .kind = ATTRIBUTE_CONFIGURATION,
                                         .name = slice_string(LOGGING_ATTRIBUTE), .replacement = slice_of(entry.data, entry.len),
                                         .done = update_done}};
    object_attribute_update_start(&w.update);
    object_fixture_until(&fixture, &w.done);
    assert_int_equal(w.update.err, 0);
    text_free(&document);
    text_free(&value);
    text_free(&entry);
}

static void put(const char *key, const char *body)
{
    struct object_put_options options = {.target = PUT_OBJECT, .bucket = slice_string("b"), .key = slice_string(key),
                                         .size = strlen(body), .owner_id = 1};
    struct object_put_result result;
    assert_int_equal(object_fixture_put(&fixture, &options, body, strlen(body), &result), 0);
}

struct waited_delete { struct object_delete request; bool done; };

static void delete_done(struct object_delete *request)
{
    container_of(request, struct waited_delete, request)->done = true;
}

static void delete_key(const char *key)
{
    struct object_delete_item item = {.key = slice_string(key)};
    struct waited_delete w = {.request = {.reactor = &fixture.reactor, .bucket = slice_string("b"), .items = &item, .count = 1,
                                          .owner_id = 1, .operation = "REST.DELETE.OBJECT", .done = delete_done}};
    object_delete_start(&w.request);
    object_fixture_until(&fixture, &w.done);
    assert_int_equal(w.request.err, 0);
}

struct waited_due { struct log_due due; bool done; };

static void due_done(struct log_due *due)
{
    container_of(due, struct waited_due, due)->done = true;
}

static uint32_t find_due(int64_t *ret_first)
{
    struct waited_due w = {.due = {.reactor = &fixture.reactor, .done = due_done}};
    log_due_start(&w.due);
    object_fixture_until(&fixture, &w.done);
    assert_int_equal(w.due.err, 0);
    *ret_first = w.due.count ? w.due.ids[0] : 0;
    return w.due.count;
}

struct waited_delivery { struct log_delivery delivery; bool done; };

static void delivered(struct log_delivery *d)
{
    container_of(d, struct waited_delivery, delivery)->done = true;
}

static void run(struct waited_delivery *w)
{
    w->delivery.reactor = &fixture.reactor;
    w->delivery.done = delivered;
    log_delivery_start(&w->delivery);
    object_fixture_until(&fixture, &w->done);
}

static int64_t bucket_id(const char *name);

/* Everything of the one stream there is. */
static int flush(bool even_empty, struct text *body)
{
    struct waited_delivery w = {.delivery = {.all = true, .even_empty = even_empty,
        .stream = {.target_id = bucket_id("logs"), .target = slice_string("logs"), .format = LOG_STREAM_JOURNAL, .head = slice_string("p/")}}};
    run(&w);
    int err = w.delivery.err;
    text_clear(body);
    if (!err && w.delivery.key.len) {
        assert_true(slice_starts_with(slice_of(w.delivery.key.data, w.delivery.key.len), "p/20"));
        struct object_get get = {.bucket = slice_string("logs"), .key = slice_of(w.delivery.key.data, w.delivery.key.len)};
        assert_int_equal(object_fixture_get(&fixture, &get, body), 0);
        object_get_fini(&get);
    } else if (!err) {
        err = ERR_NOT_FOUND;
    }
    log_delivery_fini(&w.delivery);
    return err;
}

struct waited_bucket { struct bucket_request request; bool done; };

static void bucket_done(struct bucket_request *b)
{
    container_of(b, struct waited_bucket, request)->done = true;
}

static int64_t bucket_id(const char *name)
{
    struct waited_bucket w = {.request = {.reactor = &fixture.reactor, .name = slice_string(name), .done = bucket_done}};
    bucket_find(&w.request);
    object_fixture_until(&fixture, &w.done);
    int64_t id = w.request.err ? 0 : w.request.id;
    bucket_request_fini(&w.request);
    return id;
}

static unsigned count(const struct text *body, const char *what)
{
    unsigned n = 0;
    for (const char *at = body->data; at && (at = strstr(at, what)); at++)
        n++;
    return n;
}

static void journal_tells_what_happened(void **state)
{
    (void)state;
    struct text body = {0};
    configure("<LoggingType>Journal</LoggingType>");
    put("a", "12345");
    put("b/1", "1");
    delete_key("a");
    delete_key("never there");
    object_fixture_crash(&fixture);
    assert_int_equal(flush(false, &body), 0);
    assert_int_equal(count(&body, "\n"), 3);
    assert_int_equal(count(&body, " REST.PUT.OBJECT a 5 - 827ccb0eea8a706c4c34a16891f84e7b\n"), 1);
    assert_int_equal(count(&body, " REST.PUT.OBJECT b/1 1 - "), 1);
    assert_int_equal(count(&body, " REST.DELETE.OBJECT a 5 - -\n"), 1);
    assert_int_equal(flush(false, &body), ERR_NOT_FOUND);
    assert_int_equal(flush(true, &body), 0);
    assert_int_equal(body.len, 0);
    text_free(&body);
}

static void filters_and_other_types_keep_out(void **state)
{
    (void)state;
    struct text body = {0};
    configure("<LoggingType>Journal</LoggingType><Filter><S3Key><FilterRule><Name>suffix</Name><Value>.txt</Value></FilterRule></S3Key></Filter>");
    put("a", "1");
    put("a.txt", "1");
    assert_int_equal(flush(false, &body), 0);
    assert_int_equal(count(&body, "\n"), 1);
    configure("");
    put("b.txt", "1");
    assert_int_equal(flush(false, &body), ERR_NOT_FOUND);
    text_free(&body);
}

static void is_due_in_time_or_when_full(void **state)
{
    (void)state;
    struct text body = {0};
    int64_t id;
    configure("<LoggingType>Journal</LoggingType><ObjectRollTime>3600</ObjectRollTime>");
    put("a", "1");
    assert_int_equal(find_due(&id), 0);
    configure("<LoggingType>Journal</LoggingType><ObjectRollTime>0</ObjectRollTime>");
    put("b", "1");
    assert_int_equal(find_due(&id), 0); /* not before LOG_DELIVERY_DELAY_US */
    char key[1001];
    memset(key, 'k', sizeof key - 1);
    key[sizeof key - 1] = '\0';
    configure("<LoggingType>Journal</LoggingType><ObjectRollTime>3600</ObjectRollTime>");
    for (unsigned written = 0; written <= LOG_OBJECT_MAX; written += 1000)
        put(key, "");
    assert_int_equal(find_due(&id), 1);
    struct waited_delivery w = {.delivery = {.stream = {.id = id}}};
    run(&w);
    assert_int_equal(w.delivery.err, 0);
    assert_true(w.delivery.key.len > 0);
    log_delivery_fini(&w.delivery);
    assert_int_equal(find_due(&id), 0);
    assert_int_equal(flush(false, &body), 0); /* what did not fit */
    text_free(&body);
}

static void delivered_once_by_two(void **state)
{
    (void)state;
    struct text body = {0};
    configure("<LoggingType>Journal</LoggingType>");
    put("a", "1");
    struct log_stream_row stream = {.target_id = bucket_id("logs"), .target = slice_string("logs"), .format = LOG_STREAM_JOURNAL,
                                    .head = slice_string("p/")};
    struct waited_delivery w[2];
    for (int i = 0; i < 2; i++) {
        w[i] = (struct waited_delivery){.delivery = {.all = true, .stream = stream, .reactor = &fixture.reactor, .done = delivered}};
        log_delivery_start(&w[i].delivery);
    }
    object_fixture_until(&fixture, &w[0].done);
    object_fixture_until(&fixture, &w[1].done);
    assert_int_equal(w[0].delivery.err, 0);
    assert_int_equal(w[1].delivery.err, 0);
    assert_int_equal(!w[0].delivery.key.len + !w[1].delivery.key.len, 1);
    for (int i = 0; i < 2; i++)
        log_delivery_fini(&w[i].delivery);
    assert_int_equal(flush(false, &body), ERR_NOT_FOUND);
    text_free(&body);
}

static int open_store(void **state)
{
    (void)state;
    object_fixture_open(&fixture);
    assert_int_equal(object_fixture_bucket(&fixture, "b", false), 0);
    assert_int_equal(object_fixture_bucket(&fixture, "logs", false), 0);
    return 0;
}

static int close_store(void **state)
{
    (void)state;
    object_fixture_close(&fixture);
    return 0;
}

/* Another bucket of the name gets none of the records that were meant for the old one. */
static void another_target_gets_nothing_old(void **state)
{
    (void)state;
    struct text body = {0};
    int64_t id;
    configure("<LoggingType>Journal</LoggingType>");
    put("old", "1");
    assert_int_equal(object_fixture_remove_bucket(&fixture, "logs"), 0);
    put("lost", "1"); /* nobody to tell */
    assert_int_equal(object_fixture_bucket(&fixture, "logs", false), 0);
    put("new", "1");
    assert_int_equal(flush(false, &body), 0);
    assert_int_equal(count(&body, "\n"), 1);
    assert_int_equal(count(&body, " new "), 1);
    assert_int_equal(find_due(&id), 1); /* the old ones, to be forgotten */
    struct waited_delivery w = {.delivery = {.stream = {.id = id}}};
    run(&w);
    assert_int_equal(w.delivery.err, ERR_NO_SUCH_BUCKET);
    log_delivery_fini(&w.delivery);
    assert_int_equal(find_due(&id), 0);
    text_free(&body);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_store, close_store)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(journal_tells_what_happened), TEST(filters_and_other_types_keep_out), TEST(is_due_in_time_or_when_full),
        TEST(delivered_once_by_two), TEST(another_target_gets_nothing_old),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
