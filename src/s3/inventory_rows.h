/* The rows of an inventory report: a bucket's versions, in the order of keys, newest first, as CSV. */
#ifndef S3_INVENTORY_ROWS_H
#define S3_INVENTORY_ROWS_H

#include "meta/tables.h"
#include "wire/inventory.h"

#define INVENTORY_PAGE_ROWS 1000u        /* versions looked at in one read */
#define INVENTORY_PAGE_BYTES (256u << 10) /* of CSV, after which a page ends */

/* Where a walk stands. Zero-initialised: before everything. */
struct inventory_place { struct text key; int64_t rank; bool begun; };
struct inventory_page {
    struct text csv;
    struct inventory_place next; /* behind the page */
    uint32_t count;              /* rows */
    bool last;
};

/* In run of a read, which may be run again: fills *page anew. Nothing in the report is of one moment: what changes meanwhile may be
 * in it or not. ERR_NO_SUCH_BUCKET. */
int inventory_page_read(struct meta_tx *, const struct inventory_configuration *, int64_t bucket_id, const struct inventory_place *,
                        struct inventory_page *page) MUST_CHECK;
void inventory_page_fini(struct inventory_page *);

#endif
