/* Reader threads: run the reads that would have to wait for a device, each thread on its own loop and connection. */
#ifndef META_READER_H
#define META_READER_H

#include "meta/state.h"

#define READER_QUEUE_MAX 4096u
#define READER_COUNT_MAX 32u

int readers_open(struct meta *, uint32_t count, struct readers **ret) MUST_CHECK; /* count 1..READER_COUNT_MAX */
/* Finishes what is queued. NULL is fine. */
void readers_close(struct readers *);
void readers_submit(struct readers *, struct meta_read *);

#endif
