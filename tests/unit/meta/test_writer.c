/* The writer: isolation of requests in a batch, flushes before commits, the clock, room for data, membership. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/container.h"
#include "meta/extent_reference.h"
#include "meta/membership.h"
#include "meta/state.h"
#include "meta/tables.h"
#include "meta/transaction.h"
#include "meta/writer.h"
#include "meta_fixture.h"

static struct meta_fixture f;

static int setup(void **state)
{
    (void)state;
    meta_fixture_open(&f);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    meta_fixture_close(&f);
    return 0;
}

struct request {
    struct meta_write write;
    const char *name;  /* setting to write */
    int result;        /* what run returns after writing */
    bool break_all;    /* rolls the whole transaction back, as SQLite may when I/O fails */
    int runs, done;
    uint64_t clock, failed_volumes;
};

static int run(struct meta_tx *tx, struct meta_write *write)
{
    struct request *r = container_of(write, struct request, write);
    r->runs++;
    r->clock = meta_tx_clock(tx);
    r->failed_volumes = meta_tx_failed_volumes(tx);
    int err = setting_set_u64(tx, r->name, 1);
    if (err == 0 && r->break_all)
        err = connection_script(tx->connection, "ROLLBACK");
    return err != 0 ? err : r->result;
}

static void done(struct meta_write *write)
{
    container_of(write, struct request, write)->done++;
}

static void submit(struct request *r, const char *name)
{
    r->name = name;
    r->write.run = run;
    r->write.done = done;
    r->write.loop = f.loop;
    meta_write(f.meta, &r->write);
}

static int get(struct meta_tx *tx, void *arg)
{
    uint64_t value;
    return setting_get_u64(tx, arg, &value);
}

static int stored(const char *name)
{
    return meta_fixture_read(&f, get, (void *)(uintptr_t)name);
}

static void test_failing_request_is_alone(void **state)
{
    (void)state;
    struct request r[3] = {{.result = 0}, {.result = ERR_PRECONDITION}, {.result = 0}};
    submit(&r[0], "a");
    submit(&r[1], "b");
    submit(&r[2], "c");
    meta_fixture_settle(&f);
    assert_int_equal(r[0].write.err, 0);
    assert_int_equal(r[1].write.err, ERR_PRECONDITION);
    assert_int_equal(r[2].write.err, 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(r[i].done, 1);
    assert_int_equal(stored("a"), 0);
    assert_int_equal(stored("b"), ERR_NOT_FOUND);
    assert_int_equal(stored("c"), 0);
    struct meta_status status;
    meta_status(f.meta, &status);
    assert_int_equal(status.commits, 1);
    assert_int_equal(status.write_queue, 0);
}

static void test_single_failing_request(void **state)
{
    (void)state;
    struct request r = {.result = ERR_PRECONDITION};
    submit(&r, "a");
    meta_fixture_settle(&f);
    assert_int_equal(r.write.err, ERR_PRECONDITION);
    assert_int_equal(stored("a"), ERR_NOT_FOUND);
}

static void test_batch_is_redone_without_the_breaker(void **state)
{
    (void)state;
    struct request r[3] = {{.result = 0}, {.break_all = true, .result = ERR_IO}, {.result = 0}};
    submit(&r[0], "a");
    submit(&r[1], "b");
    submit(&r[2], "c");
    meta_fixture_settle(&f);
    assert_int_equal(r[0].write.err, 0);
    assert_int_equal(r[0].runs, 2);
    assert_int_equal(r[1].write.err, ERR_IO);
    assert_int_equal(r[1].runs, 1);
    assert_int_equal(r[1].done, 1);
    assert_int_equal(r[2].write.err, 0);
    assert_int_equal(stored("a"), 0);
    assert_int_equal(stored("b"), ERR_NOT_FOUND);
    assert_true(meta_writable(f.meta));
}

static void test_breaker_that_says_nothing(void **state)
{
    (void)state;
    struct request r = {.break_all = true};
    submit(&r, "a");
    meta_fixture_settle(&f);
    assert_int_equal(r.write.err, ERR_IO);
}

static void test_more_than_a_batch(void **state)
{
    (void)state;
    enum { COUNT = 600 };
    struct request *r = calloc(COUNT, sizeof *r);
    assert_non_null(r);
    for (int i = 0; i < COUNT; i++)
        submit(&r[i], "a");
    meta_fixture_settle(&f);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(r[i].done, 1);
        assert_int_equal(r[i].write.err, 0);
        assert_true(i == 0 || r[i].clock > r[i - 1].clock);
    }
    free(r);
}

