/* The client's side: Authorization headers, presigned queries, POST policies. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/sigv4.h"
#include "wire/sigv4_canonical.h"

struct scope_text { char text[SIGV4_SCOPE_LEN_MAX + 1]; size_t len; };

static int write_scope(const struct sigv4_signer *signer, const char *amz_date, struct scope_text *ret)
{
    if (8 + 1 + signer->region.len + 1 + signer->service.len + 13 > SIGV4_SCOPE_LEN_MAX)
        return ERR_TOO_LARGE;
    char *at = mempcpy(ret->text, amz_date, 8);
    *at++ = '/';
    at = mempcpy(at, signer->region.data, signer->region.len);
    *at++ = '/';
    at = mempcpy(at, signer->service.data, signer->service.len);
    at = mempcpy(at, "/aws4_request", 14);
    ret->len = (size_t)(at - ret->text) - 1;
    return 0;
}

static int compare_names(const void *a, const void *b)
{
    const struct slice *x = a, *y = b;
    int order = strncasecmp(x->data, y->data, x->len < y->len ? x->len : y->len);
    return order ? order : (x->len > y->len) - (x->len < y->len);
}

/* The names of all headers, sorted, in lower case, each once. */
static int write_signed_headers(struct headers headers, struct text *text)
{
    struct slice names[HEADERS_MAX];
    if (headers.count > HEADERS_MAX)
        return ERR_TOO_LARGE;
    for (uint32_t i = 0; i < headers.count; i++)
        names[i] = headers.items[i].name;
    qsort(names, headers.count, sizeof(names[0]), compare_names);
    for (uint32_t i = 0; i < headers.count; i++) {
        if (i && compare_names(&names[i], &names[i - 1]) == 0)
            continue;
        if (i)
            text_append(text, ";", 1);
        for (size_t j = 0; j < names[i].len; j++) {
            char c = names[i].data[j];
            if (c >= 'A' && c <= 'Z')
                c |= 0x20;
            text_append(text, &c, 1);
        }
    }
    return text->failed ? ERR_NO_MEMORY : 0;
}

static int sign_canonical(const struct sigv4_signer *signer, const struct sigv4_canonical *c, const char *amz_date,
                          const struct scope_text *scope, uint8_t key[SHA256_LEN], uint8_t signature[SHA256_LEN])
{
    struct sigv4_sink sink;
    uint8_t digest[SHA256_LEN];
    sigv4_sink_init(&sink, NULL);
    int err = sigv4_canonical_put(c, &sink);
    int finish_err = sigv4_sink_finish(&sink, digest);
    if (err || finish_err)
        return err ? err : finish_err;
    err = sigv4_derive_key(signer->secret, slice_of(amz_date, 8), signer->region, signer->service, key);
    if (err)
        return err;
    return sigv4_sign_hash(key, amz_date, slice_of(scope->text, scope->len), digest, signature);
}

static void append_authorization(const struct sigv4_signer *signer, const struct scope_text *scope,
                                 struct slice signed_headers, const uint8_t signature[SHA256_LEN], struct text *text)
{
    text_append_string(text, "AWS4-HMAC-SHA256 Credential=");
    text_append(text, signer->access_key.data, signer->access_key.len);
    text_append(text, "/", 1);
    text_append(text, scope->text, scope->len);
    text_append_string(text, ", SignedHeaders=");
    text_append(text, signed_headers.data, signed_headers.len);
    text_append_string(text, ", Signature=");
    text_append_hex(text, signature, SHA256_LEN);
}

int sigv4_sign(const struct sigv4_signer *signer, const struct sigv4_request *request, struct text *authorization,
               struct sigv4_chain *ret_chain)
{
    char amz_date[SIGV4_DATE_SIZE];
    struct scope_text scope;
    struct text names = {0};
    uint8_t key[SHA256_LEN], signature[SHA256_LEN];
    sigv4_format_date(signer->time_us, amz_date);
    int err = write_scope(signer, amz_date, &scope);
    if (!err)
        err = write_signed_headers(request->headers, &names);
    if (!err) {
        struct sigv4_canonical c = {
            .request = request,
            .signed_headers = slice_of(names.data, names.len),
            .payload_hash = slice_trim(header_value(request->headers, "x-amz-content-sha256")),
            .variant.plus_is_literal = true,
        };
        err = sign_canonical(signer, &c, amz_date, &scope, key, signature);
    }
    if (!err) {
        append_authorization(signer, &scope, slice_of(names.data, names.len), signature, authorization);
        err = authorization->failed ? ERR_NO_MEMORY : 0;
    }
    if (!err && ret_chain) {
        memcpy(ret_chain->key, key, SHA256_LEN);
        memcpy(ret_chain->previous, signature, SHA256_LEN);
        memcpy(ret_chain->amz_date, amz_date, sizeof(ret_chain->amz_date));
        memcpy(ret_chain->scope, scope.text, scope.len + 1);
    }
    explicit_bzero(key, sizeof(key));
    text_free(&names);
    return err;
}

