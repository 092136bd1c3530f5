/* The superblock: who a volume is, which store it belongs to, and who the other members are. Pure encoding and
 * decoding; reading, writing and choosing among them is store.c's. Layout: docs/FORMAT.md, "Superblock". */
#ifndef VOLUME_SUPERBLOCK_H
#define VOLUME_SUPERBLOCK_H

#include "base/seal.h"
#include "volume/format.h"

#define ANCESTORS_MAX 256 /* generations whose hashes a superblock remembers */

struct member {
    struct uuid uuid;
    uint64_t size;          /* bytes */
    uint32_t chunk_count;
    enum volume_state state;
    enum mirror_state mirror;
    char label[LABEL_SIZE]; /* failure domain; empty: the volume is its own */
};

struct superblock {
    uint64_t incompatible, read_only_compatible, compatible; /* format flags */
    struct uuid store_uuid;
    struct uuid volume_uuid;
    uint32_t volume_index;     /* this volume's slot in members */
    uint8_t data_count;        /* k */
    uint8_t parity_count;      /* m */
    uint32_t chunk_size;
    uint32_t log_size;         /* bytes of the metadata log */
    uint64_t generation;       /* from 1; raised by every change of the member table */
    uint64_t parent_hash;      /* shared_hash of the generation before */
    uint64_t in_force;         /* an ancestor that was known to be in force when this was written; 0: none was */
    uint64_t attempt;          /* random: tells two attempts at one generation apart */
    uint64_t ancestors[ANCESTORS_MAX]; /* generation g's hash at g % ANCESTORS_MAX; 0: none */
    uint64_t created_us;
    uint8_t sealing_key_here;  /* 1: sealing_key is in use; 0: it comes from a credential */
    struct seal_key sealing_key;
    struct member members[VOLUMES_MAX];
    uint32_t meta_chunk_count; /* this volume's chunks of the metadata space, in order */
    uint32_t meta_chunks[META_CHUNKS_MAX];
};

/* image: SUPERBLOCK_SIZE bytes, 4096-aligned. Ends with a SHA-256 over all before it. */
void superblock_encode(const struct superblock *, uint8_t *image);

/* ERR_FOREIGN: no Ingot magic. ERR_CORRUPT: magic, but the checksum or a bound is wrong. ERR_UNSUPPORTED: an
 * incompatible flag or a version this binary does not know. */
int superblock_decode(const uint8_t *image, struct superblock *ret) MUST_CHECK;

/* The offset of a copy (0, 1, 2) on a volume of size bytes (the size its member entry says). */
uint64_t superblock_copy_off(uint32_t copy, uint64_t size);

/* Chunks that fit a volume of size bytes between the head and the end superblock. 0 when none does. */
uint32_t superblock_chunk_count(uint64_t size, uint32_t chunk_size);

/* Members whose state is not VOLUME_FREE. */
uint32_t superblock_member_count(const struct superblock *);

/* First 8 bytes of the SHA-256 over what all members share of one generation (all but volume_uuid, volume_index and the
 * metadata chunk list): two superblocks of one generation with different hashes are a fork. Never 0. */
uint64_t superblock_shared_hash(const struct superblock *);

#endif
