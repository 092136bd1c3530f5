/* CRC64NVME (NVM Express NVM Command Set, 64b CRC): reflected polynomial 0x9a6c9329ac4bc9b5, complemented at both ends.
 *
 * By tables of eight bytes, or by carry-less multiplication: 64 bytes at a time are kept as four 128-bit remainders, each
 * multiplied by x^512 modulo the polynomial when the next 64 bytes are added (Gopal et al., Fast CRC Computation for Generic
 * Polynomials Using PCLMULQDQ Instruction, Intel 2009); the last remainder of 16 bytes goes through the tables. */
#include <endian.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif
#include <pthread.h>
#include <string.h>

#include "base/digest.h"

#define POLY 0x9a6c9329ac4bc9b5ull
#define SLICES 8

/* Filled once, only read afterwards. */
static uint64_t tables[SLICES][256];
/* What the two halves of a remainder are multiplied by to move it on by 512 and by 128 bits. */
static struct {
    uint64_t low, high;
} by_512, by_128;
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

/* x^n modulo the polynomial, reflected: bit 63 stands for x^0. */
static uint64_t power(unsigned n)
{
    uint64_t value = 1ull << 63;
    while (n--)
        value = value & 1 ? value >> 1 ^ POLY : value >> 1;
    return value;
}

static void fill_tables(void)
{
    /* The low half holds the higher powers, by 64. A reflected product comes out multiplied by x: hence the 1 less. */
    by_512.low = power(512 + 64 - 1);
    by_512.high = power(512 - 1);
    by_128.low = power(128 + 64 - 1);
    by_128.high = power(128 - 1);
    for (unsigned byte = 0; byte < 256; byte++) {
        uint64_t crc = byte;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ POLY : crc >> 1;
        tables[0][byte] = crc;
    }
    for (unsigned byte = 0; byte < 256; byte++)
        for (int slice = 1; slice < SLICES; slice++)
            tables[slice][byte] = tables[0][tables[slice - 1][byte] & 255] ^ tables[slice - 1][byte] >> 8;
}

static uint64_t by_tables(uint64_t crc, const uint8_t *at, size_t len)
{
    for (; len >= SLICES; at += SLICES, len -= SLICES) {
        uint64_t word;
        memcpy(&word, at, sizeof(word));
        crc ^= le64toh(word);
        crc = tables[7][crc & 255] ^ tables[6][crc >> 8 & 255] ^ tables[5][crc >> 16 & 255] ^
              tables[4][crc >> 24 & 255] ^ tables[3][crc >> 32 & 255] ^ tables[2][crc >> 40 & 255] ^
              tables[1][crc >> 48 & 255] ^ tables[0][crc >> 56];
    }
    while (len--)
        crc = tables[0][(crc ^ *at++) & 255] ^ crc >> 8;
    return crc;
}

#if defined(__x86_64__)
#define FOLD_MIN 64u

__attribute__((target("pclmul,sse2"))) static inline __m128i fold(__m128i remainder, __m128i factors, __m128i next)
{
    __m128i low = _mm_clmulepi64_si128(remainder, factors, 0x00);
    __m128i high = _mm_clmulepi64_si128(remainder, factors, 0x11);
    return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

__attribute__((target("pclmul,sse2"))) static uint64_t by_folding(uint64_t crc, const uint8_t *at, size_t len)
{
    const __m128i *from = (const __m128i *)(const void *)at;
    __m128i far = _mm_set_epi64x((long long)by_512.high, (long long)by_512.low);
    __m128i near = _mm_set_epi64x((long long)by_128.high, (long long)by_128.low);
    __m128i a = _mm_xor_si128(_mm_loadu_si128(from), _mm_set_epi64x(0, (long long)crc));
    __m128i b = _mm_loadu_si128(from + 1), c = _mm_loadu_si128(from + 2), d = _mm_loadu_si128(from + 3);
    from += 4;
    for (len -= 64; len >= 64; len -= 64, from += 4) {
        a = fold(a, far, _mm_loadu_si128(from));
        b = fold(b, far, _mm_loadu_si128(from + 1));
        c = fold(c, far, _mm_loadu_si128(from + 2));
        d = fold(d, far, _mm_loadu_si128(from + 3));
    }
    a = fold(fold(fold(a, near, b), near, c), near, d);
    for (; len >= 16; len -= 16, from++)
        a = fold(a, near, _mm_loadu_si128(from));
    uint8_t last[16];
    memcpy(last, &a, sizeof(last));
    return by_tables(by_tables(0, last, sizeof(last)), (const uint8_t *)from, len);
}
#endif

uint64_t crc64nvme(uint64_t seed, const void *data, size_t len)
{
    pthread_once(&tables_once, fill_tables);
#if defined(__x86_64__)
    if (len >= FOLD_MIN && __builtin_cpu_supports("pclmul"))
        return ~by_folding(~seed, data, len);
#endif
    return ~by_tables(~seed, data, len);
}
