/* PostObject: a browser's form with a file in it ("Browser-based uploads using POST" in S3's API reference).
 *
 * The fields come before the file; when it begins they are complete, and nothing of it is taken before they have told who sent the
 * form, and its policy allows it. Then they take the place of the request's headers, and the file goes where a PutObject's
 * body goes. Whatever is refused, however late, leaves nothing. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "s3/access.h"
#include "s3/acl.h"
#include "s3/answer.h"
#include "s3/authorise.h"
#include "s3/body.h"
#include "s3/encryption.h"
#include "s3/lifecycle.h"
#include "s3/object_headers.h"
#include "s3/object_lock.h"
#include "s3/operations.h"
#include "s3/tagging.h"
#include "wire/form_data.h"
#include "wire/post_policy.h"
#include "wire/xml_write.h"

struct post_state {
    struct form_data form;
    struct authorise_form sender;
    struct header fields[FORM_DATA_FIELDS_MAX + 1]; /* the form's, with the bucket and the key as they will be */
    uint32_t field_count;
    struct post_policy policy;
    struct slice host;
    uint64_t size_min, size_max, file_len;
    enum checksum_kind checksum;
    struct object_put *put; /* NULL until the form may be taken */
    bool ended;
};

static void abandon(struct s3_request *r)
{
    struct post_state *s = r->state;
    if (s->put && !s->ended)
        object_put_abort(s->put);
    s->ended = true;
}

static void cleanup(struct s3_request *r)
{
    struct post_state *s = r->state;
    object_put_free(s->put);
    form_data_fini(&s->form);
    post_policy_fini(&s->policy);
}

static struct slice field(const struct s3_request *r, const char *name)
{
    const struct post_state *s = r->state;
    return header_value(form_data_fields(&s->form), name);
}

/* --- answers --- */

static void append_location(const struct s3_request *r, struct text *t)
{
    const struct post_state *s = r->state;
    if (s->host.len)
        text_append_format(t, "%s://%.*s", http_is_tls(r->http) ? "https" : "http", (int)s->host.len, s->host.data);
    if (!r->address.virtual_host)
        text_append_format(t, "/%.*s", (int)request_bucket(r).len, request_bucket(r).data);
    text_append_string(t, "/");
    uri_encode(t, request_key(r), true);
}

/* A page to go on to; a value that is no URL counts as none. */
static bool append_redirect(const struct s3_request *r, const char *etag, struct text *t)
{
    struct slice url = field(r, "success_action_redirect");
    if (!url.data)
        url = field(r, "redirect");
    if (!url.data || !(slice_starts_with(url, "http://") || slice_starts_with(url, "https://")))
        return false;
    for (size_t i = 0; i < url.len; i++)
        if (url.data[i] <= ' ' || url.data[i] >= 0x7f)
            return false;
    text_append(t, url.data, url.len);
    text_append_string(t, memchr(url.data, '?', url.len) ? "&bucket=" : "?bucket=");
    uri_encode(t, request_bucket(r), false);
    text_append_string(t, "&key=");
    uri_encode(t, request_key(r), false);
    text_append_string(t, "&etag=");
    uri_encode(t, slice_string(etag), false);
    return true;
}

static void answer_post_response(struct s3_request *r, const char *location, const char *etag)
{
    struct text t = {0};
    xml_declaration(&t);
    xml_open(&t, "PostResponse");
    xml_element_string(&t, "Location", location);
    xml_element(&t, "Bucket", request_bucket(r));
    xml_element(&t, "Key", request_key(r));
    xml_element_string(&t, "ETag", etag);
    xml_close(&t, "PostResponse");
    answer_xml(r, 201, &t);
}

static void answer_success(struct s3_request *r)
{
    const struct post_state *s = r->state;
    const struct object_put_result *result = object_put_result(s->put);
    struct slice status = field(r, "success_action_status");
    struct text location = {0};
    char etag[48] = "\"";
    object_etag_format(result->info.etag, result->info.etag_len, etag + 1);
    strcat(etag, "\"");
    encryption_answer(r, result->info.attributes);
    object_answer_etag(r, &result->info);
    object_answer_new_version(r, &result->info);
    lifecycle_answer_expiration(r, &result->info);
    object_answer_checksum(r, s->checksum, 0, 0, result->checksum);
    bool redirects = append_redirect(r, etag, &location);
    if (!redirects)
        append_location(r, &location);
    if (location.failed) {
        answer_error(r, S3_SlowDown);
    } else {
        answer_header(r, "Location", location.data);
        if (!redirects && slice_equal_string(status, "201"))
            answer_post_response(r, location.data, etag);
        else
            answer_empty(r, redirects ? 303 : slice_equal_string(status, "200") ? 200 : 204);
    }
    text_free(&location);
}

