/* A digest's compression in vector lanes: included once per LANES (4, 8, 16), LANE_TARGET (the instruction set) and
 * LANE_NAME. The digest's own file defines LANE_STATE(do), which names its state's words in order, do(0, a) do(1, b) ...;
 * LANE_WORD(x), a word of the message in the machine's order; and LANE_ROUNDS(word), all steps on these variables. GCC's vector
 * extensions make the code; only the instruction set is named. Helpers take pointers only: vectors by value would change the
 * calling convention with the instruction set. */

#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)
#define VECTOR PASTE(vector_, LANE_NAME)
#define TRANSPOSE PASTE(transpose_, LANE_NAME)

typedef uint32_t VECTOR __attribute__((vector_size(LANES * 4)));

/* rows[i][j] becomes rows[j][i]: in each step blocks of 1, 2, 4 and 8 elements change sides across the diagonal. */
static inline __attribute__((always_inline)) LANE_TARGET void TRANSPOSE(VECTOR *rows)
{
#if LANES == 4
#define LOW_1 0, 4, 2, 6
#define HIGH_1 1, 5, 3, 7
#define LOW_2 0, 1, 4, 5
#define HIGH_2 2, 3, 6, 7
#elif LANES == 8
#define LOW_1 0, 8, 2, 10, 4, 12, 6, 14
#define HIGH_1 1, 9, 3, 11, 5, 13, 7, 15
#define LOW_2 0, 1, 8, 9, 4, 5, 12, 13
#define HIGH_2 2, 3, 10, 11, 6, 7, 14, 15
#define LOW_4 0, 1, 2, 3, 8, 9, 10, 11
#define HIGH_4 4, 5, 6, 7, 12, 13, 14, 15
#else
#define LOW_1 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30
#define HIGH_1 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31
#define LOW_2 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29
#define HIGH_2 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31
#define LOW_4 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27
#define HIGH_4 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31
#define LOW_8 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23
#define HIGH_8 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31
#endif
/* Written out, because a loop would keep the rows in memory. */
#define EXCHANGE(i, distance) \
    if (i < LANES) { \
        VECTOR low = __builtin_shufflevector(rows[i], rows[i + distance], PASTE(LOW_, distance)); \
        rows[i + distance] = __builtin_shufflevector(rows[i], rows[i + distance], PASTE(HIGH_, distance)); \
        rows[i] = low; \
    }
#define EXCHANGE_8(distance, i, j, k, l, m, n, o, p) \
    EXCHANGE(i, distance) EXCHANGE(j, distance) EXCHANGE(k, distance) EXCHANGE(l, distance) \
    EXCHANGE(m, distance) EXCHANGE(n, distance) EXCHANGE(o, distance) EXCHANGE(p, distance)
    EXCHANGE_8(1, 0, 2, 4, 6, 8, 10, 12, 14)
    EXCHANGE_8(2, 0, 1, 4, 5, 8, 9, 12, 13)
#if LANES >= 8
    EXCHANGE_8(4, 0, 1, 2, 3, 8, 9, 10, 11)
#endif
#if LANES >= 16
    EXCHANGE_8(8, 0, 1, 2, 3, 4, 5, 6, 7)
#endif
#undef EXCHANGE
#undef EXCHANGE_8
#undef LOW_1
#undef HIGH_1
#undef LOW_2
#undef HIGH_2
#undef LOW_4
#undef HIGH_4
#undef LOW_8
#undef HIGH_8
}

#define LOAD_LANE(part, lane) \
    if (lane < LANES) \
        memcpy(&word[part + lane % LANES], at[lane % LANES] + off + part * 4, sizeof(VECTOR));
#define LOAD(part) \
    LOAD_LANE(part, 0) LOAD_LANE(part, 1) LOAD_LANE(part, 2) LOAD_LANE(part, 3) \
    LOAD_LANE(part, 4) LOAD_LANE(part, 5) LOAD_LANE(part, 6) LOAD_LANE(part, 7) \
    LOAD_LANE(part, 8) LOAD_LANE(part, 9) LOAD_LANE(part, 10) LOAD_LANE(part, 11) \
    LOAD_LANE(part, 12) LOAD_LANE(part, 13) LOAD_LANE(part, 14) LOAD_LANE(part, 15) \
    TRANSPOSE(&word[part]);

#define LANE_DECLARE(i, name) VECTOR name;
#define LANE_TAKE(i, name) name[lane] = state[lane][i];
#define LANE_KEEP(i, name) VECTOR name##_before = name;
#define LANE_ADD(i, name) name += name##_before;
#define LANE_GIVE(i, name) state[lane][i] = name[lane];

static LANE_TARGET void LANE_NAME(uint32_t *const *state, const uint8_t *const *at, size_t block_count)
{
    VECTOR word[16];
    LANE_STATE(LANE_DECLARE)
    for (int lane = 0; lane < LANES; lane++) {
        LANE_STATE(LANE_TAKE)
    }
    for (size_t off = 0; off < block_count * LANE_BLOCK_LEN; off += LANE_BLOCK_LEN) {
        LANE_STATE(LANE_KEEP)
        LOAD(0)
#if LANES <= 8
        LOAD(LANES)
#endif
#if LANES == 4
        LOAD(2 * LANES)
        LOAD(3 * LANES)
#endif
        for (int i = 0; i < 16; i++)
            word[i] = LANE_WORD(word[i]);
        LANE_ROUNDS(word)
        LANE_STATE(LANE_ADD)
    }
    for (int lane = 0; lane < LANES; lane++) {
        LANE_STATE(LANE_GIVE)
    }
}

#undef LANE_DECLARE
#undef LANE_TAKE
#undef LANE_KEEP
#undef LANE_ADD
#undef LANE_GIVE
#undef LOAD
#undef LOAD_LANE
#undef PASTE_
#undef PASTE
#undef VECTOR
#undef TRANSPOSE
#undef LANES
#undef LANE_TARGET
#undef LANE_NAME
