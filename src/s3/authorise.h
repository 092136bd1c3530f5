/* Who sent a request: SigV4 in headers or query, access keys from the configuration (root) or the database, a key's scope. What
 * they may do access.h decides. */
#ifndef S3_AUTHORISE_H
#define S3_AUTHORISE_H

#include "s3/request.h"

/* Calls request_admit, now or later, or answers. A POST form is admitted: what it says of its sender is in its body. */
void authorise(struct s3_request *);

/* Who sent a POST form: signature version 4 or 2 over the base64 text of its policy. data is NULL of what it does not have.
 * Without a policy it is anonymous. */
struct authorise_form {
    struct slice policy, signature;
    struct slice algorithm, credential, date; /* version 4 */
    struct slice access_key;                  /* version 2 */
    void (*then)(struct s3_request *);
};
/* Calls form->then, now or later, or answers. The request's key is the form's; form lives as long as the request. */
void authorise_form(struct s3_request *, const struct authorise_form *form);
/* Who sent a call of IAM or STS, whose body's SHA-256 in hex ends what was signed. Calls then, now or later, or answers. */
void authorise_service(struct s3_request *, struct slice payload_hash, void (*then)(struct s3_request *));
/* Without a signature, for explain.c: the sender is whose access key that is, or nobody (empty). */
void authorise_as(struct s3_request *, struct slice access_key);
/* Within the access key's scope: for keys that stand in a document or a copy source. */
bool authorise_key(const struct s3_request *, struct slice bucket, struct slice key);
void authorise_forget(struct s3_reactor *);

#endif
