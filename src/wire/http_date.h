/* Dates: RFC 9110 (three forms) and ISO 8601. Times are microseconds since 1970, UTC. Pure; no locale. */
#ifndef WIRE_HTTP_DATE_H
#define WIRE_HTTP_DATE_H

#include <stdint.h>

#include "base/text.h"

#define HTTP_DATE_SIZE 30      /* "Sun, 06 Nov 1994 08:49:37 GMT" and the NUL */
#define ISO_DATE_SIZE 25       /* "1994-11-06T08:49:37.000Z" */
#define ISO_BASIC_DATE_SIZE 17 /* "19941106T084937Z" */

/* IMF-fixdate. Years 0001..9999 (later times are cut to the last second of 9999). */
void http_date_format(uint64_t time_us, char text[HTTP_DATE_SIZE]);
/* IMF-fixdate, RFC 850 or asctime; blanks around it are skipped. now_us resolves RFC 850's two-digit years (RFC 9110
 * 5.6.7). ERR_MALFORMED, also before 1970. */
int http_date_parse(struct slice, uint64_t now_us, uint64_t *ret_us) MUST_CHECK;

void iso_date_format(uint64_t time_us, char text[ISO_DATE_SIZE]);       /* extended, milliseconds */
void iso_date_format_basic(uint64_t time_us, char text[ISO_BASIC_DATE_SIZE]);
/* Basic or extended, of day or second precision, with optional fraction, and Z or an offset. ERR_MALFORMED. */
int iso_date_parse(struct slice, uint64_t *ret_us) MUST_CHECK;
/* Exactly YYYYMMDDTHHMMSSZ. */
int iso_date_parse_basic(struct slice, uint64_t *ret_us) MUST_CHECK;

#endif
