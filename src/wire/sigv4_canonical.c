/* The canonical request: method, path, query, headers, names of headers, payload hash.
 *
 * Path and query are decoded and encoded again byte by byte: clients that leave unreserved-by-RFC characters unescaped,
 * or escape more than they must, come to the same text. "/" and "%2F" in a path stay what they are. */
#include "wire/sigv4_canonical.h"

#include <string.h>

void sigv4_sink_init(struct sigv4_sink *sink, struct text *text)
{
    sink->text = text;
    sink->sha_open = false;
    sink->err = 0;
    sink->len = 0;
}

static void spill(struct sigv4_sink *sink, const void *bytes, size_t len)
{
    if (sink->err)
        return;
    if (sink->text) {
        text_append(sink->text, bytes, len);
        return;
    }
    if (!sink->sha_open) {
        sink->err = checksum_init(&sink->sha, CHECKSUM_SHA256);
        if (sink->err)
            return;
        sink->sha_open = true;
    }
    checksum_update(&sink->sha, bytes, len);
}

void sigv4_sink_put(struct sigv4_sink *sink, const void *bytes, size_t len)
{
    if (len > sizeof(sink->buffer) - sink->len) {
        spill(sink, sink->buffer, sink->len);
        sink->len = 0;
        if (len > sizeof(sink->buffer)) {
            spill(sink, bytes, len);
            return;
        }
    }
    memcpy(sink->buffer + sink->len, bytes, len);
    sink->len += len;
}

int sigv4_sink_finish(struct sigv4_sink *sink, uint8_t digest[SHA256_LEN])
{
    if (sink->text) {
        text_append(sink->text, sink->buffer, sink->len);
        return sink->text->failed ? ERR_NO_MEMORY : 0;
    }
    if (!sink->sha_open && !sink->err)
        return sha256_of(sink->buffer, sink->len, digest);
    spill(sink, sink->buffer, sink->len);
    if (!sink->err)
        checksum_final(&sink->sha, digest);
    if (sink->sha_open)
        checksum_fini(&sink->sha);
    return sink->err;
}

static void put_char(struct sigv4_sink *sink, char c)
{
    if (sink->len == sizeof(sink->buffer)) {
        spill(sink, sink->buffer, sink->len);
        sink->len = 0;
    }
    sink->buffer[sink->len++] = c;
}

static void put_slice(struct sigv4_sink *sink, struct slice s)
{
    if (s.len)
        sigv4_sink_put(sink, s.data, s.len);
}

/* --- one byte at a time out of percent-encoded text --- */

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The decoded byte at *at, which moves on. A "%" that begins no escape stands for itself. */
static uint8_t next_byte(struct slice raw, size_t *at, bool plus_is_literal)
{
    char c = raw.data[*at];
    if (c == '%' && raw.len - *at >= 3) {
        int high = hex_value(raw.data[*at + 1]), low = hex_value(raw.data[*at + 2]);
        if (high >= 0 && low >= 0) {
            *at += 3;
            return (uint8_t)(high << 4 | low);
        }
    }
    *at += 1;
    return c == '+' && !plus_is_literal ? ' ' : (uint8_t)c;
}

