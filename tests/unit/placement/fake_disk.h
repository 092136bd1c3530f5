/* Disks in memory with faults, loops over them with a clock of their own, and a store struct around them: enough of what
 * volume/ does to attack the mirrors and the page store at every I/O. Seeded; loops may run in several threads. */
#ifndef FAKE_DISK_H
#define FAKE_DISK_H

#include <pthread.h>

#include "volume/store.h"

#define FAKE_DISKS_MAX 8

struct fake_write { struct fake_write *next; uint64_t off; uint32_t len; uint8_t data[]; };

struct fake_disk {
    struct device device;
    struct fake_world *world;
    uint8_t *current;          /* what reads see */
    uint8_t *durable;          /* what a power cut leaves for certain */
    uint8_t *unflushed;        /* per 4096 block: written since the last flush */
    uint32_t *unflushed_list;
    uint32_t unflushed_count;
    struct io *flying;         /* submitted writes */
    bool fail_reads, fail_writes, hang_reads, hang_writes, lying_flush;
    uint32_t drop_writes;      /* this many next writes are said to be done and are not */
    uint64_t delay_us;
    uint64_t reads, writes;
};

struct fake_world {
    pthread_mutex_t lock;
    uint64_t random_state;
    uint64_t size;
    uint32_t disk_count;
    struct fake_disk disks[FAKE_DISKS_MAX];
    uint64_t op_count;                        /* writes and flushes submitted */
    uint64_t cut_at;                          /* power goes at this op; 0: never */
    bool power_off;
    void (*before_op)(struct fake_world *, void *); /* before each write or flush is submitted */
    void *before_op_arg;
    uint32_t changes;                         /* calls of store_change */
    int change_err;                           /* what store_change answers, if not 0 */
    bool lease_lost;
    struct store *store;
};

uint64_t fake_random(struct fake_world *);
struct fake_world *fake_world_new(uint64_t seed, uint32_t disk_count, uint64_t disk_size);
void fake_world_free(struct fake_world *);
struct loop *fake_loop_new(struct fake_world *);

/* What is left after the power went: flushed writes, and any sectors of the others. */
void fake_world_crash(struct fake_world *);

/* A store on the disks, all mirrors CURRENT, with meta_chunks chunks each. Kept by the world until it is freed. */
struct store *fake_store_new(struct fake_world *, uint8_t data_count, uint8_t parity_count, uint32_t chunk_size, uint32_t log_size,
                             uint32_t meta_chunks);
/* For take_chunks: the next chunk of each volume. arg is the store. */
int fake_take_chunks(void *arg, uint32_t chunks[VOLUMES_MAX]);

/* The bytes of a place of the metadata space on one disk. */
uint8_t *fake_space(struct fake_world *, uint32_t disk, uint64_t space_off);
/* Flips bits there, durably. */
void fake_rot(struct fake_world *, uint32_t disk, uint64_t space_off, uint32_t len);

#endif