static void test_overload(void **state)
{
    (void)state;
    struct request *r = calloc(WRITER_QUEUE_MAX + 1, sizeof *r);
    assert_non_null(r);
    for (uint32_t i = 0; i <= WRITER_QUEUE_MAX; i++)
        submit(&r[i], "a");
    meta_fixture_settle(&f);
    assert_int_equal(r[WRITER_QUEUE_MAX].write.err, ERR_OVERLOAD);
    assert_int_equal(r[WRITER_QUEUE_MAX].runs, 0);
    assert_int_equal(r[WRITER_QUEUE_MAX - 1].write.err, 0);
    free(r);
}

/* A request that fills pages: contents of INLINE_CONTENT_MAX bytes, of two pages and a bit each. */
struct heavy { struct meta_write write; int contents, runs; uint64_t clock; };

static int run_heavy(struct meta_tx *tx, struct meta_write *write)
{
    static const char bytes[INLINE_CONTENT_MAX];
    struct heavy *h = container_of(write, struct heavy, write);
    h->runs++;
    h->clock = meta_tx_clock(tx);
    int err = 0;
    for (int i = 0; err == 0 && i < h->contents; i++)
        err = content_insert_inline(tx, (int64_t)meta_tx_clock(tx), slice_of(bytes, sizeof bytes));
    return err;
}

static void heavy_done(struct meta_write *write) { (void)write; }

static void submit_heavy(struct heavy *h, int contents)
{
    *h = (struct heavy){.write = {.run = run_heavy, .done = heavy_done, .loop = f.loop}, .contents = contents};
    meta_write(f.meta, &h->write);
}

static uint64_t commits(void)
{
    struct meta_status status;
    meta_status(f.meta, &status);
    return status.commits;
}

/* Together they change three times what one commit can hold (2 MiB, with the smallest log). */
static void test_heavy_requests_share_no_commit_they_do_not_fit_in(void **state)
{
    (void)state;
    struct heavy h[64];
    for (int i = 0; i < 64; i++)
        submit_heavy(&h[i], 10);
    meta_fixture_settle(&f);
    for (int i = 0; i < 64; i++) {
        assert_int_equal(h[i].write.err, 0);
        assert_int_equal(h[i].runs, 1);
        assert_true(i == 0 || h[i].clock > h[i - 1].clock);
    }
    assert_in_range(commits(), 4, 32);
}

static void test_commit_too_large_is_split(void **state)
{
    (void)state;
    struct heavy h[3];
    submit_heavy(&h[0], 20);
    submit_heavy(&h[1], 20);
    submit_heavy(&h[2], 220);
    meta_fixture_settle(&f);
    for (int i = 0; i < 3; i++)
        assert_int_equal(h[i].write.err, 0);
    assert_int_equal(h[0].runs, 2);
    assert_true(h[0].clock < h[1].clock && h[1].clock < h[2].clock);
}

static void test_request_too_large_fails_alone(void **state)
{
    (void)state;
    struct heavy h[3];
    submit_heavy(&h[0], 1);
    submit_heavy(&h[1], 250);
    submit_heavy(&h[2], 1);
    meta_fixture_settle(&f);
    assert_int_equal(h[0].write.err, 0);
    assert_int_equal(h[1].write.err, ERR_COMMIT_TOO_LARGE);
    assert_false(h[1].write.uncertain);
    assert_int_equal(h[2].write.err, 0);
    assert_true(meta_writable(f.meta));
}

static int fill_until_full(struct meta_tx *tx, void *arg)
{
    static const char bytes[INLINE_CONTENT_MAX];
    int *contents = arg, err = 0;
    bool full = false;
    for (*contents = 0; err == 0 && !full && *contents < 1000; (*contents)++) {
        err = content_insert_inline(tx, (int64_t)meta_tx_clock(tx), slice_of(bytes, sizeof bytes));
        if (err == 0)
            err = meta_tx_full(tx, &full);
    }
    return err;
}

static int delete_all(struct meta_tx *tx, void *arg)
{
    (void)arg;
    return connection_script(tx->connection, "DELETE FROM inline_content");
}

/* New pages and those taken from the free ones count alike. */
static void test_full_transaction(void **state)
{
    (void)state;
    int added = 0, taken = 0;
    assert_int_equal(meta_fixture_write(&f, fill_until_full, &added), 0);
    assert_in_range(added, 30, 70);
    assert_int_equal(meta_fixture_write(&f, delete_all, NULL), 0);
    assert_int_equal(meta_fixture_write(&f, fill_until_full, &taken), 0);
    assert_in_range(taken, 30, 70);
}

