/* GET, PUT and DELETE ?lifecycle of buckets, and lifecycle headers of answers. The configuration is kept in its compact form
 * (wire/lifecycle.h) as an attribute of the bucket. */
#include "s3/lifecycle.h"

#include "object/lifecycle_tx.h"
#include "s3/answer.h"
#include "s3/attribute_write.h"
#include "s3/body.h"
#include "s3/lookup.h"
#include "s3/operations.h"
#include "wire/http_date.h"
#include "wire/uri.h"

#define MINIMUM_HEADER "x-amz-transition-default-minimum-object-size"

static void answer_minimum(struct s3_request *r, enum lifecycle_minimum minimum)
{
    const char *name = lifecycle_minimum_name(minimum);
    if (name)
        answer_header(r, MINIMUM_HEADER, name);
}

static void got(struct s3_request *r, const struct object_info *info)
{
    struct slice rules;
    struct text t = {0};
    if (attribute_find(info->attributes, ATTRIBUTE_CONFIGURATION, LIFECYCLE_NAME, &rules)) {
        answer_error(r, S3_NoSuchLifecycleConfiguration);
        return;
    }
    int err = lifecycle_format(rules, &t);
    if (err) {
        text_free(&t);
        answer_err(r, err);
        return;
    }
    answer_minimum(r, lifecycle_minimum_of(rules));
    answer_xml(r, 200, &t);
}

void get_bucket_lifecycle_start(struct s3_request *r)
{
    lookup(r, got);
}

static bool take_minimum(struct s3_request *r, enum lifecycle_minimum *ret)
{
    struct slice value = request_header(r, MINIMUM_HEADER);
    *ret = LIFECYCLE_MINIMUM_NONE;
    if (!value.data || lifecycle_minimum_parse(value, ret))
        return true;
    answer_bad_argument(r, "The value is none that S3 knows for the smallest object that transitions move.", MINIMUM_HEADER, value);
    return false;
}

static void put_done(struct s3_request *r)
{
    enum lifecycle_minimum minimum;
    if (!take_minimum(r, &minimum))
        return;
    answer_minimum(r, minimum);
    answer_empty(r, 200);
}

static void refuse(struct s3_request *r, int err, const struct lifecycle_refusal *why)
{
    if (err == ERR_INVALID)
        answer_failure(r, 400, why->code, why->message, NULL, 0);
    else
        answer_error(r, err == ERR_NO_MEMORY ? S3_SlowDown : S3_MalformedXML);
}

void put_bucket_lifecycle_start(struct s3_request *r)
{
    struct slice body = body_document(r);
    struct lifecycle_refusal why = {0};
    struct text rules = {0}, entry = {0};
    enum lifecycle_minimum minimum;
    if (!take_minimum(r, &minimum))
        return;
    int err = lifecycle_parse(body.data, body.len, minimum, loop_random(request_objects(r)->loop), &rules, &why);
    if (!err) {
        attribute_append(&entry, ATTRIBUTE_CONFIGURATION, slice_string(LIFECYCLE_NAME), slice_of(rules.data, rules.len));
        err = entry.failed ? ERR_NO_MEMORY : 0;
    }
    if (err)
        refuse(r, err, &why);
    else
        attribute_write(r, ATTRIBUTE_CONFIGURATION, LIFECYCLE_NAME, slice_of(entry.data, entry.len), put_done);
    text_free(&rules);
    text_free(&entry);
}

static void delete_done(struct s3_request *r)
{
    answer_empty(r, 204);
}

void delete_bucket_lifecycle_start(struct s3_request *r)
{
    attribute_write(r, ATTRIBUTE_CONFIGURATION, LIFECYCLE_NAME, slice_of("", 0), delete_done);
}

/* --- headers --- */

void lifecycle_answer_expiration(struct s3_request *r, const struct object_info *info)
{
    char date[HTTP_DATE_SIZE];
    struct text t = {0};
    if (!info->expire_us)
        return;
    http_date_format(info->expire_us, date);
    text_append_format(&t, "expiry-date=\"%s\", rule-id=\"", date);
    uri_encode(&t, info->expire_rule, true);
    text_append_string(&t, "\"");
    if (!t.failed)
        answer_header(r, "x-amz-expiration", t.data);
    text_free(&t);
}

void lifecycle_answer_abortion(struct s3_request *r, const struct upload_abortion *abortion)
{
    char date[HTTP_DATE_SIZE];
    struct text t = {0};
    if (!abortion->at_us)
        return;
    http_date_format(abortion->at_us, date);
    answer_header(r, "x-amz-abort-date", date);
    uri_encode(&t, slice_string(abortion->rule), true);
    if (!t.failed)
        answer_header(r, "x-amz-abort-rule-id", t.data ? t.data : "");
    text_free(&t);
}
