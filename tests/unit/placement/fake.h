/* A small world for the tests of placement/: a deterministic loop with its own clock, disks in memory that fail, delay, hang
 * and rot on demand, a store over them, and the metadata side played by a list of committed extents.
 *
 * Writes land when they complete, so that a late one overwrites whatever lies there by then. */
#ifndef TESTS_UNIT_PLACEMENT_FAKE_H
#define TESTS_UNIT_PLACEMENT_FAKE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/container.h"
#include "placement/extent_reader.h"
#include "placement/extent_writer.h"
#include "placement/placement.h"

struct fake_disk {
    uint8_t *data;
    uint64_t size;
    uint64_t read_delay_us, write_delay_us;
    bool fail_reads, fail_writes, hang_reads, hang_writes;
    bool drop_writes; /* says done, and does nothing */
    uint32_t fail_write_after; /* not 0: so many writes succeed first, then all fail */
    uint32_t read_count, write_count;
    uint64_t read_bytes;
};

struct fake_io { struct io *io; uint64_t at_us; uint64_t order; bool hung; };
#define FAKE_IO_MAX 65536

struct world {
    struct loop loop;
    uint64_t now_us, order, seed;
    struct task *tasks, **tasks_tail;
    struct timer *timers;
    struct fake_io *ios;
    uint32_t io_count;
    struct fake_disk disks[VOLUMES_MAX];
    struct store store;
    struct placement *placement;
    struct buffer_pool pool;
    int64_t next_id;
    struct extent *committed;
    uint32_t committed_count, committed_capacity;
    bool want_notified;
};

/* n volumes of chunk_count chunks each (chunk_counts: or one number per volume). */
void world_init(struct world *, uint8_t k, uint8_t m, uint32_t n, uint32_t chunk_size, uint32_t chunk_count,
                const uint32_t *chunk_counts, uint32_t slab_count);
void world_fini(struct world *);

/* Runs until stop is true; fails the test when nothing is left to happen before that. */
void world_run(struct world *, bool (*stop)(void *), void *arg);
/* Runs what is due within the time. */
void world_run_for(struct world *, uint64_t us);
/* Lets hung operations of a disk complete. */
void world_unhang(struct world *, uint32_t disk);

/* What meta/ would do. */
void world_serve_wants(struct world *);
int world_reserve(struct world *, uint64_t len, struct extent *);
void world_commit(struct world *, struct extent *);       /* takes an id; the world keeps a copy (crcs owned by the caller) */
void world_delete(struct world *, const struct extent *);

/* Write and read to the end; return err. */
int world_write(struct world *, struct extent *, const uint8_t *data, uint64_t len, size_t step);
int world_read(struct world *, const struct extent *, uint64_t off, uint32_t len, uint8_t *out);
void fill_random(uint8_t *data, size_t len, uint64_t seed);
uint64_t world_random(struct world *);

/* Flips a byte of the unit of a slot on its disk. */
void world_rot(struct world *, const struct extent *, uint32_t slot, uint64_t slot_off);

#endif