static void test_clock_after_crash(void **state)
{
    (void)state;
    struct request before = {0}, after = {0}, later = {0};
    submit(&before, "a");
    meta_fixture_settle(&f);
    meta_fixture_crash(&f);
    submit(&after, "a");
    submit(&later, "a");
    meta_fixture_settle(&f);
    assert_true(after.clock > before.clock);
    assert_true(later.clock > after.clock);
    assert_true(after.clock >= before.clock + CLOCK_SLACK_US); /* from the ceiling, not from what was used */
}

static void test_clock(void **state)
{
    (void)state;
    struct clock c;
    uint64_t ceiling = 0;
    clock_init(&c, 1000);
    assert_true(clock_begin(&c, 5000, &ceiling));
    assert_int_equal(ceiling, 5000 + CLOCK_AHEAD_US);
    assert_int_equal(clock_next(&c), 5000);
    assert_int_equal(clock_next(&c), 5001);
    clock_end(&c, false);
    assert_int_equal(c.ceiling, 1000);
    assert_true(clock_begin(&c, 10, &ceiling)); /* the wall clock jumped back */
    assert_int_equal(clock_next(&c), 5002);
    clock_end(&c, true);
    assert_false(clock_begin(&c, 6000, &ceiling));
    assert_int_equal(clock_next(&c), 6000);
    assert_true(clock_begin(&c, 6000 + CLOCK_AHEAD_US, &ceiling));
}

static void test_flush_on_a_volume_that_is_out(void **state)
{
    (void)state;
    atomic_store(&f.store->volumes[2].state, VOLUME_OUT);
    struct request r = {.write.flush_volumes = 1u << 2};
    submit(&r, "a");
    meta_fixture_settle(&f);
    assert_int_equal(r.write.err, 0);
    assert_int_equal(r.failed_volumes, 1u << 2);
}

static void test_flush_that_fails(void **state)
{
    (void)state;
    uint64_t generation = f.store->generation;
    struct request r = {.write.flush_volumes = 1u << 5};
    int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC); /* cannot be flushed */
    assert_true(dup2(nowhere, f.store->volumes[5].device.fd) >= 0);
    close(nowhere);
    submit(&r, "a");
    meta_fixture_settle(&f);
    assert_int_equal(r.write.err, 0);
    assert_int_equal(r.failed_volumes, 1u << 5);
    assert_int_equal(atomic_load(&f.store->volumes[5].state), VOLUME_OUT);
    assert_true(f.store->generation > generation);
}

static void test_lost_lease_acknowledges_nothing(void **state)
{
    (void)state;
    struct request r = {0}, after = {0};
    void *lease = f.store->lease;
    f.store->lease = NULL;
    submit(&r, "a");
    meta_fixture_settle(&f);
    assert_int_equal(r.write.err, ERR_READ_ONLY);
    assert_true(r.write.uncertain);
    assert_false(meta_writable(f.meta));
    submit(&after, "b");
    meta_fixture_settle(&f);
    assert_int_equal(after.write.err, ERR_READ_ONLY);
    assert_false(after.write.uncertain);
    assert_int_equal(after.runs, 0);
    assert_int_equal(stored("b"), ERR_NOT_FOUND);
    f.store->lease = lease;
}

static void test_membership_keeps_what_the_store_needs(void **state)
{
    (void)state;
    assert_false(membership_pending(f.store, loop_now_us(f.loop)));
    assert_true(membership_can_lose(f.store, 3));
    assert_false(membership_can_lose(f.store, 7));
    for (uint32_t i = 0; i < 3; i++)
        volume_suspect(&f.store->volumes[i], 10 + i);
    assert_true(membership_pending(f.store, loop_now_us(f.loop)));
    meta_fixture_settle(&f);
    assert_int_equal(atomic_load(&f.store->volumes[0].state), VOLUME_OUT);
    assert_int_equal(atomic_load(&f.store->volumes[0].mirror), MIRROR_NONE);
    assert_int_equal(atomic_load(&f.store->volumes[1].state), VOLUME_OUT);
    assert_int_equal(atomic_load(&f.store->volumes[2].state), VOLUME_IN);
    assert_true(meta_writable(f.meta));
}

