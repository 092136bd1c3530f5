/* Between plain bytes and the stored ones of an encrypted content (base/frame.h): seals what goes into a content_writer, opens what
 * comes from a reader. On a reactor's loop. One frame is held in memory each. */
#ifndef OBJECT_CONTENT_CIPHER_H
#define OBJECT_CONTENT_CIPHER_H

#include "base/frame.h"
#include "object/content_writer.h"

/* Zero-initialised is none. */
struct content_sealer {
    struct frame_cipher *cipher;
    uint8_t *frame;
    size_t capacity, filled;  /* plain bytes of the frame being gathered */
    size_t out_len, out_at;   /* of the sealed frame on its way into the writer; 0: none */
    uint64_t index;
    bool ended;
};
/* size_expected: plain bytes, UINT64_MAX when unknown. */
int content_sealer_init(struct content_sealer *, const uint8_t data_key[DATA_KEY_LEN], uint32_t part_number, uint64_t size_expected) MUST_CHECK;
/* As content_writer_put; an error is the writer's. */
size_t content_sealer_put(struct content_sealer *, struct content_writer *, const void *data, size_t len);
/* The last frame. False: the writer has no room; again when it is ready. */
bool content_sealer_finish(struct content_sealer *, struct content_writer *) MUST_CHECK;
void content_sealer_fini(struct content_sealer *);

/* One stream of a content, in the order in which they lie. */
struct content_stream { uint32_t part_number; uint64_t start, size, stored_start; }; /* start, size: plain */

/* Opens the frames that a range of plain bytes touches. Zero-initialised is none. */
struct content_opener {
    uint8_t data_key[DATA_KEY_LEN];
    struct content_stream *streams; /* owned; those that the range touches */
    uint32_t stream_count, stream_index;
    struct frame_cipher *cipher;    /* of the current stream, once its first frame has come */
    uint64_t index;                 /* of the frame being gathered */
    uint64_t first, end;            /* the range */
    uint64_t at;                    /* plain: what is handed out next */
    uint8_t *frame;
    size_t frame_len, filled;       /* stored bytes wanted and there */
    bool open;                      /* the frame holds plain bytes now */
};
/* The streams of a content of size bytes that [first, first+len) touches, len > 0; in the transaction. To be freed. */
int content_streams(struct meta_tx *, int64_t content_id, bool multipart, uint64_t size, uint64_t first, uint64_t len,
                    struct content_stream **ret, uint32_t *ret_count) MUST_CHECK;
/* How many bytes it takes. */
int content_stored_size(struct meta_tx *, int64_t content_id, bool multipart, uint64_t size, uint64_t *ret) MUST_CHECK;
/* Takes the streams, of which the first and the last touch [first, first+len), len > 0. Says which stored bytes it wants, from where to where. */
int content_opener_start(struct content_opener *, struct content_stream *streams, uint32_t count, uint64_t first, uint64_t len,
                         uint64_t *ret_stored_first, uint64_t *ret_stored_end) MUST_CHECK;
/* Where the next stored bytes go, and how many; len 0 when plain ones are to be taken first. */
size_t content_opener_want(struct content_opener *, uint8_t **ret_to);
/* So many were put there. ERR_CORRUPT when the frame is whole and not what was sealed. */
int content_opener_fed(struct content_opener *, size_t len) MUST_CHECK;
/* Plain bytes; 0 when stored ones are wanted first. */
size_t content_opener_take(struct content_opener *, void *data, size_t capacity);
void content_opener_fini(struct content_opener *);

#endif
