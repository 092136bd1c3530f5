/* What a client sent before the body: copied out, and refused when two readers could understand it differently.
 *
 * libmicrohttpd 0.9.75 lets much through: both Content-Length and Transfer-Encoding, several of either, blanks before a
 * header's colon, folded lines (which it joins to the header's name), bare line feeds, and zero bytes (which cut lines
 * short). The last three show in where the pieces lie: it parses in place, so in a proper head each piece begins two
 * bytes (the CRLF) after the one before, and the last ends four bytes before the head does. */
#include <string.h>

#include "http/connection.h"

static bool is_token(struct slice s)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.data[i];
        bool letter_or_digit = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
        if (!letter_or_digit && (c == 0 || !strchr(others, c)))
            return false;
    }
    return s.len > 0;
}

/* No control characters but tabs (RFC 9110, 5.5). */
static bool is_field_value(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.data[i];
        if ((c < 32 && c != '\t') || c == 127)
            return false;
    }
    return true;
}

static bool is_target(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.data[i];
        if (c <= 32 || c == 127)
            return false;
    }
    return s.len > 0;
}

struct gathering {
    struct http_request *request;
    const char *expected; /* where the next header's name must lie */
    bool in_order, too_many;
};

/* Between a name and its value: the colon (now zero) and blanks. */
static bool gap_is_blank(const char *name_end, const char *value)
{
    if (value <= name_end || value - name_end > (ptrdiff_t)HTTP_CONNECTION_MEMORY || *name_end != '\0')
        return false;
    for (const char *at = name_end + 1; at < value; at++)
        if (*at != ' ' && *at != '\t')
            return false;
    return true;
}

static enum MHD_Result gather(void *cls, enum MHD_ValueKind kind, const char *name, size_t name_len, const char *value,
                              size_t value_len)
{
    (void)kind;
    struct gathering *g = cls;
    struct http_request *r = g->request;
    if (r->header_count == HTTP_HEADERS_MAX) {
        g->too_many = true;
        return MHD_NO;
    }
    if (name != g->expected || !value || !gap_is_blank(name + name_len, value))
        g->in_order = false;
    else
        g->expected = value + value_len + 2;
    r->headers[r->header_count++] = (struct header){slice_of(name, name_len), slice_trim(slice_of(value ? value : "", value_len))};
    return MHD_YES;
}

static const struct slice *single(const struct http_request *r, const char *name, unsigned *ret_count)
{
    const struct slice *found = NULL;
    *ret_count = 0;
    for (uint32_t i = 0; i < r->header_count; i++)
        if (slice_equal_string_nocase(r->headers[i].name, name)) {
            found = &r->headers[i].value;
            ++*ret_count;
        }
    return found;
}

static unsigned read_framing(struct http_request *r, const char **why)
{
    unsigned length_count, coding_count;
    const struct slice *length = single(r, "Content-Length", &length_count);
    const struct slice *coding = single(r, "Transfer-Encoding", &coding_count);
    if (length_count > 1 || coding_count > 1 || (length && coding)) {
        *why = "the length of the body is given twice";
        return 400;
    }
    if (coding) {
        if (!slice_equal_string_nocase(*coding, "chunked")) {
            *why = "no transfer coding but chunked is known here";
            return 501;
        }
        r->has_body = true;
        r->content_length = UINT64_MAX;
        r->close_after = true; /* libmicrohttpd ends lines of chunks at bare line feeds: a proxy may see other requests */
    } else if (length) {
        if (slice_parse_u64(*length, &r->content_length) != 0) {
            *why = "Content-Length is not a number";
            return 400;
        }
        if (r->content_length == UINT64_MAX) { /* means chunked to http_content_length's callers, as to libmicrohttpd */
            *why = "Content-Length is too large";
            return 413;
        }
        r->has_body = r->content_length > 0;
    }
    return 0;
}

static unsigned judge(struct http_request *r, const char *version, const char **why)
{
    *why = "the request line or a header is malformed";
    if (!is_token(r->method) || !is_target(r->target))
        return 400;
    for (uint32_t i = 0; i < r->header_count; i++)
        if (!is_token(r->headers[i].name) || !is_field_value(r->headers[i].value))
            return 400;
    unsigned host_count, count;
    (void)single(r, "Host", &host_count);
    if (host_count > 1 || (host_count == 0 && strcmp(version, "HTTP/1.0") != 0)) {
        *why = "one Host header is needed";
        return 400;
    }
    const struct slice *expect = single(r, "Expect", &count);
    r->expects_continue = expect && slice_equal_string_nocase(*expect, "100-continue");
    if (strcmp(version, "HTTP/1.0") == 0 && single(r, "Transfer-Encoding", &count)) {
        *why = "HTTP/1.0 has no transfer codings";
        return 400;
    }
    return read_framing(r, why);
}

unsigned head_read(struct http_request *r, const char *method, const char *version, const char **why)
{
    *why = "the request line or a header is malformed";
    r->method = slice_string(method);
    r->headers = arena_take(&r->arena, HTTP_HEADERS_MAX * sizeof *r->headers);
    if (!r->headers || !r->target.data) {
        *why = "out of memory";
        return 503;
    }
    struct gathering g = {.request = r, .expected = version + strlen(version) + 2, .in_order = true};
    MHD_get_connection_values_n(r->connection, MHD_HEADER_KIND, gather, &g);
    if (g.too_many) {
        *why = "too many headers";
        return 431;
    }
    const union MHD_ConnectionInfo *size = MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    if (!g.in_order || r->target_at != method + r->method.len + 1 || version != r->target_at + r->target.len + 1 ||
        !size || g.expected + 2 != method + size->header_size)
        return 400;
    return judge(r, version, why);
}
