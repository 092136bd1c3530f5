/* MD5's compression of several independent messages side by side, one message per vector lane. Internal to md5.c. */
#ifndef BASE_MD5_LANES_H
#define BASE_MD5_LANES_H

#include <stddef.h>
#include <stdint.h>

#define MD5_BLOCK_LEN 64u
#define MD5_LANES_MAX 16

/* Hashes block_count blocks at at[i] into state[i], for every lane of the width. All pointers must be valid; those of lanes
 * without work may repeat another lane's block and lead to a scratch state, no state twice. */
typedef void (*md5_lanes_run)(uint32_t *const *state, const uint8_t *const *at, size_t block_count);

/* What this machine runs best for that many messages; run is NULL when one after the other is best. As wide as the messages
 * are many, up to the width of md5_lanes_choose(MD5_LANES_MAX). */
struct md5_lanes {
    unsigned count;
    md5_lanes_run run;
};
struct md5_lanes md5_lanes_choose(unsigned message_count);

/* Every width that this machine can run, for tests and benchmarks: index from 0, false past the last. */
int md5_lanes_nth(unsigned index, struct md5_lanes *ret, const char **ret_name);

#endif
