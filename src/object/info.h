/* Between rows of the version table and what requests see. */
#ifndef OBJECT_INFO_H
#define OBJECT_INFO_H

#include "object/condition.h"

/* Copies the row; *info must be empty or from an earlier call (its memory is freed first). */
int object_info_set(struct object_info *info, const struct version_row *, enum bucket_versioning) MUST_CHECK;

/* Version and upload ids: the clock, big-endian, then 8 bytes that make them hard to guess. */
void object_id_make(uint8_t id[16], uint64_t clock, uint64_t random);
#define OBJECT_UPLOAD_ENCRYPTED 0x80u /* in the last byte of an upload's id */
uint64_t object_id_clock(const uint8_t id[16]);

/* The row a condition is held against; row NULL: nothing is there. */
struct condition_subject object_subject(const struct version_row *);

/* The version a request names: by id, the null version, or the newest. ERR_NO_SUCH_KEY, ERR_NO_SUCH_VERSION. */
int object_find_version(struct meta_tx *, int64_t bucket_id, struct slice key, bool has_version_id, bool null_version_id,
                        const uint8_t version_id[16], struct version_row *ret) MUST_CHECK;

#endif
