/* MD5 and SHA-256 of many streams per engine.
 *
 * A stream copies its bytes into a stage of its own, a ring. When the stage is full, or the digest is wanted, the engine
 * hashes it, and with it, in the other vector lanes, what those streams have staged that have most: so streams that advance
 * at the same pace cost little more than one. A full stage is hashed only as far as room is needed: what is left there fills
 * lanes for others later. A stream that is alone, or finds no stage, is hashed where its bytes lie.
 *
 * Invariants: the staged_len bytes from stage[start] on, around the ring, are not hashed yet; start is a multiple of 64.
 * Without a stage the last len % 64 bytes are in rest. An ended stream gives its stage up with its last whole block. */
#include "base/digest.h"

#include <assert.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "base/lanes.h"

#define IDLE_STREAMS_MAX 64
#define LANE_BLOCKS_MIN 16u /* staged by a stream to be worth a lane */

struct digest_stream {
    struct digest_engine *engine;
    struct digest_stream *prev, *next; /* of those with a stage, or of the idle ones */
    uint32_t state[LANE_STATE_WORDS_MAX];
    uint64_t len;
    uint8_t *stage; /* NULL: hashed directly */
    uint32_t start, staged_len;
    bool ended;
    uint8_t rest[LANE_BLOCK_LEN];
};

struct digest_engine {
    const struct lane_digest *digest;
    struct lanes lanes[LANES_MAX + 1]; /* what to run for that many messages, from 1 */
    struct digest_stream *staged_first, *staged_last; /* in the order in which they took their stage */
    struct digest_stream *idle;                       /* freed, for the next digest_stream_new */
    unsigned stream_count, idle_count, active_count, stage_count, stages_max;
    uint32_t stage_len;
    uint8_t *free_stages; /* each begins with the pointer to the next */
};

static const struct {
    const struct lane_digest *digest;
    uint32_t stage_len;
    unsigned stages_max; /* streams beyond are hashed at once */
} kinds[] = {
    /* Long streams advance in bursts: the longer the stage, the fuller the lanes. */
    [DIGEST_MD5] = {&lane_digest_md5, 128u << 10, 64},
    /* One chunk of most clients each: they end soon, and give their stages back. */
    [DIGEST_SHA256] = {&lane_digest_sha256, 64u << 10, 32},
};

static void hash_alone(const struct digest_engine *engine, uint32_t *state, const uint8_t *at, size_t block_count)
{
    if (block_count)
        engine->lanes[1].run(&state, &at, block_count);
}

/* Pads the last len % 64 bytes of a message of len bytes, hashes them, and writes the digest. */
static void finish(const struct lane_digest *digest, struct lanes alone, uint32_t *state, const uint8_t *rest, uint64_t len, uint8_t *ret)
{
    uint8_t last[2 * LANE_BLOCK_LEN] = {0};
    const uint8_t *at = last;
    size_t rest_len = len % LANE_BLOCK_LEN, blocks = rest_len < 56 ? 1 : 2;
    uint64_t bits = digest->big_endian ? htobe64(len * 8) : htole64(len * 8);
    if (rest_len)
        memcpy(last, rest, rest_len);
    last[rest_len] = 0x80;
    memcpy(last + blocks * LANE_BLOCK_LEN - 8, &bits, 8);
    alone.run(&state, &at, blocks);
    for (unsigned i = 0; i < digest->state_words; i++) {
        uint32_t word = digest->big_endian ? htobe32(state[i]) : htole32(state[i]);
        memcpy(ret + i * 4, &word, 4);
    }
}

void md5_of(const void *data, size_t len, uint8_t digest[MD5_LEN])
{
    struct lanes alone = lanes_choose(&lane_digest_md5, 1);
    uint32_t words[LANE_STATE_WORDS_MAX], *state = words;
    const uint8_t *at = data;
    size_t whole_len = len / LANE_BLOCK_LEN * LANE_BLOCK_LEN;
    memcpy(words, lane_digest_md5.initial, sizeof(words));
    if (whole_len)
        alone.run(&state, &at, whole_len / LANE_BLOCK_LEN);
    finish(&lane_digest_md5, alone, state, len ? at + whole_len : NULL, len, digest);
}

/* --- Lanes --- */

static size_t staged_blocks(const struct digest_stream *stream)
{
    return stream->staged_len / LANE_BLOCK_LEN;
}

/* Of those, the ones in front of the ring's end. */
static size_t straight_blocks(const struct digest_stream *stream)
{
    size_t staged = staged_blocks(stream), straight = (stream->engine->stage_len - stream->start) / LANE_BLOCK_LEN;
    return staged < straight ? staged : straight;
}

static void give_stage(struct digest_stream *);

