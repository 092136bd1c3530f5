/* Requests: a line "METHOD target", then lines "name:value". Whatever version 2 takes verifies with the signature that its string
 * to sign has, and with no other. */
#include <string.h>

#include "fuzz.h"
#include "wire/sigv2.h"

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

static void check(const struct sigv2_request *request)
{
    struct sigv2 s;
    struct text to_sign = {0}, signature = {0};
    uint8_t mac[SHA1_LEN];
    uint64_t now_us = 1175024400000000ull;
    if (sigv2_parse(request, now_us, &s) != SIGV4_OK)
        return;
    must(s.access_key.len > 0 && s.signature.len > 0);
    must(sigv2_string_to_sign(&s, request, &to_sign) == 0);
    must(hmac_sha1("secret", 6, to_sign.data, to_sign.len, mac) == 0);
    text_append_base64(&signature, mac, sizeof mac);
    s.signature = slice_of(signature.data, signature.len);
    must(sigv2_verify(&s, request, SECRET) == SIGV4_OK);
    must(sigv2_verify(&s, request, slice_of("Secret", 6)) == SIGV4_MISMATCH);
    signature.data[0] = signature.data[0] == 'A' ? 'B' : 'A';
    must(sigv2_verify(&s, request, SECRET) == SIGV4_MISMATCH);
    text_free(&signature);
    text_free(&to_sign);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct slice rest = slice_of((const char *)data, len), line;
    static struct header items[HEADERS_MAX];
    struct uri uri;
    struct query query;
    uint32_t count = 0;
    if (!take_line(&rest, &line))
        return 0;
    const char *blank = line.len ? memchr(line.data, ' ', line.len) : NULL;
    size_t method_len = blank ? (size_t)(blank - line.data) : 0;
    if (!blank || uri_split(slice_of(blank + 1, line.len - method_len - 1), &uri))
        return 0;
    while (count < HEADERS_MAX && take_line(&rest, &line)) {
        const char *colon = line.len ? memchr(line.data, ':', line.len) : NULL;
        size_t name_len = colon ? (size_t)(colon - line.data) : 0;
        if (colon)
            items[count++] = (struct header){slice_of(line.data, name_len),
                                             slice_of(colon + 1, line.len - name_len - 1)};
    }
    struct sigv4_request sent = {slice_of((const char *)data, method_len), uri.path, uri.query, {items, count}};
    if (query_parse(uri.query.data ? uri.query : slice_of("", 0), &query))
        return 0;
    struct sigv4 version_4;
    struct sigv2_request request = {&sent, &query, slice_of("", 0)};
    if (sigv4_parse(&sent, &query, &version_4) == SIGV4_VERSION_2) {
        check(&request);
        request.bucket = slice_of("bucket", 6);
        check(&request);
    }
    query_fini(&query);
    return 0;
}
