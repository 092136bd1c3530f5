/* Request documents, given to every typed parser; what was read must survive being written and read again. */
#include <string.h>

#include "fuzz.h"
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
    struct versioning_document versioning;
    (void)!versioning_document_parse(data, len, &versioning);
    static struct tagging_document tagging;
    if (tagging_document_parse(data, len, &tagging) == 0)
        tagging_document_fini(&tagging);
    return 0;
}
