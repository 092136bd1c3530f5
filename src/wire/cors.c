/* See cors.h. */
#include "wire/cors.h"

#include <string.h>

#include "base/error.h"
#include "wire/xml_write.h"

#define ID_LEN_MAX 255

static const char *const methods[] = {"GET", "PUT", "POST", "DELETE", "HEAD"};
/* In the order of S3's own answers. */
static const char *const elements[] = {"ID", "AllowedMethod", "AllowedOrigin", "AllowedHeader", "ExposeHeader", "MaxAgeSeconds"};
#define ELEMENT_COUNT (sizeof elements / sizeof *elements)

static bool is_method(struct slice text)
{
    for (unsigned i = 0; i < sizeof methods / sizeof *methods; i++)
        if (slice_equal_string(text, methods[i]))
            return true;
    return false;
}

static bool one_wildcard(const struct xml_node *rule, const char *name)
{
    for (const struct xml_node *node = xml_child(rule, name); node; node = xml_next(node)) {
        const char *first = memchr(node->text.data, '*', node->text.len);
        if (first && memchr(first + 1, '*', node->text.len - (size_t)(first + 1 - node->text.data)))
            return false;
    }
    return true;
}

/* They become headers of answers. */
static bool printable(const struct xml_node *rule)
{
    for (const struct xml_node *node = rule->child; node; node = node->next)
        for (size_t i = 0; i < node->text.len; i++)
            if ((uint8_t)node->text.data[i] < 0x20 || node->text.data[i] == 0x7f)
                return false;
    return true;
}

static int check_rule(const struct xml_node *rule)
{
    uint64_t seconds;
    struct slice age = xml_child_text(rule, "MaxAgeSeconds");
    if (!xml_child(rule, "AllowedMethod") || !xml_child(rule, "AllowedOrigin") || xml_child_text(rule, "ID").len > ID_LEN_MAX)
        return ERR_MALFORMED;
    if ((age.data && (slice_parse_u64(age, &seconds) || seconds > INT32_MAX)) || !printable(rule))
        return ERR_MALFORMED;
    for (const struct xml_node *node = xml_child(rule, "AllowedMethod"); node; node = xml_next(node))
        if (!is_method(slice_trim(node->text)))
            return ERR_INVALID;
    return one_wildcard(rule, "AllowedOrigin") && one_wildcard(rule, "AllowedHeader") ? 0 : ERR_INVALID;
}

static int check(const struct xml_node *root)
{
    uint32_t count = 0;
    if (!slice_equal_string(root->name, "CORSConfiguration"))
        return ERR_MALFORMED;
    for (const struct xml_node *rule = xml_child(root, "CORSRule"); rule; rule = xml_next(rule)) {
        int err = ++count > CORS_RULES_MAX ? ERR_MALFORMED : check_rule(rule);
        if (err)
            return err;
    }
    return count ? 0 : ERR_MALFORMED;
}

int cors_parse(const void *data, size_t len, struct xml_document **ret)
{
    struct xml_document *document;
    int err = xml_parse(data, len, &document);
    if (err)
        return err == ERR_TOO_LARGE ? ERR_MALFORMED : err;
    err = check(xml_root(document));
    if (err)
        xml_document_free(document);
    else
        *ret = document;
    return err;
}

void cors_format(const struct xml_document *document, struct text *t)
{
    xml_declaration(t);
    xml_open_root(t, "CORSConfiguration");
    for (const struct xml_node *rule = xml_child(xml_root(document), "CORSRule"); rule; rule = xml_next(rule)) {
        xml_open(t, "CORSRule");
        for (unsigned i = 0; i < ELEMENT_COUNT; i++)
            for (const struct xml_node *node = xml_child(rule, elements[i]); node; node = xml_next(node))
                xml_element(t, elements[i], slice_trim(node->text));
        xml_close(t, "CORSRule");
    }
    xml_close(t, "CORSConfiguration");
}

/* --- which rule --- */

static bool equal_start(struct slice value, struct slice start)
{
    struct slice head = slice_of(value.data, start.len < value.len ? start.len : value.len);
    return slice_equal(head, start);
}

static bool matches(struct slice pattern, struct slice value)
{
    const char *star = memchr(pattern.data, '*', pattern.len);
    if (!star)
        return slice_equal(pattern, value);
    struct slice before = slice_of(pattern.data, (size_t)(star - pattern.data));
    struct slice after = slice_of(star + 1, pattern.len - before.len - 1);
    if (value.len < before.len + after.len || !equal_start(value, before))
        return false;
    return slice_equal(slice_of(value.data + value.len - after.len, after.len), after);
}

static bool any_matches(const struct xml_node *rule, const char *name, struct slice value)
{
    for (const struct xml_node *node = xml_child(rule, name); node; node = xml_next(node))
        if (matches(slice_trim(node->text), value))
            return true;
    return false;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* Names of headers have no case. */
static bool header_matches(struct slice pattern, struct slice name)
{
    char a[256], b[256];
    if (pattern.len > sizeof a || name.len > sizeof b)
        return false;
    for (size_t i = 0; i < pattern.len; i++)
        a[i] = lower(pattern.data[i]);
    for (size_t i = 0; i < name.len; i++)
        b[i] = lower(name.data[i]);
    return matches(slice_of(a, pattern.len), slice_of(b, name.len));
}

static bool header_allowed(const struct xml_node *rule, struct slice name)
{
    for (const struct xml_node *node = xml_child(rule, "AllowedHeader"); node; node = xml_next(node))
        if (header_matches(slice_trim(node->text), name))
            return true;
    return false;
}

static bool headers_allowed(const struct xml_node *rule, struct slice list)
{
    for (size_t at = 0; at < list.len;) {
        const char *comma = memchr(list.data + at, ',', list.len - at);
        size_t end = comma ? (size_t)(comma - list.data) : list.len;
        struct slice name = slice_trim(slice_of(list.data + at, end - at));
        if (name.len && !header_allowed(rule, name))
            return false;
        at = end + 1;
    }
    return true;
}

const struct xml_node *cors_find(const struct xml_document *document, const struct cors_request *request)
{
    for (const struct xml_node *rule = xml_child(xml_root(document), "CORSRule"); rule; rule = xml_next(rule))
        if (any_matches(rule, "AllowedOrigin", request->origin) && any_matches(rule, "AllowedMethod", request->method)
            && headers_allowed(rule, request->headers))
            return rule;
    return NULL;
}

bool cors_any_origin(const struct xml_node *rule)
{
    for (const struct xml_node *node = xml_child(rule, "AllowedOrigin"); node; node = xml_next(node))
        if (slice_equal_string(slice_trim(node->text), "*"))
            return true;
    return false;
}

void cors_join(const struct xml_node *rule, const char *name, struct text *t)
{
    for (const struct xml_node *node = xml_child(rule, name); node; node = xml_next(node)) {
        struct slice value = slice_trim(node->text);
        if (node != xml_child(rule, name))
            text_append_string(t, ", ");
        text_append(t, value.data, value.len);
    }
}
