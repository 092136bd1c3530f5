/* multipart/form-data bodies: cut at every place and taken in pieces of any size, the bounds, every way to be malformed. */
#include "wire_test.h"

#include <stdlib.h>

#include "wire/form_data.h"

#define HEAD(name) "Content-Disposition: form-data; name=\"" name "\"\r\n\r\n"
#define FILE_HEAD "Content-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\nContent-Type: text/plain\r\n\r\n"

/* The file is full of what nearly is a boundary. */
#define TRICKY "\r\r\n-\r\n--\r\n--B\r\n--BO\r\r\n--BOUNDAR\r\n--boundary\r\n\r\n"
static const char form[] = "--BOUNDARY\r\n" HEAD("key") "user/${filename}\r\n--BOUNDARY\r\n" HEAD("empty") "\r\n--BOUNDARY\r\n"
                           HEAD("x-amz-meta-a") "\r\n--BOUNDAR\r\r\n\r\n--BOUNDARY\r\n" FILE_HEAD TRICKY "\r\n--BOUNDARY\r\n"
                           HEAD("behind") "1\r\n--BOUNDARY--\r\n";

struct outcome { int err; bool had_file, done; };

/* Feeds text in pieces of input_max, the first one first long; takes spans in pieces of take_max. */
static struct outcome decode(struct form_data *f, struct slice text, size_t first, size_t input_max, size_t take_max,
                             struct text *file)
{
    struct outcome o = {0};
    const char *data = text.data;
    size_t left = text.len, piece_max = first ? first : input_max;
    while (left && !o.err) {
        size_t part = left < piece_max ? left : piece_max, at = 0;
        piece_max = input_max;
        while (at < part && !o.err) {
            size_t used;
            struct slice span;
            bool had_file = form_data_has_file(f);
            o.err = form_data_frame(f, data + at, part - at, &used, &span);
            if (o.err)
                break;
            assert_true(used <= part - at);
            at += used;
            if (form_data_has_file(f) && !had_file)
                assert_int_equal(span.len, 0); /* the caller looks at the fields first */
            assert_true(used || span.len || form_data_done(f));
            size_t taken = span.len < take_max ? span.len : take_max;
            text_append(file, span.data, taken);
            if (span.len)
                at += form_data_take(f, taken);
        }
        data += at;
        left -= at;
    }
    o.had_file = form_data_has_file(f);
    o.done = form_data_done(f);
    return o;
}

static struct outcome decode_new(struct slice text, size_t first, size_t input_max, size_t take_max, struct form_data *f,
                                 struct text *file)
{
    assert_int_equal(form_data_init(f, slice_string("BOUNDARY")), 0);
    return decode(f, text, first, input_max, take_max, file);
}

static void check_form(size_t first, size_t input_max, size_t take_max)
{
    static struct form_data f;
    struct text file = {0};
    struct outcome o = decode_new(slice_of(form, sizeof form - 1), first, input_max, take_max, &f, &file);
    assert_int_equal(o.err, 0);
    assert_true(o.had_file && o.done);
    assert_slice(slice_of(file.data, file.len), TRICKY);
    struct headers fields = form_data_fields(&f);
    assert_int_equal(fields.count, 3);
    assert_slice(header_value(fields, "KEY"), "user/${filename}");
    assert_slice(header_value(fields, "empty"), "");
    assert_slice(header_value(fields, "x-amz-meta-a"), "\r\n--BOUNDAR\r\r\n");
    assert_slice(form_data_filename(&f), "a.txt");
    text_free(&file);
    form_data_fini(&f);
}

static void every_split(void **state)
{
    (void)state;
    for (size_t first = 1; first < sizeof form; first++)
        check_form(first, SIZE_MAX, SIZE_MAX);
}

static void every_piece(void **state)
{
    (void)state;
    for (size_t input_max = 1; input_max < sizeof form; input_max++)
        for (size_t take_max = 1; take_max < 12; take_max += 2)
            check_form(0, input_max, take_max);
}

