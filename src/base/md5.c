/* MD5 (RFC 1321): streams of an engine. */
#include "base/digest.h"

#include <assert.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_LEN 64u

struct md5_engine {
    unsigned stream_count;
};

struct md5_stream {
    struct md5_engine *engine;
    uint32_t state[4];
    uint64_t len;
    uint8_t rest[BLOCK_LEN];
};

static const uint32_t initial_state[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};

#define F(x, y, z) ((z) ^ ((x) & ((y) ^ (z))))
#define G(x, y, z) ((y) ^ ((z) & ((x) ^ (y))))
#define H(x, y, z) ((x) ^ (y) ^ (z))
#define I(x, y, z) ((y) ^ ((x) | ~(z)))
#define STEP(f, a, b, c, d, k, s, t) \
    a += f(b, c, d) + word[k] + t; \
    a = (a << s | a >> (32 - s)) + b;
#include "base/md5_rounds.def"

static void hash_blocks(uint32_t state[4], const uint8_t *at, size_t block_count)
{
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3], word[16];
    for (; block_count; block_count--, at += BLOCK_LEN) {
        uint32_t a0 = a, b0 = b, c0 = c, d0 = d;
        memcpy(word, at, sizeof(word));
        for (int i = 0; i < 16; i++)
            word[i] = le32toh(word[i]);
        MD5_ROUNDS(STEP, a, b, c, d)
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

/* Pads the last len % 64 bytes of a message of len bytes, hashes them, and writes the digest. */
static void finish(uint32_t state[4], const uint8_t *rest, uint64_t len, uint8_t digest[MD5_LEN])
{
    uint8_t last[2 * BLOCK_LEN] = {0};
    size_t rest_len = len % BLOCK_LEN, blocks = rest_len < 56 ? 1 : 2;
    uint64_t bits = htole64(len * 8);
    if (rest_len)
        memcpy(last, rest, rest_len);
    last[rest_len] = 0x80;
    memcpy(last + blocks * BLOCK_LEN - 8, &bits, 8);
    hash_blocks(state, last, blocks);
    for (int i = 0; i < 4; i++) {
        uint32_t word = htole32(state[i]);
        memcpy(digest + i * 4, &word, 4);
    }
}

void md5_of(const void *data, size_t len, uint8_t digest[MD5_LEN])
{
    uint32_t state[4];
    memcpy(state, initial_state, sizeof(state));
    hash_blocks(state, data, len / BLOCK_LEN);
    finish(state, len ? (const uint8_t *)data + len / BLOCK_LEN * BLOCK_LEN : NULL, len, digest);
}

int md5_engine_new(struct md5_engine **ret)
{
    struct md5_engine *engine = calloc(1, sizeof(*engine));
    if (!engine)
        return ERR_NO_MEMORY;
    *ret = engine;
    return 0;
}

void md5_engine_free(struct md5_engine *engine)
{
    if (!engine)
        return;
    assert(engine->stream_count == 0);
    free(engine);
}

int md5_stream_new(struct md5_engine *engine, struct md5_stream **ret)
{
    struct md5_stream *stream = malloc(sizeof(*stream));
    if (!stream)
        return ERR_NO_MEMORY;
    stream->engine = engine;
    engine->stream_count++;
    md5_stream_reset(stream);
    *ret = stream;
    return 0;
}

void md5_stream_reset(struct md5_stream *stream)
{
    memcpy(stream->state, initial_state, sizeof(stream->state));
    stream->len = 0;
}

void md5_stream_update(struct md5_stream *stream, const void *data, size_t len)
{
    const uint8_t *at = data;
    size_t rest_len = stream->len % BLOCK_LEN;
    stream->len += len;
    if (rest_len) {
        size_t room = BLOCK_LEN - rest_len, part = len < room ? len : room;
        memcpy(stream->rest + rest_len, at, part);
        if (part < room)
            return;
        hash_blocks(stream->state, stream->rest, 1);
        at += part;
        len -= part;
    }
    hash_blocks(stream->state, at, len / BLOCK_LEN);
    if (len % BLOCK_LEN)
        memcpy(stream->rest, at + len / BLOCK_LEN * BLOCK_LEN, len % BLOCK_LEN);
}

void md5_stream_final(struct md5_stream *stream, uint8_t digest[MD5_LEN])
{
    finish(stream->state, stream->rest, stream->len, digest);
}

void md5_stream_free(struct md5_stream *stream)
{
    if (!stream)
        return;
    stream->engine->stream_count--;
    free(stream);
}
