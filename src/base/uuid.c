#include "base/uuid.h"

#include <string.h>

/* Bytes before which RFC 4122's text has a dash. */
static bool dash_before(size_t byte_index)
{
    return byte_index == 4 || byte_index == 6 || byte_index == 8 || byte_index == 10;
}

void uuid_format(const struct uuid *uuid, char text[UUID_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < sizeof(uuid->bytes); i++) {
        if (dash_before(i))
            *text++ = '-';
        *text++ = digits[uuid->bytes[i] >> 4];
        *text++ = digits[uuid->bytes[i] & 15];
    }
    *text = '\0';
}

int uuid_parse(struct slice text, struct uuid *ret)
{
    struct uuid uuid;
    size_t at = 0, len;
    if (text.len != UUID_TEXT_SIZE - 1)
        return ERR_INVALID;
    for (size_t i = 0; i < sizeof(uuid.bytes); i++) {
        if (dash_before(i) && text.data[at++] != '-')
            return ERR_INVALID;
        int err = hex_decode(slice_of(text.data + at, 2), &uuid.bytes[i], 1, &len);
        if (err)
            return err;
        at += 2;
    }
    *ret = uuid;
    return 0;
}

bool uuid_equal(const struct uuid *a, const struct uuid *b)
{
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

bool uuid_is_zero(const struct uuid *uuid)
{
    static const struct uuid zero;
    return uuid_equal(uuid, &zero);
}

struct uuid uuid_from_random(const uint8_t random[16])
{
    struct uuid uuid;
    memcpy(uuid.bytes, random, sizeof(uuid.bytes));
    uuid.bytes[6] = (uint8_t)((uuid.bytes[6] & 0x0f) | 0x40);
    uuid.bytes[8] = (uint8_t)((uuid.bytes[8] & 0x3f) | 0x80);
    return uuid;
}
