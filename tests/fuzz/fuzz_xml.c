/* Request documents, given to every typed parser; what was read must survive being written and read again. */
#include <string.h>

#include "fuzz.h"
#include "wire/cors.h"
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct xml_document *document;
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
