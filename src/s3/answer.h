/* Answers: headers every answer has, XML documents, errors in S3's form. Each request is answered once; calls for one that is
 * answered or gone do nothing. */
#ifndef S3_ANSWER_H
#define S3_ANSWER_H

#include "s3/request.h"

struct answer_field { const char *name; struct slice value; };

void answer_header(struct s3_request *, const char *name, const char *value);
void answer_header_slice(struct s3_request *, const char *name, struct slice value);
void answer_header_u64(struct s3_request *, const char *name, uint64_t value);

void answer_error(struct s3_request *, enum s3_error);
void answer_error_text(struct s3_request *, enum s3_error, const char *message);
/* InvalidArgument with its name and value. */
void answer_bad_argument(struct s3_request *, const char *message, const char *name, struct slice value);
/* With a code that another table holds. */
void answer_failure(struct s3_request *, unsigned status, const char *code, const char *message,
                    const struct answer_field *fields, unsigned field_count);
/* What an object/ call failed with. */
void answer_err(struct s3_request *, int err);
/* <Error>…</Error>, without a declaration. */
void answer_error_document(const struct s3_request *, const char *code, const char *message, const struct answer_field *fields,
                           unsigned field_count, struct text *);

void answer_empty(struct s3_request *, unsigned status);
/* Takes the text: frees it. Failed text answers InternalError. */
void answer_xml(struct s3_request *, unsigned status, struct text *);
/* As it stands; a HEAD has no such answer. */
void answer_json(struct s3_request *, unsigned status, struct slice document);
void answer_head(struct s3_request *, unsigned status, uint64_t content_length);
void answer_stream(struct s3_request *, unsigned status, uint64_t len,
                   size_t (*pull)(struct http_request *, void *data, size_t capacity, int *err));

#endif
