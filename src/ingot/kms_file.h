/* The file with the keys of SSE-KMS, into memory. */
#ifndef INGOT_KMS_FILE_H
#define INGOT_KMS_FILE_H

#include "object/kms.h"

/* ERR with a message that names the file and the line; the keys there were stay. */
int kms_file_load(const char *path, struct kms *, char *message, size_t message_size) MUST_CHECK;

#endif
