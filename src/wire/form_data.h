/* A multipart/form-data body (RFC 7578) with one file, taken apart as it comes: fields are kept, bounded, up to the file; the
 * file's bytes are shown, never gathered; what stands behind the file is passed over, as S3 does.
 *
 * form_data_frame() eats framing and fields. It returns when the file begins, so that the caller can look at the fields before
 * it takes any byte, and then shows the file's bytes. These stand in the input or, where the end of an input looked like a
 * boundary and was none, in the parser itself: form_data_take() tells how far that moves the input on. Pure.
 *
 *     while (len > 0) {
 *         form_data_frame(f, data, len, &used, &span);   data += used, len -= used;
 *         if (form_data_has_file(f)) for the first time: look at form_data_fields(f)
 *         n = consumer takes up to span.len of span.data;
 *         used = form_data_take(f, n);                    data += used, len -= used;
 *         if (n < span.len) break;                        (go on from here later)
 *     }
 */
#ifndef WIRE_FORM_DATA_H
#define WIRE_FORM_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "wire/header.h"

#define FORM_DATA_FIELDS_MAX HEADERS_MAX
#define FORM_DATA_FIELD_MAX (20u << 10)  /* bytes of one field's value */
#define FORM_DATA_FIELDS_LEN_MAX (64u << 10) /* of everything before the file's bytes, framing included */
#define FORM_DATA_LINE_MAX 4096          /* of a line of a part's head */
#define FORM_DATA_BOUNDARY_MAX 70        /* RFC 2046 */

struct form_data {
    uint32_t state;
    int err;                    /* the first failure stays */
    bool has_file;
    struct slice span;          /* what frame showed last */
    bool span_inside;           /* it stands in delimiter */
    uint32_t delimiter_len;
    uint32_t matched;           /* bytes of the delimiter eaten so far */
    uint32_t released, released_off; /* eaten as a delimiter's, but the file's: still to be shown */
    uint32_t seen_len;          /* bytes before the file */
    uint32_t line_len;
    uint32_t field_count;
    struct form_data_place { uint32_t name_off, name_len, value_off, value_len; } places[FORM_DATA_FIELDS_MAX + 1];
    struct text bytes;          /* names and values */
    bool part_has_name;
    uint32_t filename_off, filename_len; /* of the part at hand */
    struct header fields[FORM_DATA_FIELDS_MAX];
    struct slice filename;
    char delimiter[4 + FORM_DATA_BOUNDARY_MAX]; /* CR LF - - boundary */
    char line[FORM_DATA_LINE_MAX];
};

/* boundary: of the Content-Type. ERR_INVALID when it is none. Not to be moved. */
int form_data_init(struct form_data *, struct slice boundary) MUST_CHECK;
void form_data_fini(struct form_data *);

/* Eats *ret_used bytes; *ret_span: bytes of the file that follow, empty when the input ran out, when the file has just begun
 * and behind the file. Errors: ERR_MALFORMED, ERR_TOO_LARGE (a field, a line, or everything before the file past its bound),
 * ERR_NO_MEMORY. */
int form_data_frame(struct form_data *, const void *data, size_t len, size_t *ret_used, struct slice *ret_span) MUST_CHECK;
/* The first len bytes of the span were taken. Returns how many of the input's bytes that are. */
size_t form_data_take(struct form_data *, size_t len);

/* The file has begun: fields and filename are complete. */
bool form_data_has_file(const struct form_data *);
/* The boundary behind the file has been seen, or the last one without there being a file. */
bool form_data_done(const struct form_data *);
/* In their order, names and values as sent, without the file. They live until fini. After has_file. */
struct headers form_data_fields(const struct form_data *);
/* Behind the last slash or backslash of what the client calls the file; may be empty. */
struct slice form_data_filename(const struct form_data *);

/* The boundary that a Content-Type names; data NULL when that is no multipart/form-data or names none. */
struct slice form_data_boundary(struct slice content_type);

#endif
