/* Where each operation starts: one handler file per resource. Internal to s3/. */
#ifndef S3_OPERATIONS_H
#define S3_OPERATIONS_H

#include "s3/request.h"

#define X(name, start, body, writes, anonymous) void start(struct s3_request *);
OPERATIONS(X)
#undef X

#endif
