/* MD5 (RFC 1321). */
#include "base/lanes.h"

#include <endian.h>
#include <string.h>

#include "base/md5_rounds.h"

static void plain(uint32_t *const *states, const uint8_t *const *messages, size_t block_count)
{
    uint32_t *state = states[0];
    const uint8_t *at = messages[0];
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3], word[16];
    for (; block_count; block_count--, at += LANE_BLOCK_LEN) {
        uint32_t a0 = a, b0 = b, c0 = c, d0 = d;
        memcpy(word, at, sizeof(word));
        for (int i = 0; i < 16; i++)
            word[i] = le32toh(word[i]);
        MD5_ROUNDS(a, b, c, d, word)
        a += a0;
        b += b0;
        c += c0;
        d += d0;
    }
    state[0] = a;
    state[1] = b;
    state[2] = c;
    state[3] = d;
}

#define LANE_STATE(do) do(0, a) do(1, b) do(2, c) do(3, d)
#define LANE_WORD(x) (x)
#define LANE_ROUNDS(word) MD5_ROUNDS(a, b, c, d, word)

#define LANES 4
#define LANE_TARGET
#define LANE_NAME lanes_4
#include "base/lanes_body.h"

#if defined(__x86_64__)
#define LANES 8
#define LANE_TARGET __attribute__((target("avx2")))
#define LANE_NAME lanes_8_avx2
#include "base/lanes_body.h"

#define LANES 8
#define LANE_TARGET __attribute__((target("avx512f,avx512vl")))
#define LANE_NAME lanes_8_avx512
#include "base/lanes_body.h"

#define LANES 16
#define LANE_TARGET __attribute__((target("avx512f,avx512vl")))
#define LANE_NAME lanes_16_avx512
#include "base/lanes_body.h"
#endif

static const struct lane_width widths[] = {
#if defined(__x86_64__)
    {"16 lanes, AVX-512", lanes_supported_avx512, 9, {16, lanes_16_avx512}},
    {"8 lanes, AVX-512", lanes_supported_avx512, 2, {8, lanes_8_avx512}},
    {"8 lanes, AVX2", lanes_supported_avx2, 5, {8, lanes_8_avx2}},
#endif
    {"4 lanes", lanes_supported_always, 2, {4, lanes_4}},
    {"plain", lanes_supported_anywhere, 1, {1, plain}},
    {0},
};

const struct lane_digest lane_digest_md5 = {
    .state_words = 4,
    .initial = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476},
    .widths = widths,
};
