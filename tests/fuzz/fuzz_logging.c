/* BucketLoggingStatus: what is kept is one again and says the same. And lines: whatever a client sends, a line stays one line of
 * as many fields. */
#include <string.h>

#include "fuzz.h"
#include "wire/access_log.h"

static void check_configuration(const uint8_t *data, size_t len)
{
    struct logging_configuration c, again;
    struct text text = {0}, twice = {0};
    if (logging_parse(data, len, &c))
        return;
    logging_format(&c, &text);
    must(!text.failed && logging_parse(text.data, text.len, &again) == 0);
    logging_format(&again, &twice);
    must(!twice.failed && slice_equal(slice_of(text.data, text.len), slice_of(twice.data, twice.len)));
    must(logging_wants_key(&c, slice_string("a/b.txt")) == logging_wants_key(&again, slice_string("a/b.txt")));
    logging_fini(&c);
    logging_fini(&again);
    text_free(&text);
    text_free(&twice);
}

static void check_line(struct slice any)
{
    struct access_log_record r = {.bucket_owner = any, .bucket = any, .remote_ip = any, .requester = any, .request_id = any,
                                  .operation = any, .key = any, .method = any, .target = any, .error_code = any, .referrer = any,
                                  .user_agent = any, .version_id = any, .host_id = any, .signature_version = any, .cipher_suite = any,
                                  .auth_type = any, .host = any, .tls_version = any, .access_point = any};
    struct text t = {0};
    access_log_format(&r, &t);
    unsigned fields = 1;
    bool quoted = false;
    for (size_t i = 0; i < t.len; i++) {
        must((t.data[i] == '\n') == (i + 1 == t.len));
        quoted ^= t.data[i] == '"';
        fields += t.data[i] == ' ' && !quoted;
    }
    must(!quoted && fields == 27); /* the blank inside the time is one more than the fields */
    text_free(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    check_configuration(data, len);
    if (len < 4096)
        check_line(slice_of((const char *)data, len));
    return 0;
}
