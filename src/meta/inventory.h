/* Inventory configurations of buckets, and when the next report of each is due (meta/inventory.c). As tables.h says of all tables. */
#ifndef META_INVENTORY_H
#define META_INVENTORY_H

#include "meta/tables.h"

struct inventory_row {
    int64_t bucket_id;
    struct slice id;       /* unique in the bucket */
    struct slice document; /* as wire/inventory.h formats it */
    uint64_t due_us;       /* INT64_MAX: never, it is not enabled */
};
int inventory_get(struct meta_tx *, int64_t bucket_id, struct slice id, struct inventory_row *ret) MUST_CHECK; /* ERR_NOT_FOUND */
int inventory_put(struct meta_tx *, const struct inventory_row *) MUST_CHECK; /* in place of the one with that id */
int inventory_set_due(struct meta_tx *, int64_t bucket_id, struct slice id, uint64_t due_us) MUST_CHECK; /* ERR_NOT_FOUND */
int inventory_delete(struct meta_tx *, int64_t bucket_id, struct slice id) MUST_CHECK; /* ERR_NOT_FOUND */
int inventory_count(struct meta_tx *, int64_t bucket_id, uint64_t *ret) MUST_CHECK;
/* By id, behind `after`; stops when fn returns non-zero, which it returns. */
int inventory_list(struct meta_tx *, int64_t bucket_id, struct slice after, int (*fn)(void *, const struct inventory_row *), void *arg) MUST_CHECK;
/* The one that has been due longest at that time. ERR_NOT_FOUND. */
int inventory_due(struct meta_tx *, uint64_t now_us, struct inventory_row *ret) MUST_CHECK;
int inventory_delete_all(struct meta_tx *, int64_t bucket_id) MUST_CHECK; /* the bucket goes */

#endif
