#include "wire/range.h"

#include <string.h>

static bool take_unit(struct slice *value)
{
    *value = slice_trim(*value);
    if (value->len < 6 || !slice_equal_string_nocase(slice_of(value->data, 5), "bytes"))
        return false;
    *value = slice_trim(slice_of(value->data + 5, value->len - 5));
    if (value->len == 0 || value->data[0] != '=')
        return false;
    *value = slice_of(value->data + 1, value->len - 1);
    return true;
}

/* Numbers past 64 bits mean "to the end" as a last position: no object is that long. */
static int parse_position(struct slice text, uint64_t *ret)
{
    if (text.len == 0)
        return ERR_MALFORMED;
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < '0' || text.data[i] > '9')
            return ERR_MALFORMED;
    if (slice_parse_u64(text, ret))
        *ret = UINT64_MAX;
    return 0;
}

int range_parse(struct slice value, struct range *ret)
{
    struct range range = {.last = UINT64_MAX};
    if (!take_unit(&value))
        return ERR_MALFORMED;
    const char *dash = value.len ? memchr(value.data, '-', value.len) : NULL;
    if (!dash)
        return ERR_MALFORMED;
    struct slice first = slice_of(value.data, (size_t)(dash - value.data));
    struct slice last = slice_of(dash + 1, value.len - (size_t)(dash - value.data) - 1);
    int err;
    if (first.len == 0) {
        range.suffix = true;
        err = parse_position(last, &range.first);
    } else {
        err = parse_position(first, &range.first);
        if (!err && last.len)
            err = parse_position(last, &range.last);
    }
    if (err || (!range.suffix && range.last < range.first))
        return ERR_MALFORMED;
    *ret = range;
    return 0;
}

int range_parse_copy_source(struct slice value, struct range *ret)
{
    struct range range;
    int err = range_parse(value, &range);
    if (err || range.suffix || range.last == UINT64_MAX)
        return ERR_MALFORMED;
    *ret = range;
    return 0;
}
