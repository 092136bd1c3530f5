/* Static websites: the configuration of buckets (website.c), and the endpoint that serves them to browsers (website_endpoint.c).
 *
 * Requests whose Host is BUCKET.WEBSITE_DOMAIN come here, whoever sent them counts as nobody, and errors are pages in HTML. */
#ifndef S3_WEBSITE_H
#define S3_WEBSITE_H

#include "s3/request.h"

#define WEBSITE_NAME "website" /* ATTRIBUTE_CONFIGURATION of buckets: the document */

/* An error's page. */
void website_error_page(const struct s3_request *, unsigned status, const char *code, const char *message, struct text *);
/* x-amz-website-redirect-location of a request is where a browser can be sent. */
bool website_location_valid(struct slice);

#endif
