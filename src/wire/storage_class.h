/* S3's storage classes. In Ingot they are names: kept with an object, echoed, counted by nobody. Their numbers stand in rows
 * (docs/FORMAT.md) and are never changed. Pure. */
#ifndef WIRE_STORAGE_CLASS_H
#define WIRE_STORAGE_CLASS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

#define STORAGE_CLASS_STANDARD 0u

/* STANDARD for a number that is none. */
const char *storage_class_name(uint32_t);
bool storage_class_parse(struct slice name, uint32_t *ret) MUST_CHECK;

/* How far down S3's order of transitions a class lies: STANDARD 0, DEEP_ARCHIVE last. Objects move downwards only.
 * UINT32_MAX: no transition leads there, nor away from it. */
uint32_t storage_class_depth(uint32_t);

#endif
