/* Lists of entity tags in conditional headers (RFC 9110, 13.1), as S3 takes them: quotes optional. Pure. */
#ifndef WIRE_ETAG_H
#define WIRE_ETAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

struct etag {
    struct slice opaque; /* without quotes and W/ */
    bool weak;
    bool any;            /* "*" */
};

/* Walks a list; *position starts at 0. False at the end. A lenient reader: an unclosed quote runs to the end. */
bool etag_next(struct slice list, size_t *position, struct etag *ret);
/* Does the list hold "*" or the tag (given without quotes)? Weak tags match only when allow_weak (If-None-Match). */
bool etag_list_matches(struct slice list, struct slice opaque, bool allow_weak);
/* The tag inside optional quotes, blanks cut. */
struct slice etag_unquote(struct slice);
/* MD5 in hex, "-N" behind for multipart: etag gets 16 or 20 bytes (part count big-endian). Quotes optional.
 * ERR_MALFORMED. */
int etag_parse(struct slice, uint8_t etag[20], uint32_t *ret_len) MUST_CHECK;

#endif
