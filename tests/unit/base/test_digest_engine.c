/* MD5 and SHA-256 streams against libcrypto, with random lengths and interleavings. */
#include "check.h"

#include <endian.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/lanes.h"
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

static enum digest_kind md5 = DIGEST_MD5, sha256 = DIGEST_SHA256;

static void expect_libcrypto(enum digest_kind kind, const uint8_t *at, size_t len, const uint8_t *digest)
{
    uint8_t expected[SHA256_LEN];
    assert_int_equal(EVP_Digest(at, len, expected, NULL, kind == DIGEST_MD5 ? EVP_md5() : EVP_sha256(), NULL), 1);
    assert_memory_equal(digest, expected, kind == DIGEST_MD5 ? MD5_LEN : SHA256_LEN);
}

static struct digest_engine *new_engine(void **state)
{
    struct digest_engine *engine;
    assert_int_equal(digest_engine_new(*(enum digest_kind *)*state, &engine), 0);
    return engine;
}

static void at_once(void **state)
{
    (void)state;
    uint8_t digest[MD5_LEN];
    for (size_t len = 0; len < 300; len++) {
        md5_of(body, len, digest);
        expect_libcrypto(DIGEST_MD5, body, len, digest);
    }
    md5_of(body + 1, BODY_LEN, digest);
    expect_libcrypto(DIGEST_MD5, body + 1, BODY_LEN, digest);
}

static void one_stream_in_pieces(void **state)
{
    struct digest_engine *engine = new_engine(state);
    struct digest_stream *stream;
    uint8_t digest[SHA256_LEN];
    assert_int_equal(digest_stream_new(engine, &stream), 0);
    for (size_t piece = 1; piece < 200000; piece = piece * 3 + 1) {
        digest_stream_reset(stream);
        size_t step;
        for (size_t at = 0; at < BODY_LEN; at += step) {
            step = BODY_LEN - at < piece ? BODY_LEN - at : piece;
            digest_stream_update(stream, body + at, step);
        }
        digest_stream_final(stream, digest);
        expect_libcrypto(*(enum digest_kind *)*state, body, BODY_LEN, digest);
    }
    digest_stream_free(stream);
    digest_stream_free(NULL);
    digest_engine_free(engine);
    digest_engine_free(NULL);
}

static void many_streams_interleaved(void **state)
{
    struct digest_engine *engine = new_engine(state);
    struct digest_stream *streams[STREAMS];
    size_t fed[STREAMS], length[STREAMS], left;
    uint8_t digest[SHA256_LEN];
    for (int i = 0; i < STREAMS; i++)
        assert_int_equal(digest_stream_new(engine, &streams[i]), 0);
    for (int round = 0; round < 12; round++) {
        unsigned used = 1 + next_random() % STREAMS, piece_max = 1 + next_random() % 100000;
        for (unsigned i = 0; i < used; i++) {
            fed[i] = 0;
            length[i] = next_random() % 4 ? next_random() % BODY_LEN : next_random() % 200;
            digest_stream_reset(streams[i]);
        }
        for (left = used; left;) {
            unsigned i = next_random() % used;
            if (fed[i] > length[i])
                continue;
            size_t piece = next_random() % piece_max;
            if (fed[i] + piece < length[i]) {
                digest_stream_update(streams[i], body + i + fed[i], piece);
                fed[i] += piece;
                continue;
            }
            digest_stream_update(streams[i], body + i + fed[i], length[i] - fed[i]);
            digest_stream_final(streams[i], digest);
            expect_libcrypto(*(enum digest_kind *)*state, body + i, length[i], digest);
            fed[i] = length[i] + 1;
            left--;
        }
    }
    for (int i = 0; i < STREAMS; i++)
        digest_stream_free(streams[i]);
    digest_engine_free(engine);
}

static void abandoned_streams_leave_the_rest_alone(void **state)
{
    struct digest_engine *engine = new_engine(state);
    struct digest_stream *streams[4];
    uint8_t digest[SHA256_LEN];
    for (int i = 0; i < 4; i++) {
        assert_int_equal(digest_stream_new(engine, &streams[i]), 0);
        digest_stream_update(streams[i], body + i, 70000);
    }
    digest_stream_free(streams[1]);
    digest_stream_reset(streams[2]);
    digest_stream_update(streams[2], body, 5);
    digest_stream_final(streams[0], digest);
    expect_libcrypto(*(enum digest_kind *)*state, body, 70000, digest);
    digest_stream_final(streams[2], digest);
    expect_libcrypto(*(enum digest_kind *)*state, body, 5, digest);
    assert_int_equal(digest_stream_new(engine, &streams[1]), 0);
    digest_stream_final(streams[1], digest);
    expect_libcrypto(*(enum digest_kind *)*state, body, 0, digest);
    digest_stream_final(streams[3], digest);
    expect_libcrypto(*(enum digest_kind *)*state, body + 3, 70000, digest);
    for (int i = 0; i < 4; i++)
        digest_stream_free(streams[i]);
    digest_engine_free(engine);
}

