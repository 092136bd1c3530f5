/* How a version that was found is answered: GetObject's part that websites share. */
#ifndef S3_GET_OBJECT_H
#define S3_GET_OBJECT_H

#include "s3/request.h"

/* r->state begins with the struct object_get, which is done, and on whose answer nothing is decided any more. status: of an answer that
 * is neither a part nor an error, 200 but for error documents. */
void get_object_answer(struct s3_request *, struct object_get *, unsigned status);
/* The same of one that failed. */
void get_object_answer_failed(struct s3_request *, const struct object_get *);
/* Conditions and Range of the request. */
void get_object_take_range(struct s3_request *, struct object_get *);

#endif
