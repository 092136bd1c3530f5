/* Header fields as slices, and lookups among them. Pure; nothing is copied. */
#ifndef WIRE_HEADER_H
#define WIRE_HEADER_H

#include <stdint.h>

#include "base/text.h"

#define HEADERS_MAX 128 /* what a caller may have to gather from one request */

struct header { struct slice name, value; };

/* The fields of one message, in the order received; the array and the bytes are the caller's. */
struct headers {
    const struct header *items;
    uint32_t count;
};

/* The first field of that name (ASCII case ignored), or NULL. */
const struct header *header_find(struct headers, const char *name);
/* Its value, or data NULL. Present but empty gives a non-NULL data of length 0. */
struct slice header_value(struct headers, const char *name);
uint32_t header_count(struct headers, const char *name);
/* ASCII case ignored. */
bool header_name_starts_with(struct slice name, const char *lower_prefix);

#endif
