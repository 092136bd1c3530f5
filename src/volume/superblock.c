/* Encoding and decoding of superblocks (docs/FORMAT.md "Superblock"). Pure: no I/O, no clock.
 *
 * Invariants: what decode accepts, encode gives back byte for byte as far as the known fields go; every byte before the
 * digest is covered by it; decode accepts nothing out of bounds, so that nobody above checks bounds again. */
#include "volume/superblock.h"

#include <assert.h>
#include <endian.h>
#include <stddef.h>
#include <string.h>

#include "base/digest.h"

#define SUPERBLOCK_VERSION 1u

static const char magic[8] = "INGOTSB";

struct disk_member {
    uint8_t uuid[16];
    uint64_t size;
    uint32_t chunk_count;
    uint8_t state;
    uint8_t mirror;
    uint8_t zero[2];
    char label[LABEL_SIZE];
};

struct disk_superblock {
    char magic[8];
    uint32_t version;
    uint32_t size;
    uint64_t incompatible, read_only_compatible, compatible;
    uint8_t store_uuid[16];
    uint8_t volume_uuid[16];
    uint32_t volume_index;
    uint8_t data_count, parity_count, sealing_key_here, zero0;
    uint32_t chunk_size;
    uint32_t log_size;
    uint64_t generation;
    uint64_t parent_hash;
    uint64_t created_us;
    uint64_t attempt;
    uint8_t sealing_key[SEAL_KEY_LEN];
    uint32_t meta_chunk_count;
    uint8_t zero1[4];
    uint64_t in_force;
    uint8_t zero2[88];
    struct disk_member members[VOLUMES_MAX];
    uint64_t ancestors[ANCESTORS_MAX];
    uint8_t zero3[1792];
    uint32_t meta_chunks[META_CHUNKS_MAX];
    uint8_t zero4[24544];
    uint8_t digest[SHA256_LEN];
};

static_assert(sizeof(struct disk_member) == 64, "FORMAT.md: a member is 64 bytes");
static_assert(offsetof(struct disk_member, size) == 16, "FORMAT.md");
static_assert(offsetof(struct disk_member, chunk_count) == 24, "FORMAT.md");
static_assert(offsetof(struct disk_member, state) == 28, "FORMAT.md");
static_assert(offsetof(struct disk_member, mirror) == 29, "FORMAT.md");
static_assert(offsetof(struct disk_member, label) == 32, "FORMAT.md");
static_assert(sizeof(struct disk_superblock) == SUPERBLOCK_SIZE, "FORMAT.md: a superblock is 64 KiB");
static_assert(offsetof(struct disk_superblock, version) == 8, "FORMAT.md");
static_assert(offsetof(struct disk_superblock, incompatible) == 16, "FORMAT.md");
static_assert(offsetof(struct disk_superblock, store_uuid) == 40, "FORMAT.md");
static_assert(offsetof(struct disk_superblock, volume_uuid) == 56, "FORMAT.md");
static_assert(offsetof(struct disk_superblock, volume_index) == 72, "FORMAT.md");
static_assert(offsetof(struct disk_superblock, data_count) == 76, "FORMAT.md");
static_assert(offsetof(struct disk_superblock, chunk_size) == 80, "FORMAT.md");
static_assert(offsetof(struct disk_superblock, log_size) == 84, "FORMAT.md");
static_assert(offsetof(struct disk_superblock, generation) == 88, "FORMAT.md");
static_assert(offsetof(struct disk_superblock, parent_hash) == 96, "FORMAT.md");
static_assert(offsetof(struct disk_superblock, created_us) == 104, "FORMAT.md");
static_assert(offsetof(struct disk_superblock, attempt) == 112, "FORMAT.md");
static_assert(offsetof(struct disk_superblock, sealing_key) == 120, "FORMAT.md");
static_assert(offsetof(struct disk_superblock, meta_chunk_count) == 152, "FORMAT.md");
static_assert(offsetof(struct disk_superblock, in_force) == 160, "FORMAT.md");
static_assert(offsetof(struct disk_superblock, members) == 256, "FORMAT.md");
static_assert(offsetof(struct disk_superblock, ancestors) == 4352, "FORMAT.md");
static_assert(offsetof(struct disk_superblock, meta_chunks) == 8192, "FORMAT.md");
static_assert(offsetof(struct disk_superblock, digest) == SUPERBLOCK_SIZE - SHA256_LEN, "FORMAT.md");

