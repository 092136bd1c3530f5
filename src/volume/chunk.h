/* The header in the first block of every chunk: says what the chunk is for, so that salvage can find its way without
 * the database. Pure encoding and decoding. Layout: docs/FORMAT.md, "Chunk header". */
#ifndef VOLUME_CHUNK_H
#define VOLUME_CHUNK_H

#include "base/error.h"
#include "volume/format.h"

enum chunk_purpose {
    CHUNK_GROUP = 1,    /* slot of a chunk group */
    CHUNK_METADATA = 2, /* part of the metadata space; slot: its place in the volume's list */
};

struct chunk_header {
    struct uuid store_uuid;
    struct uuid volume_uuid;
    uint32_t chunk;
    enum chunk_purpose purpose;
    int64_t group_id;    /* 0 for metadata */
    uint32_t slot;
    uint8_t data_count, parity_count, matrix; /* of the group; 0 for metadata */
    uint64_t created_us;
};

/* block: CHUNK_HEADER_SIZE bytes. */
void chunk_encode(const struct chunk_header *, uint8_t *block);

/* ERR_FOREIGN: no chunk header. ERR_CORRUPT: the checksum or a bound is wrong. ERR_UNSUPPORTED: another version. */
int chunk_decode(const uint8_t *block, struct chunk_header *ret) MUST_CHECK;

#endif
