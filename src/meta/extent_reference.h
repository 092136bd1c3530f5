/* References of segments to extents; for content.c. */
#ifndef META_EXTENT_REFERENCE_H
#define META_EXTENT_REFERENCE_H

#include "meta/meta.h"

/* ERR_CORRUPT when there is no such extent. */
int extent_add_reference(struct meta_tx *, int64_t id) MUST_CHECK;
/* The last one deletes the extent and frees its space once durable. ERR_CORRUPT when there is no such extent. */
int extent_drop_reference(struct meta_tx *, int64_t id) MUST_CHECK;

#endif