/* As aws-chunked does it: many ended streams wait for their result, more than there are stages. */
static void ended_streams_wait_for_their_result(void **state)
{
    enum { WAITING = 300 };
    struct digest_engine *engine = new_engine(state);
    struct digest_stream *streams[WAITING];
    size_t length[WAITING];
    uint8_t digest[SHA256_LEN];
    for (unsigned i = 0; i < WAITING; i++) {
        length[i] = next_random() % 4 ? 65536 : next_random() % 130000;
        assert_int_equal(digest_stream_new(engine, &streams[i]), 0);
        digest_stream_update(streams[i], body + i % STREAMS, length[i] / 3);
        digest_stream_update(streams[i], body + i % STREAMS + length[i] / 3, length[i] - length[i] / 3);
        if (next_random() % 8)
            digest_stream_end(streams[i]);
    }
    for (unsigned i = 0; i < WAITING; i++) {
        unsigned at = (i + 7) % WAITING;
        digest_stream_final(streams[at], digest);
        expect_libcrypto(*(enum digest_kind *)*state, body + at % STREAMS, length[at], digest);
        digest_stream_update(streams[at], body, 1000); /* as new */
        digest_stream_end(streams[at]);
        digest_stream_final(streams[at], digest);
        expect_libcrypto(*(enum digest_kind *)*state, body, 1000, digest);
        digest_stream_free(streams[at]);
    }
    digest_engine_free(engine);
}

/* One width: different messages in all lanes. */
static void check_width(enum digest_kind kind, const struct lane_digest *digest, struct lanes lanes)
{
    enum { BLOCKS = 5, LEN = (BLOCKS - 1) * LANE_BLOCK_LEN };
    const uint64_t bits = digest->big_endian ? htobe64(LEN * 8) : htole64(LEN * 8);
    static uint8_t messages[LANES_MAX][BLOCKS * LANE_BLOCK_LEN];
    uint32_t digests[LANES_MAX][LANE_STATE_WORDS_MAX], *states[LANES_MAX] = {0};
    const uint8_t *at[LANES_MAX] = {0};
    for (unsigned lane = 0; lane < lanes.count; lane++) {
        memcpy(messages[lane], body + lane * 1000, LEN);
        messages[lane][LEN] = 0x80;
        memcpy(messages[lane] + sizeof(messages[lane]) - 8, &bits, 8);
        memcpy(digests[lane], digest->initial, sizeof(digest->initial));
        states[lane] = digests[lane];
        at[lane] = messages[lane];
    }
    lanes.run(states, at, 2);
    for (unsigned lane = 0; lane < lanes.count; lane++)
        at[lane] += 2 * LANE_BLOCK_LEN;
    lanes.run(states, at, BLOCKS - 2);
    for (unsigned lane = 0; lane < lanes.count; lane++) {
        for (unsigned i = 0; i < digest->state_words; i++)
            digests[lane][i] = digest->big_endian ? htobe32(digests[lane][i]) : htole32(digests[lane][i]);
        expect_libcrypto(kind, body + lane * 1000, LEN, (const uint8_t *)digests[lane]);
    }
}

static void every_width(void **state)
{
    enum digest_kind kind = *(enum digest_kind *)*state;
    const struct lane_digest *digest = kind == DIGEST_MD5 ? &lane_digest_md5 : &lane_digest_sha256;
    unsigned widths = 0;
    for (const struct lane_width *width = digest->widths; width->name; width++) {
        if (!width->supported())
            continue;
        check_width(kind, digest, width->lanes);
        widths++;
    }
    assert_true(widths >= 1);
    for (unsigned count = 1; count <= LANES_MAX; count++) {
        struct lanes chosen = lanes_choose(digest, count), widest = lanes_choose(digest, LANES_MAX);
        assert_true(chosen.count == 1 || chosen.count >= count || chosen.count == widest.count);
    }
}

#define BOTH(test) {#test ", MD5", test, NULL, NULL, &md5}, {#test ", SHA-256", test, NULL, NULL, &sha256}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_once),
        BOTH(every_width),
        BOTH(one_stream_in_pieces),
        BOTH(many_streams_interleaved),
        BOTH(abandoned_streams_leave_the_rest_alone),
        BOTH(ended_streams_wait_for_their_result),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
