/* Ids of versions and uploads as text: 16 bytes in 26 characters of RFC 4648's base32hex, lower case, without padding
 * (its order is the bytes' order, and it needs no quoting anywhere). Pure. */
#ifndef WIRE_VERSION_ID_H
#define WIRE_VERSION_ID_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

#define VERSION_ID_LEN 16
#define VERSION_ID_TEXT_LEN 26
#define VERSION_ID_TEXT_SIZE 27

void version_id_format(const uint8_t id[VERSION_ID_LEN], char text[VERSION_ID_TEXT_SIZE]);
/* ERR_MALFORMED for anything that version_id_format would not write. */
int version_id_parse(struct slice, uint8_t id[VERSION_ID_LEN]) MUST_CHECK;
/* As a client names a version. What another store could have made (20 to 1024 letters, digits and . _ - + / =) is the id of no version:
 * all ones, which none has. ERR_MALFORMED for what no store makes. */
int version_id_parse_any(struct slice, uint8_t id[VERSION_ID_LEN]) MUST_CHECK;
/* "null", the version of buckets without versioning: S3's word. */
bool version_id_is_null(struct slice);

#endif
