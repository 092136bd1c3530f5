/* Encrypted objects over a whole store: every way in and out, what the volumes hold, keys that are wrong or gone, damage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/seal.h"
#include "meta/attribute.h"
#include "object/kms.h"
#include "object_fixture.h"

static struct object_fixture fixture;
static uint8_t customer_key[CUSTOMER_KEY_LEN] = {42}, other_key[CUSTOMER_KEY_LEN] = {43};
static const struct encryption plain = {.mode = ENCRYPTION_NONE}, sse_s3 = {.mode = ENCRYPTION_S3},
                               sse_c = {.mode = ENCRYPTION_CUSTOMER, .customer_key = customer_key};

static struct encryption sse_kms(const char *id)
{
    return (struct encryption){.mode = ENCRYPTION_KMS, .key_id = slice_string(id), .context = slice_string("e30="), .bucket_key = true};
}

static void load_keys(const char *text)
{
    uint32_t line;
    assert_int_equal(kms_load(fixture.reactor.kms, slice_string(text), &line), 0);
}

#define KEY_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define KEY_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static int setup(void **state)
{
    (void)state;
    object_fixture_open(&fixture);
    assert_int_equal(kms_new(&fixture.kms), 0);
    fixture.reactor.kms = fixture.kms;
    load_keys("one " KEY_A "\ntwo " KEY_B "\n");
    assert_int_equal(object_fixture_bucket(&fixture, "b", false), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    kms_free(fixture.kms);
    object_fixture_close(&fixture);
    return 0;
}

/* Text that can be found again: a mark every 32 bytes. */
#define MARK "INGOT-PLAIN-TEXT"
static char *text_of(size_t len, unsigned seed)
{
    char *data = malloc(len + 40);
    for (size_t at = 0; at < len; at += 32)
        snprintf(data + at, 40, MARK "%08x%08x", seed, (unsigned)at);
    return data;
}

static bool volumes_hold(const char *what)
{
    static char block[(1 << 20) + 64];
    size_t what_len = strlen(what);
    bool found = false;
    for (int i = 0; i < OBJECT_FIXTURE_VOLUMES; i++) {
        FILE *file = fopen(fixture.paths[i], "r");
        assert_non_null(file);
        size_t kept = 0, got;
        while ((got = fread(block + kept, 1, 1 << 20, file)) > 0) {
            found = found || memmem(block, kept + got, what, what_len);
            size_t end = kept + got;
            kept = end < what_len ? end : what_len - 1;
            memmove(block, block + end - kept, kept);
        }
        fclose(file);
    }
    return found;
}

static int put_into(const char *bucket, const char *key, const char *data, size_t len, const struct encryption *e, struct object_put_result *ret)
{
    struct object_put_options options = {.target = PUT_OBJECT, .bucket = slice_string(bucket), .key = slice_string(key), .size = len,
                                         .owner_id = 1, .encryption = *e, .checksum = CHECKSUM_CRC64NVME};
    return object_fixture_put(&fixture, &options, data, len, ret);
}

static int put(const char *key, const char *data, size_t len, const struct encryption *e)
{
    return put_into("b", key, data, len, e, NULL);
}

static int get(const char *key, const uint8_t *with, struct text *body)
{
    struct object_get request = {.bucket = slice_string("b"), .key = slice_string(key), .customer_key = with};
    int err = object_fixture_get(&fixture, &request, body);
    object_get_fini(&request);
    return err;
}

static int head(const char *key, const uint8_t *with)
{
    struct object_get request = {.bucket = slice_string("b"), .key = slice_string(key), .customer_key = with, .head_only = true};
    int err = object_fixture_get(&fixture, &request, NULL);
    object_get_fini(&request);
    return err;
}

static void expect(const char *key, const uint8_t *with, const char *data, size_t len)
{
    struct text body = {0};
    assert_int_equal(get(key, with, &body), 0);
    assert_int_equal(body.len, len);
    assert_true(len == 0 || memcmp(body.data, data, len) == 0);
    text_free(&body);
}

static void expect_range(const char *key, const uint8_t *with, const char *data, uint64_t first, uint64_t last)
{
    struct object_get request = {.bucket = slice_string("b"), .key = slice_string(key), .customer_key = with, .has_range = true,
                                 .range_first = first, .range_last = last};
    struct text body = {0};
    assert_int_equal(object_fixture_get(&fixture, &request, &body), 0);
    assert_int_equal(body.len, last - first + 1);
    assert_memory_equal(body.data, data + first, body.len);
    text_free(&body);
    object_get_fini(&request);
}

