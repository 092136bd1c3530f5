/* GET, PUT and DELETE ?tagging of objects and buckets. */
#include "s3/answer.h"
#include "s3/attribute_write.h"
#include "s3/body.h"
#include "s3/lookup.h"
#include "s3/object_headers.h"
#include "s3/operations.h"
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

void put_tagging_start(struct s3_request *r)
{
    struct tagging_document *document = arena_take(&r->arena, sizeof *document);
    struct slice body = body_document(r);
    int err = document ? tagging_document_parse(body.data, body.len, document) : ERR_NO_MEMORY;
    if (err) {
        answer_error(r, err == ERR_NO_MEMORY ? S3_SlowDown : err == ERR_MALFORMED ? S3_MalformedXML : S3_InvalidTag);
        return;
    }
    struct text tags = {0};
    for (uint32_t i = 0; i < document->tag_count; i++)
        attribute_append(&tags, ATTRIBUTE_TAG, document->tags[i].key, document->tags[i].value);
    if (r->address.key_len && document->tag_count > OBJECT_TAGS_MAX)
        answer_error_text(r, S3_InvalidTag, "Object tags cannot be greater than 10");
    else if (tags.failed)
        answer_error(r, S3_SlowDown);
    else
        attribute_write(r, ATTRIBUTE_TAG, NULL, slice_of(tags.data ? tags.data : "", tags.len), put_done);
    text_free(&tags);
    tagging_document_fini(document);
}

static void delete_done(struct s3_request *r)
{
    answer_empty(r, 204);
}

void delete_tagging_start(struct s3_request *r)
{
    attribute_write(r, ATTRIBUTE_TAG, NULL, slice_of("", 0), delete_done);
}
