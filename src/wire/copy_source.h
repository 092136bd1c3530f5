/* x-amz-copy-source: "bucket/key" or "/bucket/key", percent-encoded or raw, perhaps with "?versionId=". Pure.
 *
 * Clients differ: most encode, JuiceFS sends the key raw. A valid escape is decoded; a "%" that begins none stands for
 * itself; "+" is a plus. */
#ifndef WIRE_COPY_SOURCE_H
#define WIRE_COPY_SOURCE_H

#include "wire/uri.h"

struct copy_source {
    uint32_t bucket_len, key_len;
    char bucket[URI_BUCKET_LEN_MAX + 1]; /* NUL-terminated, like key */
    char key[URI_KEY_LEN_MAX + 1];
    struct slice version_id; /* points into value; data NULL when absent */
};
/* ERR_MALFORMED: no bucket, no key, not UTF-8. ERR_TOO_LARGE: the key is too long. ERR_INVALID: the bucket is. */
int copy_source_parse(struct slice value, struct copy_source *ret) MUST_CHECK;

/* x-amz-rename-source: S3's documentation writes "/key" in its examples and "bucket/key" in its pattern, and clients send either. So what
 * begins with the request's own bucket, and goes on, names it; anything else is a key. Never a version. */
int rename_source_parse(struct slice value, struct slice bucket, struct copy_source *ret) MUST_CHECK;

#endif
