/* AWS Signature Version 4 for S3: parsing, verification, signing ("Signature Version 4 signing process" in S3's API
 * reference). Pure: the clock, the secret and the key cache are the caller's. Nothing is allocated on the usual path.
 *
 * In order: sigv4_parse (who claims to have signed, well-formed?), look the access key up, sigv4_check_scope (date,
 * region, skew, expiry), sigv4_verify. */
#ifndef WIRE_SIGV4_H
#define WIRE_SIGV4_H

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/text.h"
#include "wire/header.h"
#include "wire/uri.h"

#define SIGV4_SKEW_MAX_S 900
#define SIGV4_EXPIRES_MAX_S 604800
#define SIGV4_SCOPE_LEN_MAX 128
#define SIGV4_SIGNED_HEADERS_MAX HEADERS_MAX
#define SIGV4_SECRET_LEN_MAX 128

enum sigv4_result {
    SIGV4_OK = 0,
#define X(name, code, status, text) SIGV4_##name,
#include "wire/sigv4.def"
#undef X
};
/* S3's error code ("SignatureDoesNotMatch"), HTTP status and message of a failure; NULL, 0, NULL for SIGV4_OK. */
const char *sigv4_result_code(enum sigv4_result);
unsigned sigv4_result_status(enum sigv4_result);
const char *sigv4_result_text(enum sigv4_result);

/* What was signed. path and query raw, as received; query data NULL or empty when there is none. */
struct sigv4_request {
    struct slice method, path, query;
    struct headers headers;
};

enum sigv4_kind { SIGV4_HEADER = 1, SIGV4_PRESIGNED = 2, SIGV4_FORM = 3 };

/* The parsed credentials. Slices point into the request or its query. */
struct sigv4 {
    enum sigv4_kind kind;
    struct slice access_key, date /* YYYYMMDD */, region, service;
    struct slice scope;           /* date/region/service/aws4_request */
    struct slice signed_headers;  /* a;b;c */
    uint8_t signature[SHA256_LEN];
    char amz_date[17];            /* YYYYMMDDTHHMMSSZ */
    uint64_t time_us;             /* the same, since 1970 */
    uint32_t expires_s;           /* presigned only */
    struct slice security_token;  /* X-Amz-Security-Token, header or query; data NULL without */
    struct slice payload_hash;    /* last line of the canonical request: x-amz-content-sha256, or UNSIGNED-PAYLOAD. Of other services
                                   * than s3 it may be missing: the caller hashes the body. */
};

/* SIGV4_ANONYMOUS when the request carries no credentials, SIGV4_VERSION_2 when it carries those of version 2 (AWS
 * AK:SIG, or AWSAccessKeyId= or Signature= in the query: sigv2.h): both are no failures yet, *ret is untouched. */
enum sigv4_result sigv4_parse(const struct sigv4_request *, const struct query *, struct sigv4 *ret) MUST_CHECK;

/* The same of the fields of a POST form, whose policy is signed: sigv4_check_scope and sigv4_policy_signature follow. */
enum sigv4_result sigv4_parse_form(struct slice algorithm_field, struct slice credential, struct slice date, struct slice signature,
                                   struct sigv4 *ret) MUST_CHECK;

/* Region, service "s3", date, clock skew (header) or validity (presigned; a form's policy has its own). */
enum sigv4_result sigv4_check_scope(const struct sigv4 *, struct slice region, uint64_t now_us) MUST_CHECK;
/* The same of "iam" and "sts", which are of every region. */
enum sigv4_result sigv4_check_service_scope(const struct sigv4 *, uint64_t now_us) MUST_CHECK;

/* Signing keys already derived: one per reactor, on its thread. Zero-initialised is empty; fini wipes. */
#define SIGV4_KEY_CACHE_SIZE 64
struct sigv4_key_cache {
    struct sigv4_key_entry {
        uint8_t key[SHA256_LEN];
        uint8_t secret_len, scope_len; /* scope_len 0: empty */
        char secret[SIGV4_SECRET_LEN_MAX];
        char scope[SIGV4_SCOPE_LEN_MAX];
    } entries[SIGV4_KEY_CACHE_SIZE];
};
void sigv4_key_cache_fini(struct sigv4_key_cache *);

/* What goes on after the head: the key and the previous signature, for aws-chunked bodies. A plain value. */
struct sigv4_chain {
    uint8_t key[SHA256_LEN];
    uint8_t previous[SHA256_LEN]; /* the seed signature at first */
    char amz_date[17];
    char scope[SIGV4_SCOPE_LEN_MAX + 1];
};

/* The secret is at most SIGV4_SECRET_LEN_MAX bytes. Met in the field and accepted: "+" in a query signed as %20 or
 * as %2B; a Host whose ":80" or ":443" a proxy added.
 * Compares in constant time. cache and ret_chain may be NULL. SIGV4_MISMATCH; SIGV4_HOST_UNSIGNED and
 * SIGV4_HEADER_UNSIGNED when host or an x-amz- header present is not among the signed; SIGV4_INTERNAL when out of
 * memory. */
enum sigv4_result sigv4_verify(const struct sigv4 *, const struct sigv4_request *, struct slice secret,
                               struct sigv4_key_cache *cache, struct sigv4_chain *ret_chain) MUST_CHECK;

/* After HOST_UNSIGNED or HEADER_UNSIGNED: which, in lower case, with ", " between them. Appends. */
void sigv4_unsigned_headers(const struct sigv4 *, struct headers, struct text *ret);

/* The canonical request and the string to sign, for S3's answer to a mismatch and for tests. */
int sigv4_canonical_request(const struct sigv4 *, const struct sigv4_request *, struct text *) MUST_CHECK;
int sigv4_string_to_sign(const struct sigv4 *, const struct sigv4_request *, struct text *) MUST_CHECK;

/* --- signing --- */
struct sigv4_signer {
    struct slice access_key, secret, region, service; /* service: "s3" */
    uint64_t time_us;
};
#define SIGV4_DATE_SIZE 17
void sigv4_format_date(uint64_t time_us, char amz_date[SIGV4_DATE_SIZE]);
/* Appends the value of Authorization. Signs every header of the request, among them host, x-amz-date (of time_us) and
 * x-amz-content-sha256, which the caller has set. ret_chain may be NULL. */
int sigv4_sign(const struct sigv4_signer *, const struct sigv4_request *, struct text *authorization,
               struct sigv4_chain *ret_chain) MUST_CHECK;
/* Appends the whole presigned query (request's own parameters first). Signs every header given (host at least). */
int sigv4_presign(const struct sigv4_signer *, const struct sigv4_request *, uint32_t expires_s,
                  struct slice security_token, struct text *query) MUST_CHECK;

/* Signature of the next chunk from the SHA-256 of its bytes; or of the trailer from that of its canonical lines. Does
 * not move the chain on: the caller stores it in chain->previous. */
int sigv4_chunk_signature(const struct sigv4_chain *, const uint8_t chunk_sha256[SHA256_LEN],
                          uint8_t signature[SHA256_LEN]) MUST_CHECK;
int sigv4_trailer_signature(const struct sigv4_chain *, const uint8_t trailer_sha256[SHA256_LEN],
                            uint8_t signature[SHA256_LEN]) MUST_CHECK;
/* Signature of a POST form's policy: HMAC of the base64 text. */
int sigv4_policy_signature(struct slice secret, struct slice scope, struct slice policy_base64,
                           uint8_t signature[SHA256_LEN]) MUST_CHECK;

#endif
