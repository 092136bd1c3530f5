/* A bucket's WebsiteConfiguration: its document, and where it sends a request. Pure. */
#ifndef WIRE_WEBSITE_H
#define WIRE_WEBSITE_H

#include "wire/xml_read.h"

#define WEBSITE_RULES_MAX 50
#define WEBSITE_SIZE_MAX (128u << 10)

/* ERR_MALFORMED: no such document. ERR_INVALID with *message, S3's words for what is wrong; *argument says whether S3 calls it an
 * InvalidArgument (else InvalidRequest). */
int website_parse(const void *data, size_t len, struct xml_document **ret, const char **message, bool *argument) MUST_CHECK;
/* The same again, with nothing but what it says. */
void website_format(const struct xml_document *, struct text *);

/* Where requests go. Slices point into the document, or into what was asked; data NULL of what is not given. */
struct website_redirect {
    struct slice protocol, host;
    struct slice before, key; /* one behind the other: the key to go to */
    unsigned status;
};
/* RedirectAllRequestsTo. */
bool website_redirects_all(const struct xml_document *, struct slice key, struct website_redirect *ret);
/* The first RoutingRule for that key. status: of the error that would be answered; 0: nothing was looked for yet. */
bool website_route(const struct xml_document *, struct slice key, unsigned status, struct website_redirect *ret);
/* data NULL: none. */
struct slice website_index(const struct xml_document *);
struct slice website_error_document(const struct xml_document *);

#endif
