/* Verification, signing keys, and the chain of chunk signatures. */
#include "wire/sigv4.h"

#include <assert.h>
#include <string.h>

#include "wire/http_date.h"
#include "wire/sigv4_canonical.h"

#define SECOND_US 1000000ull

static const struct { const char *code; unsigned status; const char *text; } results[] = {
    {NULL, 0, NULL},
#define X(name, code, status, text) {code, status, text},
#include "wire/sigv4.def"
#undef X
};

const char *sigv4_result_code(enum sigv4_result r) { return results[r].code; }
unsigned sigv4_result_status(enum sigv4_result r) { return results[r].status; }
const char *sigv4_result_text(enum sigv4_result r) { return results[r].text; }

static_assert(SIGV4_DATE_SIZE == ISO_BASIC_DATE_SIZE, "the same form");

void sigv4_format_date(uint64_t time_us, char amz_date[SIGV4_DATE_SIZE])
{
    iso_date_format_basic(time_us, amz_date);
}

void sigv4_hex(const uint8_t bytes[SHA256_LEN], char text[2 * SHA256_LEN])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < SHA256_LEN; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
}

static enum sigv4_result check_dates(const struct sigv4 *s, uint64_t now_us)
{
    bool header = s->kind == SIGV4_HEADER;
    if (memcmp(s->date.data, s->amz_date, 8) != 0)
        return header ? SIGV4_HEADER_SCOPE_DATE : SIGV4_QUERY_SCOPE_DATE;
    uint64_t skew_us = SIGV4_SKEW_MAX_S * SECOND_US;
    bool ahead = s->time_us > now_us && s->time_us - now_us > skew_us;
    if (header)
        return ahead || (now_us > s->time_us && now_us - s->time_us > skew_us) ? SIGV4_SKEWED : SIGV4_OK;
    if (s->kind == SIGV4_FORM)
        return SIGV4_OK;
    if (ahead)
        return SIGV4_NOT_YET_VALID;
    return now_us > s->time_us + s->expires_s * SECOND_US ? SIGV4_EXPIRED : SIGV4_OK;
}

enum sigv4_result sigv4_check_scope(const struct sigv4 *s, struct slice region, uint64_t now_us)
{
    bool header = s->kind == SIGV4_HEADER;
    if (!slice_equal(s->region, region))
        return header ? SIGV4_HEADER_REGION : SIGV4_QUERY_REGION;
    if (!slice_equal_string(s->service, "s3"))
        return header ? SIGV4_HEADER_SERVICE : SIGV4_QUERY_SERVICE;
    return check_dates(s, now_us);
}

enum sigv4_result sigv4_check_service_scope(const struct sigv4 *s, uint64_t now_us)
{
    bool header = s->kind == SIGV4_HEADER;
    if (!slice_equal_string(s->service, "iam") && !slice_equal_string(s->service, "sts"))
        return header ? SIGV4_HEADER_SERVICE : SIGV4_QUERY_SERVICE;
    return check_dates(s, now_us);
}

/* --- keys --- */

int sigv4_derive_key(struct slice secret, struct slice date, struct slice region, struct slice service,
                     uint8_t key[SHA256_LEN])
{
    uint8_t first[4 + SIGV4_SECRET_LEN_MAX], a[SHA256_LEN], b[SHA256_LEN];
    if (secret.len > SIGV4_SECRET_LEN_MAX)
        return ERR_TOO_LARGE;
    memcpy(first, "AWS4", 4);
    if (secret.len)
        memcpy(first + 4, secret.data, secret.len);
    int err = hmac_sha256(first, 4 + secret.len, date.data, date.len, a);
    if (!err)
        err = hmac_sha256(a, SHA256_LEN, region.data, region.len, b);
    if (!err)
        err = hmac_sha256(b, SHA256_LEN, service.data, service.len, a);
    if (!err)
        err = hmac_sha256(a, SHA256_LEN, "aws4_request", 12, key);
    explicit_bzero(first, sizeof(first));
    explicit_bzero(a, sizeof(a));
    explicit_bzero(b, sizeof(b));
    return err;
}

static uint32_t hash_bytes(uint32_t hash, struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        hash = (hash ^ (uint8_t)s.data[i]) * 16777619u;
    return hash;
}

/* Derives, or finds what was derived from the same secret and scope. */
static int get_key(const struct sigv4 *s, struct slice secret, struct sigv4_key_cache *cache, uint8_t key[SHA256_LEN])
{
    if (!cache || secret.len > SIGV4_SECRET_LEN_MAX || secret.len == 0)
        return sigv4_derive_key(secret, s->date, s->region, s->service, key);
    uint32_t hash = hash_bytes(hash_bytes(2166136261u, s->access_key), s->scope);
    struct sigv4_key_entry *entry = &cache->entries[(hash ^ hash >> 16) % SIGV4_KEY_CACHE_SIZE];
    if (entry->scope_len == s->scope.len && entry->secret_len == secret.len &&
        memcmp(entry->scope, s->scope.data, s->scope.len) == 0 &&
        constant_time_equal(entry->secret, secret.data, secret.len)) {
        memcpy(key, entry->key, SHA256_LEN);
        return 0;
    }
    int err = sigv4_derive_key(secret, s->date, s->region, s->service, key);
    if (err)
        return err;
    memcpy(entry->key, key, SHA256_LEN);
    memcpy(entry->secret, secret.data, secret.len);
    memcpy(entry->scope, s->scope.data, s->scope.len);
    entry->secret_len = (uint8_t)secret.len;
    entry->scope_len = (uint8_t)s->scope.len;
    return 0;
}

