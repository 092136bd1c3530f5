/* Changes attributes of a bucket or of a version in place: tags, ACLs. */
#ifndef S3_ATTRIBUTE_WRITE_H
#define S3_ATTRIBUTE_WRITE_H

#include "meta/attribute.h"
#include "s3/request.h"

/* Of the request's object (its versionId or the newest), or of its bucket when it names no key: drops the entries of that kind
 * (and name, unless NULL) and appends the encoded ones. Then then(r), or the error is answered. */
void attribute_write(struct s3_request *, enum attribute_kind, const char *name, struct slice replacement,
                     void (*then)(struct s3_request *));

#endif
