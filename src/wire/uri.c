/* Percent coding, splitting of targets, queries. Bucket and key: uri_address.c. */
#include "wire/uri.h"

#include <stdlib.h>
#include <string.h>

/* RFC 3986's unreserved characters. */
static const bool unreserved[256] = {
    ['a' ... 'z'] = true, ['A' ... 'Z'] = true, ['0' ... '9'] = true, ['-'] = true, ['.'] = true, ['_'] = true, ['~'] = true,
};

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

int uri_split(struct slice target, struct uri *ret)
{
    for (size_t i = 0; i < target.len; i++)
        if ((uint8_t)target.data[i] <= ' ' || target.data[i] == 0x7f)
            return ERR_MALFORMED;
    struct uri uri = {0};
    const char *at = target.data, *end = target.data + target.len;
    if (target.len == 0)
        return ERR_MALFORMED;
    if (*at != '/') { /* absolute form */
        const char *mark = memmem(at, target.len, "://", 3);
        if (!mark || mark == at || memchr(at, '?', (size_t)(mark - at)))
            return ERR_MALFORMED;
        const char *authority = mark + 3;
        for (at = authority; at < end && *at != '/' && *at != '?'; at++)
            ;
        if (at == authority)
            return ERR_MALFORMED;
        uri.authority = slice_of(authority, (size_t)(at - authority));
    }
    const char *question = at < end ? memchr(at, '?', (size_t)(end - at)) : NULL;
    const char *path_end = question ? question : end;
    uri.path = path_end > at ? slice_of(at, (size_t)(path_end - at)) : slice_of("/", 1);
    if (question)
        uri.query = slice_of(question + 1, (size_t)(end - question - 1));
    *ret = uri;
    return 0;
}

void uri_encode(struct text *text, struct slice raw, bool keep_slash)
{
    static const char digits[] = "0123456789ABCDEF";
    char buffer[384];
    size_t len = 0;
    for (size_t i = 0; i < raw.len; i++) {
        uint8_t c = (uint8_t)raw.data[i];
        if (len > sizeof(buffer) - 3) {
            text_append(text, buffer, len);
            len = 0;
        }
        if (unreserved[c] || (c == '/' && keep_slash)) {
            buffer[len++] = (char)c;
        } else {
            buffer[len++] = '%';
            buffer[len++] = digits[c >> 4];
            buffer[len++] = digits[c & 15];
        }
    }
    text_append(text, buffer, len);
}

int uri_decode(struct slice raw, bool plus_is_space, char *buffer, size_t capacity, size_t *ret_len)
{
    size_t len = 0;
    for (size_t i = 0; i < raw.len; i++) {
        char c = raw.data[i];
        if (c == '%') {
            if (raw.len - i < 3)
                return ERR_MALFORMED;
            int high = hex_value(raw.data[i + 1]), low = hex_value(raw.data[i + 2]);
            if (high < 0 || low < 0)
                return ERR_MALFORMED;
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        if (len == capacity)
            return ERR_TOO_LARGE;
        buffer[len++] = c;
    }
    *ret_len = len;
    return 0;
}

/* Length of the well-formed sequence at p (left bytes there), 0 for none: RFC 3629, section 4. */
static size_t utf8_sequence(const uint8_t *p, size_t left)
{
    uint8_t low = 0x80, high = 0xbf;
    size_t len;
    if (p[0] < 0x80)
        return 1;
    if (p[0] >= 0xc2 && p[0] <= 0xdf)
        len = 2;
    else if (p[0] >= 0xe0 && p[0] <= 0xef)
        len = 3;
    else if (p[0] >= 0xf0 && p[0] <= 0xf4)
        len = 4;
    else
        return 0;
    if (left < len)
        return 0;
    if (p[0] == 0xe0)
        low = 0xa0;
    else if (p[0] == 0xed)
        high = 0x9f; /* no surrogates */
    else if (p[0] == 0xf0)
        low = 0x90;
    else if (p[0] == 0xf4)
        high = 0x8f;
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
        if (p[i] < 0x80 || p[i] > 0xbf)
            return 0;
    return len;
}

bool utf8_valid(struct slice text)
{
    const uint8_t *p = (const uint8_t *)text.data;
    for (size_t i = 0; i < text.len;) {
        uint64_t word;
        if (text.len - i >= sizeof(word)) {
            memcpy(&word, p + i, sizeof(word));
            if ((word & 0x8080808080808080ull) == 0) {
                i += sizeof(word);
                continue;
            }
        }
        size_t len = utf8_sequence(p + i, text.len - i);
        if (len == 0)
            return false;
        i += len;
    }
    return true;
}

/* --- queries --- */

/* Decoded bytes of raw: raw itself when it holds nothing to decode, else written at *room. */
static int decode_piece(struct slice raw, char **room, struct slice *ret)
{
    bool plain = true;
    for (size_t i = 0; i < raw.len && plain; i++)
        plain = raw.data[i] != '%' && raw.data[i] != '+';
    if (plain) {
        *ret = raw;
        return 0;
    }
    size_t len;
    int err = uri_decode(raw, true, *room, raw.len, &len);
    if (err)
        return err;
    *ret = slice_of(*room, len);
    *room += len;
    return 0;
}

static int parse_piece(struct slice piece, struct query *query, char **room)
{
    if (query->count == QUERY_PARAMETERS_MAX)
        return ERR_TOO_LARGE;
    struct query_parameter *p = &query->items[query->count];
    const char *equals = memchr(piece.data, '=', piece.len);
    p->raw_name = piece;
    p->raw_value = (struct slice){0};
    p->value = slice_of("", 0);
    if (equals) {
        p->raw_name.len = (size_t)(equals - piece.data);
        p->raw_value = slice_of(equals + 1, piece.len - p->raw_name.len - 1);
        int err = decode_piece(p->raw_value, room, &p->value);
        if (err)
            return err;
    }
    int err = decode_piece(p->raw_name, room, &p->name);
    if (err)
        return err;
    query->count++;
    return 0;
}

int query_parse(struct slice raw, struct query *ret)
{
    ret->count = 0;
    ret->heap = NULL;
    char *room = ret->small;
    if (raw.len > sizeof(ret->small)) {
        ret->heap = malloc(raw.len);
        if (!ret->heap)
            return ERR_NO_MEMORY;
        room = ret->heap;
    }
    for (size_t i = 0; i < raw.len;) {
        const char *end = memchr(raw.data + i, '&', raw.len - i);
        size_t len = end ? (size_t)(end - raw.data) - i : raw.len - i;
        int err = len ? parse_piece(slice_of(raw.data + i, len), ret, &room) : 0;
        if (err) {
            query_fini(ret);
            return err;
        }
        i += len + 1;
    }
    return 0;
}

void query_fini(struct query *query)
{
    free(query->heap);
    query->heap = NULL;
    query->count = 0;
}

const struct query_parameter *query_find(const struct query *query, const char *name)
{
    for (uint32_t i = 0; i < query->count; i++)
        if (slice_equal_string(query->items[i].name, name))
            return &query->items[i];
    return NULL;
}

bool query_has(const struct query *query, const char *name)
{
    return query_find(query, name) != NULL;
}

struct slice query_value(const struct query *query, const char *name)
{
    const struct query_parameter *found = query_find(query, name);
    return found ? found->value : (struct slice){0};
}
