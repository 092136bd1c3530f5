/* Put, Get and DeleteBucketWebsite. */
#include "s3/website.h"

#include "s3/answer.h"
#include "s3/attribute_write.h"
#include "s3/body.h"
#include "s3/lookup.h"
#include "s3/operations.h"
#include "wire/website.h"

static void got(struct s3_request *r, const struct object_info *info)
{
    struct slice text;
    struct text t = {0};
    if (attribute_find(info->attributes, ATTRIBUTE_CONFIGURATION, WEBSITE_NAME, &text)) {
        answer_error(r, S3_NoSuchWebsiteConfiguration);
        return;
    }
    text_append(&t, text.data, text.len);
    answer_xml(r, 200, &t);
}

void get_bucket_website_start(struct s3_request *r)
{
    lookup(r, got);
}

static void put_done(struct s3_request *r)
{
    answer_empty(r, 200);
}

static void refuse(struct s3_request *r, int err, const char *message, bool argument)
{
    if (err == ERR_INVALID)
        answer_error_text(r, argument ? S3_InvalidArgument : S3_InvalidRequest, message);
    else
        answer_error(r, err == ERR_NO_MEMORY ? S3_SlowDown : S3_MalformedXML);
}

void put_bucket_website_start(struct s3_request *r)
{
    struct slice body = body_document(r);
    struct xml_document *document;
    struct text t = {0}, entry = {0};
    const char *message;
    bool argument;
    int err = website_parse(body.data, body.len, &document, &message, &argument);
    if (err) {
        refuse(r, err, message, argument);
        return;
    }
    website_format(document, &t);
    xml_document_free(document);
    if (!t.failed && t.len <= WEBSITE_SIZE_MAX)
        attribute_append(&entry, ATTRIBUTE_CONFIGURATION, slice_string(WEBSITE_NAME), slice_of(t.data, t.len));
    if (t.failed || entry.failed)
        answer_error(r, S3_SlowDown);
    else if (t.len > WEBSITE_SIZE_MAX)
        answer_error_text(r, S3_InvalidRequest, "The website configuration is larger than 128 KB.");
    else
        attribute_write(r, ATTRIBUTE_CONFIGURATION, WEBSITE_NAME, slice_of(entry.data, entry.len), put_done);
    text_free(&t);
    text_free(&entry);
}

static void delete_done(struct s3_request *r)
{
    answer_empty(r, 204);
}

void delete_bucket_website_start(struct s3_request *r)
{
    attribute_write(r, ATTRIBUTE_CONFIGURATION, WEBSITE_NAME, slice_of("", 0), delete_done);
}
