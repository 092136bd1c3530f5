/* POST forms: a byte for the size of pieces, one for the bytes taken at once, the body with the boundary "B". Pieces of any size
 * must lead to the same outcome. What the form says is its policy and its signature
 * are read as such. */
#include <string.h>

#include "fuzz.h"
#include "wire/form_data.h"
#include "wire/post_policy.h"
#include "wire/sigv4.h"

struct outcome { int err; bool had_file, done; uint64_t file_len; uint32_t file_hash, fields_hash; };

static uint32_t hash_of(uint32_t hash, struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        hash = hash * 31 + (uint8_t)s.data[i];
    return hash * 31 + 1;
}

static void check_policy(struct headers fields)
{
    struct post_policy p;
    const char *message = NULL;
    struct text text = {0};
    struct slice policy = header_value(fields, "policy");
    if (!policy.data)
        return;
    int err = post_policy_parse(policy, &p, &message);
    must((err == ERR_MALFORMED) == (message != NULL));
    if (err)
        return;
    err = post_policy_check(&p, fields, 0, &text);
    must(err == 0 || err == ERR_ACCESS);
    post_policy_fini(&p);
    text_free(&text);
}

static void check_signature(struct headers fields)
{
    struct sigv4 s;
    enum sigv4_result result = sigv4_parse_form(header_value(fields, "x-amz-algorithm"), header_value(fields, "x-amz-credential"),
                                                header_value(fields, "x-amz-date"), header_value(fields, "x-amz-signature"), &s);
    if (result == SIGV4_OK)
        (void)!sigv4_check_scope(&s, slice_of("us-east-1", 9), s.time_us);
}

static struct outcome decode(const char *body, size_t len, size_t piece_max, size_t take_max)
{
    static struct form_data f;
    struct outcome o = {.file_hash = 1, .fields_hash = 1};
    must(form_data_init(&f, slice_of("B", 1)) == 0);
    while (len) {
        size_t piece = len < piece_max ? len : piece_max, used;
        struct slice span;
        o.err = form_data_frame(&f, body, piece, &used, &span);
        if (o.err)
            break;
        must(used <= piece && (used || span.len));
        size_t taken = span.len < take_max ? span.len : take_max;
        for (size_t i = 0; i < taken; i++)
            o.file_hash = o.file_hash * 31 + (uint8_t)span.data[i];
        o.file_len += taken;
        if (span.len)
            used += form_data_take(&f, taken);
        must(used <= piece);
        body += used;
        len -= used;
    }
    o.had_file = form_data_has_file(&f);
    o.done = form_data_done(&f);
    struct headers fields = form_data_fields(&f);
    must(fields.count <= FORM_DATA_FIELDS_MAX);
    for (uint32_t i = 0; i < fields.count; i++) {
        must(fields.items[i].value.len <= FORM_DATA_FIELD_MAX);
        o.fields_hash = hash_of(hash_of(o.fields_hash, fields.items[i].name), fields.items[i].value);
    }
    o.fields_hash = hash_of(o.fields_hash, form_data_filename(&f));
    check_policy(fields);
    check_signature(fields);
    form_data_fini(&f);
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len < 2)
        return 0;
    struct outcome whole = decode((const char *)data + 2, len - 2, SIZE_MAX, SIZE_MAX);
    struct outcome pieces = decode((const char *)data + 2, len - 2, data[0] + 1u, data[1] + 1u);
    must((whole.err != 0) == (pieces.err != 0) && whole.done == pieces.done);
    must(whole.err || (whole.had_file == pieces.had_file && whole.file_len == pieces.file_len &&
                       whole.file_hash == pieces.file_hash && whole.fields_hash == pieces.fields_hash));
    return 0;
}
