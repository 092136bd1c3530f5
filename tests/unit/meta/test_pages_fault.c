/* Rot, lost and misdirected writes, and mirrors that fail, hang or come back: on up to m of five mirrors answered and mended,
 * on all an error, never wrong bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"
#include "pages_fixture.h"

#define LOG_SIZE (1u << 20)

static void reopen(struct fixture *f)
{
    fixture_close(f);
    assert_int_equal(fixture_open(f), 0);
}

/* Commits, a checkpoint, and some commits that are in the log only. */
static void fill(struct fixture *f)
{
    for (int i = 0; i < 30; i++)
        assert_int_equal(fixture_commit(f, 5, 1500), 0);
    assert_int_equal(pages_checkpoint(f->pages, f->loop), 0);
    for (int i = 0; i < 10; i++)
        assert_int_equal(fixture_commit(f, 2, 1500), 0);
}

static void scrub_finds(struct fixture *f, uint64_t bad)
{
    struct pages_scrub s;
    assert_int_equal(pages_scrub(f->pages, f->loop, &s, NULL, NULL), 0);
    assert_int_equal(s.bad, bad);
    assert_int_equal(s.mended, bad);
    assert_int_equal(pages_scrub(f->pages, f->loop, &s, NULL, NULL), 0);
    assert_int_equal(s.bad, 0);
    assert_true(s.checked > 20);
}

/* A page that is at home only. */
static uint32_t page_at_home(struct fixture *f)
{
    for (uint32_t i = 1; i <= f->acknowledged.database_pages; i++) {
        struct pages_snapshot s;
        uint8_t data[PAGE_SIZE];
        pages_snapshot_begin(f->pages, &s);
        int err = pages_read(f->pages, f->loop, &s, i, 0, data, PAGE_SIZE, true);
        pages_snapshot_end(f->pages, &s);
        if (err == ERR_WOULD_BLOCK)
            return i;
    }
    fail_msg("no page is at home");
    return 0;
}

static int read_page(struct fixture *f, uint32_t number)
{
    struct pages_snapshot s;
    uint8_t data[PAGE_SIZE], want[PAGE_SIZE];
    pages_snapshot_begin(f->pages, &s);
    int err = pages_read(f->pages, f->loop, &s, number, 0, data, PAGE_SIZE, false);
    pages_snapshot_end(f->pages, &s);
    fixture_fill(want, number, f->acknowledged.stamps[number]);
    if (err == 0)
        assert_memory_equal(data, want, PAGE_SIZE);
    return err;
}

static void rot_of_a_home(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, 21, 5);
    fill(&f);
    reopen(&f);
    uint32_t number = page_at_home(&f);
    uint64_t off = page_home_off(LOG_SIZE, number);
    for (uint32_t d = 0; d < 2; d++)
        fake_rot(f.world, d, off + 100, 8);
    scrub_finds(&f, 2);
    for (uint32_t d = 0; d < 4; d++)
        fake_rot(f.world, d, off + 100, 8);
    assert_int_equal(read_page(&f, number), 0); /* whatever mirrors it asked were mended */
    struct pages_scrub s;
    assert_int_equal(pages_scrub(f.pages, f.loop, &s, NULL, NULL), 0);
    assert_true(s.bad <= 4 && s.mended == s.bad);
    reopen(&f);
    for (uint32_t d = 0; d < 5; d++)
        fake_rot(f.world, d, off + 100, 8);
    assert_int_equal(read_page(&f, number), ERR_CORRUPT);
    assert_int_equal(pages_scrub(f.pages, f.loop, &s, NULL, NULL), 0);
    assert_int_equal(s.bad, 5);
    assert_int_equal(s.mended, 0);
    fixture_fini(&f);
}

static void rot_is_mended_by_the_read_that_sees_it(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, 22, 5);
    fill(&f);
    reopen(&f);
    uint32_t number = page_at_home(&f);
    uint64_t off = page_home_off(LOG_SIZE, number);
    for (uint32_t d = 0; d < 5; d++)
        f.store->volumes[d].read_latency_us = 100 + d; /* asked in this order */
    for (uint32_t d = 0; d < 2; d++)
        fake_rot(f.world, d, off, 4096);
    assert_int_equal(read_page(&f, number), 0);
    for (uint32_t d = 0; d < 2; d++) {
        assert_int_equal(f.store->volumes[d].corrupt_units, 1);
        assert_int_equal(f.store->volumes[d].repaired_units, 1);
        assert_memory_equal(fake_space(f.world, d, off), fake_space(f.world, 4, off), 4096);
    }
    fixture_fini(&f);
}

