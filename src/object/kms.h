/* The keys of SSE-KMS, from a file that the operator keeps (option kms_key_file).
 *
 * A line is: key id, version (a number from 1; left out: 1), the key in 64 hexadecimal digits; blanks between; # begins a
 * comment. The highest version of an id wraps new data keys, the others open old ones. Reactors and the metadata writer ask at
 * the same time as a reload: a lock inside, held for a copy. */
#ifndef OBJECT_KMS_H
#define OBJECT_KMS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

#define KMS_KEY_LEN 32
#define KMS_KEY_ID_LEN_MAX 256
#define KMS_KEYS_MAX 10000
#define KMS_FILE_SIZE_MAX (4u << 20)
#define KMS_DEFAULT_KEY_ID "aws/s3" /* what aws:kms without a key id means, where the file has it */

struct kms;

int kms_new(struct kms **ret) MUST_CHECK; /* without keys */
void kms_free(struct kms *);              /* wipes; NULL is fine */
/* Takes the keys of a file's text in the place of those there were. ERR_INVALID, with the number of the line: a malformed one,
 * or a version given twice; ERR_TOO_LARGE; ERR_NO_MEMORY: the keys stay as they are. */
int kms_load(struct kms *, struct slice text, uint32_t *ret_line) MUST_CHECK;

/* version 0: the highest there is. ERR_KMS_NONE: there are no keys at all (kms NULL: neither); ERR_KMS_KEY: no such key. */
int kms_find(struct kms *, struct slice id, uint32_t version, uint32_t *ret_version, uint8_t key[KMS_KEY_LEN]) MUST_CHECK;
/* Key ids, each once with its versions' count and the highest; stops when fn returns non-zero, which it returns. */
int kms_each(struct kms *, int (*fn)(void *arg, struct slice id, uint32_t version_count, uint32_t newest), void *arg) MUST_CHECK;

#endif
