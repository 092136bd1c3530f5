#include "wire/aws_chunked.h"

#include <string.h>

/* LINE --size--> DATA --all taken--> DATA_CR -> DATA_LF -> LINE …
 * LINE --size 0--> TRAILER (lines until an empty one) or END (one empty line) --> DONE */
enum state { STATE_LINE, STATE_DATA, STATE_DATA_CR, STATE_DATA_LF, STATE_TRAILER, STATE_END, STATE_DONE };

static bool is_signed(const struct aws_chunked *d)
{
    return d->mode != PAYLOAD_STREAM_UNSIGNED_TRAILER;
}

static bool has_trailer(const struct aws_chunked *d)
{
    return d->mode != PAYLOAD_STREAM_SIGNED;
}

int aws_chunked_init(struct aws_chunked *d, enum payload_mode mode, uint64_t decoded_len, const struct sigv4_chain *chain,
                     struct digest_engine *engine)
{
    if (!payload_is_stream(mode) || (!chain && mode != PAYLOAD_STREAM_UNSIGNED_TRAILER))
        return ERR_INVALID;
    memset(d, 0, offsetof(struct aws_chunked, line));
    d->mode = mode;
    d->decoded_len = decoded_len;
    d->state = STATE_LINE;
    d->engine = engine;
    if (chain)
        d->chain = *chain;
    return 0;
}

static struct aws_chunk *unchecked_at(struct aws_chunked *d, uint32_t i)
{
    return &d->unchecked[(d->unchecked_first + i) % AWS_CHUNKED_UNCHECKED_MAX];
}

void aws_chunked_fini(struct aws_chunked *d)
{
    for (uint32_t i = 0; i < d->unchecked_count; i++)
        digest_stream_free(unchecked_at(d, i)->sha256);
    d->unchecked_count = 0;
    explicit_bzero(&d->chain, sizeof(d->chain));
}

/* Checks the oldest unchecked chunk against the signature in its header line, and moves the chain on. */
static int check_chunk(struct aws_chunked *d)
{
    uint8_t digest[SHA256_LEN], expected[SHA256_LEN];
    struct aws_chunk *chunk = unchecked_at(d, 0);
    digest_stream_final(chunk->sha256, digest);
    digest_stream_free(chunk->sha256);
    d->unchecked_first = (d->unchecked_first + 1) % AWS_CHUNKED_UNCHECKED_MAX;
    d->unchecked_count--;
    int err = sigv4_chunk_signature(&d->chain, digest, expected);
    if (err)
        return err;
    if (!constant_time_equal(expected, chunk->signature, SHA256_LEN))
        return ERR_SIGNATURE;
    memcpy(d->chain.previous, expected, SHA256_LEN);
    return 0;
}

/* The last chunk has no bytes: with it everything is checked. */
static int check_all(struct aws_chunked *d)
{
    int err = 0;
    while (!err && d->unchecked_count)
        err = check_chunk(d);
    return err;
}

static int begin_unchecked(struct aws_chunked *d, const uint8_t signature[SHA256_LEN])
{
    int err = d->unchecked_count == AWS_CHUNKED_UNCHECKED_MAX ? check_chunk(d) : 0;
    if (err)
        return err;
    struct aws_chunk *chunk = unchecked_at(d, d->unchecked_count);
    err = digest_stream_new(d->engine, &chunk->sha256);
    if (err)
        return err;
    memcpy(chunk->signature, signature, SHA256_LEN);
    d->unchecked_count++;
    return 0;
}

/* Hex digits up to the end or a ";". */
static int parse_size(struct slice *line, uint64_t *ret)
{
    uint64_t size = 0;
    size_t i = 0;
    for (; i < line->len && line->data[i] != ';' && line->data[i] != ' '; i++) {
        char c = line->data[i];
        uint64_t digit;
        if (c >= '0' && c <= '9')
            digit = (uint64_t)(c - '0');
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            digit = (uint64_t)((c | 0x20) - 'a') + 10;
        else
            return ERR_MALFORMED;
        if (size >> 60)
            return ERR_MALFORMED;
        size = size << 4 | digit;
    }
    if (i == 0)
        return ERR_MALFORMED;
    *line = slice_of(line->data + i, line->len - i);
    *ret = size;
    return 0;
}

