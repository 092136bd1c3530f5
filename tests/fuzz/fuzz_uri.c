/* Targets: "target\nHost". */
#include <string.h>

#include "fuzz.h"
#include "wire/uri.h"

static void check_query(struct slice raw)
{
    static struct query query;
    if (!raw.data || query_parse(raw, &query))
        return;
    for (uint32_t i = 0; i < query.count; i++) {
        const struct query_parameter *p = &query.items[i];
        must(p->name.len <= p->raw_name.len);
        must(p->value.len <= p->raw_value.len);
        must(p->raw_name.data >= raw.data && p->raw_name.data + p->raw_name.len <= raw.data + raw.len);
        struct text text = {0};
        uri_encode(&text, p->value, false);
        static char back[1 << 20];
        size_t len;
        must(text.failed || p->value.len > sizeof(back) ||
             (uri_decode(slice_of(text.data, text.len), true, back, sizeof(back), &len) == 0 && len == p->value.len &&
              (len == 0 || memcmp(back, p->value.data, len) == 0)));
        text_free(&text);
    }
    query_fini(&query);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct slice target = slice_of((const char *)data, len), host = slice_of("", 0);
    const char *end = len ? memchr(data, '\n', len) : NULL;
    if (end) {
        target.len = (size_t)(end - target.data);
        host = slice_of(end + 1, len - target.len - 1);
    }
    const struct slice domains[] = {slice_of("s3.test", 7), slice_of("test", 4)};
    struct uri uri;
    static struct uri_address address;
    if (uri_split(target, &uri))
        return 0;
    must(uri.path.len >= 1);
    check_query(uri.query);
    if (uri_address_parse(uri.path, host, domains, 2, &address))
        return 0;
    must(strlen(address.bucket) == address.bucket_len && strlen(address.key) == address.key_len);
    must(address.key_len == 0 || uri_key_valid(uri_address_key(&address)));
    must(address.key_len == 0 || address.bucket_len > 0);
    (void)uri_bucket_valid(uri_address_bucket(&address), data[0] & 1);
    return 0;
}
