/* Which event loop serves: io_uring where it is allowed, else threads. */
#ifndef INGOT_ENGINE_H
#define INGOT_ENGINE_H

#include "base/loop.h"
#include "base/error.h"

enum engine_choice { ENGINE_AUTO, ENGINE_URING, ENGINE_THREADS }; /* as in config.def */

struct engine {
    bool uring;
    char message[256]; /* why not io_uring; may be empty */
};

/* ERR_UNSUPPORTED: io_uring was asked for by name and is not to be had (message says why). */
int engine_init(struct engine *, enum engine_choice) MUST_CHECK;
const char *engine_name(const struct engine *);
/* meta_options.new_loop; arg is the engine. NULL when it fails. */
struct loop *engine_new_loop(void *engine, const char *name);

#endif
