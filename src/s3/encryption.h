/* Headers of server-side encryption: what requests ask for and bring, what answers tell, and how S3 refuses. */
#ifndef S3_ENCRYPTION_H
#define S3_ENCRYPTION_H

#include "s3/request.h"

/* Of what makes an object or an upload: everything. False: answered. Memory is the request's. */
bool encryption_headers(struct s3_request *, struct encryption *ret) MUST_CHECK;
/* Of parts, and of a CompleteMultipartUpload: the client's key, or NULL. With prefix "x-amz-copy-source-": of a copy's source; else "x-amz-". */
bool encryption_headers_key(struct s3_request *, const char *prefix, const uint8_t **ret_key) MUST_CHECK;
/* Of what reads: the same, and nothing else is to be there. */
bool encryption_headers_read(struct s3_request *, const uint8_t **ret_key) MUST_CHECK;

/* How something with these attributes is encrypted. */
void encryption_answer(struct s3_request *, struct slice attributes);
/* Whether err is about keys; then it is answered. of_upload: of a multipart upload's key. */
bool encryption_answer_err(struct s3_request *, int err, bool of_upload);

#endif
