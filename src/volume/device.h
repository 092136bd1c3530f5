/* Opening what a volume lies on: a block device, or a regular file for development. */
#ifndef VOLUME_DEVICE_H
#define VOLUME_DEVICE_H

#include "base/error.h"
#include "base/loop.h"

/* How long opening waits for an exclusive claim: a killed process's I/O keeps its devices for a moment. */
#define DEVICE_CLAIM_US 3000000ull
#define DEVICE_CLAIM_PAUSE_US 50000ull

/* Opens path for this process alone: O_EXCL on a block device, flock on a file; O_DIRECT, with a fallback that is
 * logged for files only. Sets fd, size, direct, can_discard, path (owned by the device); index is the caller's.
 * ERR_BUSY: somebody else has it, still after claim_us. ERR_NOT_FOUND, ERR_ACCESS, ERR_IO; ERR_READ_ONLY:
 * not to be written to; ERR_FOREIGN: neither block device nor file; ERR_NO_MEMORY. */
int device_open(struct loop *, const char *path, bool read_only, uint64_t claim_us, struct device *ret) MUST_CHECK;
/* What an error of device_open means, for people. */
const char *device_open_text(int err);

/* Closes, unless hung: then the descriptor stays open for ever, since operations queued on it may still use its
 * number. */
void device_close(struct device *, bool hung);

/* The size now, a multiple of 4096; a device without a descriptor (the simulator's) says device->size. */
int device_current_size(const struct device *, uint64_t *ret) MUST_CHECK;

/* True when both paths lead to one device or one file (different names, links, nodes). False when one is not there. */
bool device_same(const char *path, const char *other);

#endif
