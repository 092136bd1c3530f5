/* Attribute lists as they lie in rows. */
#include "fuzz.h"
#include "meta/attribute.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct slice encoded = slice_of((const char *)data, len), found;
    struct attribute attribute;
    struct text again = {0};
    size_t position = 0;
    int err = 0;
    while (attribute_next(encoded, &position, &attribute, &err)) {
        must(position <= len);
        must(attribute.name.len <= len && attribute.value.len <= len);
        attribute_append(&again, attribute.kind, attribute.name, attribute.value);
    }
    /* What was read writes back to the same bytes. */
    must(err || again.failed || slice_equal(slice_of(again.data ? again.data : "", again.len), encoded));
    must(err == 0 || err == ERR_CORRUPT);
    text_free(&again);
    err = attribute_find(encoded, ATTRIBUTE_HEADER, "content-type", &found);
    must(err == 0 || err == ERR_NOT_FOUND || err == ERR_CORRUPT);
    return 0;
}
