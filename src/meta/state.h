/* The metadata store as its own parts see it: struct meta, and how it starts and stops over a source of connections.
 *
 * Starting order: meta_open() brings up mirror, pages and VFS, then meta_start(); meta_stop() is its opposite. Lock order:
 * the locks here (writer, readers, attached loops) are leaves: none is held across a call out or while taking another. */
#ifndef META_STATE_H
#define META_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "meta/clock.h"
#include "meta/connection.h"
#include "meta/freed.h"
#include "meta/meta.h"
#include "meta/pages.h"
#include "meta/trash.h"

#define META_LOOPS_MAX 128

struct writer;
struct readers;
struct checkpointer;
struct volume_keeper;

struct attached_loop { struct loop *_Atomic loop; struct connection *connection; };

struct meta {
    struct store *store;
    struct placement *placement;
    struct meta_options options;
    struct connection_source source;
    struct mirror *mirror;        /* NULL over an ordinary file, as are pages */
    struct pages *pages;
    char vfs_name[48];
    struct loop *home_loop;       /* the one given to meta_open */
    struct clock clock;           /* the writer's */
    struct freed freed;           /* the writer's */
    struct trash trash;           /* the writer's */
    _Atomic uint64_t identity_epoch; /* like it, of who may use the store */
    _Atomic uint64_t bucket_epoch; /* see bucket_cache.h; even and not 0 while no bucket changes */
    atomic_bool writable;
    pthread_mutex_t attach_lock;
    struct attached_loop attached[META_LOOPS_MAX];
    struct writer *writer;
    struct readers *readers;
    struct checkpointer *checkpointer;
    struct volume_keeper *keeper; /* NULL when read-only, and over an ordinary file */
    uint64_t leaving_volumes;     /* as found at start */
    pthread_mutex_t job_lock;
    pthread_cond_t job_ended;
    uint32_t jobs;                /* running; under job_lock */
    atomic_bool closing;
};

/* Given store, placement, options, source (and pages): loads the groups, starts writer, readers, checkpoints. On failure
 * all is stopped again. */
int meta_start(struct meta *, struct loop *) MUST_CHECK;
/* True: everything asked for was written, and writing was possible to the end. */
bool meta_stop(struct meta *);

/* A loop for a metadata thread. NULL: out of memory. */
struct loop *meta_new_loop(struct meta *, const char *name);
/* The connection of an attached loop; NULL. */
struct connection *meta_connection_of(struct meta *, struct loop *);

/* Answers from the loop the request belongs to. */
void meta_answer_read(struct meta_read *, int err);
void meta_answer_write(struct meta_write *, int err);

/* Runs the read in a transaction of its own on that connection; the thread's that owns it. */
int meta_run_read(struct meta *, struct connection *, bool cache_only, struct meta_read *) MUST_CHECK;

#endif
