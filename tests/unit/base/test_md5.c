/* MD5 streams against libcrypto, with random lengths and interleavings. */
#include "check.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/md5_lanes.h"
#include "base/text.h"

#define STREAMS 40
#define BODY_LEN (300u << 10)

static uint8_t body[BODY_LEN + STREAMS];

static uint32_t random_state = 12345;

static uint32_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state;
}

static int fill(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(body); i++)
        body[i] = (uint8_t)next_random();
    return 0;
}

static void expect_libcrypto(const uint8_t *at, size_t len, const uint8_t digest[MD5_LEN])
{
    uint8_t expected[MD5_LEN];
    assert_int_equal(EVP_Digest(at, len, expected, NULL, EVP_md5(), NULL), 1);
    assert_memory_equal(digest, expected, MD5_LEN);
}

static void at_once(void **state)
{
    (void)state;
    uint8_t digest[MD5_LEN];
    for (size_t len = 0; len < 300; len++) {
        md5_of(body, len, digest);
        expect_libcrypto(body, len, digest);
    }
    md5_of(body + 1, BODY_LEN, digest);
    expect_libcrypto(body + 1, BODY_LEN, digest);
}

static void one_stream_in_pieces(void **state)
{
    (void)state;
    struct md5_engine *engine;
    struct md5_stream *stream;
    uint8_t digest[MD5_LEN];
    assert_int_equal(md5_engine_new(&engine), 0);
    assert_int_equal(md5_stream_new(engine, &stream), 0);
    for (size_t piece = 1; piece < 200000; piece = piece * 3 + 1) {
        md5_stream_reset(stream);
        size_t step;
        for (size_t at = 0; at < BODY_LEN; at += step) {
            step = BODY_LEN - at < piece ? BODY_LEN - at : piece;
            md5_stream_update(stream, body + at, step);
        }
        md5_stream_final(stream, digest);
        expect_libcrypto(body, BODY_LEN, digest);
    }
    md5_stream_free(stream);
    md5_stream_free(NULL);
    md5_engine_free(engine);
    md5_engine_free(NULL);
}

static void many_streams_interleaved(void **state)
{
    (void)state;
    struct md5_engine *engine;
    struct md5_stream *streams[STREAMS];
    size_t fed[STREAMS], length[STREAMS], left;
    uint8_t digest[MD5_LEN];
    assert_int_equal(md5_engine_new(&engine), 0);
    for (int i = 0; i < STREAMS; i++)
        assert_int_equal(md5_stream_new(engine, &streams[i]), 0);
    for (int round = 0; round < 12; round++) {
        unsigned used = 1 + next_random() % STREAMS, piece_max = 1 + next_random() % 100000;
        for (unsigned i = 0; i < used; i++) {
            fed[i] = 0;
            length[i] = next_random() % 4 ? next_random() % BODY_LEN : next_random() % 200;
            md5_stream_reset(streams[i]);
        }
        for (left = used; left;) {
            unsigned i = next_random() % used;
            if (fed[i] > length[i])
                continue;
            size_t piece = next_random() % piece_max;
            if (fed[i] + piece < length[i]) {
                md5_stream_update(streams[i], body + i + fed[i], piece);
                fed[i] += piece;
                continue;
            }
            md5_stream_update(streams[i], body + i + fed[i], length[i] - fed[i]);
            md5_stream_final(streams[i], digest);
            expect_libcrypto(body + i, length[i], digest);
            fed[i] = length[i] + 1;
            left--;
        }
    }
    for (int i = 0; i < STREAMS; i++)
        md5_stream_free(streams[i]);
    md5_engine_free(engine);
}

static void abandoned_streams_leave_the_rest_alone(void **state)
{
    (void)state;
    struct md5_engine *engine;
    struct md5_stream *streams[4];
    uint8_t digest[MD5_LEN];
    assert_int_equal(md5_engine_new(&engine), 0);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(md5_stream_new(engine, &streams[i]), 0);
        md5_stream_update(streams[i], body + i, 70000);
    }
    md5_stream_free(streams[1]);
    md5_stream_reset(streams[2]);
    md5_stream_update(streams[2], body, 5);
    md5_stream_final(streams[0], digest);
    expect_libcrypto(body, 70000, digest);
    md5_stream_final(streams[2], digest);
    expect_libcrypto(body, 5, digest);
    assert_int_equal(md5_stream_new(engine, &streams[1]), 0);
    md5_stream_final(streams[1], digest);
    expect_libcrypto(body, 0, digest);
    md5_stream_final(streams[3], digest);
    expect_libcrypto(body + 3, 70000, digest);
    for (int i = 0; i < 4; i++)
        md5_stream_free(streams[i]);
    md5_engine_free(engine);
}

/* Every width that this machine has: different messages in all lanes, some lanes repeated as scratch. */
static void every_width(void **state)
{
    (void)state;
    enum { BLOCKS = 5, LEN = (BLOCKS - 1) * MD5_BLOCK_LEN };
    static const uint32_t start[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
    static uint8_t messages[MD5_LANES_MAX][BLOCKS * MD5_BLOCK_LEN];
    const uint64_t bits = LEN * 8;
    struct md5_lanes lanes;
    const char *name;
    unsigned widths = 0;
    for (int lane = 0; lane < MD5_LANES_MAX; lane++) {
        memcpy(messages[lane], body + lane * 1000, LEN);
        messages[lane][LEN] = 0x80;
        memcpy(messages[lane] + sizeof(messages[lane]) - 8, &bits, 8);
    }
    for (; md5_lanes_nth(widths, &lanes, &name); widths++) {
        uint32_t digests[MD5_LANES_MAX][4], *states[MD5_LANES_MAX];
        const uint8_t *at[MD5_LANES_MAX];
        for (unsigned lane = 0; lane < lanes.count; lane++) {
            memcpy(digests[lane], start, sizeof(start));
            states[lane] = digests[lane];
            at[lane] = messages[lane];
        }
        lanes.run(states, at, 2);
        for (unsigned lane = 0; lane < lanes.count; lane++)
            at[lane] += 2 * MD5_BLOCK_LEN;
        lanes.run(states, at, BLOCKS - 2);
        for (unsigned lane = 0; lane < lanes.count; lane++)
            expect_libcrypto(body + lane * 1000, LEN, (const uint8_t *)digests[lane]);
    }
    assert_int_equal(widths > 0, __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
    for (unsigned count = 1; count <= MD5_LANES_MAX; count++) {
        struct md5_lanes chosen = md5_lanes_choose(count), widest = md5_lanes_choose(MD5_LANES_MAX);
        assert_true(chosen.count >= count || chosen.count == widest.count);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_width), cmocka_unit_test(at_once), cmocka_unit_test(one_stream_in_pieces), cmocka_unit_test(many_streams_interleaved),
        cmocka_unit_test(abandoned_streams_leave_the_rest_alone),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