static void advance(struct digest_stream *stream, size_t block_count)
{
    uint32_t len = (uint32_t)(block_count * LANE_BLOCK_LEN);
    stream->start = (stream->start + len) % stream->engine->stage_len;
    stream->staged_len -= len;
    if (!stream->ended || staged_blocks(stream) > 0)
        return;
    memcpy(stream->rest, stream->stage + stream->start, stream->staged_len);
    give_stage(stream);
}

/* Streams to be hashed side by side: wanted, and those that have most staged. */
struct lane_set {
    struct digest_stream *streams[LANES_MAX];
    unsigned count;
};

static void lane_set_fill(struct lane_set *set, struct digest_stream *wanted)
{
    unsigned widest = wanted->engine->lanes[LANES_MAX].count;
    set->streams[0] = wanted;
    set->count = 1;
    for (struct digest_stream *stream = wanted->engine->staged_first; stream; stream = stream->next) {
        if (stream == wanted || staged_blocks(stream) < LANE_BLOCKS_MIN)
            continue;
        if (set->count < widest)
            set->count++;
        else if (widest == 1 || staged_blocks(set->streams[widest - 1]) >= staged_blocks(stream))
            continue;
        unsigned at = set->count - 1;
        for (; at > 1 && staged_blocks(set->streams[at - 1]) < staged_blocks(stream); at--)
            set->streams[at] = set->streams[at - 1];
        set->streams[at] = stream;
    }
}

/* Hashes as many blocks as all streams in the set have, at most block_count. */
static void lane_set_run(struct lane_set *set, const struct lanes *lanes, size_t block_count)
{
    uint32_t scratch[LANES_MAX][LANE_STATE_WORDS_MAX] = {{0}}, *states[LANES_MAX];
    const uint8_t *at[LANES_MAX];
    for (unsigned lane = 0; lane < lanes->count; lane++) {
        struct digest_stream *stream = set->streams[lane < set->count ? lane : 0];
        states[lane] = lane < set->count ? stream->state : scratch[lane];
        at[lane] = stream->stage + stream->start;
        if (straight_blocks(stream) < block_count)
            block_count = straight_blocks(stream);
    }
    lanes->run(states, at, block_count);
    for (unsigned lane = 0; lane < set->count; lane++)
        advance(set->streams[lane], block_count);
}

/* Hashes at least block_count (as many are staged) of wanted's blocks, and those of others that fill lanes. */
static void hash_staged(struct digest_stream *wanted, size_t block_count)
{
    const struct digest_engine *engine = wanted->engine;
    while (block_count > 0) {
        size_t before = staged_blocks(wanted);
        struct lane_set set;
        lane_set_fill(&set, wanted);
        const struct lanes *lanes = &engine->lanes[set.count];
        if (lanes->count == 1) /* too few for the lanes */
            set.count = 1;
        lane_set_run(&set, lanes, block_count);
        block_count -= before - staged_blocks(wanted);
    }
}

/* --- Stages --- */

static void link_staged(struct digest_stream *stream)
{
    struct digest_engine *engine = stream->engine;
    stream->next = NULL;
    stream->prev = engine->staged_last;
    *(stream->prev ? &stream->prev->next : &engine->staged_first) = stream;
    engine->staged_last = stream;
}

static void unlink_staged(struct digest_stream *stream)
{
    struct digest_engine *engine = stream->engine;
    *(stream->prev ? &stream->prev->next : &engine->staged_first) = stream->next;
    *(stream->next ? &stream->next->prev : &engine->staged_last) = stream->prev;
    stream->prev = stream->next = NULL;
}

/* Hashes streams that only wait for their result, so that their stages become free. */
static void hash_ended(struct digest_engine *engine)
{
    struct digest_stream *stream = engine->staged_first;
    while (stream && !stream->ended)
        stream = stream->next;
    if (stream)
        hash_staged(stream, staged_blocks(stream));
}

/* Without a stage the stream goes on without one: slower, not wrong. */
static void take_stage(struct digest_stream *stream, size_t rest_len)
{
    struct digest_engine *engine = stream->engine;
    if (!engine->free_stages && engine->stage_count == engine->stages_max)
        hash_ended(engine);
    uint8_t *stage = engine->free_stages;
    if (stage) {
        memcpy(&engine->free_stages, stage, sizeof(engine->free_stages));
    } else {
        if (engine->stage_count == engine->stages_max || !(stage = aligned_alloc(LANE_BLOCK_LEN, engine->stage_len)))
            return;
        engine->stage_count++;
    }
    memcpy(stage, stream->rest, rest_len);
    stream->stage = stage;
    stream->start = 0;
    stream->staged_len = (uint32_t)rest_len;
    link_staged(stream);
}

