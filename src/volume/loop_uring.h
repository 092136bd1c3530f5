/* The loop over io_uring: the engine of choice.
 *
 * What is submitted during one turn goes to the kernel in one call, so that neighbouring writes merge below. Each device has
 * its own bound of operations in flight: a hung one holds up nobody else's. The ring follows the thread that runs the
 * loop, so a loop may be made, and even used, on one thread and handed to another while nothing is in flight. */
#ifndef VOLUME_LOOP_URING_H
#define VOLUME_LOOP_URING_H

#include "base/error.h"
#include "base/loop.h"

#define LOOP_URING_ENTRIES 256u          /* submission queue */
#define LOOP_URING_COMPLETIONS 2048u     /* completion queue; the kernel keeps what is beyond */
#define LOOP_URING_DEVICE_IN_FLIGHT 128u /* per device; more wait in the loop */

struct loop_uring_options {
    uint32_t device_in_flight; /* 0: LOOP_URING_DEVICE_IN_FLIGHT */
    bool plain_ring;           /* without the single-issuer modes of newer kernels (tests) */
    char *message;             /* or NULL: where the reason goes when io_uring cannot be used */
    size_t message_size;
};

/* name is borrowed; options may be NULL. ERR_UNSUPPORTED, with a reason in message: the kernel or a sandbox forbids
 * io_uring, or lacks a feature that is needed. Free with loop_free() when nothing is in flight. */
int loop_uring_new(const char *name, const struct loop_uring_options *, struct loop **ret) MUST_CHECK;

/* Offers memory (a buffer pool's) for registration with the ring, once per loop, before or between runs; it stays mapped
 * as long as the loop. Best effort: where LimitMEMLOCK forbids it, one line is logged and I/O goes on without.
 * Does nothing for loops of other engines. */
void loop_uring_register_buffers(struct loop *, void *base, size_t size);

/* io_uring, or plain threads where that is not to be had; then message says why (empty otherwise). */
int loop_new_best(const char *name, const struct loop_uring_options *, struct loop **ret) MUST_CHECK;

#endif
