/* MD5 (RFC 1321): many streams per engine.
 *
 * A stream copies its bytes into a stage of its own. When the stage is full, or the digest is wanted, the engine hashes it,
 * and with it, in the other vector lanes, what the other streams have staged: so streams that advance at the same pace cost
 * little more than one. A stream that is alone is hashed where its bytes lie.
 *
 * Invariants: stage[start..end) are the bytes not hashed yet; start is a multiple of 64, so that a full stage is whole
 * blocks. Without a stage the last len % 64 bytes are in rest. */
#include "base/digest.h"

#include <assert.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "base/md5_lanes.h"
#include "base/md5_rounds.h"

#define STAGE_LEN (64u << 10)
#define STAGES_MAX 256 /* per engine; streams beyond are hashed at once */
#define IDLE_STREAMS_MAX 64

struct md5_stream {
    struct md5_engine *engine;
    struct md5_stream *prev, *next; /* of those with a stage, or of the idle ones */
    uint32_t state[4];
    uint64_t len;
    uint8_t *stage; /* NULL: hashed directly */
    uint32_t start, end;
    uint8_t rest[MD5_BLOCK_LEN];
};

struct md5_engine {
    struct md5_stream *staged_first, *staged_last; /* in the order in which they took their stage */
    struct md5_stream *idle;                       /* freed, for the next md5_stream_new */
    unsigned stream_count, idle_count, active_count, stage_count;
    uint8_t *free_stages; /* each begins with the pointer to the next */
};

static const uint32_t initial_state[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};

static void hash_blocks(uint32_t state[4], const uint8_t *at, size_t block_count)
{
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3], word[16];
    for (; block_count; block_count--, at += MD5_BLOCK_LEN) {
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

/* Pads the last len % 64 bytes of a message of len bytes, hashes them, and writes the digest. */
static void finish(uint32_t state[4], const uint8_t *rest, uint64_t len, uint8_t digest[MD5_LEN])
{
    uint8_t last[2 * MD5_BLOCK_LEN] = {0};
    size_t rest_len = len % MD5_BLOCK_LEN, blocks = rest_len < 56 ? 1 : 2;
    uint64_t bits = htole64(len * 8);
    if (rest_len)
        memcpy(last, rest, rest_len);
    last[rest_len] = 0x80;
    memcpy(last + blocks * MD5_BLOCK_LEN - 8, &bits, 8);
    hash_blocks(state, last, blocks);
    for (int i = 0; i < 4; i++) {
        uint32_t word = htole32(state[i]);
        memcpy(digest + i * 4, &word, 4);
    }
}

void md5_of(const void *data, size_t len, uint8_t digest[MD5_LEN])
{
    uint32_t state[4];
    size_t whole_len = len / MD5_BLOCK_LEN * MD5_BLOCK_LEN;
    memcpy(state, initial_state, sizeof(state));
    hash_blocks(state, data, whole_len / MD5_BLOCK_LEN);
    finish(state, len ? (const uint8_t *)data + whole_len : NULL, len, digest);
}

/* --- Lanes --- */

static size_t staged_blocks(const struct md5_stream *stream)
{
    return (stream->end - stream->start) / MD5_BLOCK_LEN;
}

static void advance(struct md5_stream *stream, size_t block_count)
{
    stream->start += (uint32_t)(block_count * MD5_BLOCK_LEN);
    if (stream->start == stream->end)
        stream->start = stream->end = 0;
}

/* The next stream with a whole block after this one; NULL at the end. */
static struct md5_stream *next_staged(struct md5_stream *stream)
{
    while (stream && staged_blocks(stream) == 0)
        stream = stream->next;
    return stream;
}

/* Streams being hashed side by side. */
struct lane_set {
    struct md5_stream *streams[MD5_LANES_MAX];
    unsigned count;
    struct md5_stream *upcoming, *wanted;
};

static void fill_lanes(struct lane_set *set, unsigned lane_count)
{
    while (set->count < lane_count && set->upcoming) {
        if (set->upcoming != set->wanted)
            set->streams[set->count++] = set->upcoming;
        set->upcoming = next_staged(set->upcoming->next);
    }
}

/* Hashes as many blocks as all streams in the set have, then drops those that have no more. */
static void run_lanes(struct lane_set *set, const struct md5_lanes *lanes)
{
    uint32_t scratch[MD5_LANES_MAX][4] = {{0}}, *states[MD5_LANES_MAX];
    const uint8_t *at[MD5_LANES_MAX];
    size_t blocks = SIZE_MAX;
    for (unsigned lane = 0; lane < lanes->count; lane++) {
        struct md5_stream *stream = set->streams[lane < set->count ? lane : 0];
        states[lane] = lane < set->count ? stream->state : scratch[lane];
        at[lane] = stream->stage + stream->start;
        if (staged_blocks(stream) < blocks)
            blocks = staged_blocks(stream);
    }
    lanes->run(states, at, blocks);
    unsigned kept = 0;
    for (unsigned lane = 0; lane < set->count; lane++) {
        advance(set->streams[lane], blocks);
        if (staged_blocks(set->streams[lane]) > 0)
            set->streams[kept++] = set->streams[lane];
    }
    set->count = kept;
}

/* Hashes all whole blocks that wanted has staged, and those of others as far as they fill lanes well. */
static void hash_staged(struct md5_stream *wanted)
{
    struct md5_engine *engine = wanted->engine;
    struct lane_set set = {.streams = {wanted}, .count = 1, .upcoming = next_staged(engine->staged_first),
                           .wanted = wanted};
    unsigned widest = md5_lanes_choose(MD5_LANES_MAX).count;
    while (staged_blocks(wanted) > 0 || set.count > widest / 2) {
        fill_lanes(&set, widest);
        struct md5_lanes lanes = md5_lanes_choose(set.count);
        if (!lanes.run) {
            hash_blocks(wanted->state, wanted->stage + wanted->start, staged_blocks(wanted));
            advance(wanted, staged_blocks(wanted));
            return;
        }
        assert(set.count <= lanes.count);
        run_lanes(&set, &lanes);
    }
}

/* --- Stages --- */

static void link_staged(struct md5_stream *stream)
{
    struct md5_engine *engine = stream->engine;
    stream->next = NULL;
    stream->prev = engine->staged_last;
    *(stream->prev ? &stream->prev->next : &engine->staged_first) = stream;
    engine->staged_last = stream;
}

static void unlink_staged(struct md5_stream *stream)
{
    struct md5_engine *engine = stream->engine;
    *(stream->prev ? &stream->prev->next : &engine->staged_first) = stream->next;
    *(stream->next ? &stream->next->prev : &engine->staged_last) = stream->prev;
    stream->prev = stream->next = NULL;
}

/* Without memory for a stage the stream goes on without one: slower, not wrong. */
static void take_stage(struct md5_stream *stream, size_t rest_len)
{
    struct md5_engine *engine = stream->engine;
    uint8_t *stage = engine->free_stages;
    if (stage) {
        memcpy(&engine->free_stages, stage, sizeof(engine->free_stages));
    } else {
        if (engine->stage_count == STAGES_MAX || !(stage = aligned_alloc(MD5_BLOCK_LEN, STAGE_LEN)))
            return;
        engine->stage_count++;
    }
    memcpy(stage, stream->rest, rest_len);
    stream->stage = stage;
    stream->start = 0;
    stream->end = (uint32_t)rest_len;
    link_staged(stream);
}

static void give_stage(struct md5_stream *stream)
{
    if (!stream->stage)
        return;
    unlink_staged(stream);
    memcpy(stream->stage, &stream->engine->free_stages, sizeof(stream->engine->free_stages));
    stream->engine->free_stages = stream->stage;
    stream->stage = NULL;
}

/* --- Streams --- */

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
    while (engine->idle) {
        struct md5_stream *stream = engine->idle;
        engine->idle = stream->next;
        free(stream);
    }
    while (engine->free_stages) {
        uint8_t *stage = engine->free_stages;
        memcpy(&engine->free_stages, stage, sizeof(engine->free_stages));
        free(stage);
    }
    free(engine);
}