/* ";name=value" pieces: one chunk-signature when signed, others are passed over. */
static int parse_extensions(const struct aws_chunked *d, struct slice rest, uint8_t signature[SHA256_LEN])
{
    static const char name[] = "chunk-signature=";
    bool found = false;
    rest = slice_trim(rest);
    while (rest.len) {
        if (rest.data[0] != ';')
            return ERR_MALFORMED;
        rest = slice_of(rest.data + 1, rest.len - 1);
        const char *end = rest.len ? memchr(rest.data, ';', rest.len) : NULL;
        size_t len = end ? (size_t)(end - rest.data) : rest.len, decoded;
        struct slice extension = slice_trim(slice_of(rest.data, len));
        rest = slice_of(rest.data + len, rest.len - len);
        if (!slice_starts_with(extension, name))
            continue;
        struct slice hex = slice_of(extension.data + sizeof(name) - 1, extension.len - sizeof(name) + 1);
        if (found || hex.len != 2 * SHA256_LEN || hex_decode(hex, signature, SHA256_LEN, &decoded))
            return ERR_MALFORMED;
        found = true;
    }
    return is_signed(d) && !found ? ERR_MALFORMED : 0;
}

static int start_chunk(struct aws_chunked *d, struct slice line)
{
    uint8_t signature[SHA256_LEN] = {0};
    uint64_t size;
    int err = parse_size(&line, &size);
    if (!err)
        err = parse_extensions(d, line, signature);
    if (err)
        return err;
    if (size > d->decoded_len - d->taken_len)
        return ERR_MALFORMED;
    if (size == 0 && d->taken_len < d->decoded_len)
        return ERR_INCOMPLETE_BODY;
    if (is_signed(d)) {
        err = begin_unchecked(d, signature);
        if (err)
            return err;
    }
    d->chunk_left = size;
    if (size) {
        d->state = STATE_DATA;
        return 0;
    }
    d->state = has_trailer(d) ? STATE_TRAILER : STATE_END;
    return check_all(d);
}

/* Verifies x-amz-trailer-signature over the trailers so far: the last line of a signed trailer. */
static int check_trailer_signature(struct aws_chunked *d, struct slice value)
{
    uint8_t given[SHA256_LEN], digest[SHA256_LEN], expected[SHA256_LEN];
    size_t len;
    if (value.len != 2 * SHA256_LEN || hex_decode(value, given, SHA256_LEN, &len))
        return ERR_MALFORMED;
    int err = sha256_of(d->trailer, d->trailer_len, digest);
    if (!err)
        err = sigv4_trailer_signature(&d->chain, digest, expected);
    if (err)
        return err;
    if (!constant_time_equal(given, expected, SHA256_LEN))
        return ERR_SIGNATURE;
    d->trailer_signed = true;
    return 0;
}

/* Keeps "name:value\n", name in lower case, blanks cut: the form that is signed. */
static int add_trailer(struct aws_chunked *d, struct slice name, struct slice value)
{
    if (d->trailer_count == AWS_CHUNKED_TRAILERS_MAX ||
        name.len + value.len + 2 > AWS_CHUNKED_TRAILER_MAX - d->trailer_len)
        return ERR_TOO_LARGE;
    char *at = d->trailer + d->trailer_len;
    struct header *item = &d->trailer_items[d->trailer_count++];
    item->name = slice_of(at, name.len);
    for (size_t i = 0; i < name.len; i++)
        *at++ = name.data[i] >= 'A' && name.data[i] <= 'Z' ? (char)(name.data[i] | 0x20) : name.data[i];
    *at++ = ':';
    item->value = slice_of(at, value.len);
    at = mempcpy(at, value.data, value.len);
    *at++ = '\n';
    d->trailer_len = (uint32_t)(at - d->trailer);
    return 0;
}

static int take_trailer_line(struct aws_chunked *d, struct slice line)
{
    if (line.len == 0) {
        /* Some clients set the trailers off from their signature by an empty line. */
        if (is_signed(d) && !d->trailer_signed)
            return d->trailer_count ? 0 : ERR_MALFORMED;
        d->state = STATE_DONE;
        return 0;
    }
    const char *colon = memchr(line.data, ':', line.len);
    if (!colon || colon == line.data || d->trailer_signed)
        return ERR_MALFORMED;
    size_t len = (size_t)(colon - line.data);
    struct slice name = slice_trim(slice_of(line.data, len));
    struct slice value = slice_trim(slice_of(colon + 1, line.len - len - 1));
    if (is_signed(d) && slice_equal_string_nocase(name, "x-amz-trailer-signature"))
        return check_trailer_signature(d, value);
    return add_trailer(d, name, value);
}

