/* The end of a backup file: the SHA-256 of everything before it (docs/FORMAT.md "Backup"). SQLite reads no further than its pages. */
#ifndef META_BACKUP_DIGEST_H
#define META_BACKUP_DIGEST_H

#include "base/digest.h"

/* Of the file's first len bytes. ERR_CORRUPT: it is shorter. */
int backup_digest(int fd, uint64_t len, uint8_t digest[SHA256_LEN]) MUST_CHECK;

#endif