static void append_parameter(struct text *query, const char *name, struct slice value)
{
    if (query->len)
        text_append(query, "&", 1);
    text_append_string(query, name);
    text_append(query, "=", 1);
    uri_encode(query, value, false);
}

static int append_credentials(const struct sigv4_signer *signer, const struct scope_text *scope, const char *amz_date,
                              uint32_t expires_s, struct text *query)
{
    struct text credential = {0};
    char expires[16];
    text_append(&credential, signer->access_key.data, signer->access_key.len);
    text_append(&credential, "/", 1);
    text_append(&credential, scope->text, scope->len);
    append_parameter(query, "X-Amz-Algorithm", slice_string("AWS4-HMAC-SHA256"));
    append_parameter(query, "X-Amz-Credential", slice_of(credential.data, credential.len));
    append_parameter(query, "X-Amz-Date", slice_string(amz_date));
    snprintf(expires, sizeof(expires), "%u", expires_s);
    append_parameter(query, "X-Amz-Expires", slice_string(expires));
    int err = credential.failed ? ERR_NO_MEMORY : 0;
    text_free(&credential);
    return err;
}

int sigv4_presign(const struct sigv4_signer *signer, const struct sigv4_request *request, uint32_t expires_s,
                  struct slice security_token, struct text *query)
{
    char amz_date[SIGV4_DATE_SIZE];
    struct scope_text scope;
    struct text names = {0}, all = {0};
    uint8_t key[SHA256_LEN], signature[SHA256_LEN];
    sigv4_format_date(signer->time_us, amz_date);
    int err = write_scope(signer, amz_date, &scope);
    if (!err)
        err = write_signed_headers(request->headers, &names);
    if (!err) {
        text_append(&all, request->query.len ? request->query.data : "", request->query.len);
        err = append_credentials(signer, &scope, amz_date, expires_s, &all);
    }
    if (!err) {
        if (security_token.data)
            append_parameter(&all, "X-Amz-Security-Token", security_token);
        append_parameter(&all, "X-Amz-SignedHeaders", slice_of(names.data, names.len));
        err = all.failed ? ERR_NO_MEMORY : 0;
    }
    if (!err) {
        struct sigv4_request whole = *request;
        whole.query = slice_of(all.data, all.len);
        struct slice hash = slice_trim(header_value(request->headers, "x-amz-content-sha256"));
        struct sigv4_canonical c = {
            .request = &whole,
            .signed_headers = slice_of(names.data, names.len),
            .payload_hash = hash.len ? hash : slice_of("UNSIGNED-PAYLOAD", 16),
            .presigned = true,
            .variant.plus_is_literal = true,
        };
        err = sign_canonical(signer, &c, amz_date, &scope, key, signature);
    }
    if (!err) {
        text_append(query, all.data, all.len);
        text_append_string(query, "&X-Amz-Signature=");
        text_append_hex(query, signature, SHA256_LEN);
        err = query->failed ? ERR_NO_MEMORY : 0;
    }
    explicit_bzero(key, sizeof(key));
    text_free(&names);
    text_free(&all);
    return err;
}

int sigv4_policy_signature(struct slice secret, struct slice scope, struct slice policy_base64,
                           uint8_t signature[SHA256_LEN])
{
    struct slice pieces[4];
    uint8_t key[SHA256_LEN];
    for (int i = 0; i < 4; i++) {
        const char *slash = scope.len ? memchr(scope.data, '/', scope.len) : NULL;
        size_t len = slash ? (size_t)(slash - scope.data) : scope.len;
        if ((i < 3) != (slash != NULL))
            return ERR_MALFORMED;
        pieces[i] = slice_of(scope.data, len);
        len += slash ? 1 : 0;
        scope = slice_of(scope.data + len, scope.len - len);
    }
    if (!slice_equal_string(pieces[3], "aws4_request"))
        return ERR_MALFORMED;
    int err = sigv4_derive_key(secret, pieces[0], pieces[1], pieces[2], key);
    if (!err)
        err = hmac_sha256(key, SHA256_LEN, policy_base64.data, policy_base64.len, signature);
    explicit_bzero(key, sizeof(key));
    return err;
}
