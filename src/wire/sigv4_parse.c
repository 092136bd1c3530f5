/* Who claims to have signed: the Authorization header or the presigned query, taken apart. */
#include "wire/sigv4.h"

#include <string.h>

#include "wire/http_date.h"

static const char algorithm[] = "AWS4-HMAC-SHA256";

/* What is wrong with a credential, in the words of where it stands. */
static enum sigv4_result bad_credential(enum sigv4_kind kind, enum sigv4_result header, enum sigv4_result query)
{
    return kind == SIGV4_HEADER ? header : kind == SIGV4_PRESIGNED ? query : SIGV4_FORM_MALFORMED;
}

/* ACCESS/YYYYMMDD/region/service/aws4_request; the access key may hold slashes itself. */
static enum sigv4_result take_credential(struct slice text, struct sigv4 *s)
{
    enum sigv4_result malformed = bad_credential(s->kind, SIGV4_HEADER_CREDENTIAL, SIGV4_QUERY_CREDENTIAL);
    size_t slashes[4], end = text.len;
    for (int i = 3; i >= 0; i--) {
        const char *slash = end ? memrchr(text.data, '/', end) : NULL;
        if (!slash)
            return malformed;
        end = slashes[i] = (size_t)(slash - text.data);
    }
    s->access_key = slice_of(text.data, slashes[0]);
    s->scope = slice_of(text.data + slashes[0] + 1, text.len - slashes[0] - 1);
    s->date = slice_of(text.data + slashes[0] + 1, slashes[1] - slashes[0] - 1);
    s->region = slice_of(text.data + slashes[1] + 1, slashes[2] - slashes[1] - 1);
    s->service = slice_of(text.data + slashes[2] + 1, slashes[3] - slashes[2] - 1);
    struct slice last = slice_of(text.data + slashes[3] + 1, text.len - slashes[3] - 1);
    if (s->access_key.len == 0 || s->scope.len > SIGV4_SCOPE_LEN_MAX)
        return malformed;
    bool date = s->date.len == 8;
    for (size_t i = 0; date && i < 8; i++)
        date = s->date.data[i] >= '0' && s->date.data[i] <= '9';
    if (!date)
        return bad_credential(s->kind, SIGV4_HEADER_CREDENTIAL_DATE, SIGV4_QUERY_CREDENTIAL_DATE);
    if (!slice_equal_string(last, "aws4_request"))
        return bad_credential(s->kind, SIGV4_HEADER_TERMINAL, SIGV4_QUERY_TERMINAL);
    return SIGV4_OK;
}

static bool take_signature(struct slice text, struct sigv4 *s)
{
    size_t len;
    return text.len == 2 * SHA256_LEN && hex_decode(text, s->signature, SHA256_LEN, &len) == 0;
}

/* Names of tokens with ";" between them, none of them empty. */
static bool take_signed_headers(struct slice text, struct sigv4 *s)
{
    uint32_t count = 1;
    char before = ';';
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c <= ' ' || c >= 0x7f || c == ':' || c == ',' || (c == ';' && before == ';'))
            return false;
        count += c == ';';
        before = c;
    }
    if (before == ';' || count > SIGV4_SIGNED_HEADERS_MAX)
        return false;
    s->signed_headers = text;
    return true;
}

/* Value of "name=" if text begins so. */
static bool take_field(struct slice text, const char *name, struct slice *ret)
{
    size_t len = strlen(name);
    if (text.len < len || memcmp(text.data, name, len) != 0)
        return false;
    *ret = slice_trim(slice_of(text.data + len, text.len - len));
    return true;
}

static enum sigv4_result parse_authorization(struct slice value, struct sigv4 *s)
{
    struct slice credential = {0}, signed_headers = {0}, signature = {0};
    while (value.len) {
        const char *comma = memchr(value.data, ',', value.len);
        size_t len = comma ? (size_t)(comma - value.data) : value.len;
        struct slice field = slice_trim(slice_of(value.data, len));
        if (field.len && !take_field(field, "Credential=", &credential) &&
            !take_field(field, "SignedHeaders=", &signed_headers) && !take_field(field, "Signature=", &signature))
            return SIGV4_HEADER_MALFORMED;
        len += comma ? 1 : 0;
        value = slice_of(value.data + len, value.len - len);
    }
    if (!credential.data || !signed_headers.data || !signature.data)
        return !credential.data ? SIGV4_HEADER_NO_CREDENTIAL : !signed_headers.data ? SIGV4_HEADER_NO_SIGNED_HEADERS : SIGV4_HEADER_NO_SIGNATURE;
    enum sigv4_result result = take_credential(credential, s);
    if (result == SIGV4_OK && (!take_signed_headers(signed_headers, s) || !take_signature(signature, s)))
        return SIGV4_HEADER_MALFORMED;
    return result;
}

