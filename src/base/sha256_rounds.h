/* The 64 steps of SHA-256 (FIPS 180-4, 6.2.2) on scalars or vectors a ... h and word[16], which they use up. Included once per
 * source file. */
static const uint32_t sha256_constants[64] __attribute__((aligned(64))) = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

#define SHA256_ROTATE(x, n) ((x) >> (n) | (x) << (32 - (n)))
#define SHA256_WORD(word, i) word[i]
/* The schedule, in place: word[i] of step i takes the room of step i - 16. */
#define SHA256_NEXT(word, i) \
    (word[(i) & 15] += (SHA256_ROTATE(word[((i) + 1) & 15], 7) ^ SHA256_ROTATE(word[((i) + 1) & 15], 18) ^ word[((i) + 1) & 15] >> 3) + \
                       word[((i) + 9) & 15] + \
                       (SHA256_ROTATE(word[((i) + 14) & 15], 17) ^ SHA256_ROTATE(word[((i) + 14) & 15], 19) ^ word[((i) + 14) & 15] >> 10))
#define SHA256_STEP(a, b, c, d, e, f, g, h, w, i) \
    h += (SHA256_ROTATE(e, 6) ^ SHA256_ROTATE(e, 11) ^ SHA256_ROTATE(e, 25)) + (g ^ (e & (f ^ g))) + sha256_constants[i] + w; \
    d += h; \
    h += (SHA256_ROTATE(a, 2) ^ SHA256_ROTATE(a, 13) ^ SHA256_ROTATE(a, 22)) + ((a & b) | (c & (a | b)));