static const size_t sizes[] = {0, 1, 8160, 8161, 8192, 8193, 65535, 65536, 65537, 131072, 1000003, (3u << 20) + 5};

static void bodies_come_back_and_lie_encrypted(void **state)
{
    (void)state;
    struct encryption kms = sse_kms("one");
    const struct encryption *all[] = {&sse_s3, &sse_c, &kms};
    char key[32];
    for (unsigned m = 0; m < 3; m++)
        for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            char *data = text_of(sizes[i], i);
            snprintf(key, sizeof(key), "k%u-%u", m, i);
            assert_int_equal(put(key, data, sizes[i], all[m]), 0);
            expect(key, m == 1 ? customer_key : NULL, data, sizes[i]);
            free(data);
        }
    assert_false(volumes_hold(MARK));
    object_fixture_crash(&fixture);
    for (unsigned m = 0; m < 3; m++)
        for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            char *data = text_of(sizes[i], i);
            snprintf(key, sizeof(key), "k%u-%u", m, i);
            expect(key, m == 1 ? customer_key : NULL, data, sizes[i]);
            free(data);
        }
    assert_false(volumes_hold(MARK));
    char *data = text_of(100000, 1); /* and the scan does find what is not encrypted */
    assert_int_equal(put("plain", data, 100000, &plain), 0);
    assert_true(volumes_hold(MARK));
    free(data);
}

static void ranges_touch_frames_anywhere(void **state)
{
    (void)state;
    size_t len = 3 * 65536 + 100;
    char *data = text_of(len, 5);
    assert_int_equal(put("k", data, len, &sse_c), 0);
    static const uint64_t edges[] = {0, 1, 65535, 65536, 65537, 131071, 131072, 196607, 196608, 196707};
    for (unsigned i = 0; i < 10; i++)
        for (unsigned k = i; k < 10; k++)
            expect_range("k", customer_key, data, edges[i], edges[k]);
    free(data);
}

static void keys_must_be_right(void **state)
{
    (void)state;
    struct encryption kms = sse_kms("one"), unknown = sse_kms("three"), standing = sse_kms("");
    struct text body = {0};
    assert_int_equal(put("c", "secret", 6, &sse_c), 0);
    assert_int_equal(put("s", "secret", 6, &sse_s3), 0);
    assert_int_equal(put("k", "secret", 6, &kms), 0);
    assert_int_equal(put("p", "secret", 6, &plain), 0);
    assert_int_equal(get("c", NULL, &body), ERR_KEY_NEEDED);
    assert_int_equal(get("c", other_key, &body), ERR_KEY_WRONG);
    assert_int_equal(head("c", NULL), ERR_KEY_NEEDED);
    assert_int_equal(head("c", other_key), ERR_KEY_WRONG);
    assert_int_equal(head("c", customer_key), 0);
    assert_int_equal(get("s", other_key, &body), ERR_KEY_UNWANTED);
    assert_int_equal(get("k", other_key, &body), ERR_KEY_UNWANTED);
    assert_int_equal(get("p", other_key, &body), ERR_KEY_UNWANTED);
    assert_int_equal(body.len, 0);
    assert_int_equal(put("x", "secret", 6, &unknown), ERR_KMS_KEY);
    assert_int_equal(put("x", "secret", 6, &standing), ERR_KMS_KEY);
    struct object_get about = {.bucket = slice_string("b"), .key = slice_string("c"), .head_only = true, .about_only = true};
    assert_int_equal(object_fixture_get(&fixture, &about, NULL), 0); /* tags need no key */
    object_get_fini(&about);
    load_keys("aws/s3 " KEY_B "\n");
    assert_int_equal(put("x", "secret", 6, &standing), 0);
    assert_int_equal(get("k", NULL, &body), ERR_KMS_KEY);
    assert_int_equal(head("k", NULL), 0);
    load_keys("");
    assert_int_equal(get("k", NULL, &body), ERR_KMS_NONE);
    load_keys("one " KEY_B "\n"); /* not the key it was */
    assert_int_equal(get("k", NULL, &body), ERR_CORRUPT);
    assert_int_equal(body.len, 0);
    text_free(&body);
}

