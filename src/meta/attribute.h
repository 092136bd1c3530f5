/* A compact list of (kind, name, value) kept in a row: an object's headers, user metadata, checksum, tags; a bucket's
 * configurations. Encoding (docs/FORMAT.md "Attributes"): per entry kind (1 byte), name_len (2, LE), value_len (4, LE), name,
 * value. Kinds are never renumbered; unknown kinds are kept. Pure. */
#ifndef META_ATTRIBUTE_H
#define META_ATTRIBUTE_H

#include "base/text.h"

enum attribute_kind {
    ATTRIBUTE_HEADER = 1,        /* name: lower-case header name (content-type, cache-control, …) */
    ATTRIBUTE_USER_METADATA = 2, /* name: without the x-amz-meta- prefix, lower case; value as sent */
    ATTRIBUTE_CHECKSUM = 3,      /* name: one byte checksum_kind, one byte type (0 FULL_OBJECT, 1 COMPOSITE); value: the digest bytes */
    ATTRIBUTE_TAG = 4,
    ATTRIBUTE_CONFIGURATION = 5, /* bucket: name of the subresource; value: its document */
    ATTRIBUTE_WEBSITE_REDIRECT = 6,
    ATTRIBUTE_UPLOAD = 7,        /* value: the upload id (16 bytes) that a multipart object was completed from */
    ATTRIBUTE_RENAME = 8,        /* name: the client token of a RenameObject; value: the key it was renamed from */
    ATTRIBUTE_ENCRYPTION = 16,   /* value: object/encryption.h */
    ATTRIBUTE_OBJECT_LOCK = 17,  /* name: retention or legal-hold; value: object/lock.h */
};

struct attribute { enum attribute_kind kind; struct slice name, value; };

void attribute_append(struct text *, enum attribute_kind, struct slice name, struct slice value);

/* Walks: *position starts at 0. False at the end; *err ERR_CORRUPT (and false) when the encoding is broken. */
bool attribute_next(struct slice encoded, size_t *position, struct attribute *ret, int *err);
/* First of that kind and name; ERR_NOT_FOUND. */
int attribute_find(struct slice encoded, enum attribute_kind, const char *name, struct slice *ret_value) MUST_CHECK;

#endif
