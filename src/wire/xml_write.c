#include "wire/xml_write.h"

#include <string.h>

#include "wire/http_date.h"

void xml_declaration(struct text *text)
{
    text_append_string(text, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
}

void xml_open_with(struct text *text, const char *name, const char *attributes)
{
    text_append(text, "<", 1);
    text_append_string(text, name);
    if (*attributes) {
        text_append(text, " ", 1);
        text_append_string(text, attributes);
    }
    text_append(text, ">", 1);
}

/* before, the name, after: one append. */
static void append_tag(struct text *text, const char *before, const char *name, const char *after)
{
    size_t before_len = strlen(before), name_len = strlen(name), after_len = strlen(after);
    size_t len = before_len + name_len + after_len;
    if ((text->failed || len >= text->capacity - text->len) && !text_reserve(text, len))
        return;
    char *at = text->data + text->len;
    memcpy(at, before, before_len);
    memcpy(at + before_len, name, name_len);
    memcpy(at + before_len + name_len, after, after_len + 1);
    text->len += len;
}

void xml_open(struct text *text, const char *name)
{
    append_tag(text, "<", name, ">");
}

void xml_open_root(struct text *text, const char *name)
{
    xml_open_with(text, name, "xmlns=\"" XML_NAMESPACE "\"");
}

void xml_close(struct text *text, const char *name)
{
    append_tag(text, "</", name, ">");
}

void xml_empty(struct text *text, const char *name)
{
    append_tag(text, "<", name, "/>");
}

/* U+FFFE and U+FFFF (EF BF BE, EF BF BF) are no characters of XML. */
static bool is_noncharacter(struct slice s, size_t i)
{
    return (uint8_t)s.data[i] == 0xef && s.len - i >= 3 && (uint8_t)s.data[i + 1] == 0xbf &&
           ((uint8_t)s.data[i + 2] & 0xfe) == 0xbe;
}

/* Characters that stand for themselves. */
static const bool plain[256] = {
    [' ' ... '!'] = true, ['#' ... '%'] = true, ['\'' ... ';'] = true, ['='] = true, ['?' ... '~'] = true,
    [0x80 ... 0xee] = true, [0xf0 ... 0xff] = true,
};

/* What stands for the characters at s[i]; *ret_eaten: how many bytes. */
static const char *escape_of(struct slice s, size_t i, char number[8], size_t *ret_eaten)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t c = (uint8_t)s.data[i];
    char *end = number;
    *ret_eaten = 1;
    switch (c) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '"': return "&quot;";
    case 0xef:
        if (!is_noncharacter(s, i))
            return "\xef";
        *ret_eaten = 3;
        return (uint8_t)s.data[i + 2] == 0xbe ? "&#xfffe;" : "&#xffff;";
    default:
        memcpy(end, "&#x", 3);
        end += 3;
        if (c >= 0x10)
            *end++ = digits[c >> 4];
        *end++ = digits[c & 15];
        *end++ = ';';
        *end = '\0';
        return number;
    }
}

void xml_escape(struct text *text, struct slice s)
{
    size_t done = 0, i = 0;
    for (;;) {
        while (i < s.len && plain[(uint8_t)s.data[i]])
            i++;
        text_append(text, s.data + done, i - done);
        if (i == s.len)
            return;
        char number[8];
        size_t eaten;
        text_append_string(text, escape_of(s, i, number, &eaten));
        i += eaten;
        done = i;
    }
}

void xml_element(struct text *text, const char *name, struct slice value)
{
    xml_open(text, name);
    xml_escape(text, value);
    xml_close(text, name);
}

void xml_element_string(struct text *text, const char *name, const char *value)
{
    xml_element(text, name, slice_of(value, strlen(value)));
}

void xml_element_u64(struct text *text, const char *name, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);
    do
        digits[--at] = (char)('0' + value % 10);
    while (value /= 10);
    xml_element(text, name, slice_of(digits + at, sizeof(digits) - at));
}

void xml_element_bool(struct text *text, const char *name, bool value)
{
    xml_element_string(text, name, value ? "true" : "false");
}

void xml_element_time(struct text *text, const char *name, uint64_t time_us)
{
    char date[ISO_DATE_SIZE];
    iso_date_format(time_us, date);
    xml_element_string(text, name, date);
}

void xml_element_base64(struct text *text, const char *name, const void *bytes, size_t len)
{
    xml_open(text, name);
    text_append_base64(text, bytes, len);
    xml_close(text, name);
}