static void refuse(struct s3_request *r, enum s3_error e)
{
    answer_error(r, e);
    abandon(r);
}

static void refuse_missing(struct s3_request *r, const char *name)
{
    char message[160];
    snprintf(message, sizeof message,
             "Bucket POST must contain a field named '%s'.  If it is specified, please check the order of the fields.", name);
    answer_bad_argument(r, message, name, slice_of("", 0));
}

static void refuse_size(struct s3_request *r, enum s3_error e, const char *limit_name, uint64_t limit, uint64_t len)
{
    char limit_text[21], len_text[21];
    snprintf(limit_text, sizeof limit_text, "%" PRIu64, limit);
    snprintf(len_text, sizeof len_text, "%" PRIu64, len);
    struct answer_field fields[] = {{limit_name, slice_string(limit_text)}, {"ProposedSize", slice_string(len_text)}};
    answer_failure(r, s3_error_status(e), s3_error_code(e), s3_error_text(e), fields, 2);
    abandon(r);
}

static void refuse_form(struct s3_request *r, int err)
{
    refuse(r, err == ERR_MALFORMED ? S3_MalformedPOSTRequest : err == ERR_TOO_LARGE ? S3_MaxPostPreDataLengthExceeded
                                                                                   : s3_error_of(err));
}

/* --- the fields, before who sent them is known --- */

static bool names_differ(struct s3_request *r, struct headers fields)
{
    for (uint32_t i = 0; i < fields.count; i++)
        for (uint32_t k = i + 1; k < fields.count; k++) {
            struct slice a = fields.items[i].name, b = fields.items[k].name;
            if (!slice_equal_nocase(a, b))
                continue;
            answer_bad_argument(r, "A POST form has each of its fields once.", "field", b);
            return false;
        }
    return true;
}

/* The form's key with the file's name in the place of ${filename}. */
static bool take_key(struct s3_request *r)
{
    static const char variable[] = "${filename}";
    struct post_state *s = r->state;
    struct slice rest = field(r, "key"), filename = form_data_filename(&s->form);
    struct text key = {0};
    if (!rest.data) {
        refuse_missing(r, "key");
        return false;
    }
    for (const char *at; rest.len && (at = memmem(rest.data, rest.len, variable, sizeof variable - 1));) {
        size_t len = (size_t)(at - rest.data) + sizeof variable - 1;
        text_append(&key, rest.data, (size_t)(at - rest.data));
        text_append(&key, filename.data, filename.len);
        rest = slice_of(rest.data + len, rest.len - len);
    }
    text_append(&key, rest.data, rest.len);
    if (key.failed)
        answer_error(r, S3_SlowDown);
    else if (!key.len)
        answer_bad_argument(r, "User key must have a length greater than 0.", "key", slice_of("", 0));
    else if (key.len > URI_KEY_LEN_MAX)
        answer_error(r, S3_KeyTooLongError);
    else if (!uri_key_valid(slice_of(key.data, key.len)))
        answer_bad_argument(r, "The key is not valid UTF-8, or holds a NUL.", "key", slice_of("", 0));
    else {
        memcpy(r->address.key, key.data, key.len + 1);
        r->address.key_len = (uint32_t)key.len;
    }
    text_free(&key);
    return r->address.key_len > 0;
}

/* Who says to have sent the form. False: answered, since not all that belongs to a signature is there. */
static bool take_sender(struct s3_request *r)
{
    static const char *const version_4[] = {"x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature"};
    static const char *const version_2[] = {"AWSAccessKeyId", "signature"};
    struct authorise_form *sender = &((struct post_state *)r->state)->sender;
    bool is_4 = false, is_2 = field(r, version_2[0]).data || field(r, version_2[1]).data;
    for (unsigned i = 0; i < 4; i++)
        is_4 = is_4 || field(r, version_4[i]).data;
    sender->policy = field(r, "policy");
    if (!is_4 && !is_2 && !sender->policy.data)
        return true;
    const char *missing = sender->policy.data ? NULL : "policy";
    for (unsigned i = 0; i < (is_4 ? 4 : 2) && !missing; i++)
        missing = field(r, (is_4 ? version_4 : version_2)[i]).data ? NULL : (is_4 ? version_4 : version_2)[i];
    if (missing) {
        refuse_missing(r, missing);
        return false;
    }
    sender->signature = field(r, is_4 ? "x-amz-signature" : "signature");
    if (is_4) {
        sender->algorithm = field(r, "x-amz-algorithm");
        sender->credential = field(r, "x-amz-credential");
        sender->date = field(r, "x-amz-date");
    } else {
        sender->access_key = field(r, "AWSAccessKeyId");
    }
    return true;
}

