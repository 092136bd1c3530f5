/* Answers in XML, as S3 writes them. Appends to a struct text, whose failed flag tells of memory. Pure. */
#ifndef WIRE_XML_WRITE_H
#define WIRE_XML_WRITE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

#define XML_NAMESPACE "http://s3.amazonaws.com/doc/2006-03-01/"

/* <?xml …?> and a newline. */
void xml_declaration(struct text *);
void xml_open(struct text *, const char *name);
/* With xmlns=XML_NAMESPACE. */
void xml_open_root(struct text *, const char *name);
/* attributes: as they stand between name and ">", escaped by the caller (xml_escape). */
void xml_open_with(struct text *, const char *name, const char *attributes);
void xml_close(struct text *, const char *name);
void xml_empty(struct text *, const char *name);
/* Escaped text: & < > " and, as &#x..;, control characters, U+FFFE and U+FFFF. */
void xml_escape(struct text *, struct slice);

/* <name>…</name> */
void xml_element(struct text *, const char *name, struct slice value);
void xml_element_string(struct text *, const char *name, const char *value);
void xml_element_u64(struct text *, const char *name, uint64_t value);
void xml_element_bool(struct text *, const char *name, bool value);
/* ISO 8601 with milliseconds: 2026-01-02T03:04:05.000Z */
void xml_element_time(struct text *, const char *name, uint64_t time_us);
void xml_element_base64(struct text *, const char *name, const void *bytes, size_t len);

#endif