static void versions_of_keys_rotate(void **state)
{
    (void)state;
    struct encryption kms = sse_kms("one"), found;
    assert_int_equal(put("old", "secret", 6, &kms), 0);
    load_keys("one 2 " KEY_B "\none " KEY_A);
    expect("old", NULL, "secret", 6);
    struct object_put_result result;
    assert_int_equal(put_into("b", "new", "secret", 6, &kms, &result), 0);
    load_keys("one 2 " KEY_B);
    expect("new", NULL, "secret", 6);
    struct text body = {0};
    assert_int_equal(get("old", NULL, &body), ERR_KMS_KEY);
    text_free(&body);
    struct object_get request = {.bucket = slice_string("b"), .key = slice_string("new"), .head_only = true};
    assert_int_equal(object_fixture_get(&fixture, &request, NULL), 0);
    assert_int_equal(encryption_of(request.info.attributes, &found), 0);
    assert_int_equal(found.key_version, 2);
    assert_true(found.bucket_key);
    assert_true(slice_equal_string(found.key_id, "one") && slice_equal_string(found.context, "e30="));
    object_get_fini(&request);
}

static void etags_tell_the_md5_with_the_stores_key_only(void **state)
{
    (void)state;
    struct encryption kms = sse_kms("one");
    const struct encryption *all[] = {&plain, &sse_s3, &sse_c, &kms};
    uint8_t md5[MD5_LEN];
    md5_of("secret", 6, md5);
    for (unsigned m = 0; m < 4; m++) {
        struct object_put_result result;
        assert_int_equal(put_into("b", "k", "secret", 6, all[m], &result), 0);
        assert_int_equal(memcmp(result.info.etag, md5, MD5_LEN) == 0, m < 2);
    }
}

static void set_default(const char *bucket, const struct encryption *e);

static void buckets_have_defaults(void **state)
{
    (void)state;
    struct encryption kms = sse_kms("two"), found;
    kms.context = slice_of("", 0);
    char *data = text_of(20000, 9);
    set_default("b", &kms);
    assert_int_equal(put("k", data, 20000, &plain), 0);
    assert_int_equal(put("s", data, 20000, &sse_s3), 0);
    expect("k", NULL, data, 20000);
    assert_false(volumes_hold(MARK));
    struct object_get request = {.bucket = slice_string("b"), .key = slice_string("k"), .head_only = true};
    assert_int_equal(object_fixture_get(&fixture, &request, NULL), 0);
    assert_int_equal(encryption_of(request.info.attributes, &found), 0);
    assert_int_equal(found.mode, ENCRYPTION_KMS);
    object_get_fini(&request);
    struct object_put_result result;
    assert_int_equal(put_into("nowhere", "k", "x", 1, &plain, &result), ERR_NO_SUCH_BUCKET);
    set_default("b", &plain);
    assert_int_equal(put("k", data, 20000, &plain), 0);
    assert_true(volumes_hold(MARK));
    free(data);
}

struct waited_update { struct object_attribute_update update; bool done; };

static void update_done(struct object_attribute_update *update)
{
    ((struct waited_update *)update)->done = true;
}

static void set_default(const char *bucket, const struct encryption *e)
{
    struct text value = {0}, entry = {0};
    if (e->mode != ENCRYPTION_NONE) {
        encryption_format_default(e, &value);
        attribute_append(&entry, ATTRIBUTE_CONFIGURATION, slice_string(BUCKET_ENCRYPTION_NAME), slice_of(value.data, value.len));
    }
    struct waited_update w = {.update = {.reactor = &fixture.reactor, .bucket = slice_string(bucket), .kind = ATTRIBUTE_CONFIGURATION,
                                         .name = slice_string(BUCKET_ENCRYPTION_NAME), .replacement = slice_of(entry.data ? entry.data : "", entry.len),
                                         .done = update_done}};
    object_attribute_update_start(&w.update);
    object_fixture_until(&fixture, &w.done);
    assert_int_equal(w.update.err, 0);
    text_free(&value);
    text_free(&entry);
}

/* --- copies --- */

struct waited_copy { struct object_copy copy; bool done; };

static void copy_done(struct object_copy *copy)
{
    ((struct waited_copy *)copy)->done = true;
}

static int copy(const char *from, const uint8_t *with, const char *to, const struct encryption *e)
{
    struct waited_copy w = {.copy = {.reactor = &fixture.reactor, .source_bucket = slice_string("b"), .source_key = slice_string(from),
                                     .source_customer_key = with, .bucket = slice_string("b"), .key = slice_string(to), .owner_id = 1,
                                     .encryption = *e, .done = copy_done}};
    object_copy_start(&w.copy);
    object_fixture_until(&fixture, &w.done);
    int err = w.copy.err;
    object_copy_fini(&w.copy);
    return err;
}

