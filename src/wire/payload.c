#include "wire/payload.h"

#include <string.h>

static const struct { const char *code; unsigned status; const char *text; } results[] = {
    {NULL, 0, NULL},
#define X(name, code, status, text) {code, status, text},
#include "wire/payload.def"
#undef X
};

const char *payload_result_code(enum payload_result r) { return results[r].code; }
unsigned payload_result_status(enum payload_result r) { return results[r].status; }
const char *payload_result_text(enum payload_result r) { return results[r].text; }

static const char *const checksum_headers[CHECKSUM_KIND_COUNT] = {
    [CHECKSUM_CRC32] = "x-amz-checksum-crc32",
    [CHECKSUM_CRC32C] = "x-amz-checksum-crc32c",
    [CHECKSUM_CRC64NVME] = "x-amz-checksum-crc64nvme",
    [CHECKSUM_SHA1] = "x-amz-checksum-sha1",
    [CHECKSUM_SHA256] = "x-amz-checksum-sha256",
    [CHECKSUM_SHA512] = "x-amz-checksum-sha512",
    [CHECKSUM_MD5] = "x-amz-checksum-md5",
    [CHECKSUM_XXHASH64] = "x-amz-checksum-xxhash64",
    [CHECKSUM_XXHASH3] = "x-amz-checksum-xxhash3",
    [CHECKSUM_XXHASH128] = "x-amz-checksum-xxhash128",
};

const char *checksum_header_name(enum checksum_kind kind)
{
    return (size_t)kind < CHECKSUM_KIND_COUNT ? checksum_headers[kind] : NULL;
}

enum checksum_kind checksum_kind_parse(struct slice name)
{
    for (int kind = CHECKSUM_NONE + 1; kind < CHECKSUM_KIND_COUNT; kind++)
        if (slice_equal_string_nocase(name, checksum_name((enum checksum_kind)kind)))
            return (enum checksum_kind)kind;
    return CHECKSUM_NONE;
}

/* The kind whose header has that name; ASCII case ignored. */
static enum checksum_kind kind_of_header(struct slice name)
{
    for (int kind = CHECKSUM_NONE + 1; kind < CHECKSUM_KIND_COUNT; kind++)
        if (slice_equal_string_nocase(name, checksum_header_name((enum checksum_kind)kind)))
            return (enum checksum_kind)kind;
    return CHECKSUM_NONE;
}

static enum payload_result parse_mode(struct slice value, struct payload *p)
{
    static const struct { const char *name; enum payload_mode mode; } modes[] = {
        {"UNSIGNED-PAYLOAD", PAYLOAD_UNSIGNED},
        {"STREAMING-AWS4-HMAC-SHA256-PAYLOAD", PAYLOAD_STREAM_SIGNED},
        {"STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", PAYLOAD_STREAM_SIGNED_TRAILER},
        {"STREAMING-UNSIGNED-PAYLOAD-TRAILER", PAYLOAD_STREAM_UNSIGNED_TRAILER},
    };
    if (!value.data)
        return PAYLOAD_OK;
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
        if (slice_equal_string(value, modes[i].name)) {
            p->mode = modes[i].mode;
            return PAYLOAD_OK;
        }
    if (slice_starts_with(value, "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"))
        return PAYLOAD_UNSUPPORTED_STREAM;
    size_t len;
    if (value.len != 2 * SHA256_LEN || hex_decode(value, p->sha256, SHA256_LEN, &len))
        return PAYLOAD_BAD_CONTENT_SHA256;
    p->mode = PAYLOAD_SHA256;
    return PAYLOAD_OK;
}

static enum payload_result parse_decoded_len(struct headers headers, struct payload *p)
{
    struct slice value = header_value(headers, "x-amz-decoded-content-length");
    if (!value.data)
        return payload_is_stream(p->mode) ? PAYLOAD_MISSING_DECODED_LENGTH : PAYLOAD_OK;
    if (slice_parse_u64(slice_trim(value), &p->decoded_len))
        return PAYLOAD_BAD_DECODED_LENGTH;
    p->has_decoded_len = true;
    return PAYLOAD_OK;
}

static enum payload_result parse_md5(struct headers headers, struct payload *p)
{
    struct slice value = header_value(headers, "content-md5");
    size_t len;
    if (!value.data)
        return PAYLOAD_OK;
    if (base64_decode(slice_trim(value), p->md5, MD5_LEN, &len) || len != MD5_LEN)
        return PAYLOAD_BAD_MD5;
    p->has_md5 = true;
    return PAYLOAD_OK;
}

/* Base64 of the digest, perhaps with "-N" behind. */
static bool parse_checksum(struct slice value, struct payload *p)
{
    value = slice_trim(value);
    const char *dash = value.len ? memchr(value.data, '-', value.len) : NULL;
    if (dash) {
        uint64_t parts;
        size_t at = (size_t)(dash - value.data);
        if (slice_parse_u64(slice_of(dash + 1, value.len - at - 1), &parts) || parts == 0 || parts > 10000)
            return false;
        value.len = at;
        p->composite = true;
        p->composite_parts = (uint32_t)parts;
    }
    size_t len;
    return base64_decode(value, p->checksum, checksum_len(p->kind), &len) == 0 && len == checksum_len(p->kind);
}