int md5_stream_new(struct md5_engine *engine, struct md5_stream **ret)
{
    struct md5_stream *stream = engine->idle;
    if (stream) {
        engine->idle = stream->next;
        engine->idle_count--;
    } else if (!(stream = malloc(sizeof(*stream)))) {
        return ERR_NO_MEMORY;
    }
    *stream = (struct md5_stream){.engine = engine};
    memcpy(stream->state, initial_state, sizeof(stream->state));
    engine->stream_count++;
    *ret = stream;
    return 0;
}

void md5_stream_reset(struct md5_stream *stream)
{
    give_stage(stream);
    if (stream->len)
        stream->engine->active_count--;
    stream->len = 0;
    memcpy(stream->state, initial_state, sizeof(stream->state));
}

static void update_directly(struct md5_stream *stream, const uint8_t *at, size_t len, size_t rest_len)
{
    if (rest_len) {
        size_t room = MD5_BLOCK_LEN - rest_len, part = len < room ? len : room;
        memcpy(stream->rest + rest_len, at, part);
        if (part < room)
            return;
        hash_blocks(stream->state, stream->rest, 1);
        at += part;
        len -= part;
    }
    hash_blocks(stream->state, at, len / MD5_BLOCK_LEN);
    memcpy(stream->rest, at + len / MD5_BLOCK_LEN * MD5_BLOCK_LEN, len % MD5_BLOCK_LEN);
}

void md5_stream_update(struct md5_stream *stream, const void *data, size_t len)
{
    const uint8_t *at = data;
    size_t rest_len = stream->len % MD5_BLOCK_LEN;
    if (len == 0)
        return;
    if (stream->len == 0)
        stream->engine->active_count++;
    stream->len += len;
    if (!stream->stage && stream->engine->active_count > 1)
        take_stage(stream, rest_len);
    if (!stream->stage) {
        update_directly(stream, at, len, rest_len);
        return;
    }
    while (len) {
        if (stream->end == STAGE_LEN)
            hash_staged(stream);
        size_t room = STAGE_LEN - stream->end, part = len < room ? len : room;
        memcpy(stream->stage + stream->end, at, part);
        stream->end += (uint32_t)part;
        at += part;
        len -= part;
    }
}

void md5_stream_final(struct md5_stream *stream, uint8_t digest[MD5_LEN])
{
    const uint8_t *rest = stream->rest;
    if (stream->stage) {
        if (staged_blocks(stream) > 0)
            hash_staged(stream);
        rest = stream->stage + stream->start;
    }
    finish(stream->state, rest, stream->len, digest);
    md5_stream_reset(stream);
}

void md5_stream_free(struct md5_stream *stream)
{
    if (!stream)
        return;
    struct md5_engine *engine = stream->engine;
    md5_stream_reset(stream);
    engine->stream_count--;
    if (engine->idle_count == IDLE_STREAMS_MAX) {
        free(stream);
        return;
    }
    stream->next = engine->idle;
    engine->idle = stream;
    engine->idle_count++;
}