static enum encryption_mode mode_of(const char *key)
{
    struct encryption found;
    struct object_get request = {.bucket = slice_string("b"), .key = slice_string(key), .head_only = true, .about_only = true};
    assert_int_equal(object_fixture_get(&fixture, &request, NULL), 0);
    assert_int_equal(encryption_of(request.info.attributes, &found), 0);
    object_get_fini(&request);
    return found.mode;
}

static void copies_go_between_all(void **state)
{
    (void)state;
    struct encryption one = sse_kms("one"), two = sse_kms("two");
    const struct encryption *from[] = {&plain, &sse_s3, &sse_c, &one}, *to[] = {&plain, &sse_s3, &sse_c, &two};
    static const size_t lens[] = {0, 100, 300000};
    for (unsigned l = 0; l < 3; l++) {
        char *data = text_of(lens[l], l);
        for (unsigned f = 0; f < 4; f++) {
            assert_int_equal(put("from", data, lens[l], from[f]), 0);
            for (unsigned t = 0; t < 4; t++) {
                assert_int_equal(copy("from", f == 2 ? customer_key : NULL, "to", to[t]), 0);
                expect("to", t == 2 ? customer_key : NULL, data, lens[l]);
                assert_int_equal(mode_of("to"), t ? to[t]->mode : f ? ENCRYPTION_S3 : ENCRYPTION_NONE);
            }
        }
        free(data);
    }
    assert_int_equal(copy("from", customer_key, "to", &sse_s3), ERR_KEY_UNWANTED);
    assert_int_equal(put("from", "x", 1, &sse_c), 0);
    assert_int_equal(copy("from", NULL, "to", &sse_s3), ERR_KEY_NEEDED);
    assert_int_equal(copy("from", other_key, "to", &sse_s3), ERR_KEY_WRONG);
    assert_int_equal(copy("from", customer_key, "from", &sse_s3), 0); /* onto itself */
    expect("from", NULL, "x", 1);
}

static void a_copy_shares_frames_and_outlives_its_source(void **state)
{
    (void)state;
    size_t len = 2u << 20;
    char *data = text_of(len, 3);
    struct encryption two = sse_kms("two");
    assert_int_equal(put("from", data, len, &sse_s3), 0);
    uint64_t before = object_fixture_available(&fixture);
    assert_int_equal(copy("from", NULL, "to", &two), 0);
    assert_int_equal(object_fixture_available(&fixture), before);
    assert_int_equal(put("from", "x", 1, &plain), 0);
    expect("to", NULL, data, len);
    expect_range("to", NULL, data, 65530, 65550);
    free(data);
}

/* --- multipart --- */

struct waited_create { struct upload_create request; bool done; };
struct waited_complete { struct upload_complete request; bool done; };

static void create_done(struct upload_create *request)
{
    ((struct waited_create *)request)->done = true;
}

static void complete_done(struct upload_complete *request)
{
    ((struct waited_complete *)request)->done = true;
}

static void create(const struct encryption *e, uint8_t id[16])
{
    struct waited_create c = {.request = {.reactor = &fixture.reactor, .bucket = slice_string("b"), .key = slice_string("joined"), .owner_id = 1,
                                          .encryption = *e, .done = create_done}};
    upload_create_start(&c.request);
    object_fixture_until(&fixture, &c.done);
    assert_int_equal(c.request.err, 0);
    memcpy(id, c.request.upload_id, 16);
    upload_create_fini(&c.request);
}

static int put_part(const uint8_t id[16], uint32_t number, const char *data, size_t len, const uint8_t *with, struct upload_complete_part *ret)
{
    struct object_put_options options = {.target = PUT_PART, .bucket = slice_string("b"), .key = slice_string("joined"), .owner_id = 1,
                                         .size = len, .part_number = number, .upload_id = slice_of((const char *)id, 16),
                                         .encryption = {.customer_key = with}};
    struct object_put_result result;
    int err = object_fixture_put(&fixture, &options, data, len, &result);
    *ret = (struct upload_complete_part){.part_number = number};
    if (!err)
        memcpy(ret->etag, result.info.etag, 16);
    return err;
}