/* x-amz-date, else Date; both may be in either form. */
static bool take_header_date(const struct sigv4_request *request, struct sigv4 *s)
{
    struct slice value = header_value(request->headers, "x-amz-date");
    if (!value.data)
        value = header_value(request->headers, "date");
    if (value.len == 0)
        return false;
    value = slice_trim(value);
    if (iso_date_parse_basic(value, &s->time_us) && http_date_parse(value, 0, &s->time_us))
        return false;
    sigv4_format_date(s->time_us, s->amz_date);
    return true;
}

static enum sigv4_result parse_header(const struct sigv4_request *request, struct slice value, struct sigv4 *ret)
{
    struct sigv4 s = {.kind = SIGV4_HEADER};
    enum sigv4_result result = parse_authorization(value, &s);
    if (result != SIGV4_OK)
        return result;
    if (!take_header_date(request, &s))
        return SIGV4_MISSING_DATE;
    s.payload_hash = slice_trim(header_value(request->headers, "x-amz-content-sha256"));
    if (s.payload_hash.len == 0 && slice_equal_string(s.service, "s3"))
        return SIGV4_MISSING_PAYLOAD_HASH;
    s.security_token = header_value(request->headers, "x-amz-security-token");
    *ret = s;
    return SIGV4_OK;
}

static enum sigv4_result parse_presigned(const struct sigv4_request *request, const struct query *query,
                                         struct sigv4 *ret)
{
    struct sigv4 s = {.kind = SIGV4_PRESIGNED};
    struct slice date = query_value(query, "X-Amz-Date"), expires = query_value(query, "X-Amz-Expires");
    struct slice named = query_value(query, "X-Amz-Algorithm"), credential = query_value(query, "X-Amz-Credential");
    if (!named.data || !credential.data || !date.data || !expires.data ||
        !take_signed_headers(query_value(query, "X-Amz-SignedHeaders"), &s) ||
        !take_signature(query_value(query, "X-Amz-Signature"), &s))
        return SIGV4_QUERY_MALFORMED;
    if (!slice_equal_string(named, algorithm))
        return SIGV4_QUERY_ALGORITHM;
    enum sigv4_result result = take_credential(credential, &s);
    if (result != SIGV4_OK)
        return result;
    if (iso_date_parse_basic(date, &s.time_us))
        return SIGV4_QUERY_DATE;
    sigv4_format_date(s.time_us, s.amz_date);
    uint64_t expires_s;
    if (slice_parse_u64(expires, &expires_s) || expires_s < 1 || expires_s > SIGV4_EXPIRES_MAX_S)
        return SIGV4_QUERY_EXPIRES;
    s.expires_s = (uint32_t)expires_s;
    s.payload_hash = query_value(query, "X-Amz-Content-Sha256");
    if (s.payload_hash.len == 0)
        s.payload_hash = slice_trim(header_value(request->headers, "x-amz-content-sha256"));
    if (s.payload_hash.len == 0)
        s.payload_hash = slice_of("UNSIGNED-PAYLOAD", 16);
    s.security_token = query_value(query, "X-Amz-Security-Token");
    if (!s.security_token.data)
        s.security_token = header_value(request->headers, "x-amz-security-token");
    *ret = s;
    return SIGV4_OK;
}

enum sigv4_result sigv4_parse(const struct sigv4_request *request, const struct query *query, struct sigv4 *ret)
{
    struct slice value = header_value(request->headers, "authorization");
    bool presigned = query_has(query, "X-Amz-Algorithm") || query_has(query, "X-Amz-Credential") ||
                     query_has(query, "X-Amz-Signature");
    bool version_2_query = query_has(query, "AWSAccessKeyId") || query_has(query, "Signature");
    if (value.data && (presigned || version_2_query))
        return SIGV4_BOTH_KINDS;
    if (presigned)
        return parse_presigned(request, query, ret);
    if (version_2_query)
        return SIGV4_VERSION_2;
    if (!value.data)
        return SIGV4_ANONYMOUS;
    value = slice_trim(value);
    if (slice_starts_with(value, "AWS ") || slice_equal_string(value, "AWS"))
        return SIGV4_VERSION_2;
    size_t len = sizeof(algorithm) - 1;
    if (!slice_starts_with(value, algorithm) || (value.len > len && value.data[len] != ' ' && value.data[len] != '\t'))
        return SIGV4_UNSUPPORTED;
    return parse_header(request, slice_of(value.data + len, value.len - len), ret);
}

enum sigv4_result sigv4_parse_form(struct slice algorithm_field, struct slice credential, struct slice date, struct slice signature,
                                   struct sigv4 *ret)
{
    struct sigv4 s = {.kind = SIGV4_FORM};
    if (!slice_equal_string(algorithm_field, algorithm) || take_credential(credential, &s) != SIGV4_OK ||
        iso_date_parse_basic(date, &s.time_us) || !take_signature(signature, &s))
        return SIGV4_FORM_MALFORMED;
    sigv4_format_date(s.time_us, s.amz_date);
    *ret = s;
    return SIGV4_OK;
}