static void a_lost_or_misdirected_home_write_is_seen(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, 23, 5);
    fill(&f);
    f.world->disks[3].drop_writes = 1; /* the first write of the checkpoint: homes */
    assert_int_equal(pages_checkpoint(f.pages, f.loop), 0);
    assert_int_equal(f.world->disks[3].drop_writes, 0);
    reopen(&f);
    uint32_t number = page_at_home(&f);
    uint64_t off = page_home_off(LOG_SIZE, number);
    struct pages_scrub s;
    assert_int_equal(pages_scrub(f.pages, f.loop, &s, NULL, NULL), 0);
    assert_true(s.bad > 0 && s.bad == s.mended);
    /* Another page's right bytes are wrong here. */
    memcpy(fake_space(f.world, 2, off), fake_space(f.world, 2, page_home_off(LOG_SIZE, number + 1)), PAGE_SIZE);
    scrub_finds(&f, 1);
    assert_true(fixture_is_right(&f));
    fixture_fini(&f);
}

static void rot_of_the_map(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, 24, 5);
    fill(&f);
    for (uint32_t d = 1; d < 3; d++)
        for (uint32_t slot = 0; slot < 2; slot++)
            fake_rot(f.world, d, map_block_off(LOG_SIZE, 0, slot) + 50, 1);
    scrub_finds(&f, 2);
    for (uint32_t d = 1; d < 3; d++)
        for (uint32_t slot = 0; slot < 2; slot++)
            fake_rot(f.world, d, map_block_off(LOG_SIZE, 0, slot) + 50, 1);
    reopen(&f);
    assert_true(fixture_is_right(&f));
    fixture_close(&f);
    for (uint32_t d = 0; d < 5; d++)
        for (uint32_t slot = 0; slot < 2; slot++)
            fake_rot(f.world, d, map_block_off(LOG_SIZE, 0, slot) + 60, 1);
    assert_int_equal(fixture_open(&f), ERR_CORRUPT);
    loop_free(f.loop);
    fake_world_free(f.world);
}

static void rot_of_the_roots(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, 25, 5);
    fill(&f);
    for (uint32_t d = 0; d < 2; d++)
        for (uint32_t slot = 0; slot < 2; slot++)
            fake_rot(f.world, d, slot * (uint64_t)ROOT_SLOT_SIZE + 20, 1);
    reopen(&f);
    assert_true(fixture_is_right(&f));
    scrub_finds(&f, 0);
    /* The newest root gone everywhere, and the log behind the one before overwritten: an error, not an old state. */
    for (int i = 0; i < 60; i++)
        assert_int_equal(fixture_commit(&f, 10, 1500), 0);
    assert_int_equal(pages_checkpoint(f.pages, f.loop), 0);
    for (int i = 0; i < 60; i++)
        assert_int_equal(fixture_commit(&f, 10, 1500), 0);
    assert_int_equal(pages_checkpoint(f.pages, f.loop), 0);
    fixture_close(&f);
    const struct root_header *roots[2] = {(void *)fake_space(f.world, 0, 0), (void *)fake_space(f.world, 0, ROOT_SLOT_SIZE)};
    uint32_t newest = roots[1]->root_sequence > roots[0]->root_sequence;
    for (uint32_t d = 0; d < 5; d++)
        fake_rot(f.world, d, newest * (uint64_t)ROOT_SLOT_SIZE + 20, 1);
    int err = fixture_open(&f);
    if (err == 0) {
        assert_true(fixture_is_right(&f)); /* its log was still whole */
        fixture_close(&f);
    } else {
        assert_int_equal(err, ERR_CORRUPT);
    }
    for (uint32_t d = 0; d < 5; d++)
        for (uint32_t slot = 0; slot < 2; slot++)
            fake_rot(f.world, d, slot * (uint64_t)ROOT_SLOT_SIZE, 1);
    assert_int_equal(fixture_open(&f), ERR_CORRUPT);
    loop_free(f.loop);
    fake_world_free(f.world);
}

