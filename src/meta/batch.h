/* One group commit: the requests of a batch, the flushes they need first, and their transaction.
 *
 * Steps, all on the writer's thread: batch_submit (flushes go out), batch_await, batch_commit, batch_answer. The flushes of
 * one batch are under way while the one before commits. A flush that never ends is abandoned: its memory is its own. */
#ifndef META_BATCH_H
#define META_BATCH_H

#include "meta/state.h"
#include "meta/transaction.h"

#define BATCH_REQUESTS_MAX 256u
#define FLUSH_DEADLINE_US 700000ull      /* a volume later than that is put out, while the store can lose it */
#define FLUSH_GIVE_UP_US 30000000ull     /* later than that it counts as failed, whatever follows */

struct flush;

struct batch {
    struct meta_write *head, **tail;
    uint32_t count;
    struct flush *flushes[VOLUMES_MAX];
    uint64_t pending;          /* bit per volume whose flush is under way */
    uint64_t failed;           /* bit per volume that failed or was late */
    uint64_t submitted_us;
    int flush_err;             /* the flushes could not be submitted at all */
};

void batch_init(struct batch *);
void batch_add(struct batch *, struct meta_write *);
void batch_submit(struct batch *, struct meta *, struct loop *);
/* Until every flush ended or is late; late and failed volumes are suspects then. */
void batch_await(struct batch *, struct meta *, struct loop *);

struct batch_result { uint64_t rows; bool committed; bool broken; /* nothing more may be written */ };
/* Runs and commits; sets every request's err. */
void batch_commit(struct batch *, struct meta_tx *, struct loop *, struct batch_result *);
/* Sends the answers; the batch is empty then. */
void batch_answer(struct batch *);

#endif
