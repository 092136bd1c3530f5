#include "wire/version_id.h"

#include <string.h>

static const char digits[] = "0123456789abcdefghijklmnopqrstuv";

void version_id_format(const uint8_t id[VERSION_ID_LEN], char text[VERSION_ID_TEXT_SIZE])
{
    uint32_t bits = 0, bit_count = 0;
    size_t len = 0;
    for (size_t i = 0; i < VERSION_ID_LEN; i++) {
        bits = bits << 8 | id[i];
        for (bit_count += 8; bit_count >= 5; bit_count -= 5)
            text[len++] = digits[bits >> (bit_count - 5) & 31];
    }
    text[len++] = digits[bits << (5 - bit_count) & 31]; /* 3 bits are left of 128, padded with zeros */
    text[len] = 0;
}

int version_id_parse(struct slice text, uint8_t id[VERSION_ID_LEN])
{
    if (text.len != VERSION_ID_TEXT_LEN)
        return ERR_MALFORMED;
    uint8_t bytes[VERSION_ID_LEN];
    uint32_t bits = 0, bit_count = 0;
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        uint32_t value;
        if (c >= '0' && c <= '9')
            value = (uint32_t)(c - '0');
        else if (c >= 'a' && c <= 'v')
            value = (uint32_t)(c - 'a') + 10;
        else
            return ERR_MALFORMED;
        bits = bits << 5 | value;
        bit_count += 5;
        if (bit_count >= 8) {
            bit_count -= 8;
            bytes[len++] = (uint8_t)(bits >> bit_count);
        }
    }
    if (bits & ((1u << bit_count) - 1))
        return ERR_MALFORMED;
    for (size_t i = 0; i < VERSION_ID_LEN; i++)
        id[i] = bytes[i];
    return 0;
}

static bool could_be_foreign(struct slice text)
{
    if (text.len < 20 || text.len > 1024)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i], lower = c | 0x20;
        if (!(lower >= 'a' && lower <= 'z') && !(c >= '0' && c <= '9') && (c == 0 || !strchr("._-+/=", c)))
            return false;
    }
    return true;
}

int version_id_parse_any(struct slice text, uint8_t id[VERSION_ID_LEN])
{
    int err = version_id_parse(text, id);
    if (!err || !could_be_foreign(text))
        return err;
    memset(id, 0xff, VERSION_ID_LEN);
    return 0;
}

bool version_id_is_null(struct slice text)
{
    return slice_equal_string(text, "null");
}
