/* Documents and kept forms of Object Lock. */
#include "fuzz.h"
#include "wire/object_lock.h"

static void check_kept(struct slice kept)
{
    struct lock_configuration c;
    struct lock_retention r;
    uint8_t bytes[LOCK_RETENTION_LEN];
    if (lock_configuration_decode(kept, &c) == 0)
        must(c.mode == LOCK_NONE || c.unit == LOCK_DAYS || c.unit == LOCK_YEARS);
    if (lock_retention_decode(kept, &r) == 0) {
        lock_retention_encode(&r, bytes);
        must(slice_equal(kept, slice_of((const char *)bytes, sizeof bytes)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct lock_configuration c, again;
    struct lock_retention r;
    struct text text = {0};
    bool on;
    check_kept(slice_of((const char *)data, len));
    if (lock_configuration_parse(data, len, &c) == 0) {
        must(c.mode == LOCK_NONE || (c.count >= 1 && c.count <= LOCK_DAYS_MAX));
        lock_configuration_format(&c, &text);
        must(!text.failed && lock_configuration_parse(text.data, text.len, &again) == 0 && again.count == c.count && again.mode == c.mode);
    }
    text_free(&text);
    if (lock_retention_parse(data, len, &r) == 0)
        must((r.mode == LOCK_NONE) == (r.until_us == 0) || r.mode != LOCK_NONE);
    if (lock_legal_hold_parse(data, len, &on) == 0)
        must(lock_retention_parse(data, len, &r) != 0);
    return 0;
}
