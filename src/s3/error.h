/* S3's errors, and which one stands for each enum err. Pure. */
#ifndef S3_ERROR_H
#define S3_ERROR_H

#include "base/error.h"

enum s3_error {
    S3_OK = 0,
#define X(code, status, text) S3_##code,
#include "s3/error.def"
#undef X
    S3_ERROR_COUNT
};

const char *s3_error_code(enum s3_error);
unsigned s3_error_status(enum s3_error);
const char *s3_error_text(enum s3_error);
/* S3_OK for 0; InternalError for what no client could have caused. */
enum s3_error s3_error_of(int err);

#endif