static void test_room_for_data(void **state)
{
    (void)state;
    struct extent e = {0};
    assert_int_equal(placement_reserve(f.placement, 100000, &e), ERR_WOULD_BLOCK);
    meta_fixture_settle(&f);
    assert_int_equal(placement_reserve(f.placement, 100000, &e), 0);
    placement_release(f.placement, &e);
    struct group group;
    assert_int_equal(placement_group(f.placement, e.group_id, &group), 0);
    meta_fixture_crash(&f);
    assert_int_equal(placement_group(f.placement, e.group_id, &group), 0); /* its row was read back */
    assert_int_equal(placement_reserve(f.placement, 100000, &e), ERR_WOULD_BLOCK);
    meta_fixture_settle(&f);
    assert_int_equal(placement_reserve(f.placement, 100000, &e), 0);
    placement_release(f.placement, &e);
}

static int insert_extent(struct meta_tx *tx, void *arg)
{
    struct extent *e = arg;
    e->id = (int64_t)meta_tx_clock(tx);
    return extent_insert(tx, e, 1);
}

static int drop_extent(struct meta_tx *tx, void *arg) { return extent_drop_reference(tx, ((struct extent *)arg)->id); }

/* A group that is loaded between a deletion and the end of the snapshots that still see what was deleted. */
static void test_freed_space_of_a_group_that_is_loaded(void **state)
{
    (void)state;
    uint32_t crc = 1;
    struct extent e = {0}, other = {0};
    assert_int_equal(placement_reserve(f.placement, 10000, &e), ERR_WOULD_BLOCK);
    meta_fixture_settle(&f);
    assert_int_equal(placement_reserve(f.placement, 10000, &e), 0);
    e.crcs = &crc;
    e.crc_count = 1;
    assert_int_equal(meta_fixture_write(&f, insert_extent, &e), 0);
    meta_fixture_crash(&f);
    struct pages_snapshot snapshot;
    pages_snapshot_begin(f.meta->pages, &snapshot);
    assert_int_equal(meta_fixture_write(&f, drop_extent, &e), 0);
    for (int i = 0; i < 20 && other.group_id != e.group_id; i++) { /* groups are loaded one by one, and used in turn */
        if (placement_reserve(f.placement, 10000, &other) == 0)
            placement_release(f.placement, &other);
        meta_fixture_settle(&f);
    }
    assert_int_equal(other.group_id, e.group_id);
    assert_true(other.block >= e.block + e.block_count || e.block >= other.block + other.block_count);
    pages_snapshot_end(f.meta->pages, &snapshot);
    meta_fixture_settle(&f);
    struct group group;
    assert_int_equal(placement_group(f.placement, e.group_id, &group), 0);
    assert_int_equal(group.free_blocks, f.store->chunk_size / BLOCK_SIZE - 1);
}

struct alone { struct meta_exclusive exclusive; int runs, done; };

static int run_exclusive(struct meta *meta, struct loop *loop, struct meta_exclusive *x)
{
    assert_ptr_equal(meta, f.meta);
    assert_non_null(loop);
    container_of(x, struct alone, exclusive)->runs++;
    return ERR_BUSY;
}

static void exclusive_done(struct meta_exclusive *x)
{
    container_of(x, struct alone, exclusive)->done++;
}

static void test_exclusive(void **state)
{
    (void)state;
    struct alone a = {.exclusive = {.run = run_exclusive, .done = exclusive_done, .loop = f.loop}};
    meta_exclusive(f.meta, &a.exclusive);
    assert_int_equal(a.runs, 0);
    meta_fixture_settle(&f);
    assert_int_equal(a.runs, 1);
    assert_int_equal(a.done, 1);
    assert_int_equal(a.exclusive.err, ERR_BUSY);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_failing_request_is_alone), TEST(test_single_failing_request), TEST(test_batch_is_redone_without_the_breaker),
        TEST(test_breaker_that_says_nothing), TEST(test_more_than_a_batch),
        TEST(test_heavy_requests_share_no_commit_they_do_not_fit_in), TEST(test_commit_too_large_is_split),
        TEST(test_request_too_large_fails_alone), TEST(test_full_transaction),
        TEST(test_overload), TEST(test_clock_after_crash),
        cmocka_unit_test(test_clock), TEST(test_flush_on_a_volume_that_is_out), TEST(test_flush_that_fails),
        TEST(test_lost_lease_acknowledges_nothing), TEST(test_membership_keeps_what_the_store_needs), TEST(test_room_for_data),
        TEST(test_freed_space_of_a_group_that_is_loaded),
        TEST(test_exclusive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
