/* The last step of every write of an object, inside its transaction: conditions, what the bucket's versioning makes of the
 * versions there, and the new row. PUT, CopyObject, CompleteMultipartUpload and delete markers all end here. */
#ifndef OBJECT_INSTALL_H
#define OBJECT_INSTALL_H

#include "object/info.h"

/* Makes row the newest version of row->key in the bucket: sets its rank, version_id (into id, which must outlive the row's
 * use), modified_us and origin_clock from the clock. The null version that it replaces is deleted with its content.
 * ERR_PRECONDITION, ERR_NO_SUCH_KEY by the conditions. */
int install_version(struct meta_tx *, const struct bucket_row *, const struct object_conditions *, uint64_t random,
                    struct version_row *row, uint8_t id[16]) MUST_CHECK;

/* Deletes one version's row and its content; key is the caller's memory. */
int install_remove(struct meta_tx *, const struct bucket_row *, const struct version_row *) MUST_CHECK;

#endif
