/* Who sent a request and whether they may: SigV4 in headers or query, access keys from the configuration (root) or the
 * database, a key's scope, a bucket's owner. Without credentials only what an ACL allows. */
#ifndef S3_AUTHORISE_H
#define S3_AUTHORISE_H

#include "s3/request.h"

/* Calls request_admit, now or later, or answers. */
void authorise(struct s3_request *);
/* Within the access key's scope: for keys that stand in a document or a copy source. */
bool authorise_key(const struct s3_request *, struct slice bucket, struct slice key);
/* Goes on, now or later, when everybody may list the request's bucket; answers otherwise. */
void authorise_public_list(struct s3_request *, void (*then)(struct s3_request *));
void authorise_forget(struct s3_reactor *);

#endif
