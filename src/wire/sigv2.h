/* AWS Signature Version 2 for S3, which old clients still use ("Signing and authenticating REST requests" in S3's developer
 * guide): HMAC-SHA1 over the verb, three headers, the x-amz- headers and the resource. It covers neither the body nor most of the
 * query. Pure: the clock and the secret are the caller's.
 *
 * sigv4_parse tells which version a request has (SIGV4_VERSION_2); then sigv2_parse, look the access key up, sigv2_verify. */
#ifndef WIRE_SIGV2_H
#define WIRE_SIGV2_H

#include "wire/sigv4.h"

/* The parsed credentials. Slices point into the request or its query. */
struct sigv2 {
    bool presigned;
    struct slice access_key;
    struct slice signature;      /* in base64, as sent */
    struct slice date;           /* the line that is signed: Date, nothing when there is x-amz-date, or Expires */
    struct slice security_token; /* x-amz-security-token, header or query; data NULL without */
};

/* What was signed. bucket: the one that the Host names, empty when the path names it. */
struct sigv2_request {
    const struct sigv4_request *sent;
    const struct query *query;
    struct slice bucket;
};

/* Checks clock skew (header) or expiry (presigned) too. */
enum sigv4_result sigv2_parse(const struct sigv2_request *, uint64_t now_us, struct sigv2 *ret) MUST_CHECK;

/* Compares in constant time. SIGV4_MISMATCH; SIGV4_INTERNAL when out of memory. */
enum sigv4_result sigv2_verify(const struct sigv2 *, const struct sigv2_request *, struct slice secret) MUST_CHECK;

/* Appends it. For S3's answer to a mismatch as well. */
int sigv2_string_to_sign(const struct sigv2 *, const struct sigv2_request *, struct text *) MUST_CHECK;

/* Is that signature, in base64, the HMAC of the text? A POST form's policy is signed so, too. */
enum sigv4_result sigv2_check(struct slice signature, struct slice text, struct slice secret) MUST_CHECK;

#endif
