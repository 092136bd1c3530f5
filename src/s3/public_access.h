/* Names of S3's object ownerships. */
#ifndef S3_PUBLIC_ACCESS_H
#define S3_PUBLIC_ACCESS_H

#include "s3/access.h"

bool ownership_parse(struct slice name, enum ownership *ret);
const char *ownership_name(enum ownership);
/* Whether an ACL grants nothing to anybody but the owner of the bucket: only then ACLs can be switched off. */
bool ownership_acl_private(struct slice acl);

#endif