uint64_t superblock_copy_off(uint32_t copy, uint64_t size)
{
    assert(copy < SUPERBLOCK_COPIES);
    if (copy == 0)
        return 0;
    return copy == 1 ? SUPERBLOCK_COPY1_OFF : (size - SUPERBLOCK_SIZE) / BLOCK_SIZE * BLOCK_SIZE;
}

uint32_t superblock_chunk_count(uint64_t size, uint32_t chunk_size)
{
    if (size < (uint64_t)CHUNKS_OFF + SUPERBLOCK_SIZE)
        return 0;
    uint64_t count = (superblock_copy_off(2, size) - CHUNKS_OFF) / chunk_size;
    return count < UINT32_MAX ? (uint32_t)count : UINT32_MAX - 1;
}

uint32_t superblock_member_count(const struct superblock *s)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < VOLUMES_MAX; i++)
        count += s->members[i].state != VOLUME_FREE;
    return count;
}

static void encode_members(const struct superblock *s, struct disk_superblock *d)
{
    for (uint32_t i = 0; i < VOLUMES_MAX; i++) {
        const struct member *m = &s->members[i];
        struct disk_member *to = &d->members[i];
        memcpy(to->uuid, m->uuid.bytes, 16);
        to->size = htole64(m->size);
        to->chunk_count = htole32(m->chunk_count);
        to->state = (uint8_t)m->state;
        to->mirror = (uint8_t)m->mirror;
        memcpy(to->label, m->label, LABEL_SIZE);
    }
}

static void encode_fields(const struct superblock *s, struct disk_superblock *d)
{
    memset(d, 0, sizeof *d);
    memcpy(d->magic, magic, sizeof magic);
    d->version = htole32(SUPERBLOCK_VERSION);
    d->size = htole32(SUPERBLOCK_SIZE);
    d->incompatible = htole64(s->incompatible);
    d->read_only_compatible = htole64(s->read_only_compatible);
    d->compatible = htole64(s->compatible);
    memcpy(d->store_uuid, s->store_uuid.bytes, 16);
    memcpy(d->volume_uuid, s->volume_uuid.bytes, 16);
    d->volume_index = htole32(s->volume_index);
    d->data_count = s->data_count;
    d->parity_count = s->parity_count;
    d->sealing_key_here = s->sealing_key_here;
    d->chunk_size = htole32(s->chunk_size);
    d->log_size = htole32(s->log_size);
    d->generation = htole64(s->generation);
    d->parent_hash = htole64(s->parent_hash);
    d->created_us = htole64(s->created_us);
    d->attempt = htole64(s->attempt);
    d->in_force = htole64(s->in_force);
    memcpy(d->sealing_key, s->sealing_key.bytes, SEAL_KEY_LEN);
    encode_members(s, d);
    for (uint32_t i = 0; i < ANCESTORS_MAX; i++)
        d->ancestors[i] = htole64(s->ancestors[i]);
    d->meta_chunk_count = htole32(s->meta_chunk_count);
    for (uint32_t i = 0; i < s->meta_chunk_count; i++)
        d->meta_chunks[i] = htole32(s->meta_chunks[i]);
}

/* libcrypto's one-shot SHA-256 can fail only for want of memory; a superblock without a digest must never be
 * written. */
static void digest_of(const void *data, size_t len, uint8_t digest[SHA256_LEN])
{
    if (sha256_of(data, len, digest) < 0)
        memset(digest, 0, SHA256_LEN);
}

static bool digest_is_none(const uint8_t digest[SHA256_LEN])
{
    static const uint8_t none[SHA256_LEN];
    return memcmp(digest, none, SHA256_LEN) == 0;
}

void superblock_encode(const struct superblock *s, uint8_t *image)
{
    assert(s->meta_chunk_count <= META_CHUNKS_MAX);
    struct disk_superblock *d = (struct disk_superblock *)(void *)image;
    encode_fields(s, d);
    digest_of(image, offsetof(struct disk_superblock, digest), d->digest);
}

uint64_t superblock_shared_hash(const struct superblock *s)
{
    static_assert(offsetof(struct disk_superblock, meta_chunks) == 8192, "what is shared lies before the chunk list");
    struct disk_superblock d;
    encode_fields(s, &d);
    memset(d.volume_uuid, 0, sizeof d.volume_uuid);
    d.volume_index = 0;
    d.meta_chunk_count = 0;
    uint8_t digest[SHA256_LEN];
    digest_of(&d, offsetof(struct disk_superblock, meta_chunks), digest);
    uint64_t hash;
    memcpy(&hash, digest, sizeof hash);
    return hash ? le64toh(hash) : 1;
}