void sigv4_key_cache_fini(struct sigv4_key_cache *cache)
{
    explicit_bzero(cache, sizeof(*cache));
}

/* --- verification --- */

/* Is the name (of a header present) among the signed ones? */
static bool is_signed(struct slice signed_headers, struct slice name)
{
    for (size_t at = 0; at < signed_headers.len;) {
        const char *end = memchr(signed_headers.data + at, ';', signed_headers.len - at);
        size_t len = end ? (size_t)(end - signed_headers.data) - at : signed_headers.len - at;
        if (slice_equal_nocase(slice_of(signed_headers.data + at, len), name))
            return true;
        at += len + 1;
    }
    return false;
}

/* An x-amz- header that had to be signed and is not; the payload hash only when it does not end the canonical request anyway. */
static bool left_out(const struct sigv4 *s, const struct header *h)
{
    if (!header_name_starts_with(h->name, "x-amz-") || is_signed(s->signed_headers, h->name))
        return false;
    return !slice_equal_string_nocase(h->name, "x-amz-content-sha256") || !slice_equal(slice_trim(h->value), s->payload_hash);
}

/* host, and every x-amz- header. */
static enum sigv4_result check_signed(const struct sigv4 *s, struct headers headers)
{
    if (!is_signed(s->signed_headers, slice_of("host", 4)))
        return SIGV4_HOST_UNSIGNED;
    for (uint32_t i = 0; i < headers.count; i++)
        if (left_out(s, &headers.items[i]))
            return SIGV4_HEADER_UNSIGNED;
    return SIGV4_OK;
}

void sigv4_unsigned_headers(const struct sigv4 *s, struct headers headers, struct text *ret)
{
    if (!is_signed(s->signed_headers, slice_of("host", 4)))
        text_append_string(ret, "host");
    for (uint32_t i = 0; i < headers.count; i++) {
        struct slice name = headers.items[i].name;
        if (!left_out(s, &headers.items[i]))
            continue;
        text_append_string(ret, ret->len ? ", " : "");
        for (size_t k = 0; k < name.len; k++) {
            char c = name.data[k] >= 'A' && name.data[k] <= 'Z' ? (char)(name.data[k] | 0x20) : name.data[k];
            text_append(ret, &c, 1);
        }
    }
}

/* AWS4-HMAC-SHA256 \n date \n scope \n hash */
static size_t write_string_to_sign(const char *amz_date, struct slice scope, const uint8_t canonical[SHA256_LEN],
                                   char text[SIGV4_SCOPE_LEN_MAX + 128])
{
    char *at = mempcpy(text, "AWS4-HMAC-SHA256\n", 17);
    at = mempcpy(at, amz_date, 16);
    *at++ = '\n';
    at = mempcpy(at, scope.data, scope.len);
    *at++ = '\n';
    sigv4_hex(canonical, at);
    return (size_t)(at - text) + 2 * SHA256_LEN;
}

int sigv4_sign_hash(const uint8_t key[SHA256_LEN], const char *amz_date, struct slice scope,
                    const uint8_t canonical[SHA256_LEN], uint8_t signature[SHA256_LEN])
{
    char text[SIGV4_SCOPE_LEN_MAX + 128];
    if (scope.len > SIGV4_SCOPE_LEN_MAX)
        return ERR_TOO_LARGE;
    size_t len = write_string_to_sign(amz_date, scope, canonical, text);
    return hmac_sha256(key, SHA256_LEN, text, len, signature);
}

static struct sigv4_canonical canonical_of(const struct sigv4 *s, const struct sigv4_request *request)
{
    return (struct sigv4_canonical){
        .request = request,
        .signed_headers = s->signed_headers,
        .payload_hash = s->payload_hash,
        .presigned = s->kind == SIGV4_PRESIGNED,
    };
}

static int hash_canonical(const struct sigv4_canonical *c, uint8_t digest[SHA256_LEN])
{
    struct sigv4_sink sink;
    sigv4_sink_init(&sink, NULL);
    int err = sigv4_canonical_put(c, &sink);
    int finish_err = sigv4_sink_finish(&sink, digest);
    return err ? err : finish_err;
}

static bool has_default_port(struct slice host)
{
    return (host.len > 3 && memcmp(host.data + host.len - 3, ":80", 3) == 0) ||
           (host.len > 4 && memcmp(host.data + host.len - 4, ":443", 4) == 0);
}

