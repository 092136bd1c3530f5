/* Growable text, slices, hex and base64. */
#include "base/text.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_CAPACITY_MIN 64u

bool text_reserve(struct text *text, size_t extra)
{
    if (text->failed)
        return false;
    if (extra < text->capacity - text->len)
        return true;
    if (extra >= SIZE_MAX / 2 - text->len) {
        text->failed = true;
        return false;
    }
    size_t capacity = text->capacity ? text->capacity : TEXT_CAPACITY_MIN;
    while (capacity - text->len <= extra)
        capacity *= 2;
    char *data = realloc(text->data, capacity);
    if (!data) {
        text->failed = true;
        return false;
    }
    text->data = data;
    text->capacity = capacity;
    return true;
}

void text_append_format(struct text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (len < 0) {
        text->failed = true;
        return;
    }
    if (!text_reserve(text, (size_t)len))
        return;
    va_start(arguments, format);
    vsnprintf(text->data + text->len, (size_t)len + 1, format, arguments);
    va_end(arguments);
    text->len += (size_t)len;
}

void text_append_hex(struct text *text, const void *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *in = bytes;
    if (len > SIZE_MAX / 4 || !text_reserve(text, len * 2)) {
        text->failed = true;
        return;
    }
    for (size_t i = 0; i < len; i++) {
        text->data[text->len++] = digits[in[i] >> 4];
        text->data[text->len++] = digits[in[i] & 15];
    }
    text->data[text->len] = '\0';
}

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void text_append_base64(struct text *text, const void *bytes, size_t len)
{
    const uint8_t *in = bytes;
    if (len > SIZE_MAX / 4 || !text_reserve(text, (len + 2) / 3 * 4)) {
        text->failed = true;
        return;
    }
    for (size_t i = 0; i < len; i += 3) {
        size_t have = len - i < 3 ? len - i : 3;
        uint32_t group = (uint32_t)in[i] << 16;
        if (have > 1)
            group |= (uint32_t)in[i + 1] << 8;
        if (have > 2)
            group |= in[i + 2];
        text->data[text->len++] = base64_digits[group >> 18];
        text->data[text->len++] = base64_digits[group >> 12 & 63];
        text->data[text->len++] = have > 1 ? base64_digits[group >> 6 & 63] : '=';
        text->data[text->len++] = have > 2 ? base64_digits[group & 63] : '=';
    }
    text->data[text->len] = '\0';
}

void text_clear(struct text *text)
{
    text->len = 0;
    text->failed = false;
    if (text->data)
        text->data[0] = '\0';
}

void text_free(struct text *text)
{
    free(text->data);
    *text = (struct text){0};
}

struct slice slice_string(const char *string)
{
    return (struct slice){string, strlen(string)};
}

bool slice_equal(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool slice_equal_string(struct slice slice, const char *string)
{
    return slice_equal(slice, slice_string(string));
}

static char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool slice_equal_nocase(struct slice a, struct slice b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (ascii_lower(a.data[i]) != ascii_lower(b.data[i]))
            return false;
    return true;
}

bool slice_equal_string_nocase(struct slice slice, const char *string)
{
    return slice_equal_nocase(slice, slice_string(string));
}

bool slice_starts_with(struct slice slice, const char *prefix)
{
    size_t len = strlen(prefix);
    return slice.len >= len && (len == 0 || memcmp(slice.data, prefix, len) == 0);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct slice slice_trim(struct slice slice)
{
    while (slice.len && is_blank(slice.data[0])) {
        slice.data++;
        slice.len--;
    }
    while (slice.len && is_blank(slice.data[slice.len - 1]))
        slice.len--;
    return slice;
}

int slice_parse_u64(struct slice slice, uint64_t *ret_value)
{
    uint64_t value = 0;
    if (slice.len == 0)
        return ERR_INVALID;
    for (size_t i = 0; i < slice.len; i++) {
        if (slice.data[i] < '0' || slice.data[i] > '9')
            return ERR_INVALID;
        if (__builtin_mul_overflow(value, (uint64_t)10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(slice.data[i] - '0'), &value))
            return ERR_INVALID;
    }
    *ret_value = value;
    return 0;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int hex_decode(struct slice in, void *bytes, size_t capacity, size_t *ret_len)
{
    uint8_t *out = bytes;
    if (in.len % 2 != 0 || in.len / 2 > capacity)
        return ERR_INVALID;
    for (size_t i = 0; i < in.len; i += 2) {
        int high = hex_value(in.data[i]), low = hex_value(in.data[i + 1]);
        if (high < 0 || low < 0)
            return ERR_INVALID;
        out[i / 2] = (uint8_t)(high << 4 | low);
    }
    *ret_len = in.len / 2;
    return 0;
}

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int base64_decode(struct slice in, void *bytes, size_t capacity, size_t *ret_len)
{
    uint8_t *out = bytes;
    size_t padding = 0;
    if (in.len % 4 != 0)
        return ERR_INVALID;
    while (padding < 2 && padding < in.len && in.data[in.len - 1 - padding] == '=')
        padding++;
    size_t len = in.len / 4 * 3 - padding;
    if (len > capacity)
        return ERR_INVALID;
    size_t digits = in.len - padding, written = 0;
    uint32_t group = 0;
    for (size_t i = 0; i < digits; i++) {
        int value = base64_value(in.data[i]);
        if (value < 0)
            return ERR_INVALID;
        group = group << 6 | (uint32_t)value;
        if (i % 4 != 0)
            out[written++] = (uint8_t)(group >> (6 - i % 4 * 2));
    }
    /* The bits that padding leaves over must be zero: one text per byte string. */
    uint32_t rest_mask = padding == 1 ? 3 : padding == 2 ? 15 : 0;
    if (group & rest_mask)
        return ERR_INVALID;
    assert(written == len);
    *ret_len = len;
    return 0;
}
