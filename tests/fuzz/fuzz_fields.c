/* Values of single header fields, each given to every parser; what parses must survive being written and read again. */
#include <string.h>

#include "fuzz.h"
#include "s3/token.h"
#include "wire/copy_source.h"
#include "wire/etag.h"
#include "wire/http_date.h"
#include "wire/payload.h"
#include "wire/range.h"
#include "wire/version_id.h"
#include "wire/xml_request.h"

static void check_dates(struct slice value)
{
    uint64_t us, back;
    if (http_date_parse(value, 1767225600000000ull, &us) == 0) {
        char text[HTTP_DATE_SIZE];
        http_date_format(us, text);
        must(http_date_parse(slice_string(text), 0, &back) == 0 && back == us);
    }
    if (iso_date_parse(value, &us) == 0 && us < 253402300800000000ull) {
        char text[ISO_DATE_SIZE];
        iso_date_format(us, text);
        must(iso_date_parse(slice_string(text), &back) == 0 && back == us / 1000 * 1000);
    }
    if (iso_date_parse_basic(value, &us) == 0) {
        char text[ISO_BASIC_DATE_SIZE];
        iso_date_format_basic(us, text);
        must(iso_date_parse_basic(slice_string(text), &back) == 0 && back == us);
    }
}

static void check_range(struct slice value)
{
    struct range range;
    if (range_parse(value, &range) == 0)
        must(range.suffix || range.first <= range.last);
    if (range_parse_copy_source(value, &range) == 0)
        must(!range.suffix && range.first <= range.last);
}

static void check_etags(struct slice value)
{
    struct etag tag;
    for (size_t position = 0, before = 0; etag_next(value, &position, &tag); before = position) {
        must(position > before);
        must(tag.opaque.data >= value.data && tag.opaque.data + tag.opaque.len <= value.data + value.len);
        must(etag_list_matches(value, tag.opaque, true));
    }
    uint8_t etag[20];
    uint32_t len;
    must(etag_parse(value, etag, &len) || len == 16 || len == 20);
}

static void check_version_id(struct slice value)
{
    uint8_t id[VERSION_ID_LEN], any[VERSION_ID_LEN];
    char text[VERSION_ID_TEXT_SIZE];
    int err = version_id_parse_any(value, any);
    if (version_id_parse(value, id))
        return;
    version_id_format(id, text);
    must(slice_equal_string(value, text));
    must(err == 0 && memcmp(id, any, sizeof id) == 0);
}

/* What parses is written the same again; and every key has a token, from which it is read again. */
static void check_token(struct slice value)
{
    char after[TOKEN_KEY_MAX];
    size_t len;
    bool is_prefix;
    struct text text = {0};
    if (token_parse(value, after, &len, &is_prefix) == 0) {
        must(len <= sizeof after);
        token_format(&text, slice_of(after, len), is_prefix);
        must(slice_equal(slice_of(text.data, text.len), value));
        text_clear(&text);
    }
    token_format(&text, value, true);
    must((token_parse(slice_of(text.data, text.len), after, &len, &is_prefix) == 0) == (value.len <= TOKEN_KEY_MAX));
    must(value.len > TOKEN_KEY_MAX || (is_prefix && slice_equal(slice_of(after, len), value)));
    text_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct slice value = slice_of((const char *)data, len);
    static struct copy_source source;
    static struct tagging_document tags;
    struct text text = {0};
    check_dates(value);
    check_range(value);
    check_etags(value);
    check_version_id(value);
    check_token(value);
    if (copy_source_parse(value, &source) == 0)
        must(source.bucket_len && strlen(source.bucket) == source.bucket_len && strlen(source.key) == source.key_len &&
             uri_key_valid(slice_of(source.key, source.key_len)));
    if (rename_source_parse(value, slice_string("bucket"), &source) == 0)
        must(strlen(source.key) == source.key_len && uri_key_valid(slice_of(source.key, source.key_len)));
    if (tagging_header_parse(value, &tags) == 0)
        tagging_document_fini(&tags);
    payload_strip_aws_chunked(value, &text);
    must(text.len <= 2 * len);
    text_free(&text);
    return 0;
}
