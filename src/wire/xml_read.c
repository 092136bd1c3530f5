#include "wire/xml_read.h"

#include <expat.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

struct xml_document {
    struct arena arena;
    const struct xml_node *root;
};

/* What is open while parsing: depth elements, each with the text gathered for it so far. */
struct builder {
    XML_Parser parser;
    struct xml_document *document;
    struct xml_node *open[XML_DEPTH_MAX];
    struct xml_node *last_child[XML_DEPTH_MAX];
    struct text texts[XML_DEPTH_MAX];
    uint32_t depth;
    uint32_t element_count;
    int err;
};

static void stop(struct builder *b, int err)
{
    if (!b->err)
        b->err = err;
    XML_StopParser(b->parser, XML_FALSE);
}

static struct slice local_name(const char *name)
{
    const char *colon = strrchr(name, ':');
    if (colon && colon[1])
        name = colon + 1;
    return slice_of(name, strlen(name));
}

/* Attribute xsi:type, whatever its prefix; xmlns declarations are no attributes of that name. */
static struct slice type_attribute(const XML_Char **attributes)
{
    for (; attributes[0]; attributes += 2)
        if (strncmp(attributes[0], "xmlns", 5) != 0 && slice_equal_string(local_name(attributes[0]), "type"))
            return slice_of(attributes[1], strlen(attributes[1]));
    return (struct slice){0};
}

static struct xml_node *new_node(struct builder *b, const XML_Char *name, const XML_Char **attributes)
{
    struct arena *arena = &b->document->arena;
    struct xml_node *node = arena_take(arena, sizeof(*node));
    if (!node)
        return NULL;
    struct slice type = type_attribute(attributes);
    *node = (struct xml_node){.name = arena_copy(arena, local_name(name)), .text = slice_of("", 0)};
    if (type.data)
        node->type = arena_copy(arena, type);
    return node->name.data && (!type.data || node->type.data) ? node : NULL;
}

static void XMLCALL on_start(void *user, const XML_Char *name, const XML_Char **attributes)
{
    struct builder *b = user;
    if (b->depth == XML_DEPTH_MAX || b->element_count == XML_ELEMENTS_MAX) {
        stop(b, ERR_MALFORMED);
        return;
    }
    struct xml_node *node = new_node(b, name, attributes);
    if (!node) {
        stop(b, ERR_NO_MEMORY);
        return;
    }
    if (b->depth == 0) {
        b->document->root = node;
    } else {
        struct xml_node *before = b->last_child[b->depth - 1];
        if (before)
            before->next = node;
        else
            b->open[b->depth - 1]->child = node;
        b->last_child[b->depth - 1] = node;
    }
    b->open[b->depth] = node;
    b->last_child[b->depth] = NULL;
    text_clear(&b->texts[b->depth]);
    b->depth++;
    b->element_count++;
}

static void XMLCALL on_end(void *user, const XML_Char *name)
{
    struct builder *b = user;
    (void)name;
    if (b->err)
        return;
    struct text *text = &b->texts[--b->depth];
    if (text->len == 0 && !text->failed)
        return;
    struct slice copy = {0};
    if (!text->failed)
        copy = arena_copy(&b->document->arena, slice_of(text->data, text->len));
    if (!copy.data)
        stop(b, ERR_NO_MEMORY);
    else
        b->open[b->depth]->text = copy;
}

static void XMLCALL on_text(void *user, const XML_Char *bytes, int len)
{
    struct builder *b = user;
    if (!b->err && b->depth)
        text_append(&b->texts[b->depth - 1], bytes, (size_t)len);
}

static void XMLCALL on_doctype(void *user, const XML_Char *name, const XML_Char *system_id, const XML_Char *public_id,
                               int has_subset)
{
    (void)name, (void)system_id, (void)public_id, (void)has_subset;
    stop(user, ERR_MALFORMED);
}

static int run(struct builder *b, const void *data, size_t len)
{
    XML_SetUserData(b->parser, b);
    XML_SetElementHandler(b->parser, on_start, on_end);
    XML_SetCharacterDataHandler(b->parser, on_text);
    XML_SetStartDoctypeDeclHandler(b->parser, on_doctype);
    enum XML_Status status = XML_Parse(b->parser, data, (int)len, 1);
    if (b->err)
        return b->err;
    if (status == XML_STATUS_OK)
        return 0;
    return XML_GetErrorCode(b->parser) == XML_ERROR_NO_MEMORY ? ERR_NO_MEMORY : ERR_MALFORMED;
}

int xml_parse(const void *data, size_t len, struct xml_document **ret)
{
    if (len > XML_SIZE_MAX)
        return ERR_TOO_LARGE;
    struct builder *b = calloc(1, sizeof(*b));
    struct xml_document *document = calloc(1, sizeof(*document));
    int err = ERR_NO_MEMORY;
    if (b && document) {
        b->document = document;
        b->parser = XML_ParserCreate(NULL);
        if (b->parser) {
            err = run(b, data, len);
            XML_ParserFree(b->parser);
        }
        for (uint32_t i = 0; i < XML_DEPTH_MAX; i++)
            text_free(&b->texts[i]);
    }
    free(b);
    if (err) {
        xml_document_free(document);
        return err;
    }
    *ret = document;
    return 0;
}

void xml_document_free(struct xml_document *document)
{
    if (!document)
        return;
    arena_free(&document->arena);
    free(document);
}

const struct xml_node *xml_root(const struct xml_document *document)
{
    return document->root;
}

const struct xml_node *xml_child(const struct xml_node *node, const char *name)
{
    for (const struct xml_node *child = node->child; child; child = child->next)
        if (slice_equal_string(child->name, name))
            return child;
    return NULL;
}

const struct xml_node *xml_next(const struct xml_node *node)
{
    for (const struct xml_node *next = node->next; next; next = next->next)
        if (slice_equal(next->name, node->name))
            return next;
    return NULL;
}

struct slice xml_child_raw_text(const struct xml_node *node, const char *name)
{
    const struct xml_node *child = xml_child(node, name);
    return child ? child->text : (struct slice){0};
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct slice xml_child_text(const struct xml_node *node, const char *name)
{
    struct slice text = xml_child_raw_text(node, name);
    while (text.len && is_blank(text.data[text.len - 1]))
        text.len--;
    while (text.len && is_blank(text.data[0]))
        text = slice_of(text.data + 1, text.len - 1);
    return text;
}