static bool is_unreserved(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

static void put_encoded(struct sigv4_sink *sink, uint8_t c)
{
    static const char digits[] = "0123456789ABCDEF";
    if (is_unreserved(c)) {
        put_char(sink, (char)c);
        return;
    }
    put_char(sink, '%');
    put_char(sink, digits[c >> 4]);
    put_char(sink, digits[c & 15]);
}

static void put_path(struct sigv4_sink *sink, struct slice path)
{
    if (path.len == 0)
        put_char(sink, '/');
    for (size_t i = 0; i < path.len;) {
        if (path.data[i] == '/') {
            put_char(sink, '/');
            i++;
        } else {
            put_encoded(sink, next_byte(path, &i, true));
        }
    }
}

static void put_recoded(struct sigv4_sink *sink, struct slice raw, bool plus_is_literal)
{
    for (size_t i = 0; i < raw.len;)
        put_encoded(sink, next_byte(raw, &i, plus_is_literal));
}

/* --- query --- */

struct pair { struct slice name, value; };

/* Order of the encoded forms without writing them: an escape begins with "%", which is below every unreserved byte. */
static int compare_encoded(struct slice a, struct slice b, bool plus_is_literal)
{
    size_t i = 0, j = 0;
    while (i < a.len && j < b.len) {
        uint8_t x = next_byte(a, &i, plus_is_literal), y = next_byte(b, &j, plus_is_literal);
        int rank_x = is_unreserved(x) ? 256 + x : x, rank_y = is_unreserved(y) ? 256 + y : y;
        if (rank_x != rank_y)
            return rank_x < rank_y ? -1 : 1;
    }
    return i < a.len ? 1 : j < b.len ? -1 : 0;
}

static bool is_before(const struct pair *a, const struct pair *b, bool plus_is_literal)
{
    int order = compare_encoded(a->name, b->name, plus_is_literal);
    if (order == 0)
        order = compare_encoded(a->value, b->value, plus_is_literal);
    return order < 0;
}

static bool is_signature(struct slice raw_name)
{
    static const char name[] = "X-Amz-Signature";
    size_t i = 0, len = 0;
    for (; i < raw_name.len && len < sizeof(name) - 1; len++)
        if (next_byte(raw_name, &i, true) != (uint8_t)name[len])
            return false;
    return i == raw_name.len && len == sizeof(name) - 1;
}

static struct pair split_pair(struct slice piece)
{
    const char *equals = memchr(piece.data, '=', piece.len);
    if (!equals)
        return (struct pair){piece, slice_of("", 0)};
    size_t len = (size_t)(equals - piece.data);
    return (struct pair){slice_of(piece.data, len), slice_of(equals + 1, piece.len - len - 1)};
}

static int put_query(const struct sigv4_canonical *c, struct sigv4_sink *sink)
{
    struct pair pairs[QUERY_PARAMETERS_MAX];
    uint32_t count = 0;
    struct slice raw = c->request->query;
    bool literal = c->variant.plus_is_literal;
    for (size_t i = 0; i < raw.len;) {
        const char *end = memchr(raw.data + i, '&', raw.len - i);
        size_t len = end ? (size_t)(end - raw.data) - i : raw.len - i;
        struct pair pair = split_pair(slice_of(raw.data + i, len));
        i += len + 1;
        if (len == 0 || (c->presigned && is_signature(pair.name)))
            continue;
        if (count == QUERY_PARAMETERS_MAX)
            return ERR_TOO_LARGE;
        uint32_t at = count++;
        for (; at > 0 && is_before(&pair, &pairs[at - 1], literal); at--)
            pairs[at] = pairs[at - 1];
        pairs[at] = pair;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (i)
            put_char(sink, '&');
        put_recoded(sink, pairs[i].name, literal);
        put_char(sink, '=');
        put_recoded(sink, pairs[i].value, literal);
    }
    return 0;
}

/* --- headers --- */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static bool same_name(struct slice a, struct slice b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (lower(a.data[i]) != lower(b.data[i]))
            return false;
    return true;
}

/* Blanks at both ends cut, runs of blanks inside made one. */
static void put_value(struct sigv4_sink *sink, struct slice value)
{
    value = slice_trim(value);
    size_t done = 0;
    for (size_t i = 1; i < value.len; i++) {
        if (value.data[i] != ' ' || value.data[i - 1] != ' ')
            continue;
        put_slice(sink, slice_of(value.data + done, i - done));
        while (i < value.len && value.data[i] == ' ')
            i++;
        done = i;
    }
    put_slice(sink, slice_of(value.data + done, value.len - done));
}

static struct slice without_default_port(struct slice host)
{
    static const char *const ports[] = {":80", ":443"};
    for (size_t i = 0; i < 2; i++) {
        size_t len = strlen(ports[i]);
        if (host.len > len && memcmp(host.data + host.len - len, ports[i], len) == 0)
            return slice_of(host.data, host.len - len);
    }
    return host;
}

static void put_header(const struct sigv4_canonical *c, struct slice name, struct sigv4_sink *sink)
{
    struct headers headers = c->request->headers;
    bool found = false;
    for (size_t i = 0; i < name.len; i++)
        put_char(sink, lower(name.data[i]));
    put_char(sink, ':');
    for (uint32_t i = 0; i < headers.count; i++) {
        struct slice value = headers.items[i].value;
        if (!same_name(headers.items[i].name, name))
            continue;
        if (found)
            put_char(sink, ',');
        if (c->variant.host_without_port && slice_equal_string_nocase(name, "host"))
            value = without_default_port(slice_trim(value));
        put_value(sink, value);
        found = true;
    }
    if (!found && slice_equal_string_nocase(name, "expect")) /* proxies answer it themselves and take it out */
        sigv4_sink_put(sink, "100-continue", 12);
    put_char(sink, '\n');
}

static void put_headers(const struct sigv4_canonical *c, struct sigv4_sink *sink)
{
    struct slice names = c->signed_headers;
    while (names.len) {
        const char *end = memchr(names.data, ';', names.len);
        size_t len = end ? (size_t)(end - names.data) : names.len;
        put_header(c, slice_of(names.data, len), sink);
        len += end ? 1 : 0;
        names = slice_of(names.data + len, names.len - len);
    }
}

int sigv4_canonical_put(const struct sigv4_canonical *c, struct sigv4_sink *sink)
{
    put_slice(sink, c->request->method);
    put_char(sink, '\n');
    put_path(sink, c->request->path);
    put_char(sink, '\n');
    int err = put_query(c, sink);
    put_char(sink, '\n');
    put_headers(c, sink);
    put_char(sink, '\n');
    put_slice(sink, c->signed_headers);
    put_char(sink, '\n');
    put_slice(sink, c->payload_hash);
    return err;
}
