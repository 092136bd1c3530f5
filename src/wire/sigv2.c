/* See sigv2.h. */
#include "wire/sigv2.h"

#include <string.h>
#include <strings.h>

#include "wire/http_date.h"

#define SECOND_US 1000000ull
#define AMZ_MAX (HEADERS_MAX + QUERY_PARAMETERS_MAX)

/* Parameters that are part of the resource. S3 names those of its first years; what came later is here when it reads or writes
 * something of its own, since a signature would else hold for a request that its sender never meant. */
static const char *const sub_resources[] = {
    "accelerate", "acl", "analytics", "append", "cors", "defaultObjectAcl", "delete", "encryption", "intelligent-tiering",
    "inventory", "legal-hold", "lifecycle", "location", "logging", "metrics", "notification", "object-lock",
    "ownershipControls", "partNumber", "policy", "policyStatus", "publicAccessBlock", "renameObject", "replication",
    "requestPayment", "response-cache-control", "response-content-disposition", "response-content-encoding",
    "response-content-language", "response-content-type", "response-expires", "restore", "retention", "select", "select-type",
    "storageClass", "tagging", "torrent", "uploadId", "uploads", "versionId", "versioning", "versions", "website",
};

/* --- parsing --- */

/* RFC 9110's forms; the basic ISO form; and RFC 822's with a numeric zone, which S3's own examples have. */
static int parse_date(struct slice text, uint64_t now_us, uint64_t *ret_us)
{
    char gmt[64];
    text = slice_trim(text);
    if (!iso_date_parse_basic(text, ret_us) || !http_date_parse(text, now_us, ret_us))
        return 0;
    if (text.len < 6 || text.len > sizeof gmt || memcmp(text.data + text.len - 6, " +0000", 6) != 0)
        return ERR_MALFORMED;
    memcpy(mempcpy(gmt, text.data, text.len - 5), "GMT", 3);
    return http_date_parse(slice_of(gmt, text.len - 2), now_us, ret_us);
}

static enum sigv4_result check_date(const struct sigv2_request *request, uint64_t now_us, struct sigv2 *s)
{
    struct slice date = header_value(request->sent->headers, "x-amz-date");
    uint64_t time_us;
    s->date = slice_of("", 0);
    if (!date.data)
        s->date = date = header_value(request->sent->headers, "date");
    if (!date.len || parse_date(date, now_us, &time_us))
        return SIGV4_MISSING_DATE;
    uint64_t skew_us = time_us > now_us ? time_us - now_us : now_us - time_us;
    return skew_us > SIGV4_SKEW_MAX_S * SECOND_US ? SIGV4_SKEWED : SIGV4_OK;
}

static enum sigv4_result parse_header(const struct sigv2_request *request, struct slice value, uint64_t now_us,
                                      struct sigv2 *s)
{
    value = slice_trim(slice_of(value.data + 3, value.len - 3)); /* "AWS" */
    const char *colon = value.len ? memrchr(value.data, ':', value.len) : NULL;
    size_t key_len = colon ? (size_t)(colon - value.data) : 0;
    if (!key_len || key_len + 1 == value.len)
        return SIGV4_V2_HEADER_MALFORMED;
    s->access_key = slice_of(value.data, key_len);
    s->signature = slice_of(colon + 1, value.len - key_len - 1);
    s->security_token = header_value(request->sent->headers, "x-amz-security-token");
    return check_date(request, now_us, s);
}

static enum sigv4_result parse_presigned(const struct sigv2_request *request, uint64_t now_us, struct sigv2 *s)
{
    s->presigned = true;
    s->access_key = query_value(request->query, "AWSAccessKeyId");
    s->signature = query_value(request->query, "Signature");
    s->date = query_value(request->query, "Expires");
    s->security_token = query_value(request->query, "x-amz-security-token");
    if (!s->security_token.data)
        s->security_token = header_value(request->sent->headers, "x-amz-security-token");
    if (!s->access_key.len || !s->signature.len || !s->date.len)
        return SIGV4_V2_QUERY_MALFORMED;
    uint64_t expires_s;
    if (slice_parse_u64(s->date, &expires_s))
        return SIGV4_V2_EXPIRES;
    return now_us / SECOND_US > expires_s ? SIGV4_EXPIRED : SIGV4_OK;
}

enum sigv4_result sigv2_parse(const struct sigv2_request *request, uint64_t now_us, struct sigv2 *ret)
{
    struct slice value = header_value(request->sent->headers, "authorization");
    *ret = (struct sigv2){0};
    if (value.data)
        return parse_header(request, slice_trim(value), now_us, ret);
    return parse_presigned(request, now_us, ret);
}

/* --- what is signed --- */

static int compare_names(struct slice a, struct slice b)
{
    int order = strncasecmp(a.data, b.data, a.len < b.len ? a.len : b.len);
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

/* Behind those of the same name: their order stays. */
static void insert(struct header *items, uint32_t *count, struct header item)
{
    uint32_t at = (*count)++;
    for (; at > 0 && compare_names(items[at - 1].name, item.name) > 0; at--)
        items[at] = items[at - 1];
    items[at] = item;
}

static void append_lower(struct text *t, struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i] >= 'A' && name.data[i] <= 'Z' ? (char)(name.data[i] + 'a' - 'A') : name.data[i];
        text_append(t, &c, 1);
    }
}