/* --- the fields, of who may write into the bucket --- */

static bool check_policy(struct s3_request *r)
{
    struct post_state *s = r->state;
    struct headers sent = form_data_fields(&s->form);
    struct text message = {0};
    const char *wrong = NULL;
    if (!s->sender.policy.data)
        return true;
    int err = post_policy_parse(s->sender.policy, &s->policy, &wrong);
    if (err == ERR_MALFORMED) {
        answer_error_text(r, S3_InvalidPolicyDocument, wrong);
        return false;
    }
    s->fields[s->field_count++] = (struct header){slice_string("bucket"), request_bucket(r)};
    for (uint32_t i = 0; i < sent.count; i++) {
        if (slice_equal_string_nocase(sent.items[i].name, "bucket"))
            continue;
        bool is_key = slice_equal_string_nocase(sent.items[i].name, "key");
        s->fields[s->field_count++] = (struct header){sent.items[i].name, is_key ? request_key(r) : sent.items[i].value};
    }
    if (!err)
        err = post_policy_check(&s->policy, (struct headers){s->fields, s->field_count},
                                loop_wall_us(request_objects(r)->loop), &message);
    if (err == ERR_ACCESS)
        answer_error_text(r, S3_AccessDenied, message.data);
    else if (err)
        answer_err(r, err);
    text_free(&message);
    if (err)
        return false;
    s->size_min = s->policy.size_min;
    s->size_max = s->policy.size_max;
    return true;
}

/* The name that a field has among a PutObject's headers; data NULL for one that is none of them. */
static struct slice header_of_field(struct slice name)
{
    static const char *const content[] = {"cache-control", "content-disposition", "content-encoding", "content-language",
                                          "content-md5", "content-type", "expires"};
    static const char *const others[] = {"x-amz-acl", "x-amz-content-sha256", "x-amz-decoded-content-length", "x-amz-trailer"};
    if (slice_equal_string_nocase(name, "acl"))
        return slice_string("x-amz-acl");
    for (unsigned i = 0; i < sizeof content / sizeof *content; i++)
        if (slice_equal_string_nocase(name, content[i]))
            return name;
    for (unsigned i = 0; i < sizeof others / sizeof *others; i++)
        if (slice_equal_string_nocase(name, others[i]))
            return slice_of(NULL, 0);
    return header_name_starts_with(name, "x-amz-") ? name : slice_of(NULL, 0);
}

