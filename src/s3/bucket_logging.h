/* Delivery of a bucket's access log on request. */
#ifndef S3_BUCKET_LOGGING_H
#define S3_BUCKET_LOGGING_H

#include "s3/access_log.h"

/* Delivers what r's bucket logged until now, by its configuration as the request found it (r->logging, not NULL). even_empty: an
 * object even when nothing was logged. Then then(r, err, key): the key of the (last) object, data NULL when there was none; not
 * called for a request that is gone. */
void bucket_logging_flush(struct s3_request *, bool even_empty, void (*then)(struct s3_request *, int err, struct slice key));
/* A change of an object whose bucket keeps a journal needs its target. False: refused, and answered. */
bool bucket_logging_admits(struct s3_request *);

#endif
