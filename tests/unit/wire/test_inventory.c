/* InventoryConfiguration: what is taken, what is refused, and that it is told back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/error.h"
#include "wire/inventory.h"

#define DESTINATION "<Destination><S3BucketDestination><Bucket>arn:aws:s3:::to</Bucket><Format>CSV</Format></S3BucketDestination></Destination>"
#define REST "<IsEnabled>true</IsEnabled><Id>one</Id><IncludedObjectVersions>Current</IncludedObjectVersions><Schedule><Frequency>Daily</Frequency></Schedule>"
#define DOCUMENT(inside) "<InventoryConfiguration>" inside "</InventoryConfiguration>"

static int parse(const char *document)
{
    struct inventory_configuration c;
    int err = inventory_parse(document, strlen(document), &c);
    if (!err)
        inventory_fini(&c);
    return err;
}

static void test_all_of_it(void **state)
{
    (void)state;
    static const char document[] = DOCUMENT(
        "<Destination><S3BucketDestination><AccountId>123456789012</AccountId><Bucket>arn:aws:s3:::to</Bucket><Format>CSV</Format><Prefix> in </Prefix>"
        "<Encryption><SSE-KMS><KeyId>k</KeyId></SSE-KMS></Encryption></S3BucketDestination></Destination><IsEnabled>false</IsEnabled>"
        "<Filter><Prefix>a/</Prefix></Filter><Id>A-b.c_9</Id><IncludedObjectVersions>All</IncludedObjectVersions>"
        "<OptionalFields><Field>ObjectOwner</Field><Field>Size</Field></OptionalFields><Schedule><Frequency>Weekly</Frequency></Schedule>");
    struct inventory_configuration c;
    struct text schema = {0};
    assert_int_equal(inventory_parse(document, sizeof document - 1, &c), 0);
    assert_true(slice_equal_string(c.id, "A-b.c_9") && slice_equal_string(c.bucket, "to") && slice_equal_string(c.prefix, "a/"));
    assert_true(slice_equal_string(c.destination_prefix, " in ") && slice_equal_string(c.key_id, "k") && slice_equal_string(c.account, "123456789012"));
    assert_true(!c.enabled && c.all_versions && c.weekly && c.encryption == INVENTORY_SSE_KMS);
    assert_int_equal(c.fields, 1u << INVENTORY_Size | 1u << INVENTORY_ObjectOwner);
    inventory_schema(&c, &schema);
    assert_string_equal(schema.data, "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, ObjectOwner");
    text_free(&schema);
    inventory_fini(&c);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct { const char *document; int err; } cases[] = {
        {DOCUMENT(DESTINATION REST), 0},
        {"<InventoryConfiguration>", ERR_MALFORMED},
        {"<Other>" DESTINATION REST "</Other>", ERR_MALFORMED},
        {DOCUMENT(REST), ERR_MALFORMED},
        {DOCUMENT(DESTINATION), ERR_MALFORMED},
        {DOCUMENT(DESTINATION REST "<Unknown/>"), ERR_MALFORMED},
        {DOCUMENT(DESTINATION REST "<Id>one</Id>"), ERR_MALFORMED},
        {DOCUMENT(DESTINATION REST "<Filter/>"), ERR_MALFORMED},
        {DOCUMENT(DESTINATION REST "<OptionalFields><Field>Weight</Field></OptionalFields>"), ERR_MALFORMED},
        {DOCUMENT(DESTINATION REST "<OptionalFields><Size/></OptionalFields>"), ERR_MALFORMED},
        {DOCUMENT(DESTINATION "<IsEnabled>yes</IsEnabled><Id>one</Id><IncludedObjectVersions>Current</IncludedObjectVersions>"
                  "<Schedule><Frequency>Daily</Frequency></Schedule>"), ERR_MALFORMED},
        {DOCUMENT(DESTINATION "<IsEnabled>true</IsEnabled><Id>o/e</Id><IncludedObjectVersions>Current</IncludedObjectVersions>"
                  "<Schedule><Frequency>Daily</Frequency></Schedule>"), ERR_MALFORMED},
        {DOCUMENT(DESTINATION "<IsEnabled>true</IsEnabled><Id>one</Id><IncludedObjectVersions>Current</IncludedObjectVersions>"
                  "<Schedule><Frequency>Hourly</Frequency></Schedule>"), ERR_MALFORMED},
        {DOCUMENT("<Destination><S3BucketDestination><Bucket>to</Bucket><Format>CSV</Format></S3BucketDestination></Destination>" REST), ERR_INVALID},
        {DOCUMENT("<Destination><S3BucketDestination><Bucket>arn:aws:s3:::</Bucket><Format>CSV</Format></S3BucketDestination></Destination>" REST), ERR_INVALID},
        {DOCUMENT("<Destination><S3BucketDestination><Bucket>arn:aws:s3:::to</Bucket><Format>Parquet</Format></S3BucketDestination></Destination>" REST),
         ERR_UNSUPPORTED},
        {DOCUMENT("<Destination><S3BucketDestination><Bucket>arn:aws:s3:::to</Bucket><Format>TSV</Format></S3BucketDestination></Destination>" REST), ERR_MALFORMED},
        {DOCUMENT("<Destination><S3BucketDestination><Bucket>arn:aws:s3:::to</Bucket><Format>CSV</Format><Encryption><SSE-KMS/></Encryption>"
                  "</S3BucketDestination></Destination>" REST), ERR_MALFORMED},
        {DOCUMENT("<Destination><S3BucketDestination><Bucket>arn:aws:s3:::to</Bucket><Format>CSV</Format><Encryption><SSE-S3/><SSE-KMS><KeyId>k</KeyId>"
                  "</SSE-KMS></Encryption></S3BucketDestination></Destination>" REST), ERR_MALFORMED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (parse(cases[i].document) != cases[i].err)
            fail_msg("%s: %d", cases[i].document, parse(cases[i].document));
}

static void test_ids(void **state)
{
    (void)state;
    char longest[INVENTORY_ID_MAX + 2];
    memset(longest, 'a', sizeof longest);
    assert_true(inventory_id_valid(slice_of(longest, INVENTORY_ID_MAX)));
    assert_false(inventory_id_valid(slice_of(longest, INVENTORY_ID_MAX + 1)));
    assert_false(inventory_id_valid(slice_of("", 0)));
    assert_false(inventory_id_valid(slice_string("a b")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all_of_it), cmocka_unit_test(test_refused), cmocka_unit_test(test_ids)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
