/* Continuation tokens of listings: where the last page ended, with a checksum, in base64. Pure. */
#ifndef S3_TOKEN_H
#define S3_TOKEN_H

#include <stdbool.h>

#include "base/text.h"

#define TOKEN_KEY_MAX 1024

void token_format(struct text *, struct slice after, bool after_is_prefix);
/* after gets up to TOKEN_KEY_MAX bytes. ERR_MALFORMED for what is not one of ours. */
int token_parse(struct slice token, char after[TOKEN_KEY_MAX], size_t *ret_len, bool *ret_is_prefix) MUST_CHECK;

#endif
