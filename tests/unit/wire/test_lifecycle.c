/* Lifecycle configurations: what is refused and how, what is kept, and what rules say of objects. */
#include "wire_test.h"

#include "wire/lifecycle.h"
#include "wire/storage_class.h"

#include <stdio.h>

#define DAY LIFECYCLE_DAY_US
#define RULE(inside) "<LifecycleConfiguration><Rule>" inside "</Rule></LifecycleConfiguration>"
#define ON "<Status>Enabled</Status>"
#define ALL "<Filter/>" ON
#define DAYS1 "<Expiration><Days>1</Days></Expiration>"

static int parse(const char *xml, struct text *rules, struct lifecycle_refusal *why)
{
    text_clear(rules);
    *why = (struct lifecycle_refusal){NULL, ""};
    return lifecycle_parse(xml, strlen(xml), LIFECYCLE_MINIMUM_NONE, 1, rules, why);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct { const char *xml, *code; } cases[] = {
        {"<LifecycleConfiguration/>", NULL},
        {"<Lifecycle><Rule>" ALL DAYS1 "</Rule></Lifecycle>", NULL},
        {"<LifecycleConfiguration><Rul>" ALL DAYS1 "</Rul></LifecycleConfiguration>", NULL},
        {RULE("<Filter/>" DAYS1), NULL},
        {RULE("<Filter/><Status>enabled</Status>" DAYS1), NULL},
        {RULE(ON DAYS1), NULL},
        {RULE("<Prefix/>" ALL DAYS1), NULL},
        {RULE(ALL DAYS1 DAYS1), NULL},
        {RULE(ALL DAYS1 "<Forget>1</Forget>"), NULL},
        {RULE("<Filter><Age>3</Age></Filter>" ON DAYS1), NULL},
        {RULE("<Filter><And><Prefix>a</Prefix></And></Filter>" ON DAYS1), NULL},
        {RULE("<Filter><And><Prefix>a</Prefix><Owner>b</Owner></And></Filter>" ON DAYS1), NULL},
        {RULE("<Filter><Prefix>a</Prefix><And><Prefix>b</Prefix><Tag><Key>k</Key><Value/></Tag></And></Filter>" ON DAYS1), NULL},
        {RULE("<Filter><Tag><Key>k</Key></Tag></Filter>" ON DAYS1), NULL},
        {RULE("<Filter><ObjectSizeLessThan>-1</ObjectSizeLessThan></Filter>" ON DAYS1), NULL},
        {RULE(ALL "<Expiration/>"), NULL},
        {RULE(ALL "<Expiration><Days>1</Days><Date>2030-01-01T00:00:00Z</Date></Expiration>"), NULL},
        {RULE(ALL "<Expiration><Days>soon</Days></Expiration>"), NULL},
        {RULE(ALL "<Expiration><Days>4294967297</Days></Expiration>"), NULL},
        {RULE(ALL "<Expiration><Date>tomorrow</Date></Expiration>"), NULL},
        {RULE(ALL "<Expiration><ExpiredObjectDeleteMarker>yes</ExpiredObjectDeleteMarker></Expiration>"), NULL},
        {RULE(ALL "<Transition><Days>1</Days></Transition>"), NULL},
        {RULE(ALL "<Transition><Days>1</Days><StorageClass>STANDARD</StorageClass></Transition>"), NULL},
        {RULE(ALL "<Transition><Days>1</Days><StorageClass>COLD</StorageClass></Transition>"), NULL},
        {RULE(ALL "<NoncurrentVersionExpiration><NewerNoncurrentVersions>1</NewerNoncurrentVersions></NoncurrentVersionExpiration>"), NULL},
        {RULE(ALL "<AbortIncompleteMultipartUpload/>"), NULL},
        {RULE(ALL), "InvalidRequest"},
        {RULE("<Filter><Tag><Key/><Value/></Tag></Filter>" ON DAYS1), "InvalidTag"},
        {RULE("<Filter><And><Tag><Key>k</Key><Value/></Tag><Tag><Key>k</Key><Value/></Tag></And></Filter>" ON DAYS1), "InvalidRequest"},
        {RULE("<Filter><ObjectSizeLessThan>0</ObjectSizeLessThan></Filter>" ON DAYS1), "InvalidRequest"},
        {RULE("<Filter><And><ObjectSizeLessThan>9</ObjectSizeLessThan><ObjectSizeGreaterThan>9</ObjectSizeGreaterThan></And></Filter>"
              ON DAYS1), "InvalidRequest"},
        {RULE("<Filter><Tag><Key>k</Key><Value/></Tag></Filter>" ON
              "<AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation></AbortIncompleteMultipartUpload>"), "InvalidRequest"},
        {RULE("<Filter><ObjectSizeLessThan>9</ObjectSizeLessThan></Filter>" ON
              "<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>"), "InvalidRequest"},
        {RULE(ALL "<Expiration><Days>0</Days></Expiration>"), "InvalidArgument"},
        {RULE(ALL "<Expiration><Days>-3</Days></Expiration>"), "InvalidArgument"},
        {RULE(ALL "<Expiration><Date>2030-01-01T00:00:01Z</Date></Expiration>"), "InvalidArgument"},
        {RULE(ALL "<AbortIncompleteMultipartUpload><DaysAfterInitiation>0</DaysAfterInitiation></AbortIncompleteMultipartUpload>"), "InvalidArgument"},
        {RULE(ALL "<NoncurrentVersionExpiration><NoncurrentDays>0</NoncurrentDays></NoncurrentVersionExpiration>"), "InvalidArgument"},
        {RULE(ALL "<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays><NewerNoncurrentVersions>101</NewerNoncurrentVersions>"
              "</NoncurrentVersionExpiration>"), "InvalidArgument"},
        {RULE(ALL "<Transition><Days>29</Days><StorageClass>STANDARD_IA</StorageClass></Transition>"), "InvalidArgument"},
        {RULE(ALL "<Transition><Days>1</Days><StorageClass>GLACIER</StorageClass></Transition>"
              "<Transition><Days>2</Days><StorageClass>GLACIER</StorageClass></Transition>"), "InvalidArgument"},
        {RULE(ALL "<Transition><Days>2</Days><StorageClass>GLACIER</StorageClass></Transition>"
              "<Transition><Days>1</Days><StorageClass>DEEP_ARCHIVE</StorageClass></Transition>"), "InvalidArgument"},
        {RULE(ALL "<Transition><Days>1</Days><StorageClass>GLACIER</StorageClass></Transition>" DAYS1), "InvalidArgument"},
        {RULE(ALL "<Transition><Date>2030-01-01T00:00:00Z</Date><StorageClass>GLACIER</StorageClass></Transition>" DAYS1), "InvalidRequest"},
        {RULE(ALL "<NoncurrentVersionTransition><NoncurrentDays>2</NoncurrentDays><StorageClass>GLACIER</StorageClass>"
              "</NoncurrentVersionTransition><NoncurrentVersionExpiration><NoncurrentDays>2</NoncurrentDays>"
              "</NoncurrentVersionExpiration>"), "InvalidArgument"},
        {"<LifecycleConfiguration><Rule><ID>a</ID>" ALL DAYS1 "</Rule><Rule><ID>a</ID>" ALL DAYS1 "</Rule></LifecycleConfiguration>",
         "InvalidArgument"},
    };
    struct text rules = {0};
    struct lifecycle_refusal why;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int err = parse(cases[i].xml, &rules, &why);
        if (err != (cases[i].code ? ERR_INVALID : ERR_MALFORMED) || (cases[i].code && strcmp(why.code, cases[i].code) != 0))
            fail_msg("%s: %s %s", cases[i].xml, err_text(err), why.code ? why.code : "");
        assert_true(!cases[i].code || why.message[0]);
    }
    text_free(&rules);
}

