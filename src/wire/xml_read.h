/* Request documents into small trees: expat, bounded, without DTDs or entities. Pure.
 *
 * Namespaces are accepted and forgotten: names are local names. Comments and processing instructions are skipped. */
#ifndef WIRE_XML_READ_H
#define WIRE_XML_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

#define XML_DEPTH_MAX 16
#define XML_ELEMENTS_MAX 150000
#define XML_SIZE_MAX (8u << 20) /* CompleteMultipartUpload with 10,000 parts and checksums takes some 3 MiB */

struct xml_node {
    struct slice name;              /* local name */
    struct slice text;              /* all character data directly inside, joined; NUL-terminated */
    const struct xml_node *child;   /* first */
    const struct xml_node *next;    /* sibling, in document order */
    struct slice type;              /* attribute xsi:type, data NULL without (grantees of ACLs) */
};

struct xml_document;

/* ERR_MALFORMED (not well-formed, a DTD, too deep, too many elements), ERR_TOO_LARGE (over XML_SIZE_MAX),
 * ERR_NO_MEMORY. The document owns its memory and does not refer to data. */
int xml_parse(const void *data, size_t len, struct xml_document **ret) MUST_CHECK;
void xml_document_free(struct xml_document *); /* NULL is fine */
const struct xml_node *xml_root(const struct xml_document *);

/* First child of that name, or NULL. */
const struct xml_node *xml_child(const struct xml_node *, const char *name);
/* Next sibling of the same name, or NULL. */
const struct xml_node *xml_next(const struct xml_node *);
/* Text of the first child of that name, blanks at both ends cut; data NULL when there is none. */
struct slice xml_child_text(const struct xml_node *, const char *name);
/* The same as it stands, nothing cut: for keys. */
struct slice xml_child_raw_text(const struct xml_node *, const char *name);

#endif
