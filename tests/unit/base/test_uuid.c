#include "check.h"

#include <string.h>

#include "base/uuid.h"

static void text_both_ways(void **state)
{
    (void)state;
    static const char text[] = "00112233-4455-6677-8899-aabbccddeeff";
    struct uuid uuid, other = {{1}};
    char formatted[UUID_TEXT_SIZE];
    assert_int_equal(uuid_parse(slice_string(text), &uuid), 0);
    assert_int_equal(uuid.bytes[0], 0x00);
    assert_int_equal(uuid.bytes[15], 0xff);
    uuid_format(&uuid, formatted);
    assert_string_equal(formatted, text);
    assert_true(uuid_equal(&uuid, &uuid));
    assert_false(uuid_equal(&uuid, &other));
}

static void parse_refuses(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "", "00112233-4455-6677-8899-aabbccddeef", "00112233-4455-6677-8899-aabbccddeefff",
        "0011223304455-6677-8899-aabbccddeeff", "00112233-4455-6677-8899-aabbccddeegf",
        "001122-334455-6677-8899-aabbccddeeff",
    };
    struct uuid uuid = {{9}};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(uuid_parse(slice_string(wrong[i]), &uuid), ERR_INVALID);
    assert_int_equal(uuid.bytes[0], 9);
}

static void random_has_version_and_variant(void **state)
{
    (void)state;
    uint8_t bytes[16];
    memset(bytes, 0xff, sizeof(bytes));
    struct uuid uuid = uuid_from_random(bytes);
    assert_int_equal(uuid.bytes[6], 0x4f);
    assert_int_equal(uuid.bytes[8], 0xbf);
    assert_false(uuid_is_zero(&uuid));
    assert_true(uuid_is_zero(&(struct uuid){{0}}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_both_ways), cmocka_unit_test(parse_refuses),
        cmocka_unit_test(random_has_version_and_variant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
