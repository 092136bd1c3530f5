/* Canned ACLs, kept as an attribute of buckets and objects; anonymous readers see objects that are public-read. */
#ifndef S3_ACL_H
#define S3_ACL_H

#include "s3/request.h"

/* Of the request's object or bucket. */
void acl_set(struct s3_request *, struct slice canned, void (*then)(struct s3_request *));

#endif
