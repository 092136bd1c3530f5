/* GetBucketLogging, PutBucketLogging, and Ceph's PostBucketLogging, which delivers what is pending. */
#include "s3/bucket_logging.h"

#include <stdio.h>
#include <string.h>

#include "base/container.h"
#include "base/log.h"
#include "object/log_delivery.h"
#include "s3/answer.h"
#include "s3/attribute_write.h"
#include "s3/body.h"
#include "s3/log_buffer.h"
#include "s3/log_target.h"
#include "s3/lookup.h"
#include "s3/operations.h"
#include "wire/http_date.h"
#include "wire/xml_write.h"

/* --- delivery --- */

struct flush {
    struct log_drain drain;
    struct log_delivery delivery;
    struct text head;
    struct s3_request *request;
    void (*then)(struct s3_request *, int err, struct slice key);
};

static void finish_flush(struct flush *f, int err)
{
    struct s3_request *r = f->request;
    struct slice key = slice_of(NULL, 0);
    if (!err && f->delivery.key.len) {
        key = arena_copy(&r->arena, slice_of(f->delivery.key.data, f->delivery.key.len));
        err = key.data ? 0 : ERR_NO_MEMORY;
    }
    log_delivery_fini(&f->delivery);
    text_free(&f->head);
    if (request_work_end(r))
        f->then(r, err, key);
}

static void delivered(struct log_delivery *d)
{
    finish_flush(container_of(d, struct flush, delivery), d->err);
}

static void drained(struct log_drain *d)
{
    struct flush *f = container_of(d, struct flush, drain);
    if (d->err)
        finish_flush(f, d->err);
    else
        log_delivery_start(&f->delivery);
}

void bucket_logging_flush(struct s3_request *r, bool even_empty, void (*then)(struct s3_request *, int err, struct slice key))
{
    struct flush *f = arena_take(&r->arena, sizeof *f);
    if (!f || !r->reactor->server->log_buffer) {
        then(r, f ? ERR_READ_ONLY : ERR_NO_MEMORY, slice_of(NULL, 0));
        return;
    }
    *f = (struct flush){.request = r, .then = then};
    struct object_reactor *reactor = request_objects(r);
    f->drain = (struct log_drain){.reactor = reactor, .buffer = r->reactor->server->log_buffer, .done = drained};
    f->delivery = (struct log_delivery){.reactor = reactor, .all = true, .even_empty = even_empty, .done = delivered};
    access_log_stream(r, r->logging, loop_wall_us(reactor->loop), &f->head, &f->delivery.stream);
    if (f->head.failed) {
        text_free(&f->head);
        then(r, ERR_NO_MEMORY, slice_of(NULL, 0));
        return;
    }
    request_work_begin(r);
    log_drain_start(&f->drain);
}

/* --- a target that cannot be used --- */

static void answer_refusal(struct s3_request *r)
{
    const struct s3_logging *l = r->logging;
    bool missing = l->refusal == LOGGING_NO_TARGET;
    char message[256];
    snprintf(message, sizeof message, "Logging bucket '%.*s' %s.", (int)l->configuration.bucket.len, l->configuration.bucket.data,
             missing ? "does not exist" : "does not allow the logging service to write its log");
    answer_error_text(r, S3_AccessDenied, message);
}

bool bucket_logging_admits(struct s3_request *r)
{
    const struct s3_logging *l = r->logging;
    if (!l || l->configuration.type != LOGGING_JOURNAL || l->refusal == LOGGING_ALLOWED || !r->address.key_len || !r->operation->writes
        || slice_equal_string(r->method, "DELETE"))
        return true;
    answer_refusal(r);
    return false;
}

/* --- GetBucketLogging --- */

static void got(struct s3_request *r, const struct object_info *info)
{
    static const struct logging_configuration none;
    const struct s3_logging *l = r->logging;
    struct text t = {0};
    (void)info;
    logging_format(l ? &l->configuration : &none, &t);
    if (l) {
        char date[HTTP_DATE_SIZE];
        http_date_format(l->modified_us, date);
        answer_header(r, "Last-Modified", date);
    }
    answer_xml(r, 200, &t);
}

void get_bucket_logging_start(struct s3_request *r)
{
    lookup(r, got);
}

/* --- PutBucketLogging --- */

struct put_state {
    struct meta_read read;
    struct s3_request *request;
    struct logging_configuration configuration;
    struct text document;
    enum s3_error refused;
    const char *why;
};

static void cleanup(struct s3_request *r)
{
    struct put_state *s = r->state;
    logging_fini(&s->configuration);
    text_free(&s->document);
}

static void answer_flushed(struct s3_request *r, const char *root, struct slice key)
{
    struct text t = {0};
    xml_declaration(&t);
    xml_open_root(&t, root);
    xml_element(&t, "FlushedLoggingObject", key);
    xml_close(&t, root);
    answer_xml(r, 200, &t);
}

/* The configuration is changed, whatever became of the old one's records: they are delivered later then. */
static void put_flushed(struct s3_request *r, int err, struct slice key)
{
    if (err && err != ERR_NO_SUCH_BUCKET)
        log_warning("access log of bucket %s: %s", r->logging->bucket, err_text(err));
    if (key.data)
        answer_flushed(r, "PutBucketLoggingOutput", key);
    else
        answer_empty(r, 200);
}