/* A form can hold what no header can; GET would send it. */
static bool can_be_header(const struct header *h)
{
    for (size_t i = 0; i < h->name.len; i++) {
        char c = h->name.data[i];
        if (c <= ' ' || c >= 0x7f || strchr("\"(),/:;<=>?@[\\]{}", c))
            return false;
    }
    for (size_t i = 0; i < h->value.len; i++) {
        uint8_t c = (uint8_t)h->value.data[i];
        if ((c < ' ' && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

static bool fields_to_headers(struct s3_request *r)
{
    const struct post_state *s = r->state;
    struct headers sent = form_data_fields(&s->form);
    r->header_count = 0;
    for (uint32_t i = 0; i < sent.count; i++) {
        struct header h = {header_of_field(sent.items[i].name), sent.items[i].value};
        if (!h.name.data)
            continue;
        if (!can_be_header(&h)) {
            answer_bad_argument(r, "The field holds characters that no header can have.", "field", h.name);
            return false;
        }
        r->headers[r->header_count++] = h;
    }
    return body_take_claims(r);
}

/* --- the file --- */

static void ready(void *arg)
{
    struct s3_request *r = arg;
    if (r->gone || r->answered || !r->stalled)
        return;
    r->stalled = false;
    http_resume(r->http);
}

static void done(void *arg, int err)
{
    struct s3_request *r = arg;
    if (!request_work_end(r))
        return;
    if (err)
        answer_err(r, err);
    else
        answer_success(r);
}

static void take_file(struct s3_request *r, struct object_put_options *options)
{
    struct post_state *s = r->state;
    s->checksum = r->body.payload.kind ? r->body.payload.kind : CHECKSUM_CRC64NVME; /* as of a PutObject without one */
    options->reactor = request_objects(r);
    options->target = PUT_OBJECT;
    options->bucket = request_bucket(r);
    options->key = request_key(r);
    options->owner_id = r->access.owner_id;
    options->size = UINT64_MAX;
    options->checksum = s->checksum;
    options->ready = ready;
    options->done = done;
    options->arg = r;
    int err = object_put_new(options, &s->put);
    if (err) {
        answer_err(r, err);
        return;
    }
    request_work_begin(r);
    ready(r);
}

static void acl_known(struct s3_request *r)
{
    struct object_put_options options = {0};
    struct text attributes = {0};
    struct slice tagging = field(r, "tagging");
    if (object_headers_no_append(r) && object_headers_storage_class(r, &options.storage_class) && encryption_headers(r, &options.encryption)
        && object_headers_attributes(r, &attributes) && object_lock_headers(r, &attributes) && acl_attribute(r, &attributes)
        && (!tagging.data || tagging_append(r, tagging, &attributes))) {
        options.attributes = slice_of(attributes.data ? attributes.data : "", attributes.len);
        take_file(r, &options);
    }
    text_free(&attributes);
}

/* Whoever sent the form may write into the bucket. Its ACL is read now that its fields stand where headers do. */
static void allowed(struct s3_request *r)
{
    if (check_policy(r) && fields_to_headers(r) && access_besides(r, acl_header(r), field(r, "tagging").data != NULL))
        acl_prepare(r, acl_known);
}

static void begin_file(struct s3_request *r)
{
    struct post_state *s = r->state;
    s->sender.then = allowed;
    if (names_differ(r, form_data_fields(&s->form)) && take_key(r) && take_sender(r))
        authorise_form(r, &s->sender);
}

/* Returns how many bytes of the file were taken. */
static size_t write_file(struct s3_request *r, struct slice span)
{
    struct post_state *s = r->state;
    if (span.len > s->size_max - s->file_len) {
        refuse_size(r, S3_EntityTooLarge, "MaxSizeAllowed", s->size_max, s->file_len + span.len);
        return 0;
    }
    size_t n = object_put_write(s->put, span.data, span.len);
    s->file_len += n;
    return n;
}

static size_t sink(struct s3_request *r, const void *data, size_t len)
{
    struct post_state *s = r->state;
    const char *bytes = data;
    size_t at = 0;
    while (at < len && !r->answered) {
        if (form_data_has_file(&s->form) && !s->put)
            return at; /* whether the form may be taken is being looked up */
        bool had_file = form_data_has_file(&s->form);
        size_t used;
        struct slice span;
        int err = form_data_frame(&s->form, bytes + at, len - at, &used, &span);
        if (err) {
            refuse_form(r, err);
            break;
        }
        at += used;
        if (form_data_has_file(&s->form) && !had_file)
            begin_file(r);
        if (!span.len)
            continue;
        size_t n = write_file(r, span);
        at += form_data_take(&s->form, n);
        if (n < span.len)
            break;
    }
    return r->answered ? len : at;
}

static void finish(struct s3_request *r)
{
    struct post_state *s = r->state;
    if (form_data_done(&s->form) && !form_data_has_file(&s->form)) {
        answer_bad_argument(r, "POST requires exactly one file upload per request.", "file", slice_string("0"));
    } else if (!form_data_done(&s->form)) {
        refuse(r, S3_MalformedPOSTRequest);
    } else if (s->file_len < s->size_min) {
        refuse_size(r, S3_EntityTooSmall, "MinSizeAllowed", s->size_min, s->file_len);
    } else {
        s->ended = true;
        object_put_finish(s->put, body_md5(r), body_checksum(r));
    }
}

void post_object_start(struct s3_request *r)
{
    struct slice content_type = request_header(r, "content-type");
    if (!content_type.data || !header_name_starts_with(content_type, "multipart/form-data")) {
        struct slice text = slice_string("Bucket POST must be of the enclosure-type multipart/form-data");
        struct answer_field condition = {"Condition", text};
        answer_failure(r, 412, "PreconditionFailed", s3_error_text(S3_PreconditionFailed), &condition, 1);
        return;
    }
    struct post_state *s = request_state(r, sizeof *s);
    if (!s)
        return;
    if (form_data_init(&s->form, form_data_boundary(content_type))) {
        answer_error(r, S3_MalformedPOSTRequest);
        return;
    }
    s->host = request_header(r, "host");
    s->size_max = UINT64_MAX;
    r->sink = sink;
    r->finish = finish;
    r->abandon = abandon;
    r->cleanup = cleanup;
}
