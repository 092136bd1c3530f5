/* The checkpoint thread: copies pages home when pages.h says that it is due. Without threads, meta_step() does. */
#ifndef META_CHECKPOINT_H
#define META_CHECKPOINT_H

#include "meta/state.h"

int checkpointer_open(struct meta *, struct checkpointer **ret) MUST_CHECK;
void checkpointer_close(struct checkpointer *); /* NULL is fine */
/* Without threads: one checkpoint on the caller's loop, if due. */
bool checkpointer_step(struct checkpointer *, struct loop *);

#endif