static void rot_of_the_log(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, 26, 5);
    for (int i = 0; i < 10; i++)
        assert_int_equal(fixture_commit(&f, 3, 50), 0);
    /* The ring: an empty record of the opening, then records of a header and up to three pages. */
    uint64_t header = LOG_SPACE_OFF + 4096, image = header + 4096;
    for (uint32_t d = 0; d < 2; d++) {
        fake_rot(f.world, d, header + 30, 1);
        fake_rot(f.world, 2 + d, image + 30, 1);
    }
    scrub_finds(&f, 4);
    for (uint32_t d = 0; d < 2; d++) {
        fake_rot(f.world, d, header + 30, 1);
        fake_rot(f.world, 2 + d, image + 30, 1);
    }
    reopen(&f);
    assert_true(fixture_is_right(&f));
    scrub_finds(&f, 0); /* recovery levelled them */
    fixture_close(&f);
    for (uint32_t d = 0; d < 5; d++)
        fake_rot(f.world, d, image + 30, 1);
    assert_int_equal(fixture_open(&f), ERR_CORRUPT);
    for (uint32_t d = 0; d < 5; d++) {
        fake_rot(f.world, d, image + 30, 1);
        fake_rot(f.world, d, header + 30, 1);
    }
    assert_int_equal(fixture_open(&f), ERR_CORRUPT);
    fake_rot(f.world, 4, header + 30, 1); /* whole again on one */
    assert_int_equal(fixture_open(&f), 0);
    assert_true(fixture_is_right(&f));
    fixture_fini(&f);
}

static uint32_t current_count(const struct fixture *f)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < f->store->volume_slots; i++)
        count += f->store->volumes[i].mirror == MIRROR_CURRENT;
    return count;
}

static void failing_mirrors_are_put_out_up_to_the_quorum(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, 27, 5);
    fill(&f);
    f.world->disks[1].fail_writes = true;
    assert_int_equal(fixture_commit(&f, 3, 100), 0);
    assert_int_equal(f.store->volumes[1].mirror, MIRROR_NONE);
    assert_int_equal(f.store->volumes[1].state, VOLUME_OUT);
    f.world->disks[2].hang_writes = true;
    assert_int_equal(fixture_commit(&f, 3, 100), 0);
    assert_int_equal(current_count(&f), 3);
    assert_true(fixture_is_right(&f));
    f.world->disks[3].delay_us = 1500000; /* slow, but it cannot be spared */
    assert_int_equal(fixture_commit(&f, 3, 100), 0);
    assert_int_equal(current_count(&f), 3);
    f.world->disks[3].hang_writes = true;
    assert_int_equal(fixture_commit(&f, 3, 100), ERR_QUORUM);
    assert_int_equal(fixture_commit(&f, 3, 100), ERR_READ_ONLY);
    assert_int_equal(current_count(&f), 3);
    assert_true(fixture_compare(&f, &f.acknowledged) == 0);
    fixture_fini(&f);
}

static void a_slow_mirror_is_put_out(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, 28, 5);
    f.world->disks[0].delay_us = 1000000;
    f.store->volumes[0].read_latency_us = 1;
    uint64_t start = loop_now_us(f.loop);
    assert_int_equal(fixture_commit(&f, 3, 100), 0);
    assert_true(loop_now_us(f.loop) - start < 800000);
    assert_int_equal(f.store->volumes[0].mirror, MIRROR_NONE);
    start = loop_now_us(f.loop);
    assert_int_equal(fixture_commit(&f, 3, 100), 0);
    assert_true(loop_now_us(f.loop) - start < 10000);
    fixture_fini(&f);
}

/* Makes a disk's writes fail from a certain one on. */
struct failing { uint32_t disk; uint64_t left; };

static void fail_later(struct fake_world *w, void *arg)
{
    struct failing *f = arg;
    if (f->left > 0 && --f->left == 0)
        w->disks[f->disk].fail_writes = true;
}

