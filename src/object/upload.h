/* Uploads, inside a transaction. */
#ifndef OBJECT_UPLOAD_H
#define OBJECT_UPLOAD_H

#include "object/object.h"

/* Deletes an upload with its parts and their contents. */
int upload_remove(struct meta_tx *, int64_t upload_row) MUST_CHECK;

#endif
