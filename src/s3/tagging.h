/* Tagging documents. */
#ifndef S3_TAGGING_H
#define S3_TAGGING_H

#include "s3/request.h"

/* Appends the tags of a Tagging document, of the request's object (or, without a key, bucket). False: answered. */
bool tagging_append(struct s3_request *, struct slice document, struct text *attributes) MUST_CHECK;
/* What a set of tags could not be read with (wire/xml_request.h). */
void tagging_answer_err(struct s3_request *, int err);

#endif