static struct outcome outcome_of(const char *text)
{
    static struct form_data f;
    struct text file = {0};
    struct outcome whole = decode_new(slice_string(text), 0, SIZE_MAX, SIZE_MAX, &f, &file);
    form_data_fini(&f);
    struct outcome single = decode_new(slice_string(text), 0, 1, 1, &f, &file);
    form_data_fini(&f);
    text_free(&file);
    assert_int_equal(whole.err, single.err);
    assert_int_equal(whole.done, single.done);
    assert_int_equal(whole.had_file, single.had_file);
    return whole;
}

static void malformed(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "x", "\r\n--BOUNDARY\r\n", "--BOUNDARX", "--BOUNDARYX", "--BOUNDARY-\r", "--BOUNDARY\n", "--BOUNDARY\r\r",
        "--BOUNDARY\r\n\r\n",                                                /* no name */
        "--BOUNDARY\r\nContent-Disposition: form-data\r\n\r\n",
        "--BOUNDARY\r\nContent-Disposition: attachment; name=\"a\"\r\n\r\n",
        "--BOUNDARY\r\nContent-Disposition: form-data; name=\"a\r\n\r\n",    /* the quote is not closed */
        "--BOUNDARY\r\nContent-Disposition: form-data; name=\"a\" b\r\n\r\n",
        "--BOUNDARY\r\nContent-Disposition: form-data; name=\"a\"\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\n",
        "--BOUNDARY\r\nno colon\r\n",
        "--BOUNDARY\r\nContent-Disposition: form-data; name=\"a\"\n",
        "--BOUNDARY\r\n" HEAD("a") "1\r\n--BOUNDARYx",
        "--BOUNDARY\r\n" FILE_HEAD "1\r\n--BOUNDARYx",
    };
    for (size_t i = 0; i < COUNT(bad); i++)
        if (outcome_of(bad[i]).err != ERR_MALFORMED)
            fail_msg("%zu: %s", i, bad[i]);
}

static void incomplete(void **state)
{
    (void)state;
    struct outcome o = outcome_of("--BOUNDARY\r\n" FILE_HEAD "1\r\n--BOUNDARY");
    assert_true(!o.err && o.had_file && !o.done);
    o = outcome_of("--BOUNDARY\r\n" FILE_HEAD);
    assert_true(!o.err && o.had_file && !o.done);
    o = outcome_of("--BOUNDARY\r\n" HEAD("a") "1\r\n--BOUNDARY--");
    assert_true(!o.err && !o.had_file && o.done);
    o = outcome_of("--BOUNDARY--anything\r\n--BOUNDARYx");
    assert_true(!o.err && !o.had_file && o.done);
    o = outcome_of("--BOUNDARY\r\n" FILE_HEAD "\r\n--BOUNDARY--anything");
    assert_true(!o.err && o.had_file && o.done);
}

