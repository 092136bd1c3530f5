/* Looks the request's object or bucket up, for operations that answer from its attributes. */
#ifndef S3_LOOKUP_H
#define S3_LOOKUP_H

#include "s3/request.h"

/* Uses r->state and r->cleanup. then(r, info) with the version, or (no key in the request) with attributes and owner_id of the
 * bucket alone; errors are answered. info lives as long as the request. */
void lookup(struct s3_request *, void (*then)(struct s3_request *, const struct object_info *));
/* What then was given. */
const struct object_info *lookup_info(const struct s3_request *);

#endif
