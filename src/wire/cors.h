/* A bucket's CORSConfiguration: its document, and which of its rules lets a page's request through. Pure. */
#ifndef WIRE_CORS_H
#define WIRE_CORS_H

#include "wire/xml_read.h"

#define CORS_RULES_MAX 100
#define CORS_SIZE_MAX (64u << 10)

/* ERR_MALFORMED: no such document, no rule or too many, one without a method or an origin, a bad MaxAgeSeconds or ID.
 * ERR_INVALID: a method other than GET, PUT, POST, DELETE and HEAD, or more than one * in an origin or a header. */
int cors_parse(const void *data, size_t len, struct xml_document **ret) MUST_CHECK;
/* The same again, with nothing but what it says. */
void cors_format(const struct xml_document *, struct text *);

/* What a page asks for. headers: a list as in Access-Control-Request-Headers, or nothing. */
struct cors_request { struct slice origin, method, headers; };
/* The first rule (CORSRule) that allows it, or NULL. */
const struct xml_node *cors_find(const struct xml_document *, const struct cors_request *);
/* Whether the rule allows this origin as one of all ("*"). */
bool cors_any_origin(const struct xml_node *rule);
/* The values of all elements of that name, joined with ", ". */
void cors_join(const struct xml_node *rule, const char *name, struct text *);

#endif
