/* Request targets: percent coding by S3's rules, queries, and where bucket and key stand. Pure.
 *
 * Targets are taken as received: a path is never normalised ("//", "." and ".." are ordinary in keys). */
#ifndef WIRE_URI_H
#define WIRE_URI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

#define URI_KEY_LEN_MAX 1024
#define URI_BUCKET_LEN_MAX 255 /* what is taken from a request; valid names are shorter (uri_bucket_valid) */
#define QUERY_PARAMETERS_MAX 64

/* A raw target in its parts. authority is set for the absolute form ("http://host/path") only. */
struct uri {
    struct slice authority; /* data NULL for the origin form */
    struct slice path;      /* raw; begins with "/" ("/" when the target has none) */
    struct slice query;     /* raw, without "?"; data NULL when there is no "?" */
};
/* ERR_MALFORMED for a target that is neither origin nor absolute form ("*" included) or holds blanks or controls. */
int uri_split(struct slice target, struct uri *ret) MUST_CHECK;

/* Percent-encodes all but A-Z a-z 0-9 - . _ ~ (and "/" when keep_slash), upper-case hex. */
void uri_encode(struct text *, struct slice, bool keep_slash);

/* Decodes %XX (and "+" as a blank when plus_is_space) into buffer, which may be raw.data itself. ERR_MALFORMED for a
 * broken escape, ERR_TOO_LARGE when capacity does not suffice. */
int uri_decode(struct slice raw, bool plus_is_space, char *buffer, size_t capacity, size_t *ret_len) MUST_CHECK;

/* Well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms). NUL passes. */
bool utf8_valid(struct slice);

/* 1 to 1024 bytes of UTF-8 without NUL. */
bool uri_key_valid(struct slice key);
/* S3's rules for bucket names: 3..63 of a-z 0-9 - . , begins and ends with letter or digit, no "..", no dot beside a
 * dash, not like an IPv4 address, none of the reserved prefixes and suffixes. allow_underscore takes "_" inside as
 * well. */
bool uri_bucket_valid(struct slice name, bool allow_underscore);

/* --- queries --- */
struct query_parameter {
    struct slice raw_name, raw_value; /* as received; raw_value data NULL without "=" */
    struct slice name, value;         /* decoded, "+" as a blank; value empty without "=" */
};

/* In order of appearance. Decoded slices may point into the struct itself: not to be moved or copied. */
struct query {
    struct query_parameter items[QUERY_PARAMETERS_MAX];
    uint32_t count;
    char *heap;              /* private */
    char small[1024];        /* private */
};
/* raw: without "?"; lives as long as the query. Empty pieces ("a&&b") are left out. ERR_MALFORMED for a broken escape,
 * ERR_TOO_LARGE for more than QUERY_PARAMETERS_MAX, ERR_NO_MEMORY. query_fini after success only. */
int query_parse(struct slice raw, struct query *ret) MUST_CHECK;
void query_fini(struct query *);
/* First parameter of that decoded name, or NULL. */
const struct query_parameter *query_find(const struct query *, const char *name);
bool query_has(const struct query *, const char *name);
/* Its value, or data NULL when absent. */
struct slice query_value(const struct query *, const char *name);

/* --- bucket and key --- */
struct uri_address {
    bool virtual_host;             /* the bucket came from Host */
    uint32_t bucket_len, key_len;  /* 0: none */
    char bucket[URI_BUCKET_LEN_MAX + 1]; /* NUL-terminated; not checked for being a valid name */
    char key[URI_KEY_LEN_MAX + 1]; /* decoded, NUL-terminated */
};
/* path: raw. host: the Host header (a port is ignored), may be empty. domains: names under which buckets are hosts,
 * without port, lower case. Errors: ERR_MALFORMED (broken escape, key not UTF-8, NUL: InvalidURI), ERR_INVALID (bucket
 * too long: InvalidBucketName), ERR_TOO_LARGE (key over 1024 bytes: KeyTooLongError). */
int uri_address_parse(struct slice path, struct slice host, const struct slice *domains, uint32_t domain_count,
                      struct uri_address *ret) MUST_CHECK;
static inline struct slice uri_address_bucket(const struct uri_address *a)
{
    return slice_of(a->bucket, a->bucket_len);
}
static inline struct slice uri_address_key(const struct uri_address *a)
{
    return slice_of(a->key, a->key_len);
}

#endif
