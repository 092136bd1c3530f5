/* The store's clock: unique, ever-growing microseconds, from which ids and ranks come.
 *
 * Invariants:
 *  1. No number is given out twice, not even after a crash: numbers below the ceiling only, and the ceiling (setting
 *     "clock_ceiling") is committed before, or with, the first row that holds such a number; a start begins at the ceiling.
 *  2. It follows the wall clock while that goes forward; when it stands or jumps back, each number is the last plus one.
 * Only the metadata writer's thread uses it. */
#ifndef META_CLOCK_H
#define META_CLOCK_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

#define CLOCK_AHEAD_US 60000000ull /* how far ahead of use the ceiling is put */
#define CLOCK_SLACK_US 20000000ull /* a batch begins with at least that much left */

struct clock {
    uint64_t last;      /* given out last */
    uint64_t ceiling;   /* durable, or in the open transaction */
    uint64_t durable_ceiling;
    uint64_t now;       /* wall clock at the begin of the batch */
};

void clock_init(struct clock *, uint64_t ceiling);
/* At the begin of a transaction. True: *ret_ceiling must be written in it. */
bool clock_begin(struct clock *, uint64_t wall_us, uint64_t *ret_ceiling);
/* The transaction is durable, or is no more. */
void clock_end(struct clock *, bool durable);
uint64_t clock_next(struct clock *);

#endif
