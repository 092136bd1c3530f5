/* Serves what the allocator needs from the database: new chunk groups, and the used space of groups it wants to open. */
#ifndef META_WANTS_H
#define META_WANTS_H

#include "meta/meta.h"

struct writer;

/* Writer's thread, between batches. False: there was no want. */
bool wants_serve(struct meta *, struct writer *);

#endif
