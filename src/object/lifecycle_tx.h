/* Lifecycle rules inside transactions: keeps the index of what is due (lifecycle_due), and does what is.
 *
 * Invariants, of a bucket with rules through which no walk is under way:
 *  1. Whatever a version will be due for, if nothing else happens, is led to by a row that is due no later than it. A row
 *     too early costs a look and is set anew.
 *  2. A version that only its NewerNoncurrentVersions keeps has no row. It is looked at when another version becomes noncurrent:
 *     that one's row is due at once, and leads down to the version that has now the number of newer ones.
 * What is due is judged in the transaction that does it, by the versions that are there then.
 * A bucket without rules costs a look at its (mostly empty) attributes. The bucket_row's attributes must still be valid. */
#ifndef OBJECT_LIFECYCLE_TX_H
#define OBJECT_LIFECYCLE_TX_H

#include "object/object.h"
#include "wire/lifecycle.h"

#define LIFECYCLE_NAME "lifecycle"              /* ATTRIBUTE_CONFIGURATION of buckets: the compact form */
#define LIFECYCLE_DAY_SETTING "lifecycle_day_us" /* how long a day is; not there: 24 hours */

/* False: the bucket has no rules. */
bool lifecycle_tx_rules(const struct bucket_row *, struct slice *ret);

/* After a write of that bucket. installed: the version at rank is the newest now. changed: its tags are others. */
int lifecycle_tx_installed(struct meta_tx *, const struct bucket_row *, struct slice key, int64_t rank) MUST_CHECK;
int lifecycle_tx_removed(struct meta_tx *, const struct bucket_row *, struct slice key, int64_t rank) MUST_CHECK;
int lifecycle_tx_changed(struct meta_tx *, const struct bucket_row *, struct slice key, int64_t rank) MUST_CHECK;
int lifecycle_tx_upload_created(struct meta_tx *, const struct bucket_row *, struct slice key, int64_t id, uint64_t initiated_us) MUST_CHECK;
int lifecycle_tx_upload_gone(struct meta_tx *, const struct bucket_row *, struct slice key, int64_t id) MUST_CHECK;
/* The bucket's rules are others, or it is gone: everything in it is to be looked at. */
int lifecycle_tx_rules_changed(struct meta_tx *, int64_t bucket_id) MUST_CHECK;

struct lifecycle_counts { uint64_t expired, noncurrent, markers, uploads, transitions; };

/* Does what that row stands for, if it is due, and sets or deletes the row. key is the caller's memory. */
int lifecycle_tx_act(struct meta_tx *, const struct lifecycle_due_row *, uint64_t random, struct lifecycle_counts *) MUST_CHECK;

/* When that row's version has to be looked at; UINT64_MAX: never. For walks. */
int lifecycle_tx_due(struct meta_tx *, const struct bucket_row *, const struct version_row *, uint64_t *ret) MUST_CHECK;
int lifecycle_tx_upload_due(struct meta_tx *, const struct bucket_row *, struct slice key, uint64_t initiated_us, uint64_t *ret) MUST_CHECK;

/* What the rules say of the newest version of a key, in true days, whatever a day is set to: for x-amz-expiration. Sets expire_us
 * and expire_rule of *info (its memory), or neither. */
int lifecycle_tx_describe(struct object_info *, const struct bucket_row *, const struct version_row *current) MUST_CHECK;
/* The same of an upload: for x-amz-abort-date. */
int lifecycle_tx_describe_upload(const struct bucket_row *, struct slice key, uint64_t initiated_us, struct upload_abortion *ret) MUST_CHECK;

#endif
