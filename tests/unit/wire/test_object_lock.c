/* Object Lock: its documents, their kept forms, and what may become of a retention. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "wire/object_lock.h"

#define CONFIGURATION(rest) "<ObjectLockConfiguration>" rest "</ObjectLockConfiguration>"
#define ENABLED "<ObjectLockEnabled>Enabled</ObjectLockEnabled>"
#define RULE(rest) CONFIGURATION(ENABLED "<Rule><DefaultRetention>" rest "</DefaultRetention></Rule>")
#define GOVERNANCE "<Mode>GOVERNANCE</Mode>"

static int parse(const char *text, struct lock_configuration *ret)
{
    return lock_configuration_parse(text, strlen(text), ret);
}

static void configurations(void **state)
{
    (void)state;
    static const struct { const char *text; int err; struct lock_configuration expected; } rows[] = {
        {CONFIGURATION(ENABLED), 0, {LOCK_NONE, 0, 0}},
        {RULE(GOVERNANCE "<Days>1</Days>"), 0, {LOCK_GOVERNANCE, LOCK_DAYS, 1}},
        {RULE("<Mode>COMPLIANCE</Mode><Years>100</Years>"), 0, {LOCK_COMPLIANCE, LOCK_YEARS, 100}},
        {RULE(GOVERNANCE "<Days>36500</Days>"), 0, {LOCK_GOVERNANCE, LOCK_DAYS, 36500}},
        {RULE(GOVERNANCE "<Days>36501</Days>"), ERR_INVALID, {0}},
        {RULE(GOVERNANCE "<Years>101</Years>"), ERR_INVALID, {0}},
        {RULE(GOVERNANCE "<Days>0</Days>"), ERR_INVALID, {0}},
        {RULE(GOVERNANCE "<Years>-1</Years>"), ERR_INVALID, {0}},
        {RULE(GOVERNANCE "<Days>-</Days>"), ERR_MALFORMED, {0}},
        {RULE(GOVERNANCE "<Days>one</Days>"), ERR_MALFORMED, {0}},
        {RULE(GOVERNANCE "<Days></Days>"), ERR_MALFORMED, {0}},
        {RULE(GOVERNANCE), ERR_MALFORMED, {0}},
        {RULE(GOVERNANCE "<Days>1</Days><Years>1</Years>"), ERR_MALFORMED, {0}},
        {RULE("<Mode>governance</Mode><Days>1</Days>"), ERR_MALFORMED, {0}},
        {RULE("<Days>1</Days>"), ERR_MALFORMED, {0}},
        {CONFIGURATION(ENABLED "<Rule></Rule>"), ERR_MALFORMED, {0}},
        {CONFIGURATION("<ObjectLockEnabled>Disabled</ObjectLockEnabled>"), ERR_MALFORMED, {0}},
        {CONFIGURATION(""), ERR_MALFORMED, {0}},
        {"<LegalHold>" ENABLED "</LegalHold>", ERR_MALFORMED, {0}},
        {"<ObjectLockConfiguration>", ERR_MALFORMED, {0}},
        {"", ERR_MALFORMED, {0}},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct lock_configuration c, again;
        uint8_t bytes[LOCK_CONFIGURATION_LEN];
        struct text text = {0};
        print_message("%s\n", rows[i].text);
        assert_int_equal(parse(rows[i].text, &c), rows[i].err);
        if (rows[i].err)
            continue;
        assert_int_equal(c.mode, rows[i].expected.mode);
        assert_int_equal(c.count, rows[i].expected.count);
        assert_int_equal(c.unit, rows[i].expected.unit);
        lock_configuration_encode(&c, bytes);
        assert_int_equal(lock_configuration_decode(slice_of((const char *)bytes, sizeof bytes), &again), 0);
        assert_memory_equal(&c, &again, sizeof c);
        lock_configuration_format(&c, &text);
        assert_int_equal(parse(text.data, &again), 0);
        assert_memory_equal(&c, &again, sizeof c);
        text_free(&text);
    }
}

static void retentions(void **state)
{
    (void)state;
    static const struct { const char *text; int err; struct lock_retention expected; } rows[] = {
        {"<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>2030-01-01T00:00:00Z</RetainUntilDate></Retention>", 0, {LOCK_GOVERNANCE, 1893456000000000ull}},
        {"<Retention><RetainUntilDate>2030-01-01T00:00:00.5Z</RetainUntilDate><Mode>COMPLIANCE</Mode></Retention>", 0, {LOCK_COMPLIANCE, 1893456000500000ull}},
        {"<Retention/>", 0, {LOCK_NONE, 0}},
        {"<Retention><Mode>GOVERNANCE</Mode></Retention>", ERR_MALFORMED, {0}},
        {"<Retention><RetainUntilDate>2030-01-01T00:00:00Z</RetainUntilDate></Retention>", ERR_MALFORMED, {0}},
        {"<Retention><Mode>abc</Mode><RetainUntilDate>2030-01-01T00:00:00Z</RetainUntilDate></Retention>", ERR_MALFORMED, {0}},
        {"<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>soon</RetainUntilDate></Retention>", ERR_MALFORMED, {0}},
        {"<LegalHold/>", ERR_MALFORMED, {0}},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct lock_retention r, again;
        uint8_t bytes[LOCK_RETENTION_LEN];
        struct text text = {0};
        print_message("%s\n", rows[i].text);
        assert_int_equal(lock_retention_parse(rows[i].text, strlen(rows[i].text), &r), rows[i].err);
        if (rows[i].err)
            continue;
        assert_int_equal(r.mode, rows[i].expected.mode);
        assert_int_equal(r.until_us, rows[i].expected.until_us);
        lock_retention_encode(&r, bytes);
        assert_int_equal(lock_retention_decode(slice_of((const char *)bytes, sizeof bytes), &again), r.mode == LOCK_NONE ? ERR_CORRUPT : 0);
        if (r.mode == LOCK_NONE)
            continue;
        assert_int_equal(again.until_us, r.until_us);
        lock_retention_format(&r, &text);
        assert_int_equal(lock_retention_parse(text.data, text.len, &again), 0);
        assert_int_equal(again.until_us, r.until_us);
        text_free(&text);
    }
}

static void legal_holds(void **state)
{
    (void)state;
    static const struct { const char *text; int err; bool on; } rows[] = {
        {"<LegalHold><Status>ON</Status></LegalHold>", 0, true}, {"<LegalHold><Status>OFF</Status></LegalHold>", 0, false},
        {"<LegalHold><Status>on</Status></LegalHold>", ERR_MALFORMED, false}, {"<LegalHold/>", ERR_MALFORMED, false}};
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool on;
        assert_int_equal(lock_legal_hold_parse(rows[i].text, strlen(rows[i].text), &on), rows[i].err);
        assert_true(rows[i].err || on == rows[i].on);
    }
}

#define NOW 1000
#define NONE {LOCK_NONE, 0}

static void what_may_become(void **state)
{
    (void)state;
    static const struct { struct lock_retention old, fresh; bool plain, bypassed; } rows[] = {
        {NONE, NONE, true, true},
        {NONE, {LOCK_COMPLIANCE, NOW + 1}, true, true},
        {{LOCK_GOVERNANCE, NOW + 5}, NONE, false, true},
        {{LOCK_GOVERNANCE, NOW + 5}, {LOCK_GOVERNANCE, NOW + 4}, false, true},
        {{LOCK_GOVERNANCE, NOW + 5}, {LOCK_GOVERNANCE, NOW + 5}, true, true},
        {{LOCK_GOVERNANCE, NOW + 5}, {LOCK_GOVERNANCE, NOW + 6}, true, true},
        {{LOCK_GOVERNANCE, NOW + 5}, {LOCK_COMPLIANCE, NOW + 6}, false, true},
        {{LOCK_GOVERNANCE, NOW}, NONE, true, true},
        {{LOCK_COMPLIANCE, NOW + 5}, NONE, false, false},
        {{LOCK_COMPLIANCE, NOW + 5}, {LOCK_COMPLIANCE, NOW + 4}, false, false},
        {{LOCK_COMPLIANCE, NOW + 5}, {LOCK_COMPLIANCE, NOW + 6}, true, true},
        {{LOCK_COMPLIANCE, NOW + 5}, {LOCK_GOVERNANCE, NOW + 6}, false, false},
        {{LOCK_COMPLIANCE, NOW}, {LOCK_GOVERNANCE, NOW + 6}, true, true},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_true(lock_retention_may_become(&rows[i].old, &rows[i].fresh, false, NOW) == rows[i].plain);
        assert_true(lock_retention_may_become(&rows[i].old, &rows[i].fresh, true, NOW) == rows[i].bypassed);
    }
}

static void periods(void **state)
{
    (void)state;
    struct lock_configuration days = {LOCK_GOVERNANCE, LOCK_DAYS, 2}, years = {LOCK_COMPLIANCE, LOCK_YEARS, 100}, none = {0};
    assert_int_equal(lock_configuration_retention(&days, 7).until_us, 7 + 2 * 86400000000ull);
    assert_int_equal(lock_configuration_retention(&years, 0).until_us, 36500 * 86400000000ull);
    assert_int_equal(lock_configuration_retention(&none, 7).mode, LOCK_NONE);
}

static void kept_forms_that_are_damaged(void **state)
{
    (void)state;
    static const char long_one[16] = {9};
    struct lock_configuration c;
    struct lock_retention r;
    for (size_t len = 0; len <= sizeof long_one; len++) {
        assert_int_equal(lock_configuration_decode(slice_of(long_one, len), &c), ERR_CORRUPT);
        assert_int_equal(lock_retention_decode(slice_of(long_one, len), &r), ERR_CORRUPT);
    }
    assert_int_equal(lock_configuration_decode(slice_of("\1\3\1\0\0\0", 6), &c), ERR_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(configurations), cmocka_unit_test(retentions), cmocka_unit_test(legal_holds), cmocka_unit_test(what_may_become),
        cmocka_unit_test(periods), cmocka_unit_test(kept_forms_that_are_damaged)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
