/* Names of S3's object ownerships. */
#ifndef S3_PUBLIC_ACCESS_H
#define S3_PUBLIC_ACCESS_H

#include "s3/access.h"

bool ownership_parse(struct slice name, enum ownership *ret);
const char *ownership_name(enum ownership);

#endif
