/* fsck: everything the store says about itself, held against everything else it says; user data is scrub's.
 *
 *   superblocks   all copies on every volume that is there, of the generation in force
 *   chunks        each belongs to one group or to the metadata, lies inside its volume, and its header says so
 *   rows          meta/check.h
 *   mirrors       every page, map block, root and log record of the metadata on every mirror (these are mended at once)
 *
 * Synchronous, on a loop that may wait for devices: in the server, inside a meta_job. */
#ifndef REPAIR_FSCK_H
#define REPAIR_FSCK_H

#include "meta/meta.h"

struct fsck_options {
    bool live;   /* a server uses the store */
    bool mend;   /* not when live: see meta/check.h */
    void (*finding)(void *arg, const char *text);                                 /* a line each */
    void (*progress)(void *arg, const char *what, uint64_t done, uint64_t total); /* what: "superblocks", ... */
    void *arg;
};

struct fsck_report {
    uint64_t volumes, volumes_missing;   /* checked; not there or not asked */
    uint64_t superblock_copies;
    uint64_t groups, chunk_headers;
    uint64_t row_checks;
    uint64_t mirror_blocks;              /* read on all mirrors */
    uint64_t left_out;                   /* things that could not be checked; each is told */
    uint64_t findings, mended;
};

/* Findings are no error. ERR_INVALID: mend while live. ERR_CANCELLED, ERR_NO_MEMORY, or the loop's. */
int fsck_run(struct meta *, struct loop *, const struct fsck_options *, struct fsck_report *ret) MUST_CHECK;

#endif
