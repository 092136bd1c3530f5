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

void xml_open(struct text *text, const char *name)
{
    xml_open_with(text, name, "");
}

void xml_open_root(struct text *text, const char *name)
{
    xml_open_with(text, name, "xmlns=\"" XML_NAMESPACE "\"");
}

void xml_close(struct text *text, const char *name)
{
    text_append(text, "</", 2);
    text_append_string(text, name);
    text_append(text, ">", 1);
}

void xml_empty(struct text *text, const char *name)
{
    text_append(text, "<", 1);
    text_append_string(text, name);
    text_append(text, "/>", 2);
}

/* U+FFFE and U+FFFF (EF BF BE, EF BF BF) are no characters of XML. */
static bool is_noncharacter(struct slice s, size_t i)
{
    return (uint8_t)s.data[i] == 0xef && s.len - i >= 3 && (uint8_t)s.data[i + 1] == 0xbf &&
           ((uint8_t)s.data[i + 2] & 0xfe) == 0xbe;
}

void xml_escape(struct text *text, struct slice s)
{
    size_t done = 0;
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = (uint8_t)s.data[i];
        char number[8] = "&#x";
        const char *escape;
        size_t eaten = 1;
        if (c == '&') {
            escape = "&amp;";
        } else if (c == '<') {
            escape = "&lt;";
        } else if (c == '>') {
            escape = "&gt;";
        } else if (c == '"') {
            escape = "&quot;";
        } else if (c < 0x20 || c == 0x7f) {
            static const char digits[] = "0123456789abcdef";
            size_t len = 3;
            if (c >= 0x10)
                number[len++] = digits[c >> 4];
            number[len++] = digits[c & 15];
            number[len++] = ';';
            number[len] = 0;
            escape = number;
        } else if (c == 0xef && is_noncharacter(s, i)) {
            escape = (uint8_t)s.data[i + 2] == 0xbe ? "&#xfffe;" : "&#xffff;";
            eaten = 3;
        } else {
            continue;
        }
        text_append(text, s.data + done, i - done);
        text_append_string(text, escape);
        i += eaten - 1;
        done = i + 1;
    }
    if (s.len > done)
        text_append(text, s.data + done, s.len - done);
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

/* As query strings are encoded, since clients decode it so; "*" stays as well. */
static void append_url(struct text *text, struct slice s)
{
    static const char digits[] = "0123456789ABCDEF";
    char buffer[384];
    size_t len = 0;
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = (uint8_t)s.data[i];
        if (len > sizeof(buffer) - 3) {
            text_append(text, buffer, len);
            len = 0;
        }
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("-._*/", c))) {
            buffer[len++] = (char)c;
        } else if (c == ' ') {
            buffer[len++] = '+';
        } else {
            buffer[len++] = '%';
            buffer[len++] = digits[c >> 4];
            buffer[len++] = digits[c & 15];
        }
    }
    text_append(text, buffer, len);
}

void xml_element_key(struct text *text, const char *name, struct slice value, bool url_encoding)
{
    if (!url_encoding) {
        xml_element(text, name, value);
        return;
    }
    xml_open(text, name);
    append_url(text, value);
    xml_close(text, name);
}
