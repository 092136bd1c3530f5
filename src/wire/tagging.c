/* Sets of tags, from a Tagging document and from the x-amz-tagging header (declared in xml_request.h). */
#include <stdlib.h>
#include <string.h>

#include "wire/uri.h"
#include "wire/xml_request.h"

#define TAG_KEY_CHARACTERS_MAX 128
#define TAG_VALUE_CHARACTERS_MAX 256

/* Of ASCII, what S3 takes; of the others all: which of them are letters is Unicode's affair. */
static bool tag_byte(uint8_t c)
{
    uint8_t lower = c | 0x20;
    return c >= 0x80 || (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || (c && strchr(" +-=._:/@", c));
}

/* Characters of UTF-8 text, or SIZE_MAX for one that S3 does not take in tags or is no UTF-8. */
static size_t count_characters(struct slice text)
{
    size_t count = 0;
    if (!utf8_valid(text))
        return SIZE_MAX;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = (uint8_t)text.data[i];
        if (!tag_byte(c))
            return SIZE_MAX;
        count += (c & 0xc0) != 0x80;
    }
    return count;
}

static int add_tag(struct tagging_document *d, struct slice key, struct slice value)
{
    size_t key_count = count_characters(key), value_count = count_characters(value);
    if (key_count < 1 || key_count > TAG_KEY_CHARACTERS_MAX || value_count > TAG_VALUE_CHARACTERS_MAX ||
        slice_starts_with(key, "aws:"))
        return ERR_INVALID;
    for (uint32_t i = 0; i < d->tag_count; i++)
        if (slice_equal(d->tags[i].key, key))
            return ERR_EXISTS;
    if (d->tag_count == TAGS_MAX)
        return ERR_TOO_LARGE;
    d->tags[d->tag_count++] = (struct tag){key, value};
    return 0;
}

static int compare_tags(const void *a, const void *b)
{
    struct slice x = ((const struct tag *)a)->key, y = ((const struct tag *)b)->key;
    int order = memcmp(x.data, y.data, x.len < y.len ? x.len : y.len);
    return order ? order : (x.len > y.len) - (x.len < y.len);
}

static void sort(struct tagging_document *d)
{
    if (d->tag_count > 1)
        qsort(d->tags, d->tag_count, sizeof *d->tags, compare_tags);
}

int tag_set_take(const struct xml_node *set, struct tagging_document *d)
{
    for (const struct xml_node *tag = xml_child(set, "Tag"); tag; tag = xml_next(tag)) {
        struct slice key = xml_child_raw_text(tag, "Key"), value = xml_child_raw_text(tag, "Value");
        int err = key.data && value.data ? add_tag(d, key, value) : ERR_MALFORMED;
        if (err)
            return err;
    }
    sort(d);
    return 0;
}

int tagging_document_parse(const void *data, size_t len, struct tagging_document *ret)
{
    ret->tag_count = 0;
    ret->memory = NULL;
    int err = xml_parse(data, len, &ret->document);
    if (err)
        return err;
    const struct xml_node *root = xml_root(ret->document), *set = xml_child(root, "TagSet");
    err = slice_equal_string(root->name, "Tagging") && set ? tag_set_take(set, ret) : ERR_MALFORMED;
    if (err)
        tagging_document_fini(ret);
    return err;
}

/* Decodes piece at *room, which moves on. */
static int decode(struct slice piece, char **room, struct slice *ret)
{
    size_t len;
    int err = uri_decode(piece, true, *room, piece.len, &len);
    if (err)
        return err;
    *ret = slice_of(*room, len);
    *room += len;
    return 0;
}

static int parse_pair(struct slice piece, char **room, struct tagging_document *d)
{
    const char *equals = memchr(piece.data, '=', piece.len);
    size_t key_len = equals ? (size_t)(equals - piece.data) : piece.len, value_off = equals ? key_len + 1 : key_len;
    struct slice key, value;
    int err = decode(slice_of(piece.data, key_len), room, &key);
    if (!err)
        err = decode(slice_of(piece.data + value_off, piece.len - value_off), room, &value);
    return err ? err : !key.len ? ERR_MALFORMED : add_tag(d, key, value);
}

int tagging_header_parse(struct slice value, struct tagging_document *ret)
{
    ret->tag_count = 0;
    ret->document = NULL;
    ret->memory = malloc(value.len + 1);
    if (!ret->memory)
        return ERR_NO_MEMORY;
    char *room = ret->memory;
    for (size_t i = 0; i < value.len;) {
        const char *end = memchr(value.data + i, '&', value.len - i);
        size_t len = end ? (size_t)(end - value.data) - i : value.len - i;
        int err = len ? parse_pair(slice_of(value.data + i, len), &room, ret) : 0;
        if (err) {
            tagging_document_fini(ret);
            return err;
        }
        i += len + 1;
    }
    sort(ret);
    return 0;
}

void tagging_document_fini(struct tagging_document *d)
{
    xml_document_free(d->document);
    free(d->memory);
    d->document = NULL;
    d->memory = NULL;
    d->tag_count = 0;
}
