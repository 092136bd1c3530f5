#include "ingot/engine.h"

#include <string.h>

#include "volume/loop_thread.h"
#include "volume/loop_uring.h"

int engine_init(struct engine *engine, enum engine_choice choice)
{
    *engine = (struct engine){0};
    if (choice == ENGINE_THREADS)
        return 0;
    const struct loop_uring_options options = {.message = engine->message, .message_size = sizeof(engine->message)};
    struct loop *probe;
    int err = loop_uring_new("probe", &options, &probe);
    if (!err) {
        loop_free(probe);
        engine->uring = true;
        engine->message[0] = '\0';
        return 0;
    }
    return choice == ENGINE_AUTO && err == ERR_UNSUPPORTED ? 0 : err;
}

const char *engine_name(const struct engine *engine)
{
    return engine->uring ? "io_uring" : "threads";
}

struct loop *engine_new_loop(void *arg, const char *name)
{
    const struct engine *engine = arg;
    struct loop *loop;
    int err = engine->uring ? loop_uring_new(name, NULL, &loop) : loop_thread_new(name, NULL, &loop);
    return err ? NULL : loop;
}
