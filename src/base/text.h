/* A growable byte string, for building XML, JSON and headers; and hex and base64. Not for secrets that must be wiped. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/error.h"

/* Zero-initialised is empty. After an allocation fails, failed stays set and appends do nothing: check once at the end. */
struct text {
    char *data;      /* NUL-terminated whenever not NULL */
    size_t len;
    size_t capacity;
    bool failed;
};

/* Room for extra more bytes and the NUL; false (and failed set) when memory is out. */
bool text_reserve(struct text *, size_t extra);
/* Inline, like text_append_string: a page of a list is made of ten thousands of them, most of constant length. */
static inline void text_append(struct text *text, const void *bytes, size_t len)
{
    if ((text->failed || len >= text->capacity - text->len) && !text_reserve(text, len))
        return;
    if (len)
        memcpy(text->data + text->len, bytes, len);
    text->len += len;
    text->data[text->len] = '\0';
}
static inline void text_append_string(struct text *text, const char *string)
{
    text_append(text, string, strlen(string));
}
void text_append_format(struct text *, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_append_hex(struct text *, const void *bytes, size_t len);     /* lower case */
void text_append_base64(struct text *, const void *bytes, size_t len);  /* RFC 4648, padded */
void text_clear(struct text *);
void text_free(struct text *);

/* Bytes borrowed from somewhere; not NUL-terminated. */
struct slice {
    const char *data;
    size_t len;
};
static inline struct slice slice_of(const char *data, size_t len) { return (struct slice){data, len}; }
struct slice slice_string(const char *string);
bool slice_equal(struct slice, struct slice);
bool slice_equal_string(struct slice, const char *string);
bool slice_equal_nocase(struct slice, struct slice);               /* ASCII */
bool slice_equal_string_nocase(struct slice, const char *string); /* ASCII */
bool slice_starts_with(struct slice, const char *prefix);
struct slice slice_trim(struct slice); /* blanks and tabs at both ends */

/* A whole decimal number with nothing around it, no sign; ERR_INVALID otherwise or past 64 bits. */
int slice_parse_u64(struct slice, uint64_t *ret_value) MUST_CHECK;

/* Decodes exactly; ERR_INVALID for any other character, length or padding. *ret_len: bytes written, at most capacity. */
int hex_decode(struct slice, void *bytes, size_t capacity, size_t *ret_len) MUST_CHECK;
int base64_decode(struct slice, void *bytes, size_t capacity, size_t *ret_len) MUST_CHECK;

#endif
