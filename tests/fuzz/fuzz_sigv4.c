/* Requests: a line "METHOD target", then lines "name:value". What parses is signed anew and must verify. */
#include <string.h>

#include "fuzz.h"
#include "wire/payload.h"
#include "wire/sigv4.h"

#define SECRET slice_of("secret", 6)

static bool take_line(struct slice *rest, struct slice *line)
{
    if (rest->len == 0)
        return false;
    const char *end = memchr(rest->data, '\n', rest->len);
    size_t len = end ? (size_t)(end - rest->data) : rest->len;
    *line = slice_of(rest->data, len);
    len += end ? 1 : 0;
    *rest = slice_of(rest->data + len, rest->len - len);
    return true;
}

static void check_round_trip(const struct sigv4_request *request, const struct query *query)
{
    struct header items[HEADERS_MAX];
    struct text authorization = {0};
    struct sigv4_signer signer = {slice_of("AK", 2), SECRET, slice_of("r", 1), slice_of("s3", 2), 1369353600000000ull};
    uint32_t count = 0;
    bool plain = true;
    for (uint32_t i = 0; i < request->headers.count; i++) {
        struct slice name = request->headers.items[i].name;
        plain = plain && name.len > 0;
        for (size_t j = 0; j < name.len; j++)
            plain = plain && name.data[j] > ' ' && name.data[j] < 0x7f && name.data[j] != ';' && name.data[j] != ',';
        if (!slice_equal_string_nocase(name, "authorization") && !slice_equal_string_nocase(name, "x-amz-date") &&
            !slice_equal_string_nocase(name, "x-amz-content-sha256") && !slice_equal_string_nocase(name, "host"))
            items[count++] = request->headers.items[i];
    }
    if (!plain || count + 4 > HEADERS_MAX || query_has(query, "X-Amz-Algorithm") ||
        query_has(query, "X-Amz-Credential") ||
        query_has(query, "X-Amz-Signature") || query_has(query, "AWSAccessKeyId") || query_has(query, "Signature"))
        return;
    items[count++] = (struct header){slice_of("host", 4), slice_of("h", 1)};
    items[count++] = (struct header){slice_of("x-amz-date", 10), slice_of("20130524T000000Z", 16)};
    items[count++] = (struct header){slice_of("x-amz-content-sha256", 20), slice_of("UNSIGNED-PAYLOAD", 16)};
    struct sigv4_request own = *request;
    own.headers = (struct headers){items, count};
    must(sigv4_sign(&signer, &own, &authorization, NULL) == 0);
    items[count++] = (struct header){slice_of("Authorization", 13), slice_of(authorization.data, authorization.len)};
    own.headers.count = count;
    struct sigv4 s;
    must(sigv4_parse(&own, query, &s) == SIGV4_OK);
    must(sigv4_check_scope(&s, signer.region, signer.time_us) == SIGV4_OK);
    must(sigv4_verify(&s, &own, SECRET, NULL, NULL) == SIGV4_OK);
    text_free(&authorization);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct slice rest = slice_of((const char *)data, len), line;
    static struct header items[HEADERS_MAX];
    static struct sigv4_key_cache cache;
    struct uri uri;
    uint32_t count = 0;
    if (!take_line(&rest, &line))
        return 0;
    const char *blank = line.len ? memchr(line.data, ' ', line.len) : NULL;
    size_t method_len = blank ? (size_t)(blank - line.data) : 0;
    if (!blank || uri_split(slice_of(blank + 1, line.len - method_len - 1), &uri))
        return 0;
    struct slice method = slice_of(line.data, method_len);
    while (count < HEADERS_MAX && take_line(&rest, &line)) {
        const char *colon = line.len ? memchr(line.data, ':', line.len) : NULL;
        size_t name_len = colon ? (size_t)(colon - line.data) : 0;
        if (colon)
            items[count++] = (struct header){slice_of(line.data, name_len),
                                             slice_of(colon + 1, line.len - name_len - 1)};
    }
    struct sigv4_request request = {method, uri.path, uri.query, {items, count}};
    struct query query;
    if (query_parse(uri.query.data ? uri.query : slice_of("", 0), &query))
        return 0;
    struct sigv4 s;
    if (sigv4_parse(&request, &query, &s) == SIGV4_OK) {
        (void)!sigv4_check_scope(&s, slice_of("us-east-1", 9), s.time_us);
        enum sigv4_result with_cache = sigv4_verify(&s, &request, SECRET, &cache, NULL);
        must(with_cache == sigv4_verify(&s, &request, SECRET, NULL, NULL));
        struct text text = {0};
        must(sigv4_canonical_request(&s, &request, &text) == 0);
        text_free(&text);
    }
    check_round_trip(&request, &query);
    query_fini(&query);
    struct payload payload;
    if (payload_parse(request.headers, &payload) == PAYLOAD_OK)
        (void)!payload_take_trailers(&payload, request.headers);
    return 0;
}
