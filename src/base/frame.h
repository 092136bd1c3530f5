/* Encrypted contents: a stream of plain bytes cut into frames, each sealed for itself (AES-256-GCM, NIST SP 800-38D).
 *
 * Stored form: FORMAT.md, "Encrypted contents". A stream is the body of a PutObject (part 0) or of one part of an upload. Its key
 * comes from the object's data key, the part's number and a salt that every frame carries, so no key ever sees two bodies;
 * the nonce is the frame's number, the additional data says whether the frame is the last. So frames can be neither exchanged,
 * nor reordered, nor cut off unseen, and a range needs no more than the frames it touches. Pure. */
#ifndef BASE_FRAME_H
#define BASE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define DATA_KEY_LEN 32
#define FRAME_PLAIN_LEN (64u << 10) /* of every frame but the last, which has 1 to that many */
#define FRAME_SALT_LEN 16
#define FRAME_TAG_LEN 16
#define FRAME_OVERHEAD (FRAME_SALT_LEN + FRAME_TAG_LEN)

/* Bytes that a stream of so many plain bytes takes. */
static inline uint64_t frame_stored_size(uint64_t plain)
{
    return plain + (plain / FRAME_PLAIN_LEN + (plain % FRAME_PLAIN_LEN != 0)) * FRAME_OVERHEAD;
}

/* The key of one stream, expanded. */
struct frame_cipher;
int frame_cipher_new(const uint8_t data_key[DATA_KEY_LEN], uint32_t part_number, const uint8_t salt[FRAME_SALT_LEN],
                     struct frame_cipher **ret) MUST_CHECK;
void frame_cipher_free(struct frame_cipher *); /* wiped; NULL is fine */

/* In place: frame is salt, plain_len bytes, tag; the bytes in the middle are there, the rest is written. */
int frame_seal(struct frame_cipher *, uint64_t index, bool last, uint8_t *frame, size_t plain_len) MUST_CHECK;
/* The reverse: the plain bytes stand behind the salt. ERR_CORRUPT, and the bytes wiped, for a frame that is not the one sealed there. */
int frame_open(struct frame_cipher *, uint64_t index, bool last, uint8_t *frame, size_t frame_len) MUST_CHECK;

#endif
