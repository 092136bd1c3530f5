/* A loop for tests: one thread, a clock that moves only when nothing else is left to do, disks in memory, and faults by
 * the count of operations. */
#ifndef TESTS_FAKE_LOOP_H
#define TESTS_FAKE_LOOP_H

#include "base/error.h"
#include "base/loop.h"

struct fake_disk {
    uint8_t *bytes;
    uint64_t size;
    bool fail_reads, fail_writes, hang;
    uint32_t writes; /* seen */
};

struct fake_loop {
    struct loop head;
    uint64_t now_us;
    uint64_t random_state;
    uint64_t operations;    /* writes and flushes so far */
    uint64_t die_at;        /* not 0: from this one on nothing reaches a disk; that one is torn when it is a write */
    uint64_t fail_at;       /* not 0: that one fails */
    struct io *first, **last;
    struct timer timers;
    void (*on_time)(struct fake_loop *); /* whenever the clock moves */
    void *arg;
};

void fake_loop_init(struct fake_loop *);
/* Size bytes of zeroes. */
void fake_disk_init(struct fake_disk *, struct device *, uint64_t size, uint32_t index);
void fake_disk_fini(struct fake_disk *);

#endif