#define SHA256_ROUNDS(a, b, c, d, e, f, g, h, word) \
    SHA256_STEP(a, b, c, d, e, f, g, h, SHA256_WORD(word, 0), 0) \
    SHA256_STEP(h, a, b, c, d, e, f, g, SHA256_WORD(word, 1), 1) \
    SHA256_STEP(g, h, a, b, c, d, e, f, SHA256_WORD(word, 2), 2) \
    SHA256_STEP(f, g, h, a, b, c, d, e, SHA256_WORD(word, 3), 3) \
    SHA256_STEP(e, f, g, h, a, b, c, d, SHA256_WORD(word, 4), 4) \
    SHA256_STEP(d, e, f, g, h, a, b, c, SHA256_WORD(word, 5), 5) \
    SHA256_STEP(c, d, e, f, g, h, a, b, SHA256_WORD(word, 6), 6) \
    SHA256_STEP(b, c, d, e, f, g, h, a, SHA256_WORD(word, 7), 7) \
    SHA256_STEP(a, b, c, d, e, f, g, h, SHA256_WORD(word, 8), 8) \
    SHA256_STEP(h, a, b, c, d, e, f, g, SHA256_WORD(word, 9), 9) \
    SHA256_STEP(g, h, a, b, c, d, e, f, SHA256_WORD(word, 10), 10) \
    SHA256_STEP(f, g, h, a, b, c, d, e, SHA256_WORD(word, 11), 11) \
    SHA256_STEP(e, f, g, h, a, b, c, d, SHA256_WORD(word, 12), 12) \
    SHA256_STEP(d, e, f, g, h, a, b, c, SHA256_WORD(word, 13), 13) \
    SHA256_STEP(c, d, e, f, g, h, a, b, SHA256_WORD(word, 14), 14) \
    SHA256_STEP(b, c, d, e, f, g, h, a, SHA256_WORD(word, 15), 15) \
    SHA256_STEP(a, b, c, d, e, f, g, h, SHA256_NEXT(word, 16), 16) \
    SHA256_STEP(h, a, b, c, d, e, f, g, SHA256_NEXT(word, 17), 17) \
    SHA256_STEP(g, h, a, b, c, d, e, f, SHA256_NEXT(word, 18), 18) \
    SHA256_STEP(f, g, h, a, b, c, d, e, SHA256_NEXT(word, 19), 19) \
    SHA256_STEP(e, f, g, h, a, b, c, d, SHA256_NEXT(word, 20), 20) \
    SHA256_STEP(d, e, f, g, h, a, b, c, SHA256_NEXT(word, 21), 21) \
    SHA256_STEP(c, d, e, f, g, h, a, b, SHA256_NEXT(word, 22), 22) \
    SHA256_STEP(b, c, d, e, f, g, h, a, SHA256_NEXT(word, 23), 23) \
    SHA256_STEP(a, b, c, d, e, f, g, h, SHA256_NEXT(word, 24), 24) \
    SHA256_STEP(h, a, b, c, d, e, f, g, SHA256_NEXT(word, 25), 25) \
    SHA256_STEP(g, h, a, b, c, d, e, f, SHA256_NEXT(word, 26), 26) \
    SHA256_STEP(f, g, h, a, b, c, d, e, SHA256_NEXT(word, 27), 27) \
    SHA256_STEP(e, f, g, h, a, b, c, d, SHA256_NEXT(word, 28), 28) \
    SHA256_STEP(d, e, f, g, h, a, b, c, SHA256_NEXT(word, 29), 29) \
    SHA256_STEP(c, d, e, f, g, h, a, b, SHA256_NEXT(word, 30), 30) \
    SHA256_STEP(b, c, d, e, f, g, h, a, SHA256_NEXT(word, 31), 31) \
    SHA256_STEP(a, b, c, d, e, f, g, h, SHA256_NEXT(word, 32), 32) \
    SHA256_STEP(h, a, b, c, d, e, f, g, SHA256_NEXT(word, 33), 33) \
    SHA256_STEP(g, h, a, b, c, d, e, f, SHA256_NEXT(word, 34), 34) \
    SHA256_STEP(f, g, h, a, b, c, d, e, SHA256_NEXT(word, 35), 35) \
    SHA256_STEP(e, f, g, h, a, b, c, d, SHA256_NEXT(word, 36), 36) \
    SHA256_STEP(d, e, f, g, h, a, b, c, SHA256_NEXT(word, 37), 37) \
    SHA256_STEP(c, d, e, f, g, h, a, b, SHA256_NEXT(word, 38), 38) \
    SHA256_STEP(b, c, d, e, f, g, h, a, SHA256_NEXT(word, 39), 39) \
    SHA256_STEP(a, b, c, d, e, f, g, h, SHA256_NEXT(word, 40), 40) \
    SHA256_STEP(h, a, b, c, d, e, f, g, SHA256_NEXT(word, 41), 41) \
    SHA256_STEP(g, h, a, b, c, d, e, f, SHA256_NEXT(word, 42), 42) \
    SHA256_STEP(f, g, h, a, b, c, d, e, SHA256_NEXT(word, 43), 43) \
    SHA256_STEP(e, f, g, h, a, b, c, d, SHA256_NEXT(word, 44), 44) \
    SHA256_STEP(d, e, f, g, h, a, b, c, SHA256_NEXT(word, 45), 45) \
    SHA256_STEP(c, d, e, f, g, h, a, b, SHA256_NEXT(word, 46), 46) \
    SHA256_STEP(b, c, d, e, f, g, h, a, SHA256_NEXT(word, 47), 47) \
    SHA256_STEP(a, b, c, d, e, f, g, h, SHA256_NEXT(word, 48), 48) \
    SHA256_STEP(h, a, b, c, d, e, f, g, SHA256_NEXT(word, 49), 49) \
    SHA256_STEP(g, h, a, b, c, d, e, f, SHA256_NEXT(word, 50), 50) \
    SHA256_STEP(f, g, h, a, b, c, d, e, SHA256_NEXT(word, 51), 51) \
    SHA256_STEP(e, f, g, h, a, b, c, d, SHA256_NEXT(word, 52), 52) \
    SHA256_STEP(d, e, f, g, h, a, b, c, SHA256_NEXT(word, 53), 53) \
    SHA256_STEP(c, d, e, f, g, h, a, b, SHA256_NEXT(word, 54), 54) \
    SHA256_STEP(b, c, d, e, f, g, h, a, SHA256_NEXT(word, 55), 55) \
    SHA256_STEP(a, b, c, d, e, f, g, h, SHA256_NEXT(word, 56), 56) \
    SHA256_STEP(h, a, b, c, d, e, f, g, SHA256_NEXT(word, 57), 57) \
    SHA256_STEP(g, h, a, b, c, d, e, f, SHA256_NEXT(word, 58), 58) \
    SHA256_STEP(f, g, h, a, b, c, d, e, SHA256_NEXT(word, 59), 59) \
    SHA256_STEP(e, f, g, h, a, b, c, d, SHA256_NEXT(word, 60), 60) \
    SHA256_STEP(d, e, f, g, h, a, b, c, SHA256_NEXT(word, 61), 61) \
    SHA256_STEP(c, d, e, f, g, h, a, b, SHA256_NEXT(word, 62), 62) \
    SHA256_STEP(b, c, d, e, f, g, h, a, SHA256_NEXT(word, 63), 63)
