/* Long work beside the metadata store's own threads (queries, backups, scrubs): each job has a thread and loop of its own
 * while it runs. meta_close() asks jobs to end and waits for them. */
#ifndef META_JOB_H
#define META_JOB_H

#include "meta/meta.h"

#define META_JOBS_MAX 8u

struct meta_job {
    /* On the job's thread; waits on that loop. Ends soon once meta_job_cancelled() is true, with ERR_CANCELLED. */
    int (*run)(struct meta *, struct loop *, struct meta_job *);
    void (*done)(struct meta_job *); /* on loop */
    struct loop *loop;
    int err;
    struct task task;                /* private */
    struct meta *meta;               /* private */
};

/* done follows always; with ERR_OVERLOAD beyond META_JOBS_MAX, ERR_SHUTDOWN while closing, ERR_NO_MEMORY. Without threads
 * the job runs before this returns, on the loop that opened the store. */
void meta_job_start(struct meta *, struct meta_job *);
bool meta_job_cancelled(struct meta *);
/* The metadata log fills, and cannot be emptied past a snapshot: a job that holds one lets go of it, before users' writes fail. */
bool meta_job_pressed(struct meta *);

#endif
