/* A working metadata store for unit tests, in one thread: a store of six file volumes (4+2) in a temporary folder, the
 * thread loop, and the writer run by meta_fixture_settle(). */
#ifndef TESTS_META_FIXTURE_H
#define TESTS_META_FIXTURE_H

#include "meta/meta.h"
#include "meta/tables.h"

struct meta_fixture {
    char folder[64];
    struct loop *loop;
    struct store *store;
    struct placement *placement;
    struct meta *meta;
};

/* Asserts success. */
void meta_fixture_open(struct meta_fixture *);
void meta_fixture_close(struct meta_fixture *);
/* Closes and opens the metadata again, as after a crash: nothing is finished first. */
void meta_fixture_crash(struct meta_fixture *);
/* Runs the loop and the writer until nothing is left to do. */
void meta_fixture_settle(struct meta_fixture *);

/* Runs fn in one write, or read, and returns what came with done. */
int meta_fixture_write(struct meta_fixture *, int (*fn)(struct meta_tx *, void *), void *arg);
int meta_fixture_read(struct meta_fixture *, int (*fn)(struct meta_tx *, void *), void *arg);
/* A bucket of that name: its id. */
int64_t meta_fixture_bucket(struct meta_fixture *, const char *name);

#endif
