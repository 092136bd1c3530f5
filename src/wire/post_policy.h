/* The policy document of a POST form ("Creating an HTML form", "POST policy" in S3's API reference): until when, and with which
 * fields, a form may be sent. Pure. */
#ifndef WIRE_POST_POLICY_H
#define WIRE_POST_POLICY_H

#include <stdint.h>

#include "base/text.h"
#include "wire/header.h"

#define POST_POLICY_LEN_MAX (20u << 10) /* of the base64 text */

struct json_t;

struct post_policy {
    uint64_t expiration_us;
    uint64_t size_min, size_max; /* what every content-length-range allows; 0 and UINT64_MAX without one */
    struct json_t *document;     /* private */
};

/* ERR_MALFORMED: *ret_message says what S3 says of it (InvalidPolicyDocument). ERR_NO_MEMORY. */
int post_policy_parse(struct slice base64, struct post_policy *ret, const char **ret_message) MUST_CHECK;
void post_policy_fini(struct post_policy *); /* zero-initialised is fine */

/* fields: all that the form has, the bucket of the request as "bucket", the key as it will be. ERR_ACCESS when the policy has
 * expired, a condition does not hold, or a field has no condition that speaks of it; *message gets S3's words. ERR_NO_MEMORY. */
int post_policy_check(const struct post_policy *, struct headers fields, uint64_t now_us, struct text *message) MUST_CHECK;

#endif
