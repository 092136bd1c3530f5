/* What the tests of src/wire share. */
#ifndef WIRE_TEST_H
#define WIRE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static inline void assert_slice(struct slice slice, const char *expected)
{
    assert_non_null(slice.data);
    assert_int_equal(slice.len, strlen(expected));
    assert_memory_equal(slice.data, expected, slice.len);
}

static inline void assert_hex(const uint8_t *bytes, size_t len, const char *expected)
{
    struct text text = {0};
    text_append_hex(&text, bytes, len);
    assert_string_equal(text.data, expected);
    text_free(&text);
}

#endif
