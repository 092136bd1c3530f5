/* CORS: a bucket's configuration, preflight requests, and the headers that let a page read an answer. */
#ifndef S3_CORS_H
#define S3_CORS_H

#include "s3/request.h"

/* Looks up, for a request that comes from a page, what the bucket allows; then goes on, now or later. */
void cors_load(struct s3_request *, void (*then)(struct s3_request *));
/* The headers, when a rule allowed the request. */
void cors_answer(struct s3_request *);

#endif
