/* Parameters that several operations share. All answer InvalidArgument and the like themselves and return false. */
#ifndef S3_PARAMETERS_H
#define S3_PARAMETERS_H

#include "s3/request.h"

/* partNumber, 1..10000; 0 when absent and not required. */
bool parameters_part_number(struct s3_request *, bool required, uint32_t *ret) MUST_CHECK;
/* uploadId; NoSuchUpload for one that is not ours. */
bool parameters_upload_id(struct s3_request *, uint8_t id[16]) MUST_CHECK;
/* max-keys and its kin: absent is fallback, above max is max. */
bool parameters_count(struct s3_request *, const char *name, uint32_t fallback, uint32_t max, uint32_t *ret) MUST_CHECK;
/* encoding-type: "url" or nothing. */
bool parameters_encoding(struct s3_request *, bool *ret_url) MUST_CHECK;
/* A query value, empty when absent. */
struct slice parameters_value(const struct s3_request *, const char *name);

/* Element with a key, as encoding-type wants it. */
void parameters_key_element(struct text *, const char *name, struct slice key, bool url);

#endif