static enum payload_result parse_checksum_headers(struct headers headers, struct payload *p)
{
    const struct header *found = NULL;
    for (uint32_t i = 0; i < headers.count; i++) {
        enum checksum_kind kind = kind_of_header(headers.items[i].name);
        if (kind == CHECKSUM_NONE)
            continue;
        if (found)
            return PAYLOAD_MANY_CHECKSUMS;
        found = &headers.items[i];
        p->kind = kind;
    }
    if (!found)
        return PAYLOAD_OK;
    if (!parse_checksum(found->value, p))
        return PAYLOAD_BAD_CHECKSUM;
    p->has_checksum = true;
    return PAYLOAD_OK;
}

/* x-amz-trailer: names of trailers, comma-separated; only checksums may come that way. */
static enum payload_result parse_trailer(struct headers headers, struct payload *p)
{
    for (uint32_t i = 0; i < headers.count; i++) {
        if (!slice_equal_string_nocase(headers.items[i].name, "x-amz-trailer"))
            continue;
        struct slice rest = headers.items[i].value;
        while (rest.len) {
            const char *comma = memchr(rest.data, ',', rest.len);
            size_t len = comma ? (size_t)(comma - rest.data) : rest.len;
            struct slice name = slice_trim(slice_of(rest.data, len));
            enum checksum_kind kind = kind_of_header(name);
            if (name.len && kind == CHECKSUM_NONE)
                return PAYLOAD_BAD_TRAILER;
            if (kind != CHECKSUM_NONE) {
                if (p->kind != CHECKSUM_NONE)
                    return PAYLOAD_MANY_CHECKSUMS;
                p->kind = kind;
                p->in_trailer = true;
            }
            len += comma ? 1 : 0;
            rest = slice_of(rest.data + len, rest.len - len);
        }
    }
    if (p->in_trailer && p->mode != PAYLOAD_STREAM_SIGNED_TRAILER && p->mode != PAYLOAD_STREAM_UNSIGNED_TRAILER)
        return PAYLOAD_BAD_TRAILER;
    return PAYLOAD_OK;
}

/* The algorithm's name alone: what to compute and store when no value was sent; must agree with a value that was. */
static enum payload_result parse_algorithm(struct headers headers, const char *header, struct payload *p)
{
    struct slice value = header_value(headers, header);
    if (!value.data)
        return PAYLOAD_OK;
    enum checksum_kind kind = checksum_kind_parse(slice_trim(value));
    if (kind == CHECKSUM_NONE)
        return PAYLOAD_BAD_ALGORITHM;
    if (p->kind != CHECKSUM_NONE && p->kind != kind)
        return PAYLOAD_ALGORITHM_CONFLICT;
    p->kind = kind;
    return PAYLOAD_OK;
}

static enum payload_result parse_type(struct headers headers, struct payload *p)
{
    struct slice value = header_value(headers, "x-amz-checksum-type");
    if (!value.data)
        return PAYLOAD_OK;
    value = slice_trim(value);
    if (slice_equal_string_nocase(value, "FULL_OBJECT"))
        p->type = CHECKSUM_FULL_OBJECT;
    else if (slice_equal_string_nocase(value, "COMPOSITE"))
        p->type = CHECKSUM_COMPOSITE;
    else
        return PAYLOAD_BAD_CHECKSUM_TYPE;
    return PAYLOAD_OK;
}

enum payload_result payload_parse(struct headers headers, struct payload *ret)
{
    struct payload p = {0};
    enum payload_result r;
    if ((r = parse_mode(header_value(headers, "x-amz-content-sha256"), &p)) ||
        (r = parse_decoded_len(headers, &p)) || (r = parse_md5(headers, &p)) ||
        (r = parse_checksum_headers(headers, &p)) || (r = parse_trailer(headers, &p)) ||
        (r = parse_algorithm(headers, "x-amz-sdk-checksum-algorithm", &p)) ||
        (r = parse_algorithm(headers, "x-amz-checksum-algorithm", &p)) || (r = parse_type(headers, &p)))
        return r;
    *ret = p;
    return PAYLOAD_OK;
}

enum payload_result payload_take_trailers(struct payload *p, struct headers trailers)
{
    if (!p->in_trailer) {
        for (uint32_t i = 0; i < trailers.count; i++)
            if (kind_of_header(trailers.items[i].name) != CHECKSUM_NONE)
                return PAYLOAD_TRAILER_UNANNOUNCED;
        return PAYLOAD_OK;
    }
    const struct header *found = header_find(trailers, checksum_header_name(p->kind));
    if (!found)
        return PAYLOAD_TRAILER_MISSING;
    struct payload parsed = *p;
    if (!parse_checksum(found->value, &parsed) || parsed.composite)
        return PAYLOAD_BAD_CHECKSUM;
    parsed.has_checksum = true;
    *p = parsed;
    return PAYLOAD_OK;
}

void payload_strip_aws_chunked(struct slice value, struct text *text)
{
    bool first = true;
    while (value.len) {
        const char *comma = memchr(value.data, ',', value.len);
        size_t len = comma ? (size_t)(comma - value.data) : value.len;
        struct slice coding = slice_trim(slice_of(value.data, len));
        if (coding.len && !slice_equal_string_nocase(coding, "aws-chunked")) {
            if (!first)
                text_append(text, ", ", 2);
            text_append(text, coding.data, coding.len);
            first = false;
        }
        len += comma ? 1 : 0;
        value = slice_of(value.data + len, value.len - len);
    }
}
