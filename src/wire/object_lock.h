/* Object Lock: the documents of S3, and how a bucket's configuration and a version's lock are kept in attributes
 * (docs/FORMAT.md "Object Lock"). Pure. */
#ifndef WIRE_OBJECT_LOCK_H
#define WIRE_OBJECT_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

#define LOCK_DAYS_MAX 36500
#define LOCK_YEARS_MAX 100
#define LOCK_CONFIGURATION_LEN 6
#define LOCK_RETENTION_LEN 9

enum lock_mode { LOCK_NONE = 0, LOCK_GOVERNANCE = 1, LOCK_COMPLIANCE = 2 };
enum lock_unit { LOCK_DAYS = 1, LOCK_YEARS = 2 };

/* Of a bucket: what a version made without a retention of its own gets; mode LOCK_NONE: nothing. */
struct lock_configuration { enum lock_mode mode; enum lock_unit unit; uint32_t count; };
/* Of a version; mode LOCK_NONE: none. Without a mode there is no date. */
struct lock_retention { enum lock_mode mode; uint64_t until_us; };

/* "GOVERNANCE", "COMPLIANCE"; NULL for LOCK_NONE. */
const char *lock_mode_name(enum lock_mode);
int lock_mode_parse(struct slice, enum lock_mode *ret) MUST_CHECK;

/* ObjectLockConfiguration. ERR_MALFORMED; ERR_INVALID: a period of none or too many days or years; ERR_NO_MEMORY. */
int lock_configuration_parse(const void *data, size_t len, struct lock_configuration *ret) MUST_CHECK;
void lock_configuration_format(const struct lock_configuration *, struct text *);
/* Retention; an empty one (mode LOCK_NONE) takes a retention away. ERR_MALFORMED, ERR_NO_MEMORY. */
int lock_retention_parse(const void *data, size_t len, struct lock_retention *ret) MUST_CHECK;
void lock_retention_format(const struct lock_retention *, struct text *);
/* LegalHold. ERR_MALFORMED, ERR_NO_MEMORY. */
int lock_legal_hold_parse(const void *data, size_t len, bool *ret) MUST_CHECK;
void lock_legal_hold_format(bool, struct text *);

/* The kept forms. Decoding: ERR_CORRUPT. */
void lock_configuration_encode(const struct lock_configuration *, uint8_t bytes[LOCK_CONFIGURATION_LEN]);
int lock_configuration_decode(struct slice, struct lock_configuration *ret) MUST_CHECK;
void lock_retention_encode(const struct lock_retention *, uint8_t bytes[LOCK_RETENTION_LEN]);
int lock_retention_decode(struct slice, struct lock_retention *ret) MUST_CHECK;

/* When a version made at that time may go, by the bucket's configuration. A year has 365 days. */
struct lock_retention lock_configuration_retention(const struct lock_configuration *, uint64_t now_us);

/* Whether a retention may be replaced by another: always when there is none or it has ended; else COMPLIANCE only by a later COMPLIANCE,
 * and GOVERNANCE only by a later GOVERNANCE, unless it is bypassed. */
bool lock_retention_may_become(const struct lock_retention *old, const struct lock_retention *fresh, bool bypass_governance, uint64_t now_us);

#endif