static void many_rules(struct text *xml, unsigned count, size_t id_len)
{
    char id[300];
    memset(id, 'i', sizeof id);
    text_clear(xml);
    text_append_string(xml, "<LifecycleConfiguration>");
    for (unsigned i = 0; i < count; i++) {
        text_append_format(xml, "<Rule><ID>%04u", i);
        text_append(xml, id, id_len - 4);
        text_append_string(xml, "</ID>" ALL DAYS1 "</Rule>");
    }
    text_append_string(xml, "</LifecycleConfiguration>");
}

static void test_limits(void **state)
{
    (void)state;
    struct text xml = {0}, rules = {0};
    struct lifecycle_refusal why;
    struct lifecycle_rule rule;
    size_t position = 0;
    int err;
    many_rules(&xml, LIFECYCLE_RULES_MAX, LIFECYCLE_ID_LEN_MAX);
    assert_int_equal(parse(xml.data, &rules, &why), 0);
    unsigned count = 0;
    while (lifecycle_next(slice_of(rules.data, rules.len), &position, &rule, &err))
        count++;
    assert_int_equal(err, 0);
    assert_int_equal(count, LIFECYCLE_RULES_MAX);
    many_rules(&xml, LIFECYCLE_RULES_MAX + 1, 8);
    assert_int_equal(parse(xml.data, &rules, &why), ERR_INVALID);
    assert_string_equal(why.code, "InvalidRequest");
    many_rules(&xml, 1, LIFECYCLE_ID_LEN_MAX + 1);
    assert_int_equal(parse(xml.data, &rules, &why), ERR_INVALID);
    assert_string_equal(why.code, "InvalidArgument");
    text_free(&xml);
    text_free(&rules);
}

