/* The loop over plain threads and epoll, for places where io_uring is forbidden: the same behaviour, slower.
 *
 * Device operations run in threads of the device, a few each, started when needed: a hung device holds up nobody else. */
#ifndef VOLUME_LOOP_THREAD_H
#define VOLUME_LOOP_THREAD_H

#include "base/error.h"
#include "base/loop.h"

#define LOOP_THREAD_PER_DEVICE 4u

struct loop_thread_options {
    uint32_t threads_per_device; /* 0: LOOP_THREAD_PER_DEVICE */
};

/* name is borrowed; options may be NULL. ERR_NO_MEMORY, ERR_IO. Free with loop_free() when nothing is in flight; what a hung
 * device still holds then is left to it. */
int loop_thread_new(const char *name, const struct loop_thread_options *, struct loop **ret) MUST_CHECK;

#endif
