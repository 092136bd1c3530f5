/* Deletions too large for one transaction: a content of thousands of segments, the parts of an upload.
 *
 * The transaction that forgets them takes away the row that led there and owes the rest (a row of outbox). The writer deletes it in
 * slices between its batches, and the row of outbox with the last one; after a crash it goes on with what is left. Until then
 * the rows are nobody's but the outbox's, and fsck knows them as such. Writer's thread only. */
#ifndef META_TRASH_H
#define META_TRASH_H

#include "meta/meta.h"

struct writer;

struct trash { bool due; uint64_t not_before_us; }; /* due: something may be owed */

/* Owes the deletion of all rows of the content. */
int trash_content(struct meta_tx *, int64_t content_id) MUST_CHECK;
/* Owes the deletion of the parts of an upload whose row is deleted here, and of their contents. */
int trash_parts(struct meta_tx *, int64_t upload_row) MUST_CHECK;

/* One slice. False: nothing is owed, or it is not its time. */
bool trash_serve(struct meta *, struct writer *);

#endif
