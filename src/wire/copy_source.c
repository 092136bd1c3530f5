#include "wire/copy_source.h"

#include <string.h>

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static uint8_t hex_digit(char c)
{
    return (uint8_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

/* Decodes valid escapes, keeps every other byte. */
static int decode_leniently(struct slice raw, char *buffer, size_t capacity, size_t *ret_len)
{
    size_t len = 0;
    for (size_t i = 0; i < raw.len; i++) {
        char c = raw.data[i];
        if (c == '%' && raw.len - i >= 3 && is_hex(raw.data[i + 1]) && is_hex(raw.data[i + 2])) {
            c = (char)(hex_digit(raw.data[i + 1]) << 4 | hex_digit(raw.data[i + 2]));
            i += 2;
        }
        if (len == capacity)
            return ERR_TOO_LARGE;
        buffer[len++] = c;
    }
    *ret_len = len;
    return 0;
}

/* Cuts "?versionId=…" off. Keys may hold "?" when sent raw: only this very suffix counts. */
static struct slice take_version(struct slice *value)
{
    static const char mark[] = "?versionId=";
    size_t mark_len = sizeof(mark) - 1;
    for (size_t i = value->len; i-- > 0;) {
        if (value->data[i] != '?' || value->len - i < mark_len || memcmp(value->data + i, mark, mark_len) != 0)
            continue;
        struct slice version = slice_of(value->data + i + mark_len, value->len - i - mark_len);
        value->len = i;
        return version;
    }
    return (struct slice){0};
}

/* Where the bucket ends: at the first "/", be it raw or (some clients encode the whole value) "%2F". */
static size_t find_slash(struct slice value, size_t *ret_slash_len)
{
    for (size_t i = 0; i < value.len; i++) {
        if (value.data[i] == '/') {
            *ret_slash_len = 1;
            return i;
        }
        if (value.len - i >= 3 && value.data[i] == '%' && value.data[i + 1] == '2' &&
            (value.data[i + 2] | 0x20) == 'f') {
            *ret_slash_len = 3;
            return i;
        }
    }
    return value.len;
}

static struct slice without_leading_slash(struct slice value)
{
    size_t slash_len = 0;
    if (value.len && find_slash(value, &slash_len) == 0)
        return slice_of(value.data + slash_len, value.len - slash_len);
    return value;
}

static int parse_bucket(struct slice raw, struct copy_source *ret)
{
    size_t len;
    int err = decode_leniently(raw, ret->bucket, URI_BUCKET_LEN_MAX, &len);
    if (err || memchr(ret->bucket, 0, len))
        return ERR_INVALID;
    ret->bucket[len] = 0;
    ret->bucket_len = (uint32_t)len;
    return 0;
}

static int parse_key(struct slice raw, struct copy_source *ret)
{
    size_t len;
    int err = decode_leniently(raw, ret->key, URI_KEY_LEN_MAX, &len);
    if (err)
        return err;
    if (!uri_key_valid(slice_of(ret->key, len)))
        return ERR_MALFORMED;
    ret->key[len] = 0;
    ret->key_len = (uint32_t)len;
    return 0;
}

int copy_source_parse(struct slice value, struct copy_source *ret)
{
    value = slice_trim(value);
    ret->version_id = take_version(&value);
    value = without_leading_slash(value);
    size_t slash_len = 0, slash = find_slash(value, &slash_len);
    if (slash == 0 || slash == value.len)
        return ERR_MALFORMED;
    int err = parse_bucket(slice_of(value.data, slash), ret);
    return err ? err : parse_key(slice_of(value.data + slash + slash_len, value.len - slash - slash_len), ret);
}

int rename_source_parse(struct slice value, struct slice bucket, struct copy_source *ret)
{
    value = without_leading_slash(slice_trim(value));
    size_t slash_len = 0, slash = find_slash(value, &slash_len);
    size_t rest = slash + slash_len;
    ret->version_id = (struct slice){0};
    if (rest < value.len && !parse_bucket(slice_of(value.data, slash), ret) && slice_equal(slice_of(ret->bucket, ret->bucket_len), bucket))
        value = slice_of(value.data + rest, value.len - rest);
    int err = parse_bucket(bucket, ret);
    return err ? err : parse_key(value, ret);
}
