/* Files of KMS keys, encryption contexts and encryption attributes. */
#include <string.h>

#include "fuzz.h"
#include "object/encryption.h"
#include "object/kms.h"
#include "wire/encryption.h"

static int seen(void *arg, struct slice id, uint32_t version_count, uint32_t newest)
{
    struct kms *kms = arg;
    (void)kms;
    must(id.len >= 1 && id.len <= KMS_KEY_ID_LEN_MAX && version_count >= 1 && newest >= version_count);
    return 0;
}

static void check_attribute(struct slice value)
{
    struct text entry = {0}, again = {0};
    struct encryption e;
    attribute_append(&entry, ATTRIBUTE_ENCRYPTION, slice_of("", 0), value);
    if (encryption_of(slice_of(entry.data, entry.len), &e) == 0)
        must(e.mode >= ENCRYPTION_S3 && e.mode <= ENCRYPTION_CUSTOMER && e.sealed.len > DATA_KEY_LEN);
    text_clear(&entry);
    attribute_append(&entry, ATTRIBUTE_CONFIGURATION, slice_string(BUCKET_ENCRYPTION_NAME), value);
    if (encryption_default(slice_of(entry.data, entry.len), &e) == 0) {
        encryption_format_default(&e, &again);
        must(again.len == value.len);
    }
    text_free(&entry);
    text_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct slice text = slice_of((const char *)data, len);
    struct kms *kms;
    uint32_t line, version;
    uint8_t key[KMS_KEY_LEN];
    must(kms_new(&kms) == 0);
    if (kms_load(kms, text, &line) == 0) {
        must(kms_each(kms, seen, kms) == 0);
        int err = kms_find(kms, slice_string("one"), 0, &version, key);
        must(err == 0 || err == ERR_KMS_KEY || err == ERR_KMS_NONE);
    }
    kms_free(kms);
    (void)!kms_context_check(text);
    check_attribute(text);
    return 0;
}
