/* See token.h. Bytes: 1, is_prefix, key, CRC32C of all that, little-endian. */
#include <string.h>

#include "base/digest.h"
#include "s3/token.h"

void token_format(struct text *t, struct slice after, bool after_is_prefix)
{
    struct text raw = {0};
    text_append(&raw, (const char[]){1, after_is_prefix}, 2);
    text_append(&raw, after.data, after.len);
    uint32_t crc = raw.failed ? 0 : crc32c(0, raw.data, raw.len);
    uint8_t tail[4] = {(uint8_t)crc, (uint8_t)(crc >> 8), (uint8_t)(crc >> 16), (uint8_t)(crc >> 24)};
    text_append(&raw, tail, sizeof tail);
    if (raw.failed)
        t->failed = true;
    else
        text_append_base64(t, raw.data, raw.len);
    text_free(&raw);
}

int token_parse(struct slice token, char after[TOKEN_KEY_MAX], size_t *ret_len, bool *ret_is_prefix)
{
    uint8_t raw[TOKEN_KEY_MAX + 6];
    size_t len;
    if (base64_decode(token, raw, sizeof raw, &len) || len < 6 || raw[0] != 1 || raw[1] > 1)
        return ERR_MALFORMED;
    uint32_t crc = crc32c(0, raw, len - 4);
    const uint8_t *tail = raw + len - 4;
    if (crc != ((uint32_t)tail[0] | (uint32_t)tail[1] << 8 | (uint32_t)tail[2] << 16 | (uint32_t)tail[3] << 24))
        return ERR_MALFORMED;
    memcpy(after, raw + 2, len - 6);
    *ret_len = len - 6;
    *ret_is_prefix = raw[1] == 1;
    return 0;
}