static void filenames(void **state)
{
    (void)state;
    static const struct { const char *head, *filename; } cases[] = {
        {"form-data; name=\"file\"; filename=\"C:\\dir\\b.txt\"", "b.txt"},
        {"form-data; name=\"file\"; filename=\"/dir/b.txt\"", "b.txt"},
        {"form-data; name=\"file\"; filename=\"a\\\"b; c=d.txt\"", "a\"b; c=d.txt"},
        {"form-data; filename=b.txt ; name=FILE", "b.txt"},
        {"FORM-DATA;name=\"file\";filename=\"\"", ""},
        {"form-data; name=\"file\"", ""},
        {"form-data; name=\"file\"; filename*=UTF-8''x; filename=\"b/\"", ""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        static struct form_data f;
        struct text text = {0}, file = {0};
        text_append_format(&text, "--BOUNDARY\r\nX: y\r\ncontent-disposition: %s\r\n\r\nbytes\r\n--BOUNDARY--\r\n", cases[i].head);
        struct outcome o = decode_new(slice_of(text.data, text.len), 0, SIZE_MAX, SIZE_MAX, &f, &file);
        assert_true(!o.err && o.had_file && o.done);
        assert_slice(form_data_filename(&f), cases[i].filename);
        assert_slice(slice_of(file.data, file.len), "bytes");
        text_free(&text);
        text_free(&file);
        form_data_fini(&f);
    }
}

static void append_field(struct text *text, const char *name, size_t len)
{
    text_append_format(text, "--BOUNDARY\r\nContent-Disposition: form-data; name=\"%s\"\r\n\r\n", name);
    for (size_t i = 0; i < len; i++)
        text_append(text, "x", 1);
    text_append_string(text, "\r\n");
}

static int err_of_fields(size_t count, size_t len)
{
    struct text text = {0};
    for (size_t i = 0; i < count; i++)
        append_field(&text, "a", len);
    text_append_string(&text, "--BOUNDARY\r\n" FILE_HEAD "1\r\n--BOUNDARY--\r\n");
    int err = outcome_of(text.data).err;
    text_free(&text);
    return err;
}

static void bounds(void **state)
{
    (void)state;
    assert_int_equal(err_of_fields(1, FORM_DATA_FIELD_MAX), 0);
    assert_int_equal(err_of_fields(1, FORM_DATA_FIELD_MAX + 1), ERR_TOO_LARGE);
    assert_int_equal(err_of_fields(3, FORM_DATA_FIELD_MAX), 0);
    assert_int_equal(err_of_fields(4, FORM_DATA_FIELD_MAX), ERR_TOO_LARGE);
    assert_int_equal(err_of_fields(FORM_DATA_FIELDS_MAX, 1), 0);
    assert_int_equal(err_of_fields(FORM_DATA_FIELDS_MAX + 1, 1), ERR_TOO_LARGE);
    struct text text = {0};
    text_append_string(&text, "--BOUNDARY\r\nX: ");
    for (size_t i = 0; i < FORM_DATA_LINE_MAX; i++)
        text_append(&text, "x", 1);
    assert_int_equal(outcome_of(text.data).err, ERR_TOO_LARGE);
    text_free(&text);
    for (size_t i = 0; i < FORM_DATA_FIELDS_LEN_MAX / 8; i++) /* lines of a head are counted as well */
        text_append_string(&text, i ? "a: bcd\r\n" : "--BOUNDARY\r\n");
    text_append_string(&text, FILE_HEAD);
    assert_int_equal(outcome_of(text.data).err, ERR_TOO_LARGE);
    text_free(&text);
}

static void boundaries(void **state)
{
    (void)state;
    assert_slice(form_data_boundary(slice_string("multipart/form-data; boundary=abc")), "abc");
    assert_slice(form_data_boundary(slice_string("Multipart/Form-Data;charset=utf-8 ; BOUNDARY=\"a b;c\"")), "a b;c");
    assert_slice(form_data_boundary(slice_string("multipart/form-data; boundary=bound")), "bound");
    assert_slice(form_data_boundary(slice_string("multipart/form-data; boundary= abc ; charset=x")), "abc");
    static const char *const none[] = {"", "multipart/mixed; boundary=a", "multipart/form-data", "multipart/form-data; boundary=",
                                       "multipart/form-data; boundary=\"a", "multipart/form-dataX; boundary=a",
                                       "multipart/form-data; x"};
    for (size_t i = 0; i < COUNT(none); i++)
        assert_null(form_data_boundary(slice_string(none[i])).data);
    static struct form_data f;
    char longest[FORM_DATA_BOUNDARY_MAX + 1];
    memset(longest, 'x', sizeof longest);
    assert_int_equal(form_data_init(&f, slice_of(longest, sizeof longest - 1)), 0);
    assert_int_equal(form_data_init(&f, slice_of(longest, sizeof longest)), ERR_INVALID);
    assert_int_equal(form_data_init(&f, slice_of(NULL, 0)), ERR_INVALID);
    assert_int_equal(form_data_init(&f, slice_string("a\r")), ERR_INVALID);
    assert_int_equal(form_data_init(&f, slice_string("a ")), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_split), cmocka_unit_test(every_piece), cmocka_unit_test(malformed), cmocka_unit_test(incomplete),
        cmocka_unit_test(filenames), cmocka_unit_test(bounds), cmocka_unit_test(boundaries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
