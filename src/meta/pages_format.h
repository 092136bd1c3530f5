/* Persistent layout of the metadata space (docs/FORMAT.md, "Metadata space"). All integers little-endian.
 *
 *   0                root slot 0 (ROOT_SLOT_SIZE)      a root of sequence n lies in slot n % 2
 *   1 MiB            root slot 1
 *   2 MiB            log ring (log_size of the store, rounded down to LOG_BLOCK)
 *   then             segments of SEGMENT_BLOCKS blocks: SEGMENT_MAPS map blocks in two slots each (slot 0 of the three, slot 1
 *                    of the three), then SEGMENT_PAGES pages
 */
#ifndef META_PAGES_FORMAT_H
#define META_PAGES_FORMAT_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "base/uuid.h"
#include "meta/pages.h"

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the structs below are the format");

#define LOG_BLOCK 4096u
#define ROOT_SLOT_SIZE (1u << 20)
#define LOG_SPACE_OFF (2ull * ROOT_SLOT_SIZE)

#define SEGMENT_BLOCKS 1024u
#define SEGMENT_MAPS 3u
#define SEGMENT_PAGES (SEGMENT_BLOCKS - 2 * SEGMENT_MAPS)
#define MAP_ENTRIES 340u

/* --- map block --- */
struct map_entry { uint32_t crc, sequence_low, sequence_high; };
struct map_block {
    uint32_t magic;          /* MAP_MAGIC */
    uint32_t crc;            /* CRC32C of the block with this field 0 */
    uint32_t number;         /* segment * SEGMENT_MAPS + index in the segment */
    uint32_t reserved;
    struct map_entry entries[MAP_ENTRIES]; /* all 0: the page was never written and reads as zeros */
};
#define MAP_MAGIC 0x504d4749u /* "IGMP" */
static_assert(sizeof(struct map_block) == 4096, "map block");
static_assert(SEGMENT_MAPS * MAP_ENTRIES >= SEGMENT_PAGES, "entries for every page");

/* --- root --- */
struct root_header {
    uint8_t magic[8];             /* ROOT_MAGIC */
    struct uuid store_uuid;
    uint64_t root_sequence;
    uint64_t checkpoint_sequence; /* all pages of commits up to this one are at home */
    uint64_t epoch;               /* of that commit */
    uint64_t log_off;             /* where the next record is, in the ring */
    uint32_t log_crc;             /* the header CRC of commit checkpoint_sequence: the chain goes on from it */
    uint32_t database_pages;
    uint32_t map_block_count;
    uint32_t leaf_count;          /* root leaves behind the header block */
    uint64_t log_size;            /* bytes of the ring */
    uint32_t leaves_crc;          /* CRC32C of all leaves */
    uint32_t crc;                 /* CRC32C of the header block with this field 0 */
    uint8_t zero[4096 - 88];
};
#define ROOT_MAGIC "IngotRt1"
static_assert(sizeof(struct root_header) == 4096, "root header");
static_assert(offsetof(struct root_header, log_off) == 48 && offsetof(struct root_header, crc) == 84, "root header");

#define ROOT_LEAF_MAPS 992u
struct root_leaf {
    uint32_t crcs[ROOT_LEAF_MAPS];     /* of each map block, as in its header */
    uint8_t slots[ROOT_LEAF_MAPS / 8]; /* bit i: which slot holds map block i */
    uint32_t zero;
};
static_assert(sizeof(struct root_leaf) == 4096, "root leaf");
#define ROOT_LEAVES_MAX (ROOT_SLOT_SIZE / 4096u - 1)
#define MAP_BLOCKS_MAX (ROOT_LEAVES_MAX * ROOT_LEAF_MAPS)

/* --- log record: header blocks, then the page images in the order of the entries --- */
struct log_entry { uint32_t number, crc; };
struct log_header {
    uint8_t magic[8];        /* LOG_MAGIC: no database page begins with it (SQLite's pages begin with a page number, a page
                              * type below 16, or "SQLite format 3"), so an image is never taken for a header */
    struct uuid store_uuid;
    uint64_t sequence;
    uint64_t epoch;          /* raised by every recovery: of two records of one sequence the later epoch's counts */
    uint32_t page_count;
    uint32_t database_pages; /* of the database after this commit */
    uint32_t previous_crc;   /* crc of the record before */
    uint32_t crc;            /* CRC32C of all header blocks with this field 0 */
    uint8_t zero[8];
    struct log_entry entries[];
};
#define LOG_MAGIC "IngotLg1"
static_assert(sizeof(struct log_header) == 64, "log header");
static_assert(offsetof(struct log_header, crc) == 52, "log header");
#define LOG_FIRST_ENTRIES ((LOG_BLOCK - (uint32_t)sizeof(struct log_header)) / 8u)

/* Header blocks of a record of that many pages. */
static inline uint32_t log_header_blocks(uint32_t page_count)
{
    return page_count <= LOG_FIRST_ENTRIES ? 1 : 1 + (page_count - LOG_FIRST_ENTRIES + 511) / 512;
}
static inline uint64_t log_record_len(uint32_t page_count)
{
    return ((uint64_t)log_header_blocks(page_count) + page_count) * LOG_BLOCK;
}
/* A record that does not fit behind off begins at 0. */
static inline uint64_t log_place(uint64_t off, uint64_t len, uint64_t log_size)
{
    return off + len <= log_size ? off : 0;
}
/* Longest record: half of the ring at most, so that two fit. */
#define LOG_RECORD_MAX (64ull << 20)

/* --- arithmetic; page numbers from 1 --- */
static inline uint64_t page_segment_off(uint64_t log_size, uint32_t segment)
{
    return LOG_SPACE_OFF + log_size + (uint64_t)segment * SEGMENT_BLOCKS * PAGE_SIZE;
}
static inline uint64_t page_home_off(uint64_t log_size, uint32_t number)
{
    uint32_t index = number - 1;
    return page_segment_off(log_size, index / SEGMENT_PAGES) + (uint64_t)(2 * SEGMENT_MAPS + index % SEGMENT_PAGES) * PAGE_SIZE;
}
static inline uint32_t page_map_block(uint32_t number)
{
    uint32_t index = number - 1;
    return index / SEGMENT_PAGES * SEGMENT_MAPS + index % SEGMENT_PAGES / MAP_ENTRIES;
}
static inline uint32_t page_map_entry(uint32_t number)
{
    return (number - 1) % SEGMENT_PAGES % MAP_ENTRIES;
}
/* First page of a map block, and how many. */
static inline uint32_t page_map_first(uint32_t block)
{
    return block / SEGMENT_MAPS * SEGMENT_PAGES + block % SEGMENT_MAPS * MAP_ENTRIES + 1;
}
static inline uint32_t page_map_count(uint32_t block)
{
    return block % SEGMENT_MAPS == SEGMENT_MAPS - 1 ? SEGMENT_PAGES - (SEGMENT_MAPS - 1) * MAP_ENTRIES : MAP_ENTRIES;
}
static inline uint64_t map_block_off(uint64_t log_size, uint32_t block, uint32_t slot)
{
    return page_segment_off(log_size, block / SEGMENT_MAPS) + (uint64_t)(slot * SEGMENT_MAPS + block % SEGMENT_MAPS) * PAGE_SIZE;
}

#endif