static void a_checkpoint_leaves_putting_out_to_the_writer(void **state)
{
    (void)state;
    /* From every operation of the checkpoint on, the root's writes included (P4): 5 disks, homes, flush, maps, flush, root. */
    uint32_t busy = 0;
    for (uint64_t at = 1; at < 130; at += 3) {
        struct fixture f;
        fixture_init(&f, 29 + at, 5);
        for (int i = 0; i < 4; i++)
            assert_int_equal(fixture_commit(&f, 3, 60), 0);
        struct failing failing = {.disk = (uint32_t)(at % 5), .left = at};
        f.world->before_op = fail_later;
        f.world->before_op_arg = &failing;
        struct volume *v = &f.store->volumes[failing.disk];
        int err = pages_checkpoint(f.pages, f.loop);
        if (err == ERR_BUSY) {
            busy++;
            assert_int_equal(v->mirror, MIRROR_CURRENT);
            assert_int_not_equal(v->suspect_since_us, 0);
            assert_int_equal(fixture_commit(&f, 3, 60), 0); /* puts it out */
            assert_int_equal(v->mirror, MIRROR_NONE);
            assert_int_equal(mirror_review(f.mirror, f.loop), 0);
            assert_int_equal(pages_checkpoint(f.pages, f.loop), 0);
        } else {
            assert_int_equal(err, 0);
        }
        f.world->before_op = NULL;
        assert_int_equal(fixture_commit(&f, 3, 60), 0);
        reopen(&f);
        assert_true(fixture_is_right(&f));
        fixture_fini(&f);
    }
    assert_in_range(busy, 10, 42);
}

static void count_progress(void *arg, uint64_t done, uint64_t total)
{
    assert_true(done <= total);
    ++*(uint32_t *)arg;
}

static void a_returning_mirror_is_brought_level(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, 30, 5);
    fill(&f);
    f.world->disks[1].fail_writes = true;
    assert_int_equal(fixture_commit(&f, 3, 100), 0);
    f.world->disks[1].fail_writes = false;
    for (int i = 0; i < 30; i++)
        assert_int_equal(fixture_commit(&f, 10, 1500), 0);
    assert_int_equal(pages_checkpoint(f.pages, f.loop), 0);
    assert_int_equal(fixture_commit(&f, 10, 1500), 0);
    uint32_t calls = 0;
    assert_int_equal(pages_level(f.pages, f.loop, 1, count_progress, &calls), ERR_INVALID);
    f.store->volumes[1].mirror = MIRROR_LEVELLING;
    f.store->volumes[1].state = VOLUME_IN;
    f.store->volumes[1].suspect_since_us = 0;
    assert_int_equal(fixture_commit(&f, 10, 1500), 0);
    assert_int_equal(pages_level(f.pages, f.loop, 1, count_progress, &calls), 0);
    assert_true(calls > 0);
    uint64_t writes = f.world->disks[1].writes;
    assert_int_equal(pages_level(f.pages, f.loop, 1, count_progress, &calls), 0);
    assert_true(f.world->disks[1].writes - writes < 10); /* nothing is copied twice */
    f.store->volumes[1].mirror = MIRROR_CURRENT;
    scrub_finds(&f, 0);
    assert_int_equal(fixture_commit(&f, 10, 1500), 0);
    fixture_close(&f);
    for (uint32_t i = 0; i < 5; i++) /* it alone */
        f.store->volumes[i].mirror = i == 1 ? MIRROR_CURRENT : MIRROR_NONE;
    f.store->parity_count = 0;
    assert_int_equal(fixture_open(&f), 0);
    assert_true(fixture_is_right(&f));
    fixture_fini(&f);
}

static void only_what_is_behind_is_copied(void **state)
{
    (void)state;
    struct fixture f;
    uint32_t calls = 0;
    fixture_init(&f, 35, 5);
    for (int i = 0; i < 60; i++) {
        assert_int_equal(fixture_commit(&f, 20, 1500), 0);
        assert_int_equal(pages_checkpoint(f.pages, f.loop), 0);
    }
    uint32_t written = 0;
    for (uint32_t n = 1; n <= f.acknowledged.database_pages; n++)
        written += f.acknowledged.stamps[n] != 0;
    assert_true(written > 500);
    f.world->disks[1].fail_writes = true;
    assert_int_equal(fixture_commit(&f, 20, 1500), 0);
    f.world->disks[1].fail_writes = false;
    f.store->volumes[1].mirror = MIRROR_LEVELLING;
    f.store->volumes[1].state = VOLUME_IN;
    f.store->volumes[1].suspect_since_us = 0;
    assert_int_equal(pages_checkpoint(f.pages, f.loop), 0);
    f.store->volumes[1].mirror = MIRROR_NONE; /* so that it has part of the checkpoint, and misses the next */
    assert_int_equal(fixture_commit(&f, 20, 1500), 0);
    assert_int_equal(pages_checkpoint(f.pages, f.loop), 0);
    f.store->volumes[1].mirror = MIRROR_LEVELLING;
    uint64_t writes = f.world->disks[1].writes;
    assert_int_equal(pages_level(f.pages, f.loop, 1, count_progress, &calls), 0);
    assert_true(f.world->disks[1].writes - writes < 100); /* 20 pages, map blocks, a root */
    f.store->volumes[1].mirror = MIRROR_CURRENT;
    scrub_finds(&f, 0);
    f.store->volumes[1].mirror = MIRROR_LEVELLING; /* levelling can be ended */
    pages_level_stop(f.pages, true);
    assert_int_equal(pages_level(f.pages, f.loop, 1, count_progress, &calls), ERR_CANCELLED);
    pages_level_stop(f.pages, false);
    assert_int_equal(pages_level(f.pages, f.loop, 1, count_progress, &calls), 0);
    fixture_fini(&f);
}

