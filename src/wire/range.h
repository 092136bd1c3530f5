/* Byte ranges (RFC 9110, 14.2) as S3 takes them. Pure. */
#ifndef WIRE_RANGE_H
#define WIRE_RANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

struct range {
    bool suffix;    /* the last `first` bytes */
    uint64_t first;
    uint64_t last;  /* inclusive; UINT64_MAX: open. Unused for a suffix */
};

/* "bytes=a-b", "bytes=a-", "bytes=-n". ERR_MALFORMED for anything else, several ranges, blanks between the positions and b < a
 * included: S3 then ignores the header. */
int range_parse(struct slice value, struct range *ret) MUST_CHECK;
/* x-amz-copy-source-range: "bytes=a-b" only. ERR_MALFORMED. */
int range_parse_copy_source(struct slice value, struct range *ret) MUST_CHECK;

#endif