static int decode_member(const struct disk_member *d, uint32_t chunk_size, struct member *ret)
{
    *ret = (struct member){.size = le64toh(d->size), .chunk_count = le32toh(d->chunk_count)};
    memcpy(ret->uuid.bytes, d->uuid, 16);
    memcpy(ret->label, d->label, LABEL_SIZE);
    if (d->state > VOLUME_OFFLINE || d->mirror > MIRROR_LEVELLING || d->label[LABEL_SIZE - 1])
        return ERR_CORRUPT;
    ret->state = (enum volume_state)d->state;
    ret->mirror = (enum mirror_state)d->mirror;
    if (ret->state != VOLUME_FREE && ret->chunk_count > superblock_chunk_count(ret->size, chunk_size))
        return ERR_CORRUPT;
    return 0;
}

static bool power_of_two(uint32_t n)
{
    return n && !(n & (n - 1));
}

static int decode_geometry(const struct disk_superblock *d, struct superblock *s)
{
    s->volume_index = le32toh(d->volume_index);
    s->data_count = d->data_count;
    s->parity_count = d->parity_count;
    s->chunk_size = le32toh(d->chunk_size);
    s->log_size = le32toh(d->log_size);
    s->generation = le64toh(d->generation);
    s->parent_hash = le64toh(d->parent_hash);
    s->created_us = le64toh(d->created_us);
    s->attempt = le64toh(d->attempt);
    s->in_force = le64toh(d->in_force);
    s->sealing_key_here = d->sealing_key_here;
    memcpy(s->sealing_key.bytes, d->sealing_key, SEAL_KEY_LEN);
    if (s->volume_index >= VOLUMES_MAX || !s->data_count || s->data_count > DATA_MAX || s->parity_count > PARITY_MAX ||
        !power_of_two(s->chunk_size) || s->chunk_size < CHUNK_SIZE_MIN || s->chunk_size > CHUNK_SIZE_MAX ||
        s->log_size % BLOCK_SIZE || !s->generation || s->sealing_key_here > 1)
        return ERR_CORRUPT;
    return 0;
}

static int decode_lists(const struct disk_superblock *d, struct superblock *s)
{
    for (uint32_t i = 0; i < VOLUMES_MAX; i++) {
        int err = decode_member(&d->members[i], s->chunk_size, &s->members[i]);
        if (err < 0)
            return err;
    }
    const struct member *own = &s->members[s->volume_index];
    if (own->state == VOLUME_FREE || !uuid_equal(&own->uuid, &s->volume_uuid))
        return ERR_CORRUPT;
    for (uint32_t i = 0; i < ANCESTORS_MAX; i++)
        s->ancestors[i] = le64toh(d->ancestors[i]);
    s->meta_chunk_count = le32toh(d->meta_chunk_count);
    if (s->meta_chunk_count > META_CHUNKS_MAX)
        return ERR_CORRUPT;
    for (uint32_t i = 0; i < s->meta_chunk_count; i++) {
        s->meta_chunks[i] = le32toh(d->meta_chunks[i]);
        if (s->meta_chunks[i] >= own->chunk_count)
            return ERR_CORRUPT;
    }
    return 0;
}

int superblock_decode(const uint8_t *image, struct superblock *ret)
{
    const struct disk_superblock *d = (const struct disk_superblock *)(const void *)image;
    if (memcmp(d->magic, magic, sizeof magic) != 0)
        return ERR_FOREIGN;
    uint8_t digest[SHA256_LEN];
    int err = sha256_of(image, offsetof(struct disk_superblock, digest), digest);
    if (err < 0)
        return err;
    if (digest_is_none(d->digest) || memcmp(digest, d->digest, SHA256_LEN) != 0)
        return ERR_CORRUPT;
    if (le32toh(d->version) != SUPERBLOCK_VERSION || le32toh(d->size) != SUPERBLOCK_SIZE ||
        (le64toh(d->incompatible) & ~FORMAT_INCOMPATIBLE_KNOWN))
        return ERR_UNSUPPORTED;
    memset(ret, 0, sizeof *ret);
    ret->incompatible = le64toh(d->incompatible);
    ret->read_only_compatible = le64toh(d->read_only_compatible);
    ret->compatible = le64toh(d->compatible);
    memcpy(ret->store_uuid.bytes, d->store_uuid, 16);
    memcpy(ret->volume_uuid.bytes, d->volume_uuid, 16);
    err = decode_geometry(d, ret);
    return err < 0 ? err : decode_lists(d, ret);
}
