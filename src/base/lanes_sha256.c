/* SHA-256 (FIPS 180-4). One message goes through the processor's SHA instructions where it has them: their rate is bound by
 * throughput, so that only wide vectors are faster, and only when most of their lanes are in use. */
#include "base/lanes.h"

#include <endian.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "base/sha256_rounds.h"

static void plain(uint32_t *const *states, const uint8_t *const *messages, size_t block_count)
{
    uint32_t *state = states[0];
    const uint8_t *at = messages[0];
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4], f = state[5], g = state[6], h = state[7];
    for (; block_count; block_count--, at += LANE_BLOCK_LEN) {
        uint32_t word[16];
        memcpy(word, at, sizeof(word));
        for (int i = 0; i < 16; i++)
            word[i] = be32toh(word[i]);
        SHA256_ROUNDS(a, b, c, d, e, f, g, h, word)
        a = state[0] += a;
        b = state[1] += b;
        c = state[2] += c;
        d = state[3] += d;
        e = state[4] += e;
        f = state[5] += f;
        g = state[6] += g;
        h = state[7] += h;
    }
}

#if defined(__x86_64__)
/* The instructions keep the state as abef and cdgh, and take four words of the schedule at a time. */
static __attribute__((target("sha,sse4.1,ssse3"))) void instructions(uint32_t *const *states, const uint8_t *const *messages,
                                                                    size_t block_count)
{
    uint32_t *state = states[0];
    const uint8_t *at = messages[0];
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    __m128i dcba = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(const void *)state), 0xb1);
    __m128i hgfe = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(const void *)(state + 4)), 0x1b);
    __m128i abef = _mm_alignr_epi8(dcba, hgfe, 8), cdgh = _mm_blend_epi16(hgfe, dcba, 0xf0);
    for (; block_count; block_count--, at += LANE_BLOCK_LEN) {
        __m128i word[4], abef_before = abef, cdgh_before = cdgh;
        for (int i = 0; i < 4; i++)
            word[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)(at + 16 * i)), swap);
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++) {
            __m128i sum = _mm_add_epi32(word[i & 3], _mm_load_si128((const __m128i *)(const void *)(sha256_constants + 4 * i)));
            cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
            abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0e));
            __m128i next = _mm_sha256msg1_epu32(word[i & 3], word[(i + 1) & 3]);
            next = _mm_add_epi32(next, _mm_alignr_epi8(word[(i + 3) & 3], word[(i + 2) & 3], 4));
            word[i & 3] = _mm_sha256msg2_epu32(next, word[(i + 3) & 3]); /* unused in the last four steps */
        }
        abef = _mm_add_epi32(abef, abef_before);
        cdgh = _mm_add_epi32(cdgh, cdgh_before);
    }
    __m128i feba = _mm_shuffle_epi32(abef, 0x1b), dchg = _mm_shuffle_epi32(cdgh, 0xb1);
    _mm_storeu_si128((__m128i *)(void *)state, _mm_blend_epi16(feba, dchg, 0xf0));
    _mm_storeu_si128((__m128i *)(void *)(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}
#endif

#define LANE_STATE(do) do(0, a) do(1, b) do(2, c) do(3, d) do(4, e) do(5, f) do(6, g) do(7, h)
#define LANE_WORD(x) (((x) << 8 | (x) >> 24) & 0x00ff00ff) | (((x) << 24 | (x) >> 8) & 0xff00ff00)
#define LANE_ROUNDS(word) SHA256_ROUNDS(a, b, c, d, e, f, g, h, word)

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
    {"8 lanes, AVX-512", lanes_supported_avx512, 5, {8, lanes_8_avx512}},
    {"SHA instructions", lanes_supported_sha, 1, {1, instructions}}, /* faster than the narrower lanes when they are full */
    {"8 lanes, AVX2", lanes_supported_avx2, 3, {8, lanes_8_avx2}},
#endif
    {"4 lanes", lanes_supported_always, 3, {4, lanes_4}},
    {"plain", lanes_supported_anywhere, 1, {1, plain}},
    {0},
};

const struct lane_digest lane_digest_sha256 = {
    .state_words = 8,
    .big_endian = true,
    .initial = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19},
    .widths = widths,
};
