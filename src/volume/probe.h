/* Is there something on this device that formatting would destroy? */
#ifndef VOLUME_PROBE_H
#define VOLUME_PROBE_H

#include "volume/store.h"

#define PROBE_EDGE_LEN (1u << 20) /* bytes of head and tail that must be zero */

/* 0: nothing found. ERR_EXISTS with *message: a signature known to libblkid, an Ingot volume, or a head or tail that
 * is not zero. ERR_IO, ERR_TIMEOUT, ERR_NO_MEMORY with *message. Writes nothing. */
int probe_empty(struct loop *, struct device *, struct store_message *) MUST_CHECK;

#endif