static void test_kept(void **state)
{
    (void)state;
    static const char xml[] =
        "<LifecycleConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Rule><ID>a &amp; b</ID><Prefix>x/</Prefix>"
        "<Status>Enabled</Status><Expiration><Date>2030-01-01T00:00:00.000Z</Date></Expiration></Rule><Rule><ID>b</ID><Filter><And>"
        "<Prefix> p</Prefix><Tag><Key>k</Key><Value>v</Value></Tag><ObjectSizeGreaterThan>1</ObjectSizeGreaterThan>"
        "<ObjectSizeLessThan>9</ObjectSizeLessThan></And></Filter><Status>Disabled</Status><Transition><Days>0</Days>"
        "<StorageClass>GLACIER</StorageClass></Transition><Expiration><Days>2</Days></Expiration><NoncurrentVersionTransition>"
        "<NoncurrentDays>1</NoncurrentDays><NewerNoncurrentVersions>3</NewerNoncurrentVersions>"
        "<StorageClass>DEEP_ARCHIVE</StorageClass></NoncurrentVersionTransition><NoncurrentVersionExpiration>"
        "<NoncurrentDays>2</NoncurrentDays><NewerNoncurrentVersions>4</NewerNoncurrentVersions></NoncurrentVersionExpiration></Rule>"
        "<Rule><ID>c</ID><Filter></Filter><Status>Enabled</Status><Expiration>"
        "<ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration><AbortIncompleteMultipartUpload>"
        "<DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule></LifecycleConfiguration>";
    struct text rules = {0}, again = {0};
    struct lifecycle_refusal why;
    assert_int_equal(parse(xml, &rules, &why), 0);
    assert_int_equal(lifecycle_format(slice_of(rules.data, rules.len), &again), 0);
    assert_string_equal(strchr(again.data, '\n') + 1, xml);
    text_clear(&again);
    assert_int_equal(lifecycle_format(slice_of(rules.data, rules.len - 1), &again), ERR_CORRUPT);
    assert_int_equal(lifecycle_format(slice_of("\2\0", 2), &again), ERR_CORRUPT);
    assert_int_equal(lifecycle_format(slice_of("\1\0\4\0\0\0\x7f\1\0x", 10), &again), ERR_CORRUPT);
    text_free(&rules);
    text_free(&again);
}

static void test_ids_are_given(void **state)
{
    (void)state;
    struct text rules = {0};
    struct lifecycle_refusal why;
    struct lifecycle_rule a, b;
    size_t position = 0;
    int err;
    assert_int_equal(parse("<LifecycleConfiguration><Rule>" ALL DAYS1 "</Rule><Rule><ID></ID>" ALL DAYS1 "</Rule></LifecycleConfiguration>",
                           &rules, &why), 0);
    assert_true(lifecycle_next(slice_of(rules.data, rules.len), &position, &a, &err));
    assert_true(lifecycle_next(slice_of(rules.data, rules.len), &position, &b, &err));
    assert_true(a.id.len && b.id.len && !slice_equal(a.id, b.id));
    text_free(&rules);
}

/* --- judging --- */

static bool has_tag(const void *arg, const struct lifecycle_tag *tag)
{
    return arg && slice_equal_string(tag->key, "k") && slice_equal_string(tag->value, arg);
}

static struct lifecycle_verdict judge(const char *rule, struct lifecycle_object o, uint64_t now_us, uint64_t day_us,
                                      enum lifecycle_minimum minimum)
{
    char xml[4096];
    struct text rules = {0};
    struct lifecycle_refusal why;
    struct lifecycle_verdict v;
    o.key = o.key.data ? o.key : slice_string("logs/a");
    o.has_tag = has_tag;
    snprintf(xml, sizeof xml, "<LifecycleConfiguration>%s</LifecycleConfiguration>", rule);
    assert_int_equal(lifecycle_parse(xml, strlen(xml), minimum, 1, &rules, &why), 0);
    assert_int_equal(lifecycle_judge(slice_of(rules.data, rules.len), &o, now_us, day_us, &v), 0);
    text_free(&rules);
    v.expire_rule = slice_of(NULL, 0);
    return v;
}

