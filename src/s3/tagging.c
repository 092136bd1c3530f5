/* GET, PUT and DELETE ?tagging of objects and buckets. */
#include "s3/access.h"
#include "s3/answer.h"
#include "s3/attribute_write.h"
#include "s3/body.h"
#include "s3/lookup.h"
#include "s3/object_headers.h"
#include "s3/operations.h"
#include "s3/tagging.h"
#include "wire/xml_request.h"
#include "wire/xml_write.h"

#define OBJECT_TAGS_MAX 10 /* of a bucket: TAGS_MAX */

static bool has_tags(const struct object_info *info)
{
    struct attribute a;
    size_t position = 0;
    int err;
    while (attribute_next(info->attributes, &position, &a, &err))
        if (a.kind == ATTRIBUTE_TAG)
            return true;
    return false;
}

static void found(struct s3_request *r, const struct object_info *info)
{
    if (!r->address.key_len && !has_tags(info)) {
        answer_error(r, S3_NoSuchTagSet);
        return;
    }
    struct text t = {0};
    struct attribute a;
    size_t position = 0;
    int err;
    xml_declaration(&t);
    xml_open_root(&t, "Tagging");
    xml_open(&t, "TagSet");
    while (attribute_next(info->attributes, &position, &a, &err)) {
        if (a.kind != ATTRIBUTE_TAG)
            continue;
        xml_open(&t, "Tag");
        xml_element(&t, "Key", a.name);
        xml_element(&t, "Value", a.value);
        xml_close(&t, "Tag");
    }
    xml_close(&t, "TagSet");
    xml_close(&t, "Tagging");
    object_answer_version(r, info);
    answer_xml(r, 200, &t);
}

void get_tagging_start(struct s3_request *r)
{
    lookup(r, found);
}

static void put_done(struct s3_request *r)
{
    answer_empty(r, r->address.key_len ? 200 : 204);
}

void tagging_answer_err(struct s3_request *r, int err)
{
    if (err == ERR_INVALID)
        answer_error_text(r, S3_InvalidTag, "A tag's key or value is invalid: they have letters, digits, spaces and + - = . _ : / @, up to 128 and 256 characters; keys do not begin with aws:.");
    else if (err == ERR_EXISTS)
        answer_error_text(r, S3_InvalidTag, "Cannot provide multiple Tags with the same key");
    else
        answer_error(r, err == ERR_NO_MEMORY ? S3_SlowDown : err == ERR_MALFORMED ? S3_MalformedXML : S3_InvalidTag);
}

bool tagging_append(struct s3_request *r, struct slice document, struct text *attributes)
{
    struct tagging_document *d = arena_take(&r->arena, sizeof *d);
    int err = d ? tagging_document_parse(document.data, document.len, d) : ERR_NO_MEMORY;
    if (err) {
        tagging_answer_err(r, err);
        return false;
    }
    bool many = r->address.key_len && d->tag_count > OBJECT_TAGS_MAX;
    for (uint32_t i = 0; i < d->tag_count && !many; i++)
        attribute_append(attributes, ATTRIBUTE_TAG, d->tags[i].key, d->tags[i].value);
    tagging_document_fini(d);
    if (many)
        answer_error_text(r, S3_InvalidTag, "Object tags cannot be greater than 10");
    else if (attributes->failed)
        answer_error(r, S3_SlowDown);
    return !many && !attributes->failed;
}

static void put(struct s3_request *r)
{
    struct text tags = {0};
    if (tagging_append(r, body_document(r), &tags))
        attribute_write(r, ATTRIBUTE_TAG, NULL, slice_of(tags.data ? tags.data : "", tags.len), put_done);
    text_free(&tags);
}

void put_tagging_start(struct s3_request *r)
{
    if (r->address.key_len)
        access_document(r, put);
    else
        put(r);
}

static void delete_done(struct s3_request *r)
{
    answer_empty(r, 204);
}

void delete_tagging_start(struct s3_request *r)
{
    attribute_write(r, ATTRIBUTE_TAG, NULL, slice_of("", 0), delete_done);
}
