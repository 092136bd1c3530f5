/* The metadata writer: one thread, or the caller's through meta_step(), that takes requests from a bounded queue and commits
 * them in batches (batch.h); between batches it serves the wants of placement/ (wants.h), changes of membership
 * (membership.h) and whoever needs the thread for itself (meta_exclusive). */
#ifndef META_WRITER_H
#define META_WRITER_H

#include "meta/state.h"

#define WRITER_QUEUE_MAX 4096u
#define WRITER_POLL_US 100000ull /* how often suspects are looked for while nothing is written */

int writer_open(struct meta *, struct loop *, struct writer **ret) MUST_CHECK;
/* Starts its thread, if it is to have one. */
int writer_start(struct writer *) MUST_CHECK;
/* Finishes what is queued, persists the clock, ends the thread. NULL is fine. */
void writer_close(struct writer *);

void writer_submit(struct writer *, struct meta_write *);
void writer_submit_exclusive(struct writer *, struct meta_exclusive *);
/* Something else may be due: any thread. */
void writer_wake(struct writer *);
/* One step; false: nothing to do. */
bool writer_step(struct writer *);

struct connection *writer_connection(struct writer *);
struct loop *writer_loop(struct writer *);

/* Runs fn in a transaction of its own, between batches: the writer's own needs. Writer's thread. */
int writer_transact(struct writer *, int (*fn)(struct meta_tx *, void *), void *arg) MUST_CHECK;

struct writer_status { uint64_t queued, commits, rows; };
void writer_status(struct writer *, struct writer_status *);

#endif