static void give_stage(struct digest_stream *stream)
{
    if (!stream->stage)
        return;
    unlink_staged(stream);
    memcpy(stream->stage, &stream->engine->free_stages, sizeof(stream->engine->free_stages));
    stream->engine->free_stages = stream->stage;
    stream->stage = NULL;
    stream->staged_len = 0;
}

/* --- Streams --- */

int digest_engine_new(enum digest_kind kind, struct digest_engine **ret)
{
    struct digest_engine *engine = calloc(1, sizeof(*engine));
    if (!engine)
        return ERR_NO_MEMORY;
    engine->digest = kinds[kind].digest;
    engine->stages_max = kinds[kind].stages_max;
    engine->stage_len = kinds[kind].stage_len;
    for (unsigned count = 1; count <= LANES_MAX; count++)
        engine->lanes[count] = lanes_choose(engine->digest, count);
    *ret = engine;
    return 0;
}

void digest_engine_free(struct digest_engine *engine)
{
    if (!engine)
        return;
    assert(engine->stream_count == 0);
    while (engine->idle) {
        struct digest_stream *stream = engine->idle;
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

int digest_stream_new(struct digest_engine *engine, struct digest_stream **ret)
{
    struct digest_stream *stream = engine->idle;
    if (stream) {
        engine->idle = stream->next;
        engine->idle_count--;
    } else if (!(stream = malloc(sizeof(*stream)))) {
        return ERR_NO_MEMORY;
    }
    *stream = (struct digest_stream){.engine = engine};
    memcpy(stream->state, engine->digest->initial, sizeof(stream->state));
    engine->stream_count++;
    *ret = stream;
    return 0;
}

void digest_stream_reset(struct digest_stream *stream)
{
    give_stage(stream);
    if (stream->len)
        stream->engine->active_count--;
    stream->len = 0;
    stream->ended = false;
    memcpy(stream->state, stream->engine->digest->initial, sizeof(stream->state));
}

static void update_directly(struct digest_stream *stream, const uint8_t *at, size_t len, size_t rest_len)
{
    if (rest_len) {
        size_t room = LANE_BLOCK_LEN - rest_len, part = len < room ? len : room;
        memcpy(stream->rest + rest_len, at, part);
        if (part < room)
            return;
        hash_alone(stream->engine, stream->state, stream->rest, 1);
        at += part;
        len -= part;
    }
    hash_alone(stream->engine, stream->state, at, len / LANE_BLOCK_LEN);
    memcpy(stream->rest, at + len / LANE_BLOCK_LEN * LANE_BLOCK_LEN, len % LANE_BLOCK_LEN);
}

void digest_stream_update(struct digest_stream *stream, const void *data, size_t len)
{
    const uint8_t *at = data;
    size_t rest_len = stream->len % LANE_BLOCK_LEN;
    assert(!stream->ended);
    if (len == 0)
        return;
    if (stream->len == 0)
        stream->engine->active_count++;
    stream->len += len;
    if (!stream->stage && stream->engine->active_count > 1 && stream->engine->lanes[LANES_MAX].count > 1)
        take_stage(stream, rest_len);
    if (!stream->stage) {
        update_directly(stream, at, len, rest_len);
        return;
    }
    uint32_t stage_len = stream->engine->stage_len;
    while (len) {
        if (stream->staged_len == stage_len)
            hash_staged(stream, stage_len / 4 / LANE_BLOCK_LEN);
        uint32_t end = (stream->start + stream->staged_len) % stage_len;
        size_t straight = stage_len - end, room = stage_len - stream->staged_len, part = len;
        if (part > straight)
            part = straight;
        if (part > room)
            part = room;
        memcpy(stream->stage + end, at, part);
        stream->staged_len += (uint32_t)part;
        at += part;
        len -= part;
    }
}

void digest_stream_end(struct digest_stream *stream)
{
    stream->ended = true;
    if (stream->stage && staged_blocks(stream) == 0)
        advance(stream, 0);
}

void digest_stream_final(struct digest_stream *stream, uint8_t *digest)
{
    const struct digest_engine *engine = stream->engine;
    digest_stream_end(stream);
    if (stream->stage)
        hash_staged(stream, staged_blocks(stream));
    finish(engine->digest, engine->lanes[1], stream->state, stream->rest, stream->len, digest);
    digest_stream_reset(stream);
}

void digest_stream_free(struct digest_stream *stream)
{
    if (!stream)
        return;
    struct digest_engine *engine = stream->engine;
    digest_stream_reset(stream);
    engine->stream_count--;
    if (engine->idle_count == IDLE_STREAMS_MAX) {
        free(stream);
        return;
    }
    stream->next = engine->idle;
    engine->idle = stream;
    engine->idle_count++;
}