static int take_line(struct aws_chunked *d)
{
    struct slice line = slice_of(d->line, d->line_len);
    d->line_len = 0;
    if (line.len && line.data[line.len - 1] == '\r')
        line.len--;
    else if (d->state != STATE_TRAILER)
        return ERR_MALFORMED;
    if (d->state == STATE_LINE)
        return start_chunk(d, line);
    if (d->state == STATE_TRAILER)
        return take_trailer_line(d, line);
    if (line.len)
        return ERR_MALFORMED;
    d->state = STATE_DONE;
    return 0;
}

/* Gathers bytes of a line; takes it when its end is there. Returns how many bytes were eaten. */
static size_t gather_line(struct aws_chunked *d, const char *data, size_t len)
{
    const char *end = memchr(data, '\n', len);
    size_t part = end ? (size_t)(end - data) : len;
    if (part > sizeof(d->line) - d->line_len) {
        d->err = ERR_TOO_LARGE;
        return 0;
    }
    memcpy(d->line + d->line_len, data, part);
    d->line_len += (uint32_t)part;
    if (!end)
        return part;
    d->err = take_line(d);
    return part + 1;
}

int aws_chunked_frame(struct aws_chunked *d, const void *data, size_t len, size_t *ret_used, struct slice *ret_span)
{
    const char *bytes = data;
    size_t at = 0;
    while (!d->err && at < len && d->state != STATE_DATA && d->state != STATE_DONE) {
        if (d->state == STATE_DATA_CR || d->state == STATE_DATA_LF) {
            bool cr = d->state == STATE_DATA_CR;
            if (bytes[at++] != (cr ? '\r' : '\n'))
                d->err = ERR_MALFORMED;
            d->state = cr ? STATE_DATA_LF : STATE_LINE;
        } else {
            at += gather_line(d, bytes + at, len - at);
        }
    }
    if (d->err)
        return d->err;
    uint64_t span = d->state == STATE_DATA ? len - at : 0;
    *ret_used = at;
    *ret_span = slice_of(bytes + at, span < d->chunk_left ? (size_t)span : (size_t)d->chunk_left);
    return 0;
}

size_t aws_chunked_extra(struct aws_chunked *d, const void *data, size_t len)
{
    const char *bytes = data;
    size_t n = 0;
    while (n < len && has_trailer(d) && d->extra < 2 && bytes[n] == "\r\n"[d->extra]) {
        d->extra++;
        n++;
    }
    return n;
}

void aws_chunked_take(struct aws_chunked *d, const void *data, size_t len)
{
    if (len == 0 || d->err || d->state != STATE_DATA)
        return;
    struct digest_stream *sha256 = is_signed(d) ? unchecked_at(d, d->unchecked_count - 1)->sha256 : NULL;
    if (sha256)
        digest_stream_update(sha256, data, len);
    d->chunk_left -= len;
    d->taken_len += len;
    if (d->chunk_left)
        return;
    d->state = STATE_DATA_CR;
    if (sha256)
        digest_stream_end(sha256);
}

bool aws_chunked_in_trailer(const struct aws_chunked *d)
{
    return d->state == STATE_TRAILER;
}

bool aws_chunked_done(const struct aws_chunked *d)
{
    return d->state == STATE_DONE && !d->err;
}

int aws_chunked_finish(struct aws_chunked *d)
{
    /* The empty line at the very end is left out by some clients; by then everything has been verified. */
    bool whole = d->line_len == 0 && (d->state == STATE_END || (d->state == STATE_TRAILER && d->trailer_count &&
                                                                (d->trailer_signed || !is_signed(d))));
    if (!d->err && whole)
        d->state = STATE_DONE;
    if (!d->err && d->state != STATE_DONE)
        d->err = ERR_INCOMPLETE_BODY;
    return d->err;
}

struct headers aws_chunked_trailers(const struct aws_chunked *d)
{
    return (struct headers){d->trailer_items, d->trailer_count};
}
