/* Private to sigv4*.c: the canonical request, written piece by piece into a sink. */
#ifndef WIRE_SIGV4_CANONICAL_H
#define WIRE_SIGV4_CANONICAL_H

#include "wire/sigv4.h"

/* Hashes what is put into it, or appends it to text. What fits the buffer costs no allocation. */
struct sigv4_sink {
    struct text *text; /* NULL: hash */
    struct checksum_stream sha;
    bool sha_open;
    int err;
    size_t len;
    char buffer[2048];
};
void sigv4_sink_init(struct sigv4_sink *, struct text *);
void sigv4_sink_put(struct sigv4_sink *, const void *bytes, size_t len);
/* Ends it: the hash of everything (text NULL), or the rest appended (digest unused). */
int sigv4_sink_finish(struct sigv4_sink *, uint8_t digest[SHA256_LEN]) MUST_CHECK;

/* How to read what clients and proxies treat differently. */
struct sigv4_variant {
    bool plus_is_literal;   /* "+" in a query is %2B, else %20 */
    bool host_without_port;
};

struct sigv4_canonical {
    const struct sigv4_request *request;
    struct slice signed_headers, payload_hash;
    bool presigned; /* X-Amz-Signature is left out of the query */
    struct sigv4_variant variant;
};
/* ERR_TOO_LARGE: more than QUERY_PARAMETERS_MAX parameters. */
int sigv4_canonical_put(const struct sigv4_canonical *, struct sigv4_sink *) MUST_CHECK;

void sigv4_hex(const uint8_t bytes[SHA256_LEN], char text[2 * SHA256_LEN]);
int sigv4_derive_key(struct slice secret, struct slice date, struct slice region, struct slice service,
                     uint8_t key[SHA256_LEN]) MUST_CHECK;
/* HMAC of the string to sign. */
int sigv4_sign_hash(const uint8_t key[SHA256_LEN], const char *amz_date, struct slice scope,
                    const uint8_t canonical[SHA256_LEN], uint8_t signature[SHA256_LEN]) MUST_CHECK;

#endif