static uint64_t expires(const char *rule, struct lifecycle_object o)
{
    return judge(rule, o, 0, DAY, LIFECYCLE_MINIMUM_NONE).expire_us;
}

#define R(inside) "<Rule>" inside "</Rule>"
#define NONCURRENT(days, more) "<NoncurrentVersionExpiration><NoncurrentDays>" days "</NoncurrentDays>" more "</NoncurrentVersionExpiration>"
#define NEWER(n) "<NewerNoncurrentVersions>" n "</NewerNoncurrentVersions>"
#define TO(class, days) "<Transition><Days>" days "</Days><StorageClass>" class "</StorageClass></Transition>"

static void test_days_end_at_midnight(void **state)
{
    (void)state;
    struct lifecycle_object o = {.current = true, .size = 5};
    o.modified_us = 10 * DAY + 1;
    assert_int_equal(expires(R(ALL DAYS1), o), 12 * DAY);
    o.modified_us = 10 * DAY;
    assert_int_equal(expires(R(ALL DAYS1), o), 11 * DAY);
    o.modified_us = 11 * DAY - 1;
    assert_int_equal(expires(R(ALL DAYS1), o), 12 * DAY);
    assert_int_equal(judge(R(ALL DAYS1), o, 0, 1000, LIFECYCLE_MINIMUM_NONE).expire_us, 11 * DAY - 1 + 1000);
    assert_int_equal(expires(R(ALL "<Expiration><Date>1970-01-03T00:00:00Z</Date></Expiration>"), o), 2 * DAY);
    assert_int_equal(expires(R("<Filter/><Status>Disabled</Status>" DAYS1), o), UINT64_MAX);
    assert_true(expires(R(ALL "<Expiration><Days>2147483647</Days></Expiration>"), o) == UINT64_MAX); /* not round the end of 64 bits */
    /* the earliest of several */
    assert_int_equal(expires(R(ALL "<Expiration><Days>3</Days></Expiration>") R(ALL "<Expiration><Days>2</Days></Expiration>"), o), 13 * DAY);
}

