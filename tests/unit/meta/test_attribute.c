/* The encoded lists of attributes, and what is wrong with broken ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "meta/attribute.h"

static struct text sample(void)
{
    struct text t = {0};
    attribute_append(&t, ATTRIBUTE_HEADER, slice_string("content-type"), slice_string("text/plain"));
    attribute_append(&t, ATTRIBUTE_USER_METADATA, slice_string("a"), slice_string(""));
    attribute_append(&t, ATTRIBUTE_USER_METADATA, slice_string("content-type"), slice_string("mine"));
    attribute_append(&t, (enum attribute_kind)200, slice_string("later"), slice_string("kept"));
    assert_false(t.failed);
    return t;
}

static void test_walk(void **state)
{
    (void)state;
    struct text t = sample();
    struct attribute a;
    size_t position = 0;
    int err, count = 0;
    while (attribute_next(slice_of(t.data, t.len), &position, &a, &err))
        count++;
    assert_int_equal(err, 0);
    assert_int_equal(count, 4);
    assert_int_equal(a.kind, 200);
    assert_true(slice_equal_string(a.value, "kept"));
    position = 0;
    assert_false(attribute_next(slice_of("", 0), &position, &a, &err));
    assert_int_equal(err, 0);
    text_free(&t);
}

static void test_find(void **state)
{
    (void)state;
    struct text t = sample();
    struct slice all = slice_of(t.data, t.len), value;
    assert_int_equal(attribute_find(all, ATTRIBUTE_HEADER, "content-type", &value), 0);
    assert_true(slice_equal_string(value, "text/plain"));
    assert_int_equal(attribute_find(all, ATTRIBUTE_USER_METADATA, "content-type", &value), 0);
    assert_true(slice_equal_string(value, "mine"));
    assert_int_equal(attribute_find(all, ATTRIBUTE_USER_METADATA, "a", &value), 0);
    assert_int_equal(value.len, 0);
    assert_int_equal(attribute_find(all, ATTRIBUTE_TAG, "a", &value), ERR_NOT_FOUND);
    text_free(&t);
}

static void test_cut_short(void **state)
{
    (void)state;
    struct text t = {0};
    attribute_append(&t, ATTRIBUTE_TAG, slice_string("name"), slice_string("value"));
    for (size_t len = 1; len < t.len; len++) {
        struct slice value;
        assert_int_equal(attribute_find(slice_of(t.data, len), ATTRIBUTE_TAG, "x", &value), ERR_CORRUPT);
    }
    t.data[3] = t.data[4] = t.data[5] = t.data[6] = (char)0xff; /* the length of the value */
    struct slice value;
    assert_int_equal(attribute_find(slice_of(t.data, t.len), ATTRIBUTE_TAG, "name", &value), ERR_CORRUPT);
    text_free(&t);
}

static void test_name_too_long(void **state)
{
    (void)state;
    static char name[65536];
    struct text t = {0};
    attribute_append(&t, ATTRIBUTE_TAG, slice_of(name, sizeof name), slice_string(""));
    assert_true(t.failed);
    text_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_walk), cmocka_unit_test(test_find), cmocka_unit_test(test_cut_short),
        cmocka_unit_test(test_name_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