static void a_mirror_that_cannot_be_levelled_at_start_is_put_out(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, 31, 5);
    fill(&f);
    fixture_close(&f);
    fake_rot(f.world, 2, LOG_SPACE_OFF + ((const struct root_header *)(void *)fake_space(f.world, 0, 0))->log_off + 10, 1);
    for (uint32_t slot = 0; slot < 2; slot++)
        fake_rot(f.world, 2, slot * (uint64_t)ROOT_SLOT_SIZE + 8, 1);
    f.world->disks[2].fail_writes = true;
    assert_int_equal(fixture_open(&f), 0);
    assert_int_equal(f.store->volumes[2].mirror, MIRROR_NONE);
    assert_true(fixture_is_right(&f));
    fixture_fini(&f);
}

static void a_hung_mirror_at_start_is_put_out(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, 33, 5);
    fill(&f);
    fixture_close(&f);
    f.world->disks[1].hang_reads = true;
    f.world->disks[1].hang_writes = true;
    f.world->disks[4].hang_reads = true;
    uint64_t start = loop_now_us(f.loop);
    assert_int_equal(fixture_open(&f), 0);
    assert_true(loop_now_us(f.loop) - start < 20000000);
    assert_int_equal(f.store->volumes[1].mirror, MIRROR_NONE);
    assert_int_equal(f.store->volumes[4].mirror, MIRROR_NONE);
    assert_true(fixture_is_right(&f));
    f.world->disks[0].hang_reads = true;
    fixture_close(&f);
    assert_int_equal(fixture_open(&f), ERR_QUORUM); /* it cannot be spared */
    loop_free(f.loop);
    fake_world_free(f.world);
}

static void a_read_only_opening_writes_nothing(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, 34, 5);
    fill(&f);
    fixture_close(&f);
    fake_rot(f.world, 0, LOG_SPACE_OFF + 20, 1);
    fake_rot(f.world, 0, 10, 1);
    fake_rot(f.world, 0, ROOT_SLOT_SIZE + 10, 1);
    for (uint32_t d = 0; d < 5; d++)
        f.world->disks[d].fail_writes = true;
    uint64_t before = f.world->op_count;
    struct pages_options options = {.cache_size = 1 << 20, .read_only = true};
    struct store_message message;
    assert_int_equal(mirror_open(f.store, 0, &f.mirror), 0);
    assert_int_equal(pages_open(f.mirror, f.store, &options, f.loop, &f.pages, &message), 0);
    assert_true(fixture_is_right(&f));
    assert_int_equal(fixture_commit(&f, 1, 10), ERR_READ_ONLY);
    assert_int_equal(pages_checkpoint(f.pages, f.loop), ERR_READ_ONLY);
    assert_int_equal(f.world->op_count, before);
    fixture_fini(&f);
}

static void a_full_space_takes_what_fits_and_refuses_the_rest(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, 35, 3);
    f.store->volumes[0].chunk_count = 30; /* no chunks beyond the fifteenth */
    uint32_t most = 100;
    int err = 0;
    while (err == 0 && most < 5000)
        err = fixture_commit(&f, 5, most += 50);
    assert_int_equal(err, ERR_NO_SPACE);
    f.is_pending = false;
    assert_true(fixture_is_right(&f));
    for (int i = 0; i < 100; i++)
        assert_int_equal(fixture_commit(&f, 5, f.acknowledged.database_pages), 0);
    reopen(&f);
    assert_true(fixture_is_right(&f));
    fixture_fini(&f);
}

