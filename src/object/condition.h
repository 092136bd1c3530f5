/* The conditions of a request against what is there: If-Match, If-None-Match and the date forms (RFC 9110, section 13, and
 * S3's documentation of conditional requests). Pure. */
#ifndef OBJECT_CONDITION_H
#define OBJECT_CONDITION_H

#include "object/object.h"

/* What a condition is held against. */
struct condition_subject {
    bool exists; /* and is no delete marker */
    uint64_t size, modified_us;
    const uint8_t *etag;
    uint32_t etag_len;
};

/* For GET, HEAD and copy sources. ERR_PRECONDITION (412) or ERR_NOT_MODIFIED (304). */
int condition_check_read(const struct object_conditions *, const struct condition_subject *) MUST_CHECK;

/* Whether there is anything for condition_check_write to look at. */
bool condition_is_any(const struct object_conditions *);
/* For PUT, CompleteMultipartUpload, the target of CopyObject and DELETE: ERR_PRECONDITION, or ERR_NO_SUCH_KEY for an If-Match
 * on what is not there. */
int condition_check_write(const struct object_conditions *, const struct condition_subject *) MUST_CHECK;

#endif