static int copy_part(const uint8_t id[16], uint32_t number, const char *from, uint64_t first, uint64_t last, const uint8_t *from_key,
                     const uint8_t *with, struct upload_complete_part *ret)
{
    struct waited_copy w = {.copy = {.reactor = &fixture.reactor, .source_bucket = slice_string("b"), .source_key = slice_string(from),
                                     .source_customer_key = from_key, .bucket = slice_string("b"), .key = slice_string("joined"), .owner_id = 1,
                                     .to_part = true, .upload_id = slice_of((const char *)id, 16), .part_number = number, .has_range = true,
                                     .range_first = first, .range_last = last, .encryption = {.customer_key = with}, .done = copy_done}};
    object_copy_start(&w.copy);
    object_fixture_until(&fixture, &w.done);
    *ret = (struct upload_complete_part){.part_number = number};
    memcpy(ret->etag, w.copy.info.etag, 16);
    int err = w.copy.err;
    object_copy_fini(&w.copy);
    return err;
}

static int complete(const uint8_t id[16], struct upload_complete_part *parts, uint32_t count, const uint8_t *with)
{
    struct waited_complete w = {.request = {.reactor = &fixture.reactor, .bucket = slice_string("b"), .key = slice_string("joined"), .parts = parts,
                                            .part_count = count, .customer_key = with, .done = complete_done}};
    memcpy(w.request.upload_id, id, 16);
    upload_complete_start(&w.request);
    object_fixture_until(&fixture, &w.done);
    upload_complete_fini(&w.request);
    return w.request.err;
}

static void parts_become_one_object(void **state)
{
    (void)state;
    struct encryption kms = sse_kms("one");
    const struct encryption *all[] = {&plain, &sse_s3, &sse_c, &kms};
    size_t part_len = (5u << 20) + 7, source_first = 70001, tail = 100, len = 2 * part_len + tail;
    char *data = text_of(len, 4);
    for (unsigned m = 0; m < 4; m++) {
        const uint8_t *with = m == 2 ? customer_key : NULL;
        uint8_t id[16];
        struct upload_complete_part parts[3], ignored;
        char *source = malloc(source_first + part_len + 1);
        memset(source, 'x', source_first + part_len + 1);
        memcpy(source + source_first, data + part_len, part_len);
        assert_int_equal(put("source", source, source_first + part_len + 1, all[(m + 2) % 4]), 0);
        create(all[m], id);
        assert_int_equal(put_part(id, 1, data + 1, part_len, with, &ignored), 0); /* sent twice: the second one counts */
        assert_int_equal(put_part(id, 1, data, part_len, with, &parts[0]), 0);
        assert_int_equal(copy_part(id, 2, "source", source_first, source_first + part_len - 1, (m + 2) % 4 == 2 ? customer_key : NULL, with, &parts[1]), 0);
        assert_int_equal(put_part(id, 7, data + 2 * part_len, tail, with, &parts[2]), 0);
        if (m == 2) {
            assert_int_equal(put_part(id, 8, data, 10, NULL, &ignored), ERR_KEY_NEEDED);
            assert_int_equal(put_part(id, 8, data, 10, other_key, &ignored), ERR_KEY_WRONG);
            assert_int_equal(copy_part(id, 8, "source", 0, 9, NULL, NULL, &ignored), ERR_KEY_NEEDED);
            assert_int_equal(complete(id, parts, 3, other_key), ERR_KEY_WRONG);
            assert_int_equal(complete(id, parts, 3, NULL), 0); /* without a checksum the key may be left out */
        } else {
            assert_int_equal(put_part(id, 8, data, 10, customer_key, &ignored), ERR_KEY_UNWANTED);
        }
        assert_int_equal(complete(id, parts, 3, with), 0);
        assert_int_equal(complete(id, parts, 3, with), 0); /* the answer may have been lost */
        expect("joined", with, data, len);
        expect_range("joined", with, data, part_len - 3, part_len + 3);
        expect_range("joined", with, data, part_len + 65530, 2 * part_len + 50);
        expect_range("joined", with, data, len - 1, len - 1);
        struct object_get second = {.bucket = slice_string("b"), .key = slice_string("joined"), .part_number = 7, .customer_key = with};
        struct text body = {0};
        assert_int_equal(object_fixture_get(&fixture, &second, &body), 0);
        assert_int_equal(body.len, tail);
        assert_memory_equal(body.data, data + 2 * part_len, tail);
        text_free(&body);
        object_get_fini(&second);
        assert_int_equal(copy("joined", with, "copy", &sse_s3), 0);
        expect("copy", NULL, data, len);
        expect_range("copy", NULL, data, part_len - 3, part_len + 3);
        free(source);
    }
    free(data);
}

