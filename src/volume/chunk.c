/* Chunk headers (docs/FORMAT.md "Chunk header"). Pure. */
#include "volume/chunk.h"

#include <assert.h>
#include <endian.h>
#include <stddef.h>
#include <string.h>

#include "base/digest.h"

#define CHUNK_VERSION 1u

static const char magic[8] = "INGOTCH";

struct disk_chunk {
    char magic[8];
    uint32_t version;
    uint32_t chunk;
    uint8_t store_uuid[16];
    uint8_t volume_uuid[16];
    uint8_t purpose, data_count, parity_count, matrix;
    uint32_t slot;
    uint64_t group_id;
    uint64_t created_us;
    uint8_t zero[4020];
    uint32_t crc;
};

static_assert(sizeof(struct disk_chunk) == CHUNK_HEADER_SIZE, "FORMAT.md: a chunk header is one block");
static_assert(offsetof(struct disk_chunk, chunk) == 12, "FORMAT.md");
static_assert(offsetof(struct disk_chunk, store_uuid) == 16, "FORMAT.md");
static_assert(offsetof(struct disk_chunk, volume_uuid) == 32, "FORMAT.md");
static_assert(offsetof(struct disk_chunk, purpose) == 48, "FORMAT.md");
static_assert(offsetof(struct disk_chunk, slot) == 52, "FORMAT.md");
static_assert(offsetof(struct disk_chunk, group_id) == 56, "FORMAT.md");
static_assert(offsetof(struct disk_chunk, created_us) == 64, "FORMAT.md");
static_assert(offsetof(struct disk_chunk, crc) == 4092, "FORMAT.md");

void chunk_encode(const struct chunk_header *h, uint8_t *block)
{
    struct disk_chunk *d = (struct disk_chunk *)(void *)block;
    memset(d, 0, sizeof *d);
    memcpy(d->magic, magic, sizeof magic);
    d->version = htole32(CHUNK_VERSION);
    d->chunk = htole32(h->chunk);
    memcpy(d->store_uuid, h->store_uuid.bytes, 16);
    memcpy(d->volume_uuid, h->volume_uuid.bytes, 16);
    d->purpose = (uint8_t)h->purpose;
    d->data_count = h->data_count;
    d->parity_count = h->parity_count;
    d->matrix = h->matrix;
    d->slot = htole32(h->slot);
    d->group_id = htole64((uint64_t)h->group_id);
    d->created_us = htole64(h->created_us);
    d->crc = htole32(crc32c(0, block, offsetof(struct disk_chunk, crc)));
}

int chunk_decode(const uint8_t *block, struct chunk_header *ret)
{
    const struct disk_chunk *d = (const struct disk_chunk *)(const void *)block;
    if (memcmp(d->magic, magic, sizeof magic) != 0)
        return ERR_FOREIGN;
    if (le32toh(d->crc) != crc32c(0, block, offsetof(struct disk_chunk, crc)))
        return ERR_CORRUPT;
    if (le32toh(d->version) != CHUNK_VERSION)
        return ERR_UNSUPPORTED;
    if ((d->purpose != CHUNK_GROUP && d->purpose != CHUNK_METADATA) || d->data_count > DATA_MAX || d->parity_count > PARITY_MAX)
        return ERR_CORRUPT;
    *ret = (struct chunk_header){
        .chunk = le32toh(d->chunk),
        .purpose = (enum chunk_purpose)d->purpose,
        .group_id = (int64_t)le64toh(d->group_id),
        .slot = le32toh(d->slot),
        .data_count = d->data_count,
        .parity_count = d->parity_count,
        .matrix = d->matrix,
        .created_us = le64toh(d->created_us),
    };
    memcpy(ret->store_uuid.bytes, d->store_uuid, 16);
    memcpy(ret->volume_uuid.bytes, d->volume_uuid, 16);
    return 0;
}