static void put_done(struct s3_request *r)
{
    const struct put_state *s = r->state;
    if (r->logging && r->logging->refusal != LOGGING_NO_TARGET) /* what was logged by the old one was allowed then */
        bucket_logging_flush(r, s->configuration.enabled, put_flushed);
    else
        answer_empty(r, 200);
}

static bool same_as_before(const struct s3_request *r, const struct put_state *s)
{
    struct text before = {0};
    if (!r->logging)
        return false;
    logging_format(&r->logging->configuration, &before);
    bool same = !before.failed && slice_equal(slice_of(before.data, before.len), slice_of(s->document.data, s->document.len));
    text_free(&before);
    return same;
}

static void write_configuration(struct s3_request *r)
{
    struct put_state *s = r->state;
    struct text value = {0}, entry = {0};
    if (same_as_before(r, s)) {
        answer_empty(r, 200);
        return;
    }
    if (s->configuration.enabled) {
        logging_encode(&value, loop_wall_us(request_objects(r)->loop), slice_of(s->document.data, s->document.len));
        attribute_append(&entry, ATTRIBUTE_CONFIGURATION, slice_string(LOGGING_ATTRIBUTE), slice_of(value.data, value.len));
    }
    if (value.failed || entry.failed)
        answer_error(r, S3_SlowDown);
    else
        attribute_write(r, ATTRIBUTE_CONFIGURATION, LOGGING_ATTRIBUTE, slice_of(entry.data ? entry.data : "", entry.len), put_done);
    text_free(&value);
    text_free(&entry);
}

static enum s3_error check_target(struct put_state *s, const struct log_target *target, struct slice source_region)
{
    s->why = NULL;
    if (!slice_equal(target->region, source_region))
        return S3_CrossLocationLoggingProhibitted;
    if (target->unusable) {
        s->why = target->unusable;
        return S3_InvalidTargetBucketForLogging;
    }
    return target->allowed ? S3_OK : S3_AccessDenied;
}

static int run_check(struct meta_tx *tx, struct meta_read *read)
{
    struct put_state *s = container_of(read, struct put_state, read);
    const struct s3_request *r = s->request;
    struct bucket_row row;
    char region[64];
    s->refused = S3_OK;
    int err = bucket_get(tx, request_bucket(r), &row);
    if (err)
        return err;
    struct service_source source = {request_bucket(r), row.owner_id};
    snprintf(region, sizeof region, "%.*s", (int)row.region.len, row.region.data);
    if (row.owner_id != r->identity.account_id && !r->identity.is_root) {
        s->refused = S3_AccessDenied; /* only the owner decides who reads of a bucket's requests, whatever its policy says */
        return 0;
    }
    if (!s->configuration.enabled)
        return 0;
    struct log_target target;
    err = log_target_find(tx, s->configuration.bucket, s->configuration.prefix, &source, &target);
    if (!err)
        s->refused = check_target(s, &target, slice_string(region));
    else if (err == ERR_NO_SUCH_BUCKET)
        s->refused = S3_InvalidTargetBucketForLogging;
    return err == ERR_NO_SUCH_BUCKET ? 0 : err;
}

static void checked(struct meta_read *read)
{
    struct put_state *s = container_of(read, struct put_state, read);
    struct s3_request *r = s->request;
    if (!request_work_end(r))
        return;
    if (read->err)
        answer_err(r, read->err);
    else if (s->refused != S3_OK)
        answer_error_text(r, s->refused, s->why ? s->why : s3_error_text(s->refused));
    else
        write_configuration(r);
}

void put_bucket_logging_start(struct s3_request *r)
{
    struct put_state *s = request_state(r, sizeof *s);
    if (!s)
        return;
    struct slice body = body_document(r);
    int err = logging_parse(body.data, body.len, &s->configuration);
    if (err == ERR_INVALID)
        answer_bad_argument(r, "The prefix is too long.", "TargetPrefix", slice_of("", 0));
    else if (err == ERR_UNSUPPORTED)
        answer_error_text(r, S3_NotImplemented, "Filters are prefixes and suffixes of keys.");
    else if (err)
        answer_error(r, err == ERR_NO_MEMORY ? S3_SlowDown : S3_MalformedXML);
    if (err)
        return;
    r->cleanup = cleanup;
    logging_format(&s->configuration, &s->document);
    if (s->document.failed) {
        answer_error(r, S3_SlowDown);
        return;
    }
    s->request = r;
    s->read = (struct meta_read){.run = run_check, .done = checked, .loop = request_objects(r)->loop};
    request_work_begin(r);
    meta_read(r->reactor->server->meta, &s->read);
}

/* --- PostBucketLogging --- */

static void posted(struct s3_request *r, int err, struct slice key)
{
    if (err)
        answer_err(r, err);
    else
        answer_flushed(r, "PostBucketLoggingOutput", key.data ? key : slice_of("", 0));
}

static void found_post(struct s3_request *r, const struct object_info *info)
{
    (void)info;
    if (!r->logging)
        answer_error_text(r, S3_NoSuchConfiguration, "The bucket has no logging configuration.");
    else if (r->logging->refusal != LOGGING_ALLOWED)
        answer_refusal(r);
    else
        bucket_logging_flush(r, true, posted);
}

void post_bucket_logging_start(struct s3_request *r)
{
    lookup(r, found_post);
}
