/* Which generation of the member table is in force, judged from the superblocks that could be read. Pure: no I/O.
 * The rules and why they hold: docs/FORMAT.md, "Generations". */
#ifndef VOLUME_GENERATION_H
#define VOLUME_GENERATION_H

#include "volume/superblock.h"

enum generation_verdict {
    GENERATION_CURRENT = 1,   /* holds the chosen generation, or missed nothing but the change itself */
    GENERATION_STALE = 2,     /* older: what was written meanwhile is not there */
    GENERATION_NOT_MEMBER = 3 /* the chosen generation does not list it */
};

struct generation_seen {
    const struct superblock *superblock; /* the newest valid copy of one volume */
    enum generation_verdict verdict;     /* set on success */
    uint64_t hash;                       /* set: its shared hash */
};

struct generation_choice {
    uint32_t chosen;      /* an index into seen[]: a superblock of the generation to go on from */
    uint64_t hash;
    uint64_t highest;     /* the highest generation number seen: the next one is above it */
    bool in_doubt;        /* adopted because unseen members may hold it; not known to be in force */
    bool quorum;          /* members seen, whatever they hold, are N-m at least: the generation can be raised */
};

/* All of one store, distinct volume uuids; count from 1 to VOLUMES_MAX. ERR_FORK: two histories; *ret_other (may be
 * NULL): a volume of the other one, ret->chosen one of the first; both are set then, against the habit, for the
 * message. ERR_STALE, with the same: *ret_other knows of a newer generation that was in force. ERR_QUORUM: m members or fewer seen (and fewer than N-m): a newer generation might be wholly out of
 * sight. */
int generation_choose(struct generation_seen *seen, uint32_t count, struct generation_choice *ret,
                      uint32_t *ret_other) MUST_CHECK;

#endif
