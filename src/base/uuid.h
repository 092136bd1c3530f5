/* 16-byte identifiers of stores, volumes and processes (RFC 4122 text form). */
#ifndef BASE_UUID_H
#define BASE_UUID_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

struct uuid { uint8_t bytes[16]; };
#define UUID_TEXT_SIZE 37 /* with the NUL */

void uuid_format(const struct uuid *, char text[UUID_TEXT_SIZE]);
int uuid_parse(struct slice, struct uuid *ret) MUST_CHECK;
bool uuid_equal(const struct uuid *, const struct uuid *);
bool uuid_is_zero(const struct uuid *);

/* A random (version 4) uuid from the given 16 random bytes. */
struct uuid uuid_from_random(const uint8_t random[16]);

#endif
