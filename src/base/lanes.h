/* The compression functions of MD5 and SHA-256, one message at a time and several independent ones side by side, one per
 * vector lane. Both take blocks of 64 bytes and end in the same padding but for the order of bytes. Internal to
 * digest_engine.c. */
#ifndef BASE_LANES_H
#define BASE_LANES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LANE_BLOCK_LEN 64u
#define LANES_MAX 16
#define LANE_STATE_WORDS_MAX 8

/* Hashes block_count blocks at at[i] into state[i], for every lane of the width. All pointers must be valid; those of lanes
 * without work may repeat another lane's block and lead to a scratch state, no state twice. */
typedef void (*lanes_run)(uint32_t *const *state, const uint8_t *const *at, size_t block_count);

struct lanes {
    unsigned count;
    lanes_run run;
};

struct lane_width {
    const char *name;
    bool (*supported)(void);
    unsigned messages_min; /* below it, what follows in the table is faster (measured) */
    struct lanes lanes;
};

struct lane_digest {
    unsigned state_words;
    bool big_endian;
    uint32_t initial[LANE_STATE_WORDS_MAX];
    const struct lane_width *widths; /* the first that fits is taken; up to a name of NULL */
};
extern const struct lane_digest lane_digest_md5, lane_digest_sha256;

/* What this machine runs best for that many messages (from 1): a count of 1 when one after the other is best. Asks the
 * processor: not to be called for every message. */
struct lanes lanes_choose(const struct lane_digest *, unsigned message_count);

bool lanes_supported_anywhere(void);
bool lanes_supported_always(void); /* vectors of GCC's, on little-endian machines */
#if defined(__x86_64__)
bool lanes_supported_avx2(void);
bool lanes_supported_avx512(void);
bool lanes_supported_sha(void); /* SHA-256 instructions for one message */
#endif

#endif
