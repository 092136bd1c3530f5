/* The metadata store over the volumes: mirror, pages, VFS, then start.c. */
#include <stdlib.h>

#include "meta/checkpoint.h"
#include "meta/state.h"
#include "meta/writer.h"

bool meta_step(struct meta *meta)
{
    bool worked = meta->writer != NULL && writer_step(meta->writer);
    if (meta->checkpointer != NULL)
        worked |= checkpointer_step(meta->checkpointer, meta->home_loop);
    return worked;
}