/* The readings of the request that may have been signed; the first is the usual one. */
static enum sigv4_result match_variants(const struct sigv4 *s, const struct sigv4_request *request,
                                        const uint8_t key[SHA256_LEN])
{
    struct sigv4_canonical c = canonical_of(s, request);
    bool has_plus = request->query.len && memchr(request->query.data, '+', request->query.len);
    bool has_port = has_default_port(slice_trim(header_value(request->headers, "host")));
    for (int variant = 0; variant < 4; variant++) {
        c.variant.plus_is_literal = variant & 1;
        c.variant.host_without_port = variant & 2;
        if ((c.variant.plus_is_literal && !has_plus) || (c.variant.host_without_port && !has_port))
            continue;
        uint8_t digest[SHA256_LEN], signature[SHA256_LEN];
        if (hash_canonical(&c, digest) || sigv4_sign_hash(key, s->amz_date, s->scope, digest, signature))
            return SIGV4_INTERNAL;
        if (constant_time_equal(signature, s->signature, SHA256_LEN))
            return SIGV4_OK;
    }
    return SIGV4_MISMATCH;
}

static void start_chain(struct sigv4_chain *chain, const uint8_t key[SHA256_LEN], const uint8_t seed[SHA256_LEN],
                        const char *amz_date, struct slice scope)
{
    memcpy(chain->key, key, SHA256_LEN);
    memcpy(chain->previous, seed, SHA256_LEN);
    memcpy(chain->amz_date, amz_date, sizeof(chain->amz_date));
    memcpy(chain->scope, scope.data, scope.len);
    chain->scope[scope.len] = 0;
}

enum sigv4_result sigv4_verify(const struct sigv4 *s, const struct sigv4_request *request, struct slice secret,
                               struct sigv4_key_cache *cache, struct sigv4_chain *ret_chain)
{
    uint8_t key[SHA256_LEN];
    enum sigv4_result result = check_signed(s, request->headers);
    if (result)
        return result;
    if (get_key(s, secret, cache, key))
        return SIGV4_INTERNAL;
    result = match_variants(s, request, key);
    if (result == SIGV4_OK && ret_chain)
        start_chain(ret_chain, key, s->signature, s->amz_date, s->scope);
    explicit_bzero(key, sizeof(key));
    return result;
}

int sigv4_canonical_request(const struct sigv4 *s, const struct sigv4_request *request, struct text *text)
{
    struct sigv4_canonical c = canonical_of(s, request);
    struct sigv4_sink sink;
    sigv4_sink_init(&sink, text);
    int err = sigv4_canonical_put(&c, &sink);
    int finish_err = sigv4_sink_finish(&sink, NULL);
    return err ? err : finish_err;
}

int sigv4_string_to_sign(const struct sigv4 *s, const struct sigv4_request *request, struct text *text)
{
    struct sigv4_canonical c = canonical_of(s, request);
    uint8_t digest[SHA256_LEN];
    char string[SIGV4_SCOPE_LEN_MAX + 128];
    int err = hash_canonical(&c, digest);
    if (err)
        return err;
    text_append(text, string, write_string_to_sign(s->amz_date, s->scope, digest, string));
    return text->failed ? ERR_NO_MEMORY : 0;
}

/* --- chunks --- */

static char *put_line(char *at, const char *bytes, size_t len)
{
    at = mempcpy(at, bytes, len);
    *at++ = '\n';
    return at;
}

static char *put_hash_line(char *at, const uint8_t hash[SHA256_LEN])
{
    sigv4_hex(hash, at);
    at[2 * SHA256_LEN] = '\n';
    return at + 2 * SHA256_LEN + 1;
}

static int sign_link(const struct sigv4_chain *chain, const char *name, bool with_empty_hash,
                     const uint8_t sha256[SHA256_LEN], uint8_t signature[SHA256_LEN])
{
    static const char empty_hash[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    char text[SIGV4_SCOPE_LEN_MAX + 300];
    char *at = put_line(text, name, strlen(name));
    at = put_line(at, chain->amz_date, 16);
    at = put_line(at, chain->scope, strlen(chain->scope));
    at = put_hash_line(at, chain->previous);
    if (with_empty_hash)
        at = put_line(at, empty_hash, sizeof(empty_hash) - 1);
    at = put_hash_line(at, sha256) - 1; /* no newline at the end */
    return hmac_sha256(chain->key, SHA256_LEN, text, (size_t)(at - text), signature);
}

int sigv4_chunk_signature(const struct sigv4_chain *chain, const uint8_t chunk_sha256[SHA256_LEN],
                          uint8_t signature[SHA256_LEN])
{
    return sign_link(chain, "AWS4-HMAC-SHA256-PAYLOAD", true, chunk_sha256, signature);
}

int sigv4_trailer_signature(const struct sigv4_chain *chain, const uint8_t trailer_sha256[SHA256_LEN],
                            uint8_t signature[SHA256_LEN])
{
    return sign_link(chain, "AWS4-HMAC-SHA256-TRAILER", false, trailer_sha256, signature);
}
