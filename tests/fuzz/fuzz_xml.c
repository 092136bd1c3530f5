/* Request documents, given to every typed parser; what was read must survive being written and read again. */
#include <string.h>

#include "fuzz.h"
#include "wire/cors.h"
#include "wire/encryption.h"
#include "wire/lifecycle.h"
#include "wire/xml_request.h"
#include "wire/xml_write.h"

static void check_tree(const struct xml_node *node, unsigned depth)
{
    for (; node; node = node->next) {
        must(depth < XML_DEPTH_MAX);
        must(node->name.len > 0 && node->text.data && node->text.data[node->text.len] == 0);
        struct text text = {0};
        struct xml_document *again;
        xml_element(&text, "a", node->text);
        must(!text.failed && xml_parse(text.data, text.len, &again) == 0);
        must(slice_equal(xml_root(again)->text, node->text));
        xml_document_free(again);
        text_free(&text);
        check_tree(node->child, depth + 1);
    }
}

/* What is kept of a configuration is one again, and says the same. */
static void check_cors(const struct xml_document *document)
{
    struct text text = {0}, twice = {0};
    struct xml_document *again;
    cors_format(document, &text);
    must(!text.failed && cors_parse(text.data, text.len, &again) == 0);
    cors_format(again, &twice);
    must(!twice.failed && slice_equal(slice_of(text.data, text.len), slice_of(twice.data, twice.len)));
    struct cors_request request = {slice_string("http://a.b"), slice_string("GET"), slice_string("x-a, range,")};
    const struct xml_node *rule = cors_find(again, &request);
    text_clear(&text);
    if (rule)
        cors_join(rule, "AllowedMethod", &text);
    must(!rule || (text.data && strstr(text.data, "GET")));
    text_free(&text);
    text_free(&twice);
    xml_document_free(again);
}

static void check_encryption(const uint8_t *data, size_t len)
{
    struct encryption_document document, again;
    struct text text = {0};
    if (encryption_document_parse(data, len, &document))
        return;
    must(document.kms || !document.key_id.len);
    encryption_document_format(&document, &text);
    must(!text.failed && encryption_document_parse(text.data, text.len, &again) == 0);
    must(again.kms == document.kms && again.bucket_key == document.bucket_key && slice_equal(again.key_id, document.key_id));
    encryption_document_fini(&again);
    encryption_document_fini(&document);
    text_free(&text);
}

static bool tagged(const void *arg, const struct lifecycle_tag *tag)
{
    (void)arg;
    return tag->key.len % 2;
}

/* What is kept is read again as it was, and judges without harm. */
static void check_lifecycle(const uint8_t *data, size_t len)
{
    struct text rules = {0}, xml = {0}, again = {0};
    struct lifecycle_refusal why;
    struct lifecycle_verdict verdict;
    int err = lifecycle_parse(data, len, LIFECYCLE_MINIMUM_ALL, 1, &rules, &why);
    must(err != ERR_INVALID || (why.code && why.message[0]));
    if (err == 0) {
        must(lifecycle_format(slice_of(rules.data, rules.len), &xml) == 0 && !xml.failed);
        must(lifecycle_parse(xml.data, xml.len, LIFECYCLE_MINIMUM_ALL, 2, &again, &why) == 0);
        must(slice_equal(slice_of(rules.data, rules.len), slice_of(again.data, again.len)));
        struct lifecycle_object object = {.key = slice_string("a/b"), .size = len, .current = len % 2, .versioned = true,
                                          .modified_us = len, .noncurrent_us = len, .newer = 3, .has_tag = tagged};
        must(lifecycle_judge(slice_of(rules.data, rules.len), &object, UINT64_MAX / 2, LIFECYCLE_DAY_US, &verdict) == 0);
        must(verdict.due_us <= verdict.expire_us);
    }
    (void)!lifecycle_format(slice_of((const char *)data, len), &xml); /* any bytes: no harm */
    text_free(&rules);
    text_free(&xml);
    text_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct xml_document *document;
    check_lifecycle(data, len);
    check_encryption(data, len);
    if (xml_parse(data, len, &document))
        return 0;
    check_tree(xml_root(document), 0);
    xml_document_free(document);
    struct create_bucket_document created;
    if (create_bucket_document_parse(data, len, &created) == 0)
        create_bucket_document_fini(&created);
    struct complete_document complete;
    if (complete_document_parse(data, len, &complete) == 0) {
        must(complete.part_count >= 1 && complete.part_count <= COMPLETE_PARTS_MAX);
        complete_document_fini(&complete);
    }
    struct delete_document delete;
    if (delete_document_parse(data, len, &delete) == 0) {
        must(delete.object_count >= 1 && delete.object_count <= DELETE_OBJECTS_MAX);
        delete_document_fini(&delete);
    }
    struct xml_document *cors;
    if (cors_parse(data, len, &cors) == 0) {
        check_cors(cors);
        xml_document_free(cors);
    }
    struct versioning_document versioning;
    (void)!versioning_document_parse(data, len, &versioning);
    static struct tagging_document tagging;
    if (tagging_document_parse(data, len, &tagging) == 0)
        tagging_document_fini(&tagging);
    return 0;
}
