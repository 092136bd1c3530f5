/* Which pages of the database will be read next: SQLite walks a b-tree leaf after leaf, and the page above names them in
 * order ("B-tree Pages" in SQLite's file format). Pure; a page that is damaged names at most pages that are read in vain. */
#ifndef META_READ_AHEAD_H
#define META_READ_AHEAD_H

#include <stdint.h>

#define READ_AHEAD_PAGES 16u     /* at once */
#define READ_AHEAD_CHILDREN 512u /* more than an interior page of 4 KiB can name */

struct read_ahead {
    uint32_t children[READ_AHEAD_CHILDREN]; /* of the interior page seen last */
    uint32_t count;
    uint32_t next;   /* index behind the child that was asked for last */
    uint32_t streak; /* children asked for in order */
};

/* A page of 4 KiB was read. */
void read_ahead_see(struct read_ahead *, uint32_t number, const uint8_t *page);
/* Page number is about to be read: how many pages, it being the first of *ret, are likely to be read in this order. 1: only
 * it. *ret is valid until the next call. */
uint32_t read_ahead_plan(struct read_ahead *, uint32_t number, const uint32_t **ret);

#endif
