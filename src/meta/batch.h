/* One group commit: the requests of a batch, the flushes they need first, and their transaction.
 *
 * Steps, all on the writer's thread: batch_submit (flushes go out), batch_await, batch_commit, batch_answer. The flushes of
 * one batch are under way while the one before commits. A flush that never ends is abandoned: its memory is its own.
 * A commit takes as many requests as fit, from the first on; the others stay, for the next commit. */
#ifndef META_BATCH_H
#define META_BATCH_H

#include "meta/state.h"
#include "meta/transaction.h"

#define BATCH_REQUESTS_MAX 256u
#define BATCH_CHANGED_MAX 1024u          /* pages: a batch that changed so many takes on no further request; 4 MiB */
#define BATCH_RECORD_PART 2u             /* and never more than that part of what one commit can hold */
#define FLUSH_DEADLINE_US 700000ull      /* a volume later than that is put out, while the store can lose it */
#define FLUSH_GIVE_UP_US 30000000ull     /* later than that it counts as failed, whatever follows */

struct flush;

struct batch {
    struct meta_write *head, **tail;
    uint32_t count;
    uint32_t ran;              /* the first ones: they have their err */
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
/* Runs and commits the first requests, as many as fit; sets their err. No request fails for being in company: when the commit
 * turns out too large for a record all the same, fewer of them are run again. */
void batch_commit(struct batch *, struct meta_tx *, struct loop *, struct batch_result *);
/* Ends every request that has not run. */
void batch_refuse(struct batch *, int err);
/* Sends the answers of those that have run; a batch without requests begins anew. */
void batch_answer(struct batch *);

#endif
