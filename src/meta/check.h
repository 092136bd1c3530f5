/* Checks of the database's rows against one another, for fsck: what the schema promises and no statement enforces.
 *
 * Each check is one statement, and sees one snapshot: what it finds was so at one moment, also while the store is written to. A
 * check that would keep the metadata log from moving on is broken off and counted as left out. */
#ifndef META_CHECK_H
#define META_CHECK_H

#include "meta/meta.h"

#define CHECK_LINES_MAX 100u /* findings of one check that are told; all are counted */

struct check_options {
    bool live;   /* others may write meanwhile */
    /* Puts right what can be without loss: free counters, references, contents and extents that nobody owns. Only while nothing
     * else uses the store, and close it before it is used again: what placement/ knows is not followed. */
    bool mend;
    /* On the calling thread. finding: one line, naming table and row. progress: checks done. */
    void (*finding)(void *arg, const char *text);
    void (*progress)(void *arg, uint64_t done, uint64_t total);
    void *arg;
};

struct check_report { uint64_t checks, left_out, findings, mended; };

/* Synchronous, on a loop that may wait for devices: in the server, inside a meta_job. ERR_CANCELLED, ERR_NO_MEMORY; findings are
 * no error. */
int check_rows(struct meta *, struct loop *, const struct check_options *, struct check_report *ret) MUST_CHECK;

/* Runs the read on that loop, waiting for devices, on a connection of its own; done is not called. */
int check_read(struct meta *, struct loop *, struct meta_read *) MUST_CHECK;

/* Every page, map block, root and log record on every mirror, mended where wrong: pages_scrub of the store's pages. */
struct pages_scrub;
int check_mirrors(struct meta *, struct loop *, struct pages_scrub *ret, void (*progress)(void *, uint64_t, uint64_t),
                  void *arg) MUST_CHECK;

#endif
