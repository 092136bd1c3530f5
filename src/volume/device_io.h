/* Waiting for devices with a deadline, for the membership code: a volume that hangs costs one deadline, and is then
 * skipped by the caller. An operation that never returns keeps its own memory and its own copy of the device: a leak
 * of at most what one volume's requests held, once per volume and hang. */
#ifndef VOLUME_DEVICE_IO_H
#define VOLUME_DEVICE_IO_H

#include "base/error.h"
#include "base/loop.h"

#define DEVICE_DEADLINE_US 5000000ull /* superblocks, heartbeats, probes */
#define DEVICE_LATE_US 500000ull      /* a member later than that is not waited for, where the store can do without it */

struct device_request {
    struct device *device;
    enum io_kind kind;
    uint64_t off;
    void *data;     /* copied: any memory; NULL for flush and discard */
    uint32_t len;
    int result;     /* set: 0, ERR_TIMEOUT (never close its descriptor), or the device's */
};

/* Runs all at once, at most the given time; blocks the loop (loop_wait). 0 when all were run, whatever their results;
 * ERR_NO_MEMORY, or the loop's own error: then nothing is known of any. */
int device_io(struct loop *, struct device_request *, uint32_t count, uint64_t deadline_us) MUST_CHECK;

/* The same, but from late_us on it is over as soon as enough says so: it is asked with the requests whose results are known,
 * and the others at ERR_TIMEOUT. */
typedef bool device_enough(void *arg, const struct device_request *requests, uint32_t count);
int device_io_enough(struct loop *, struct device_request *, uint32_t count, uint64_t late_us, uint64_t deadline_us,
                     device_enough *enough, void *arg) MUST_CHECK;

/* Waits, blocking the loop as device_io does. */
int device_sleep(struct loop *, uint64_t duration_us) MUST_CHECK;

#endif
