/* What a signature is about, and what is answered to one that does not count: what was signed here, whose clock is off, which headers
 * were left out. */
#ifndef S3_SIGNATURE_ANSWER_H
#define S3_SIGNATURE_ANSWER_H

#include "s3/request.h"

struct sigv4_request signature_request(const struct s3_request *);
struct sigv2_request signature_request_v2(const struct s3_request *, const struct sigv4_request *sent);

/* Not SIGV4_OK. */
void signature_answer(struct s3_request *, enum sigv4_result);

#endif
