/* Object Lock inside transactions: no version that is locked goes, whoever asks and by whatever path (install_remove is the only one). */
#ifndef OBJECT_LOCK_H
#define OBJECT_LOCK_H

#include "object/object.h"
#include "wire/object_lock.h"

#define LOCK_CONFIGURATION_NAME "object-lock" /* ATTRIBUTE_CONFIGURATION of buckets: Object Lock is enabled */
#define LOCK_RETENTION_NAME "retention"       /* ATTRIBUTE_OBJECT_LOCK of versions */
#define LOCK_LEGAL_HOLD_NAME "legal-hold"

struct object_lock { struct lock_retention retention; bool has_hold, hold; };

/* A bucket's configuration. ERR_NO_OBJECT_LOCK: Object Lock is not enabled; ERR_CORRUPT. */
int lock_of_bucket(struct slice bucket_attributes, struct lock_configuration *ret) MUST_CHECK;
/* A version's (or an upload's) lock; without entries: none. ERR_CORRUPT. */
int lock_of_version(struct slice attributes, struct object_lock *ret) MUST_CHECK;

void lock_append_configuration(struct text *attributes, const struct lock_configuration *);
void lock_append_retention(struct text *attributes, const struct lock_retention *);
void lock_append_legal_hold(struct text *attributes, bool on);

/* Whether a version with these attributes may go now, by the store's clock. ERR_OBJECT_LOCKED, ERR_CORRUPT. */
int lock_check_removal(struct meta_tx *, struct slice attributes, bool bypass_governance) MUST_CHECK;
/* Before a version or an upload is made: ERR_NO_OBJECT_LOCK when it has a lock and the bucket can have none; ERR_CORRUPT. */
int lock_check_new(struct slice bucket_attributes, struct slice attributes) MUST_CHECK;
/* The same; and when the version has no retention of its own and the bucket has one for it, *ret_changed: *ret holds its attributes with that. */
int lock_apply_default(struct meta_tx *, struct slice bucket_attributes, struct slice attributes, struct text *ret, bool *ret_changed) MUST_CHECK;
/* Checks of object_attribute_update. Configuration: ERR_BUCKET_STATE, versioning is not enabled. Retention: ERR_OBJECT_LOCKED, the one that
 * stands may not become that. All of versions: ERR_NO_OBJECT_LOCK, ERR_CORRUPT. */
int lock_check_configuration(const struct object_attribute_update *, const struct bucket_row *, struct slice standing, uint64_t now_us);
int lock_check_retention(const struct object_attribute_update *, const struct bucket_row *, struct slice standing, uint64_t now_us);
int lock_check_legal_hold(const struct object_attribute_update *, const struct bucket_row *, struct slice standing, uint64_t now_us);

#endif
