/* What answers say of lifecycle rules. */
#ifndef S3_LIFECYCLE_H
#define S3_LIFECYCLE_H

#include "s3/request.h"

/* x-amz-expiration, when rules will delete the version. */
void lifecycle_answer_expiration(struct s3_request *, const struct object_info *);
/* x-amz-abort-date and x-amz-abort-rule-id. */
void lifecycle_answer_abortion(struct s3_request *, const struct upload_abortion *);

#endif