static void a_scan_leaves_the_hot_pages_cached(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, 36, 3);
    for (int i = 0; i < 60; i++)
        assert_int_equal(fixture_commit(&f, 20, 800), 0);
    assert_int_equal(pages_checkpoint(f.pages, f.loop), 0);
    reopen(&f); /* a cache of 64 pages */
    assert_int_equal(pages_checkpoint(f.pages, f.loop), 0);
    uint32_t hot[20], count = 0;
    for (uint32_t i = 1; count < 20; i++)
        if (f.acknowledged.stamps[i] != 0)
            hot[count++] = i;
    for (int turn = 0; turn < 3; turn++)
        for (uint32_t i = 0; i < count; i++)
            assert_int_equal(read_page(&f, hot[i]), 0);
    assert_int_equal(fixture_compare(&f, &f.acknowledged), 0);
    struct pages_snapshot s;
    uint8_t data[PAGE_SIZE];
    pages_snapshot_begin(f.pages, &s);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(pages_read(f.pages, f.loop, &s, hot[i], 0, data, PAGE_SIZE, true), 0);
    pages_snapshot_end(f.pages, &s);
    struct pages_status status;
    pages_status(f.pages, &status);
    assert_in_range(status.cache_used, 32 * PAGE_SIZE, 64 * PAGE_SIZE);
    fixture_fini(&f);
}

static void a_lost_lease_stops_commits(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, 32, 3);
    f.world->lease_lost = true;
    assert_int_equal(fixture_commit(&f, 1, 10), ERR_ACCESS);
    f.world->lease_lost = false;
    assert_int_equal(fixture_commit(&f, 1, 10), ERR_READ_ONLY);
    fixture_fini(&f);
}

struct ending { struct timer timer; struct fixture *f; struct pages_snapshot snapshot; bool fired; };

static void end_when_pressed(struct timer *timer)
{
    struct ending *e = container_of(timer, struct ending, timer);
    e->fired = true;
    assert_true(pages_pressed(e->f->pages));
    pages_snapshot_end(e->f->pages, &e->snapshot);
}

/* A record that is larger than what is left presses although the log has room. */
static void a_commit_that_waits_presses(void **state)
{
    (void)state;
    struct fixture f;
    struct pages_status status;
    struct ending e = {.timer.fire = end_when_pressed, .f = &f};
    fixture_init(&f, 37, 3);
    pages_snapshot_begin(f.pages, &e.snapshot);
    assert_int_equal(fixture_commit(&f, 90, 2000), 0);
    assert_int_equal(fixture_commit(&f, 90, 2000), 0);
    pages_status(f.pages, &status);
    assert_true(status.log_used <= status.log_size / 4 * 3);
    assert_false(pages_pressed(f.pages));
    loop_timer_set(f.loop, &e.timer, loop_now_us(f.loop) + 500000);
    assert_int_equal(fixture_commit(&f, 90, 2000), 0);
    assert_true(e.fired);
    assert_false(pages_pressed(f.pages));
    fixture_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rot_of_a_home),
        cmocka_unit_test(rot_is_mended_by_the_read_that_sees_it),
        cmocka_unit_test(a_lost_or_misdirected_home_write_is_seen),
        cmocka_unit_test(rot_of_the_map),
        cmocka_unit_test(rot_of_the_roots),
        cmocka_unit_test(rot_of_the_log),
        cmocka_unit_test(failing_mirrors_are_put_out_up_to_the_quorum),
        cmocka_unit_test(a_slow_mirror_is_put_out),
        cmocka_unit_test(a_checkpoint_leaves_putting_out_to_the_writer),
        cmocka_unit_test(a_returning_mirror_is_brought_level),
        cmocka_unit_test(only_what_is_behind_is_copied),
        cmocka_unit_test(a_mirror_that_cannot_be_levelled_at_start_is_put_out),
        cmocka_unit_test(a_hung_mirror_at_start_is_put_out),
        cmocka_unit_test(a_read_only_opening_writes_nothing),
        cmocka_unit_test(a_full_space_takes_what_fits_and_refuses_the_rest),
        cmocka_unit_test(a_scan_leaves_the_hot_pages_cached),
        cmocka_unit_test(a_lost_lease_stops_commits),
        cmocka_unit_test(a_commit_that_waits_presses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
