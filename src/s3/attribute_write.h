/* Changes attributes of a bucket or of a version in place: tags, ACLs. */
#ifndef S3_ATTRIBUTE_WRITE_H
#define S3_ATTRIBUTE_WRITE_H

#include "meta/attribute.h"
#include "s3/request.h"

/* Of the request's object (its versionId or the newest), or of its bucket when it names no key: drops the entries of that kind
 * (and name, unless NULL) and appends the encoded ones. Then then(r), or the error is answered. */
void attribute_write(struct s3_request *, enum attribute_kind, const char *name, struct slice replacement,
                     void (*then)(struct s3_request *));
/* The same if check, in the transaction, finds nothing against it (object_attribute_update). */
void attribute_write_checked(struct s3_request *, enum attribute_kind, const char *name, struct slice replacement,
                             int (*check)(const struct object_attribute_update *, const struct bucket_row *, struct slice, uint64_t),
                             bool bypass_governance, void (*then)(struct s3_request *));
/* Of ATTRIBUTE_CONFIGURATION, and only while the object is still that account's: ConditionalRequestConflict. Of a bucket as the
 * others: none of them changes a bucket that has become another account's. */
void attribute_write_owned(struct s3_request *, const char *name, struct slice replacement, int64_t owner_id, void (*then)(struct s3_request *));

#endif
