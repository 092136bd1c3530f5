/* Memory that is freed all at once: for what belongs to one request or one answer. One thread at a time. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

#include "base/text.h"

/* Zero-initialised is empty. Blocks never move. */
struct arena {
    struct arena_block *blocks;
    size_t used; /* of the first block */
};

/* 16-byte aligned, not cleared; NULL when memory is out. */
void *arena_take(struct arena *, size_t size);
/* A copy of the bytes, NUL behind them; data NULL when memory is out. An empty slice gives an empty, non-NULL one. */
struct slice arena_copy(struct arena *, struct slice);
void arena_free(struct arena *);

#endif