/* --- parsing --- */

static void key_files_are_read_strictly(void **state)
{
    (void)state;
    struct kms *kms;
    uint32_t line, version;
    uint8_t key[KMS_KEY_LEN];
    assert_int_equal(kms_new(&kms), 0);
    assert_int_equal(kms_find(kms, slice_string("a"), 0, &version, key), ERR_KMS_NONE);
    assert_int_equal(kms_load(kms, slice_string("# keys\n\na 3 " KEY_A "\r\n\ta 12 " KEY_B " # newest\nb " KEY_B), &line), 0);
    assert_int_equal(kms_find(kms, slice_string("a"), 0, &version, key), 0);
    assert_int_equal(version, 12);
    assert_int_equal(key[0], 0xbb);
    assert_int_equal(kms_find(kms, slice_string("a"), 3, &version, key), 0);
    assert_int_equal(key[0], 0xaa);
    assert_int_equal(kms_find(kms, slice_string("a"), 4, &version, key), ERR_KMS_KEY);
    assert_int_equal(kms_find(kms, slice_string("c"), 0, &version, key), ERR_KMS_KEY);
    static const struct { const char *text; uint32_t line; } bad[] = {
        {"a", 1}, {"\na " KEY_A "a", 2}, {"a 0 " KEY_A, 1}, {"a 4294967296 " KEY_A, 1}, {"a 1 2 " KEY_A, 1}, {"a x " KEY_A, 1},
        {"a " KEY_A "\na 1 " KEY_B, 2}, {"a\x7f " KEY_A, 1}, {"a 1 aaaa", 1},
    };
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(kms_load(kms, slice_string(bad[i].text), &line), ERR_INVALID);
        assert_int_equal(line, bad[i].line);
    }
    assert_int_equal(kms_find(kms, slice_string("a"), 0, &version, key), 0); /* those that were good stay */
    kms_free(kms);
    assert_int_equal(kms_find(NULL, slice_string("a"), 0, &version, key), ERR_KMS_NONE);
}

static void attributes_are_read_strictly(void **state)
{
    (void)state;
    struct encryption found, kms = sse_kms("one");
    struct encryption_keys keys = object_keys(&fixture.reactor);
    struct text good = {0};
    uint8_t data_key[DATA_KEY_LEN], opened[DATA_KEY_LEN];
    assert_int_equal(encryption_begin(&keys, &kms, &good, data_key), 0);
    assert_int_equal(encryption_of(slice_of(good.data, good.len), &found), 0);
    assert_int_equal(encryption_open(&keys, &found, NULL, opened), 0);
    assert_memory_equal(opened, data_key, DATA_KEY_LEN);
    for (size_t at = 7; at < good.len; at++) { /* behind the entry's own head; the flags of byte 9 bind nothing */
        char *bad = malloc(good.len);
        memcpy(bad, good.data, good.len);
        bad[at] ^= 4;
        int err = encryption_of(slice_of(bad, good.len), &found);
        if (!err)
            err = encryption_open(&keys, &found, NULL, opened);
        if (at != 9 && at != 10)
            assert_true(err == ERR_CORRUPT || err == ERR_KMS_KEY || err == ERR_KEY_NEEDED);
        free(bad);
    }
    text_free(&good);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bodies_come_back_and_lie_encrypted, setup, teardown),
        cmocka_unit_test_setup_teardown(ranges_touch_frames_anywhere, setup, teardown),
        cmocka_unit_test_setup_teardown(keys_must_be_right, setup, teardown),
        cmocka_unit_test_setup_teardown(versions_of_keys_rotate, setup, teardown),
        cmocka_unit_test_setup_teardown(etags_tell_the_md5_with_the_stores_key_only, setup, teardown),
        cmocka_unit_test_setup_teardown(buckets_have_defaults, setup, teardown),
        cmocka_unit_test_setup_teardown(copies_go_between_all, setup, teardown),
        cmocka_unit_test_setup_teardown(a_copy_shares_frames_and_outlives_its_source, setup, teardown),
        cmocka_unit_test_setup_teardown(parts_become_one_object, setup, teardown),
        cmocka_unit_test_setup_teardown(attributes_are_read_strictly, setup, teardown),
        cmocka_unit_test(key_files_are_read_strictly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