/* A presigned request may have x-amz- headers in its query; one that is really sent takes their place. */
static void append_amz_headers(const struct sigv2 *s, const struct sigv2_request *request, struct text *t)
{
    struct header items[AMZ_MAX];
    struct headers headers = request->sent->headers;
    uint32_t count = 0;
    for (uint32_t i = 0; i < headers.count && i < HEADERS_MAX; i++)
        if (header_name_starts_with(headers.items[i].name, "x-amz-"))
            insert(items, &count, headers.items[i]);
    struct headers sent = {items, count};
    struct header hoisted[QUERY_PARAMETERS_MAX];
    uint32_t hoisted_count = 0;
    for (uint32_t i = 0; s->presigned && i < request->query->count; i++) {
        const struct query_parameter *p = &request->query->items[i];
        bool is_sent = !header_name_starts_with(p->name, "x-amz-");
        for (uint32_t k = 0; k < sent.count && !is_sent; k++)
            is_sent = compare_names(sent.items[k].name, p->name) == 0;
        if (!is_sent)
            hoisted[hoisted_count++] = (struct header){p->name, p->value};
    }
    for (uint32_t i = 0; i < hoisted_count; i++)
        insert(items, &count, hoisted[i]);
    for (uint32_t i = 0; i < count; i++) {
        struct slice value = slice_trim(items[i].value);
        bool again = i > 0 && compare_names(items[i - 1].name, items[i].name) == 0;
        if (!again) {
            append_lower(t, items[i].name);
            text_append(t, ":", 1);
        } else {
            text_append(t, ",", 1);
        }
        text_append(t, value.data, value.len);
        if (i + 1 == count || compare_names(items[i].name, items[i + 1].name) != 0)
            text_append(t, "\n", 1);
    }
}

static bool is_sub_resource(struct slice name)
{
    for (unsigned i = 0; i < sizeof sub_resources / sizeof *sub_resources; i++)
        if (slice_equal_string(name, sub_resources[i]))
            return true;
    return false;
}

/* The path is signed as it was sent, the values of parameters are not encoded. */
static void append_resource(const struct sigv2_request *request, bool with_slash, struct text *t)
{
    struct header items[QUERY_PARAMETERS_MAX];
    uint32_t count = 0;
    if (request->bucket.len) {
        text_append(t, "/", 1);
        text_append(t, request->bucket.data, request->bucket.len);
    }
    text_append(t, request->sent->path.data, request->sent->path.len);
    text_append(t, "/", with_slash);
    for (uint32_t i = 0; i < request->query->count; i++)
        if (is_sub_resource(request->query->items[i].name))
            insert(items, &count, (struct header){request->query->items[i].name, request->query->items[i].value});
    for (uint32_t i = 0; i < count; i++) {
        text_append(t, i ? "&" : "?", 1);
        text_append(t, items[i].name.data, items[i].name.len);
        if (items[i].value.len) {
            text_append(t, "=", 1);
            text_append(t, items[i].value.data, items[i].value.len);
        }
    }
}

static void append_line(struct text *t, struct slice value)
{
    value = slice_trim(value);
    text_append(t, value.data, value.len);
    text_append(t, "\n", 1);
}

/* A header; of a presigned request the parameter of that name when it is not sent. */
static struct slice header_or_parameter(const struct sigv2 *s, const struct sigv2_request *request, const char *name)
{
    struct slice value = header_value(request->sent->headers, name);
    return value.data || !s->presigned ? value : query_value(request->query, name);
}

static int put_string(const struct sigv2 *s, const struct sigv2_request *request, bool with_slash, struct text *text)
{
    append_line(text, request->sent->method);
    append_line(text, header_or_parameter(s, request, "content-md5"));
    append_line(text, header_or_parameter(s, request, "content-type"));
    append_line(text, s->date);
    append_amz_headers(s, request, text);
    append_resource(request, with_slash, text);
    return text->failed ? ERR_NO_MEMORY : 0;
}

int sigv2_string_to_sign(const struct sigv2 *s, const struct sigv2_request *request, struct text *text)
{
    return put_string(s, request, false, text);
}

/* --- verification --- */

enum sigv4_result sigv2_check(struct slice signature, struct slice text, struct slice secret)
{
    uint8_t expected[SHA1_LEN], sent[SHA1_LEN];
    size_t len;
    if (hmac_sha1(secret.data, secret.len, text.data, text.len, expected))
        return SIGV4_INTERNAL;
    if (base64_decode(signature, sent, sizeof sent, &len) || len != SHA1_LEN)
        return SIGV4_MISMATCH;
    return constant_time_equal(expected, sent, SHA1_LEN) ? SIGV4_OK : SIGV4_MISMATCH;
}

/* A "+" that a client did not encode was read as a blank. */
static struct slice plain_signature(const struct sigv2 *s, char buffer[64])
{
    if (!s->presigned || s->signature.len > 64)
        return s->signature;
    for (size_t i = 0; i < s->signature.len; i++)
        buffer[i] = s->signature.data[i] == ' ' ? '+' : s->signature.data[i];
    return slice_of(buffer, s->signature.len);
}

static bool is_bare_bucket(const struct sigv2_request *request)
{
    struct slice path = request->sent->path;
    return !request->bucket.len && path.len > 1 && !memchr(path.data + 1, '/', path.len - 1);
}

/* Some clients send "/bucket" and sign "/bucket/". */
enum sigv4_result sigv2_verify(const struct sigv2 *s, const struct sigv2_request *request, struct slice secret)
{
    char buffer[64];
    struct slice signature = plain_signature(s, buffer);
    enum sigv4_result result = SIGV4_MISMATCH;
    for (int with_slash = 0; with_slash <= is_bare_bucket(request) && result == SIGV4_MISMATCH; with_slash++) {
        struct text text = {0};
        bool failed = put_string(s, request, with_slash, &text);
        result = failed ? SIGV4_INTERNAL : sigv2_check(signature, slice_of(text.data, text.len), secret);
        text_free(&text);
    }
    return result;
}
