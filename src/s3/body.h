/* A request's body on its way in: coding, length and digests, checked as it passes.
 *
 * The bytes go to the operation's sink (STREAM) or are gathered (DOCUMENT). Any failure answers the request and abandons it. */
#ifndef S3_BODY_H
#define S3_BODY_H

#include "s3/request.h"

/* From the headers; of a form, which has no coding, the length alone. False: answered. */
bool body_prepare(struct s3_request *) MUST_CHECK;
/* What the headers say of the body's coding and digests: of a form once its fields stand in their place. False: answered. */
bool body_take_claims(struct s3_request *) MUST_CHECK;
/* Bytes as http brings them; returns how many were taken. */
size_t body_feed(struct s3_request *, const void *data, size_t len);
/* All bytes have come: payload hash, trailers; of documents every digest. False: answered. */
bool body_finish(struct s3_request *) MUST_CHECK;
void body_fini(struct s3_request *);

/* What the client claims, for object_put_finish; NULL when it claims nothing. */
const uint8_t *body_md5(const struct s3_request *);
const uint8_t *body_checksum(const struct s3_request *);
struct slice body_document(const struct s3_request *);

#endif
