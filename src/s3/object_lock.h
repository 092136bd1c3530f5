/* Object Lock in requests' headers and answers. */
#ifndef S3_OBJECT_LOCK_H
#define S3_OBJECT_LOCK_H

#include "s3/request.h"

/* Appends what x-amz-object-lock-mode, -retain-until-date and -legal-hold ask for. False: answered. */
bool object_lock_headers(struct s3_request *, struct text *attributes) MUST_CHECK;
/* Whether CreateBucket is to enable it. False: answered. */
bool object_lock_wanted(struct s3_request *, bool *ret) MUST_CHECK;
/* Whether the request asks to bypass governance mode (x-amz-bypass-governance-retention), and may, for that key. */
bool object_lock_bypass(struct s3_request *, struct slice key);
/* The headers of GET and HEAD. */
void object_lock_answer(struct s3_request *, struct slice attributes);
/* Whether err is about Object Lock and has words of its own; then it is answered. */
bool object_lock_answer_err(struct s3_request *, int err);

#endif