static void test_filters(void **state)
{
    (void)state;
    struct lifecycle_object o = {.current = true, .size = 100, .arg = "v"};
    static const struct { const char *filter; bool matches; } cases[] = {
        {"<Filter/>", true},
        {"<Prefix>logs/</Prefix>", true},
        {"<Prefix>logs/ab</Prefix>", false},
        {"<Filter><Prefix>logs/a</Prefix></Filter>", true},
        {"<Filter><Prefix>log/</Prefix></Filter>", false},
        {"<Filter><Tag><Key>k</Key><Value>v</Value></Tag></Filter>", true},
        {"<Filter><Tag><Key>k</Key><Value>w</Value></Tag></Filter>", false},
        {"<Filter><And><Tag><Key>k</Key><Value>v</Value></Tag><Tag><Key>l</Key><Value>v</Value></Tag></And></Filter>", false},
        {"<Filter><ObjectSizeGreaterThan>99</ObjectSizeGreaterThan></Filter>", true},
        {"<Filter><ObjectSizeGreaterThan>100</ObjectSizeGreaterThan></Filter>", false},
        {"<Filter><ObjectSizeLessThan>101</ObjectSizeLessThan></Filter>", true},
        {"<Filter><ObjectSizeLessThan>100</ObjectSizeLessThan></Filter>", false},
        {"<Filter><And><Prefix>logs</Prefix><Tag><Key>k</Key><Value>v</Value></Tag><ObjectSizeLessThan>101</ObjectSizeLessThan></And></Filter>", true},
        {"<Filter><And><Prefix>x</Prefix><Tag><Key>k</Key><Value>v</Value></Tag></And></Filter>", false},
        /* beside each other: all must hold, as in And */
        {"<Filter><Prefix>logs</Prefix><ObjectSizeGreaterThan>100</ObjectSizeGreaterThan></Filter>", false},
        {"<Filter><Prefix>logs</Prefix><And><Prefix>logs/a</Prefix><ObjectSizeGreaterThan>9</ObjectSizeGreaterThan></And></Filter>", true},
        {"<Filter><Prefix>logs</Prefix><And><Prefix>logs/b</Prefix><ObjectSizeGreaterThan>9</ObjectSizeGreaterThan></And></Filter>", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char rule[1024];
        snprintf(rule, sizeof rule, R("%s" ON DAYS1), cases[i].filter);
        if ((expires(rule, o) != UINT64_MAX) != cases[i].matches)
            fail_msg("%s", cases[i].filter);
        struct lifecycle_object marker = {.current = true, .marker = true, .alone = true, .arg = "v"};
        bool plain = !strstr(cases[i].filter, "Tag") && !strstr(cases[i].filter, "Size");
        if (!plain)
            assert_int_equal(expires(rule, marker), UINT64_MAX);
    }
}

static void test_versions(void **state)
{
    (void)state;
    struct lifecycle_object o = {.versioned = true, .modified_us = DAY, .noncurrent_us = 5 * DAY, .newer = 2};
    assert_int_equal(expires(R(ALL DAYS1), o), UINT64_MAX);
    assert_int_equal(expires(R(ALL NONCURRENT("3", "")), o), 8 * DAY);
    assert_int_equal(expires(R(ALL NONCURRENT("3", NEWER("2"))), o), 8 * DAY);
    assert_int_equal(expires(R(ALL NONCURRENT("3", NEWER("3"))), o), UINT64_MAX);
    assert_int_equal(judge(R(ALL NONCURRENT("3", "")), o, 8 * DAY - 1, DAY, 0).action, LIFECYCLE_NOTHING);
    assert_int_equal(judge(R(ALL NONCURRENT("3", "")), o, 8 * DAY, DAY, 0).action, LIFECYCLE_DELETE);
    o.current = true;
    assert_int_equal(expires(R(ALL NONCURRENT("3", "")), o), UINT64_MAX);
    assert_int_equal(judge(R(ALL DAYS1), o, 2 * DAY, DAY, 0).action, LIFECYCLE_EXPIRE);
    /* delete markers: only one that is alone, and the one that is not current */
    o.marker = true;
    assert_int_equal(expires(R(ALL DAYS1), o), UINT64_MAX);
    o.alone = true;
    assert_int_equal(expires(R(ALL DAYS1), o), 2 * DAY);
    assert_int_equal(expires(R(ALL "<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>"), o), DAY);
    assert_int_equal(expires(R(ALL "<Expiration><ExpiredObjectDeleteMarker>false</ExpiredObjectDeleteMarker></Expiration>"), o), UINT64_MAX);
    assert_int_equal(judge(R(ALL DAYS1), o, 2 * DAY, DAY, 0).action, LIFECYCLE_DELETE);
    o.current = o.alone = false;
    assert_int_equal(expires(R(ALL NONCURRENT("3", "")), o), 8 * DAY);
}

static uint32_t class_of(const char *name)
{
    uint32_t class;
    assert_true(storage_class_parse(slice_string(name), &class));
    return class;
}

static void test_transitions(void **state)
{
    (void)state;
    struct lifecycle_object o = {.current = true, .size = 100};
    static const char both[] = R(ALL TO("GLACIER", "1") TO("DEEP_ARCHIVE", "3") "<Expiration><Days>5</Days></Expiration>");
    struct lifecycle_verdict v = judge(both, o, 0, DAY, 0);
    assert_int_equal(v.action, LIFECYCLE_NOTHING);
    assert_int_equal(v.due_us, DAY);
    v = judge(both, o, 2 * DAY, DAY, 0);
    assert_int_equal(v.action, LIFECYCLE_TRANSITION);
    assert_int_equal(v.storage_class, class_of("GLACIER"));
    o.storage_class = class_of("GLACIER");
    v = judge(both, o, 2 * DAY, DAY, 0);
    assert_int_equal(v.action, LIFECYCLE_NOTHING);
    assert_int_equal(v.due_us, 3 * DAY);
    o.storage_class = 0;
    assert_int_equal(judge(both, o, 4 * DAY, DAY, 0).storage_class, class_of("DEEP_ARCHIVE")); /* the furthest down */
    assert_int_equal(judge(both, o, 5 * DAY, DAY, 0).action, LIFECYCLE_EXPIRE);
    o.versioned = true; /* a delete marker comes after the transition */
    assert_int_equal(judge(both, o, 5 * DAY, DAY, 0).action, LIFECYCLE_TRANSITION);
    o.storage_class = class_of("DEEP_ARCHIVE"); /* never upwards */
    assert_int_equal(judge(both, o, 4 * DAY, DAY, 0).action, LIFECYCLE_NOTHING);
    assert_int_equal(judge(both, o, 5 * DAY, DAY, 0).action, LIFECYCLE_EXPIRE);
    o.storage_class = class_of("SNOW");
    assert_int_equal(judge(both, o, 4 * DAY, DAY, 0).action, LIFECYCLE_NOTHING);
}

static void test_smallest_size(void **state)
{
    (void)state;
    struct lifecycle_object small = {.current = true, .size = (128 << 10) - 1}, large = {.current = true, .size = 128 << 10};
    static const char glacier[] = R(ALL TO("GLACIER", "0")), instant[] = R(ALL TO("GLACIER_IR", "0"));
    static const char sized[] = R("<Filter><ObjectSizeGreaterThan>1</ObjectSizeGreaterThan></Filter>" ON TO("GLACIER_IR", "0"));
    for (int m = LIFECYCLE_MINIMUM_NONE; m <= LIFECYCLE_MINIMUM_VARIES; m++) {
        assert_int_equal(judge(instant, large, 1, DAY, m).action, LIFECYCLE_TRANSITION);
        assert_int_equal(judge(sized, small, 1, DAY, m).action, LIFECYCLE_TRANSITION);
        assert_int_equal(judge(instant, small, 1, DAY, m).action == LIFECYCLE_TRANSITION, m == LIFECYCLE_MINIMUM_NONE);
        assert_int_equal(judge(glacier, small, 1, DAY, m).action == LIFECYCLE_TRANSITION, m != LIFECYCLE_MINIMUM_ALL);
    }
    enum lifecycle_minimum minimum;
    assert_true(lifecycle_minimum_parse(slice_string("varies_by_storage_class"), &minimum) && minimum == LIFECYCLE_MINIMUM_VARIES);
    assert_false(lifecycle_minimum_parse(slice_string("none"), &minimum));
    assert_null(lifecycle_minimum_name(LIFECYCLE_MINIMUM_NONE));
}

static void test_uploads_and_numbers(void **state)
{
    (void)state;
    struct text rules = {0};
    struct lifecycle_refusal why;
    struct slice id;
    uint64_t when;
    bool wanted[LIFECYCLE_NEWER_MAX + 1];
    uint32_t max;
    assert_int_equal(parse("<LifecycleConfiguration><Rule><ID>three</ID><Prefix>a</Prefix>" ON
        "<AbortIncompleteMultipartUpload><DaysAfterInitiation>3</DaysAfterInitiation></AbortIncompleteMultipartUpload>" NONCURRENT("1", NEWER("7"))
        "</Rule><Rule><ID>two</ID><Prefix>ab</Prefix>" ON
        "<AbortIncompleteMultipartUpload><DaysAfterInitiation>2</DaysAfterInitiation></AbortIncompleteMultipartUpload>" NONCURRENT("1", NEWER("2"))
        "</Rule></LifecycleConfiguration>", &rules, &why), 0);
    struct slice compact = slice_of(rules.data, rules.len);
    assert_int_equal(lifecycle_judge_upload(compact, slice_string("abc"), 1, DAY, &when, &id), 0);
    assert_int_equal(when, 3 * DAY);
    assert_slice(id, "two");
    assert_int_equal(lifecycle_judge_upload(compact, slice_string("ac"), 1, DAY, &when, &id), 0);
    assert_int_equal(when, 4 * DAY);
    assert_int_equal(lifecycle_judge_upload(compact, slice_string("b"), 1, DAY, &when, &id), 0);
    assert_true(when == UINT64_MAX);
    assert_int_equal(lifecycle_newer(compact, slice_string("abc"), wanted, &max), 0);
    assert_true(max == 7 && wanted[2] && wanted[7] && !wanted[3]);
    assert_int_equal(lifecycle_newer(compact, slice_string("ac"), wanted, &max), 0);
    assert_true(max == 7 && !wanted[2] && wanted[7]);
    assert_int_equal(lifecycle_newer(compact, slice_string("b"), wanted, &max), 0);
    assert_int_equal(max, 0);
    text_free(&rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),       cmocka_unit_test(test_limits),        cmocka_unit_test(test_kept),
        cmocka_unit_test(test_ids_are_given), cmocka_unit_test(test_days_end_at_midnight), cmocka_unit_test(test_filters),
        cmocka_unit_test(test_versions),      cmocka_unit_test(test_transitions),   cmocka_unit_test(test_smallest_size),
        cmocka_unit_test(test_uploads_and_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
