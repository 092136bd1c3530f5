#include "wire/etag.h"

#include <string.h>

#include "base/digest.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The tag that begins at text[0], a quote; *at moves behind it. */
static struct slice take_quoted(struct slice list, size_t *at)
{
    size_t start = *at + 1;
    const char *quote = start < list.len ? memchr(list.data + start, '"', list.len - start) : NULL;
    size_t end = quote ? (size_t)(quote - list.data) : list.len;
    *at = quote ? end + 1 : end;
    return slice_of(list.data + start, end - start);
}

bool etag_next(struct slice list, size_t *position, struct etag *ret)
{
    size_t at = *position;
    while (at < list.len && (is_blank(list.data[at]) || list.data[at] == ','))
        at++;
    if (at >= list.len) {
        *position = list.len;
        return false;
    }
    struct etag tag = {0};
    if (list.len - at >= 3 && memcmp(list.data + at, "W/\"", 3) == 0) {
        tag.weak = true;
        at += 2;
    }
    if (list.data[at] == '"') {
        tag.opaque = take_quoted(list, &at);
    } else {
        size_t start = at;
        while (at < list.len && list.data[at] != ',')
            at++;
        tag.opaque = slice_trim(slice_of(list.data + start, at - start));
        tag.any = slice_equal_string(tag.opaque, "*");
    }
    *position = at;
    *ret = tag;
    return true;
}

bool etag_list_matches(struct slice list, struct slice opaque, bool allow_weak)
{
    struct etag tag;
    for (size_t position = 0; etag_next(list, &position, &tag);)
        if (tag.any || (slice_equal(tag.opaque, opaque) && (allow_weak || !tag.weak)))
            return true;
    return false;
}

struct slice etag_unquote(struct slice text)
{
    text = slice_trim(text);
    if (text.len >= 2 && text.data[0] == '"' && text.data[text.len - 1] == '"')
        return slice_of(text.data + 1, text.len - 2);
    return text;
}

int etag_parse(struct slice text, uint8_t etag[20], uint32_t *ret_len)
{
    text = etag_unquote(text);
    uint8_t md5[MD5_LEN];
    size_t len;
    if (text.len < 2 * MD5_LEN || hex_decode(slice_of(text.data, 2 * MD5_LEN), md5, sizeof(md5), &len))
        return ERR_MALFORMED;
    uint64_t parts = 0;
    if (text.len > 2 * MD5_LEN) {
        struct slice rest = slice_of(text.data + 2 * MD5_LEN, text.len - 2 * MD5_LEN);
        if (rest.data[0] != '-' || slice_parse_u64(slice_of(rest.data + 1, rest.len - 1), &parts) || parts == 0 ||
            parts > UINT32_MAX)
            return ERR_MALFORMED;
    }
    memcpy(etag, md5, MD5_LEN);
    for (int i = 0; parts && i < 4; i++)
        etag[MD5_LEN + i] = (uint8_t)(parts >> (24 - 8 * i));
    *ret_len = parts ? 20 : MD5_LEN;
    return 0;
}
