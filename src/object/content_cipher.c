/* See content_cipher.h. */
#include "object/content_cipher.h"

#include <stdlib.h>
#include <string.h>

#include "base/seal.h"

/* --- sealing --- */

int content_sealer_init(struct content_sealer *s, const uint8_t data_key[DATA_KEY_LEN], uint32_t part_number, uint64_t size_expected)
{
    uint8_t salt[FRAME_SALT_LEN];
    *s = (struct content_sealer){.capacity = size_expected < FRAME_PLAIN_LEN ? (size_t)size_expected : FRAME_PLAIN_LEN};
    int err = random_bytes(salt, sizeof(salt));
    if (!err)
        err = frame_cipher_new(data_key, part_number, salt, &s->cipher);
    if (!err && !(s->frame = malloc(s->capacity + FRAME_OVERHEAD)))
        err = ERR_NO_MEMORY;
    return err;
}

void content_sealer_fini(struct content_sealer *s)
{
    if (s->frame)
        explicit_bzero(s->frame, s->capacity + FRAME_OVERHEAD);
    free(s->frame);
    frame_cipher_free(s->cipher);
    *s = (struct content_sealer){0};
}

static void fail(struct content_writer *w, int err)
{
    w->err = w->err ? w->err : err;
}

static void seal_frame(struct content_sealer *s, struct content_writer *w, bool last)
{
    int err = frame_seal(s->cipher, s->index++, last, s->frame, s->filled);
    if (err)
        fail(w, err);
    s->out_len = s->filled + FRAME_OVERHEAD;
    s->out_at = 0;
    s->filled = 0;
}

/* Whether the frame is free to gather bytes. */
static bool drain(struct content_sealer *s, struct content_writer *w)
{
    if (s->out_at < s->out_len)
        s->out_at += content_writer_put(w, s->frame + s->out_at, s->out_len - s->out_at);
    return s->out_at == s->out_len;
}

size_t content_sealer_put(struct content_sealer *s, struct content_writer *w, const void *data, size_t len)
{
    size_t taken = 0;
    while (taken < len && !w->err && drain(s, w)) {
        if (s->filled == s->capacity && s->capacity < FRAME_PLAIN_LEN) {
            fail(w, ERR_TOO_LARGE); /* more than was announced */
        } else if (s->filled == s->capacity) {
            seal_frame(s, w, false); /* not the last: more has come */
        } else {
            size_t room = s->capacity - s->filled, some = len - taken < room ? len - taken : room;
            memcpy(s->frame + FRAME_SALT_LEN + s->filled, (const uint8_t *)data + taken, some);
            s->filled += some;
            taken += some;
        }
    }
    return w->err ? len : taken;
}

bool content_sealer_finish(struct content_sealer *s, struct content_writer *w)
{
    if (!w->err && !drain(s, w))
        return false;
    if (!s->ended && s->filled)
        seal_frame(s, w, true);
    s->ended = true;
    return w->err || drain(s, w);
}

/* --- the streams of a content --- */

#define STREAMS_STOP 1

struct stream_load { uint64_t first, end, stored; struct content_stream *streams; uint32_t count, capacity; };

static int add_stream(struct stream_load *load, const struct content_stream *stream)
{
    if (load->count == load->capacity) {
        uint32_t capacity = load->capacity ? 2 * load->capacity : 1;
        struct content_stream *grown = realloc(load->streams, capacity * sizeof(*grown));
        if (!grown)
            return ERR_NO_MEMORY;
        load->streams = grown;
        load->capacity = capacity;
    }
    load->streams[load->count++] = *stream;
    return 0;
}

/* Where a part lies follows from the sizes of those before it. */
static int note_part(void *arg, const struct content_part_row *row)
{
    struct stream_load *load = arg;
    struct content_stream stream = {row->part_number, row->start, row->size, load->stored};
    if (row->start >= load->end)
        return STREAMS_STOP;
    load->stored += frame_stored_size(row->size);
    return row->size && row->start + row->size > load->first ? add_stream(load, &stream) : 0;
}

int content_streams(struct meta_tx *tx, int64_t content_id, bool multipart, uint64_t size, uint64_t first, uint64_t len,
                    struct content_stream **ret, uint32_t *ret_count)
{
    struct stream_load load = {.first = first, .end = first + len};
    struct content_stream whole = {0, 0, size, 0};
    int err = multipart ? content_parts(tx, content_id, 0, note_part, &load) : add_stream(&load, &whole);
    if (err && err != STREAMS_STOP) {
        free(load.streams);
        return err;
    }
    *ret = load.streams;
    *ret_count = load.count;
    return 0;
}

static int sum_part(void *arg, const struct content_part_row *row)
{
    *(uint64_t *)arg += frame_stored_size(row->size);
    return 0;
}

