/* The last step of every write of an object, inside its transaction: conditions, what the bucket's versioning makes of the
 * versions there, and the new row. PUT, CopyObject, CompleteMultipartUpload and delete markers all end here. */
#ifndef OBJECT_INSTALL_H
#define OBJECT_INSTALL_H

#include "object/info.h"

/* Makes row the newest version of row->key in the bucket: sets its rank, version_id (into id, which must outlive the row's
 * use), origin_clock and, where it is 0, modified_us from the clock. The null version that it replaces is deleted with its content.
 * The row gets the bucket's default retention when it has none. ERR_PRECONDITION, ERR_NO_SUCH_KEY by the conditions; ERR_OBJECT_LOCKED: what
 * it replaces must stay; ERR_NO_OBJECT_LOCK. */
int install_version(struct meta_tx *, const struct bucket_row *, const struct object_conditions *, uint64_t random,
                    struct version_row *row, uint8_t id[16]) MUST_CHECK;

/* The same of a delete marker, which *row becomes. */
int install_delete_marker(struct meta_tx *, const struct bucket_row *, struct slice key, int64_t owner_id, uint64_t random,
                          struct version_row *row, uint8_t id[16]) MUST_CHECK;

/* Deletes one version's row and its content, unless it is locked (ERR_OBJECT_LOCKED; nothing bypasses COMPLIANCE nor a legal hold). The
 * row is as it was read just now, with its attributes; key is the caller's memory. */
int install_remove(struct meta_tx *, const struct bucket_row *, const struct version_row *, bool bypass_governance) MUST_CHECK;

#endif
