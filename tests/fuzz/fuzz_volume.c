/* What lies on a volume outside the metadata: first byte chooses superblock, chunk header or heartbeat; the rest is its
 * beginning, patched over a good one. The checksum is made right, so that the fields behind it are reached. */
#include <endian.h>
#include <string.h>

#include "base/digest.h"
#include "fuzz.h"
#include "volume/chunk.h"
#include "volume/lease.h"
#include "volume/superblock.h"

static uint8_t image[SUPERBLOCK_SIZE];

static void fuzz_superblock(const uint8_t *data, size_t len)
{
    static struct superblock good, read;
    good = (struct superblock){.data_count = 4, .parity_count = 2, .chunk_size = CHUNK_SIZE_MIN, .log_size = CHUNK_SIZE_MIN, .generation = 1};
    good.members[0] = (struct member){.size = VOLUME_SIZE_MIN, .chunk_count = 30, .state = VOLUME_IN};
    superblock_encode(&good, image);
    memcpy(image, data, len < sizeof(image) - SHA256_LEN ? len : sizeof(image) - SHA256_LEN);
    if (sha256_of(image, sizeof(image) - SHA256_LEN, image + sizeof(image) - SHA256_LEN))
        return;
    if (superblock_decode(image, &read))
        return;
    must(read.volume_index < VOLUMES_MAX && read.meta_chunk_count <= META_CHUNKS_MAX);
    must(read.data_count >= 1 && read.data_count <= DATA_MAX && read.parity_count <= PARITY_MAX);
    must(read.chunk_size >= CHUNK_SIZE_MIN && read.chunk_size <= CHUNK_SIZE_MAX);
    static uint8_t again[SUPERBLOCK_SIZE];
    static struct superblock twice;
    superblock_encode(&read, again);
    must(superblock_decode(again, &twice) == 0 && superblock_shared_hash(&twice) == superblock_shared_hash(&read));
}

static void fuzz_chunk(const uint8_t *data, size_t len)
{
    struct chunk_header header = {.purpose = CHUNK_GROUP, .data_count = 4, .parity_count = 2, .matrix = 1, .group_id = 7};
    chunk_encode(&header, image);
    memcpy(image, data, len < CHUNK_HEADER_SIZE - 4 ? len : CHUNK_HEADER_SIZE - 4);
    uint32_t crc = htole32(crc32c(0, image, CHUNK_HEADER_SIZE - 4));
    memcpy(image + CHUNK_HEADER_SIZE - 4, &crc, sizeof(crc));
    struct chunk_header read;
    if (chunk_decode(image, &read))
        return;
    must(read.purpose == CHUNK_GROUP || read.purpose == CHUNK_METADATA);
    must(read.data_count <= DATA_MAX && read.parity_count <= PARITY_MAX);
}

static void fuzz_heartbeat(const uint8_t *data, size_t len)
{
    struct heartbeat heartbeat = {0}, read;
    heartbeat_encode(&heartbeat, image);
    memcpy(image, data, len < 508 ? len : 508);
    uint32_t crc = htole32(crc32c(0, image, 508));
    memcpy(image + 508, &crc, sizeof(crc));
    int err = heartbeat_decode(image, &read);
    must(err == 0 || err == ERR_CORRUPT || err == ERR_NOT_FOUND);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len == 0)
        return 0;
    switch (data[0] % 3) {
    case 0: fuzz_superblock(data + 1, len - 1); break;
    case 1: fuzz_chunk(data + 1, len - 1); break;
    default: fuzz_heartbeat(data + 1, len - 1); break;
    }
    return 0;
}