int content_stored_size(struct meta_tx *tx, int64_t content_id, bool multipart, uint64_t size, uint64_t *ret)
{
    *ret = multipart ? 0 : frame_stored_size(size);
    return multipart ? content_parts(tx, content_id, 0, sum_part, ret) : 0;
}

/* --- opening --- */

static const struct content_stream *stream(const struct content_opener *o)
{
    return &o->streams[o->stream_index];
}

static uint64_t frame_count(const struct content_stream *stream)
{
    return stream->size / FRAME_PLAIN_LEN + (stream->size % FRAME_PLAIN_LEN != 0);
}

static uint64_t stored_place(const struct content_stream *stream, uint64_t index)
{
    return stream->stored_start + index * (FRAME_PLAIN_LEN + FRAME_OVERHEAD);
}

static size_t plain_len(const struct content_stream *stream, uint64_t index)
{
    uint64_t left = stream->size - index * FRAME_PLAIN_LEN;
    return left < FRAME_PLAIN_LEN ? (size_t)left : FRAME_PLAIN_LEN;
}

/* Gets ready for the frame at index of the current stream. */
static void expect_frame(struct content_opener *o)
{
    o->frame_len = plain_len(stream(o), o->index) + FRAME_OVERHEAD;
    o->filled = 0;
    o->open = false;
}

int content_opener_start(struct content_opener *o, struct content_stream *streams, uint32_t count, uint64_t first, uint64_t len,
                         uint64_t *ret_stored_first, uint64_t *ret_stored_end)
{
    free(o->streams);
    o->streams = streams;
    o->stream_count = count;
    o->stream_index = 0;
    o->first = o->at = first;
    o->end = first + len;
    if (!count || streams[0].start > first || streams[0].start + streams[0].size <= first)
        return ERR_CORRUPT;
    const struct content_stream *last = &streams[count - 1];
    if (last->start >= o->end || last->start + last->size < o->end)
        return ERR_CORRUPT;
    if (!o->frame && !(o->frame = malloc(FRAME_PLAIN_LEN + FRAME_OVERHEAD)))
        return ERR_NO_MEMORY;
    o->index = (first - streams[0].start) / FRAME_PLAIN_LEN;
    expect_frame(o);
    uint64_t last_index = (o->end - 1 - last->start) / FRAME_PLAIN_LEN;
    *ret_stored_first = stored_place(&streams[0], o->index);
    *ret_stored_end = stored_place(last, last_index) + plain_len(last, last_index) + FRAME_OVERHEAD;
    return 0;
}

size_t content_opener_want(struct content_opener *o, uint8_t **ret_to)
{
    *ret_to = o->frame + o->filled;
    return o->open || o->at == o->end ? 0 : o->frame_len - o->filled;
}

int content_opener_fed(struct content_opener *o, size_t len)
{
    const struct content_stream *from = stream(o);
    o->filled += len;
    if (o->filled < o->frame_len)
        return 0;
    if (!o->cipher) {
        int err = frame_cipher_new(o->data_key, from->part_number, o->frame, &o->cipher);
        if (err)
            return err;
    }
    int err = frame_open(o->cipher, o->index, o->index + 1 == frame_count(from), o->frame, o->frame_len);
    o->open = !err;
    return err;
}

/* The frame behind the one that was handed out. */
static void next_frame(struct content_opener *o)
{
    o->open = false;
    if (o->at == o->end)
        return;
    o->index++;
    if (o->index == frame_count(stream(o))) {
        frame_cipher_free(o->cipher);
        o->cipher = NULL;
        o->index = 0;
        o->stream_index++;
    }
    expect_frame(o);
}

size_t content_opener_take(struct content_opener *o, void *data, size_t capacity)
{
    if (!o->open)
        return 0;
    uint64_t frame_start = stream(o)->start + o->index * FRAME_PLAIN_LEN;
    size_t inside = (size_t)(o->at - frame_start), left = o->frame_len - FRAME_OVERHEAD - inside;
    if (left > o->end - o->at)
        left = (size_t)(o->end - o->at);
    size_t len = left < capacity ? left : capacity;
    memcpy(data, o->frame + FRAME_SALT_LEN + inside, len);
    o->at += len;
    if (len == left)
        next_frame(o);
    return len;
}

void content_opener_fini(struct content_opener *o)
{
    explicit_bzero(o->data_key, sizeof(o->data_key));
    if (o->frame)
        explicit_bzero(o->frame, FRAME_PLAIN_LEN + FRAME_OVERHEAD);
    free(o->frame);
    free(o->streams);
    frame_cipher_free(o->cipher);
    *o = (struct content_opener){0};
}
