/* The life of volumes over a whole metadata store on seven file volumes (4+2; the first five mirror the metadata): they fail
 * under load, come back, stay away, drain and go. A volume is made to fail by putting a read-only descriptor in the place of
 * its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/container.h"
#include "meta/mirror_role.h"
#include "meta/state.h"
#include "meta/tables.h"
#include "meta/volumes.h"
#include "volume/loop_thread.h"

#define VOLUMES 7
#define MIRRORS 5u
#define TURNS 100000

struct fixture {
    char folder[64], paths[VOLUMES + 1][96];
    struct loop *loop;
    struct store *store;
    struct placement *placement;
    struct meta *meta;
    bool threads;
    uint64_t mirror_delay_us;
    uint64_t rows; /* settings written */
    int saved_fd;
};

static struct loop *new_loop(void *arg, const char *name)
{
    (void)arg;
    struct loop *loop = NULL;
    return loop_thread_new(name, NULL, &loop) != 0 ? NULL : loop;
}

static void make_file(struct fixture *f, int n)
{
    snprintf(f->paths[n], sizeof f->paths[n], "%s/volume%d", f->folder, n);
    int fd = open(f->paths[n], O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0 && ftruncate(fd, VOLUME_SIZE_MIN) == 0);
    close(fd);
}

static void list_paths(struct fixture *f, const char *list[VOLUMES + 1])
{
    for (int i = 0; i <= VOLUMES; i++)
        list[i] = f->paths[i];
}

static const char *path_list[VOLUMES + 1];

static void start(struct fixture *f, bool read_only)
{
    struct store_message message = {""};
    list_paths(f, path_list);
    struct meta_options options = {.page_cache_size = 4u << 20, .new_loop = f->threads ? new_loop : NULL, .threads = f->threads,
                                   .reader_count = f->threads, .return_delay_us = 20000, .mirror_delay_us = f->mirror_delay_us,
                                   .volume_paths = path_list, .volume_path_count = VOLUMES, .read_only = read_only};
    assert_int_equal(placement_open(f->store, &f->placement), 0);
    if (meta_open(f->store, f->placement, &options, f->loop, &f->meta, &message) != 0)
        fail_msg("meta_open: %s", message.text);
}

static void stop(struct fixture *f)
{
    meta_close(f->meta);
    placement_close(f->placement);
    store_close(f->store, f->loop);
}

static void open_fixture(struct fixture *f, bool threads, uint64_t mirror_delay_us)
{
    *f = (struct fixture){.threads = threads, .mirror_delay_us = mirror_delay_us, .saved_fd = -1};
    snprintf(f->folder, sizeof f->folder, "/tmp/ingot-keeper-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    f->loop = new_loop(NULL, "test");
    assert_non_null(f->loop);
    for (int i = 0; i <= VOLUMES; i++)
        make_file(f, i);
    const char *list[VOLUMES + 1];
    list_paths(f, list);
    struct store_format format = {.paths = list, .path_count = VOLUMES, .data_count = 4, .parity_count = 2};
    struct store_message message = {""};
    if (store_format(&format, f->loop, &f->store, &message) != 0)
        fail_msg("store_format: %s", message.text);
    assert_int_equal(meta_format(f->store, f->loop, &message), 0);
    start(f, false);
}

/* Opens what is there, without the volumes whose bit is in without. */
static void reopen(struct fixture *f, uint32_t without, bool read_only)
{
    const char *list[VOLUMES + 1];
    uint32_t count = 0;
    for (uint32_t i = 0; i < VOLUMES; i++)
        if (!(without >> i & 1))
            list[count++] = f->paths[i];
    struct store_options options = {.paths = list, .path_count = count, .read_only = read_only};
    struct store_message message = {""};
    if (store_open(&options, f->loop, &f->store, &message) != 0)
        fail_msg("store_open: %s", message.text);
    start(f, read_only);
}

static void close_fixture(struct fixture *f)
{
    stop(f);
    loop_free(f->loop);
    char command[128];
    snprintf(command, sizeof command, "rm -r '%s'", f->folder);
    assert_int_equal(system(command), 0);
}

struct turn { struct timer timer; const bool *done; bool fired; };
static void turn_fired(struct timer *t) { container_of(t, struct turn, timer)->fired = true; }
static bool turn_over(void *arg) { const struct turn *t = arg; return t->fired || *t->done; }

static void turn(struct fixture *f, const bool *done)
{
    while (!f->threads && meta_step(f->meta))
        ;
    assert_true(f->store->lease == NULL || store_lease_renew(f->store, f->loop) == 0);
    struct turn turn = {.timer.fire = turn_fired, .done = done};
    loop_timer_set(f->loop, &turn.timer, loop_now_us(f->loop) + 500);
    assert_int_equal(loop_run_until(f->loop, turn_over, &turn), 0);
    loop_timer_cancel(f->loop, &turn.timer);
}

struct row { struct meta_write write; struct meta_read read; uint64_t number, value; bool done; };

static void row_name(uint64_t number, char name[32]) { snprintf(name, 32, "test-%06llu", (unsigned long long)number); }
static void row_written(struct meta_write *w) { container_of(w, struct row, write)->done = true; }
static void row_read(struct meta_read *r) { container_of(r, struct row, read)->done = true; }

static int write_row(struct meta_tx *tx, struct meta_write *w)
{
    struct row *r = container_of(w, struct row, write);
    char name[32];
    row_name(r->number, name);
    return setting_set_u64(tx, name, r->number * 7);
}

static int read_row(struct meta_tx *tx, struct meta_read *read)
{
    struct row *r = container_of(read, struct row, read);
    char name[32];
    row_name(r->number, name);
    return setting_get_u64(tx, name, &r->value);
}

static void write_rows(struct fixture *f, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        struct row r = {.write = {.run = write_row, .done = row_written, .loop = f->loop}, .number = f->rows};
        meta_write(f->meta, &r.write);
        while (!r.done)
            turn(f, &r.done);
        assert_int_equal(r.write.err, 0);
        f->rows++;
    }
}

static void read_rows(struct fixture *f)
{
    for (uint64_t i = 0; i < f->rows; i++) {
        struct row r = {.read = {.run = read_row, .done = row_read, .loop = f->loop}, .number = i};
        meta_read(f->meta, &r.read);
        while (!r.done)
            turn(f, &r.done);
        assert_int_equal(r.read.err, 0);
        assert_int_equal(r.value, i * 7);
    }
}

static int state_of(struct fixture *f, uint32_t i) { return atomic_load(&f->store->volumes[i].state); }
static int mirror_of(struct fixture *f, uint32_t i) { return atomic_load(&f->store->volumes[i].mirror); }

static uint32_t count_current(struct fixture *f)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < f->store->volume_slots; i++)
        count += f->store->volumes[i].present && mirror_of(f, i) == MIRROR_CURRENT;
    return count;
}

static void break_volume(struct fixture *f, uint32_t i)
{
    int fd = f->store->volumes[i].device.fd, other = open(f->paths[i], O_RDONLY | O_CLOEXEC);
    f->saved_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    assert_true(other >= 0 && f->saved_fd >= 0 && dup2(other, fd) == fd);
    close(other);
}

static void mend_volume(struct fixture *f, uint32_t i)
{
    assert_true(dup2(f->saved_fd, f->store->volumes[i].device.fd) >= 0);
    close(f->saved_fd);
}

static void until_state(struct fixture *f, uint32_t i, int state, int mirror)
{
    const bool never = false;
    for (int n = 0; state_of(f, i) != state || mirror_of(f, i) != mirror; n++) {
        assert_true(n < TURNS);
        turn(f, &never);
    }
}

static void until_ready(struct fixture *f, uint32_t i)
{
    const bool never = false;
    for (int n = 0; !volumes_ready(f->meta, i); n++) {
        assert_true(n < TURNS);
        turn(f, &never);
    }
}

struct change {
    struct meta_exclusive exclusive;
    int (*run)(struct meta *, struct loop *, uint32_t, struct store_message *);
    uint32_t index;
    const char *path;
    struct store_message message;
    bool done;
};
static void change_done(struct meta_exclusive *x) { container_of(x, struct change, exclusive)->done = true; }
static int change_run(struct meta *meta, struct loop *loop, struct meta_exclusive *x)
{
    struct change *c = container_of(x, struct change, exclusive);
    if (c->path != NULL)
        return volumes_add(meta, loop, c->path, NULL, false, &c->index, &c->message);
    return c->run(meta, loop, c->index, &c->message);
}

static int run_change(struct fixture *f, struct change *c)
{
    c->exclusive = (struct meta_exclusive){.run = change_run, .done = change_done, .loop = f->loop};
    meta_exclusive(f->meta, &c->exclusive);
    while (!c->done)
        turn(f, &c->done);
    return c->exclusive.err;
}

static int change(struct fixture *f, int (*run)(struct meta *, struct loop *, uint32_t, struct store_message *), uint32_t i)
{
    struct change c = {.run = run, .index = i};
    return run_change(f, &c);
}

/* What the repair does once the data is level, too. */
static int put_in(struct meta *meta, struct loop *loop, uint32_t i, struct store_message *message)
{
    (void)message;
    if (!volumes_ready(meta, i))
        return ERR_BUSY;
    struct store_change change = {.count = 1};
    change.set[0].index = i;
    change.set[0].state = VOLUME_IN;
    change.set[0].mirror = (enum mirror_state)atomic_load(&meta->store->volumes[i].mirror);
    return store_change(meta->store, loop, &change);
}

/* Every copy of every page, on every mirror. */
static void assert_level(struct fixture *f)
{
    struct pages_scrub s;
    assert_int_equal(pages_scrub(f->meta->pages, f->loop, &s, NULL, NULL), 0);
    assert_true(s.checked > 0);
    assert_int_equal(s.bad, 0);
}

static void assert_readable_without_any_two(struct fixture *f, uint32_t but)
{
    stop(f);
    for (uint32_t a = 0; a < VOLUMES; a++) {
        for (uint32_t b = a + 1; b < VOLUMES; b++) {
            if (a == but || b == but)
                continue;
            reopen(f, 1u << a | 1u << b, true);
            assert_true(f->store->volumes[but].present);
            read_rows(f);
            stop(f);
        }
    }
    reopen(f, 0, false);
}

static void fails_and_comes_back(bool threads)
{
    struct fixture f;
    open_fixture(&f, threads, 3600ull * 1000000);
    write_rows(&f, 100);
    break_volume(&f, 1);
    write_rows(&f, 1);
    until_state(&f, 1, VOLUME_OUT, MIRROR_NONE);
    write_rows(&f, 100);
    assert_false(volumes_ready(f.meta, 1));
    assert_int_equal(count_current(&f), MIRRORS - 1);
    mend_volume(&f, 1);
    const bool never = false;
    for (int n = 0; !volumes_ready(f.meta, 1); n++) {
        assert_true(n < TURNS);
        if (n % 8 == 0)
            write_rows(&f, 1); /* load goes on */
        turn(&f, &never);
    }
    assert_int_equal(state_of(&f, 1), VOLUME_OUT);
    assert_int_equal(mirror_of(&f, 1), MIRROR_CURRENT);
    assert_int_equal(change(&f, put_in, 1), 0);
    write_rows(&f, 20);
    assert_int_equal(state_of(&f, 1), VOLUME_IN);
    assert_int_equal(count_current(&f), MIRRORS);
    assert_level(&f);
    assert_readable_without_any_two(&f, 1);
    read_rows(&f);
    close_fixture(&f);
}

static void comes_back(void **state)
{
    (void)state;
    fails_and_comes_back(false);
}

static void comes_back_in_threads(void **state)
{
    (void)state;
    fails_and_comes_back(true);
}

/* Ready, it fails once more before its data is level: it is not put in, and has to show again that it is well. */
static void fails_on_its_way(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, false, 3600ull * 1000000);
    write_rows(&f, 10);
    break_volume(&f, 2);
    write_rows(&f, 1);
    until_state(&f, 2, VOLUME_OUT, MIRROR_NONE);
    mend_volume(&f, 2);
    until_ready(&f, 2);
    break_volume(&f, 2);
    write_rows(&f, 1);
    until_state(&f, 2, VOLUME_OUT, MIRROR_NONE);
    const bool never = false;
    while (volumes_ready(f.meta, 2))
        turn(&f, &never);
    assert_int_equal(change(&f, put_in, 2), ERR_BUSY);
    write_rows(&f, 10);
    mend_volume(&f, 2);
    until_ready(&f, 2);
    assert_int_equal(change(&f, put_in, 2), 0);
    assert_int_equal(count_current(&f), MIRRORS);
    assert_level(&f);
    read_rows(&f);
    close_fixture(&f);
}

static void crash_while_levelling(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, false, 3600ull * 1000000);
    write_rows(&f, 50);
    break_volume(&f, 3);
    write_rows(&f, 20);
    until_state(&f, 3, VOLUME_OUT, MIRROR_NONE);
    mend_volume(&f, 3);
    assert_int_equal(store_revive(f.store, f.loop, 3, &(struct store_message){""}), 0);
    assert_int_equal(mirror_role_begin(f.meta, f.loop, 3), 0);
    assert_int_equal(mirror_of(&f, 3), MIRROR_LEVELLING);
    atomic_store(&f.meta->writable, false);
    stop(&f);
    reopen(&f, 0, false);
    assert_int_equal(state_of(&f, 3), VOLUME_OUT);
    assert_int_equal(mirror_of(&f, 3), MIRROR_LEVELLING);
    until_ready(&f, 3);
    assert_int_equal(mirror_of(&f, 3), MIRROR_CURRENT);
    assert_level(&f);
    read_rows(&f);
    close_fixture(&f);
}

/* Out for longer than the delay: another volume mirrors in its place, and it comes back without that role. */
static void role_moves(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, false, 1);
    write_rows(&f, 50);
    assert_int_equal(mirror_of(&f, 5), MIRROR_NONE);
    break_volume(&f, 0);
    write_rows(&f, 1);
    until_state(&f, 0, VOLUME_OUT, MIRROR_NONE);
    const bool never = false;
    for (int n = 0; count_current(&f) < MIRRORS; n++) {
        assert_true(n < TURNS);
        turn(&f, &never);
    }
    uint32_t heir = mirror_of(&f, 5) == MIRROR_CURRENT ? 5 : 6;
    assert_int_equal(mirror_of(&f, heir), MIRROR_CURRENT);
    write_rows(&f, 20);
    assert_level(&f);
    mend_volume(&f, 0);
    until_ready(&f, 0);
    assert_int_equal(mirror_of(&f, 0), MIRROR_NONE);
    assert_int_equal(change(&f, put_in, 0), 0);
    struct capacity before, after;
    assert_int_equal(placement_capacity(f.placement, &before), 0);
    uint32_t chunks = f.store->volumes[0].meta_chunk_count;
    assert_true(chunks > 0);
    assert_int_equal(mirror_role_release(f.meta, f.loop, 0), 0);
    assert_int_equal(placement_capacity(f.placement, &after), 0);
    assert_int_equal(after.volumes[0].free_chunks, before.volumes[0].free_chunks + chunks);
    assert_int_equal(after.volumes[0].meta_chunks, 0);
    assert_readable_without_any_two(&f, heir);
    assert_int_equal(f.store->volumes[0].meta_chunk_count, 0);
    close_fixture(&f);
}

static void appears_again(void **state)
{
    (void)state;
    struct fixture f;
    char away[112];
    open_fixture(&f, false, 3600ull * 1000000);
    write_rows(&f, 30);
    stop(&f);
    snprintf(away, sizeof away, "%s.away", f.paths[4]);
    assert_int_equal(rename(f.paths[4], away), 0);
    reopen(&f, 0, false);
    assert_false(f.store->volumes[4].present);
    assert_int_equal(state_of(&f, 4), VOLUME_OUT);
    write_rows(&f, 30);
    assert_int_equal(rename(away, f.paths[4]), 0);
    until_ready(&f, 4);
    assert_int_equal(mirror_of(&f, 4), MIRROR_CURRENT);
    assert_int_equal(change(&f, put_in, 4), 0);
    assert_level(&f);
    assert_readable_without_any_two(&f, 4);
    read_rows(&f);
    close_fixture(&f);
}

/* volume replace: a new one comes, the old one drains, loses its role, and goes. */
static void replaced(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, false, 3600ull * 1000000);
    write_rows(&f, 30);
    struct change add = {.path = f.paths[VOLUMES]};
    assert_int_equal(run_change(&f, &add), 0);
    assert_int_equal(add.index, VOLUMES);
    assert_int_equal(change(&f, volumes_remove, 1), ERR_BUSY);
    assert_int_equal(change(&f, volumes_drain, 1), 0);
    assert_true(volumes_leaving(f.meta, 1));
    until_state(&f, 1, VOLUME_DRAINING, MIRROR_NONE);
    assert_int_equal(count_current(&f), MIRRORS);
    assert_level(&f);
    assert_int_equal(change(&f, volumes_remove, 1), 0);
    assert_false(volumes_leaving(f.meta, 1));
    assert_int_equal(state_of(&f, 1), VOLUME_FREE);
    assert_int_equal(change(&f, volumes_remove, 1), ERR_NOT_FOUND);
    assert_int_equal(change(&f, volumes_drain, VOLUMES_MAX), ERR_NOT_FOUND);
    write_rows(&f, 10);
    read_rows(&f);
    close_fixture(&f);
}

/* One that is dead and replaced does not come back by itself, not after a restart either; online takes that back. */
static void leaves(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, false, 3600ull * 1000000);
    write_rows(&f, 10);
    break_volume(&f, 2);
    write_rows(&f, 1);
    until_state(&f, 2, VOLUME_OUT, MIRROR_NONE);
    assert_int_equal(change(&f, volumes_drain, 2), 0);
    assert_int_equal(state_of(&f, 2), VOLUME_OUT);
    mend_volume(&f, 2);
    const bool never = false;
    for (int n = 0; count_current(&f) < MIRRORS; n++) { /* at once, whatever the delay */
        assert_true(n < TURNS);
        turn(&f, &never);
    }
    assert_false(volumes_ready(f.meta, 2));
    stop(&f);
    reopen(&f, 0, false);
    assert_true(volumes_leaving(f.meta, 2));
    assert_int_equal(change(&f, volumes_online, 2), 0);
    assert_false(volumes_leaving(f.meta, 2));
    until_ready(&f, 2);
    assert_int_equal(mirror_of(&f, 2), MIRROR_NONE);
    close_fixture(&f);
}

static void offline_and_online(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, false, 3600ull * 1000000);
    write_rows(&f, 10);
    assert_int_equal(change(&f, volumes_offline, 0), 0);
    assert_int_equal(change(&f, volumes_offline, 0), 0);
    assert_int_equal(change(&f, volumes_offline, 1), 0);
    assert_int_equal(change(&f, volumes_offline, 5), ERR_QUORUM);
    assert_int_equal(state_of(&f, 0), VOLUME_OFFLINE);
    write_rows(&f, 10);
    assert_int_equal(change(&f, volumes_online, 0), 0);
    until_ready(&f, 0);
    assert_false(volumes_ready(f.meta, 1));
    assert_int_equal(state_of(&f, 1), VOLUME_OFFLINE);
    assert_int_equal(change(&f, put_in, 0), 0);
    assert_int_equal(change(&f, volumes_drain, 3), 0);
    assert_int_equal(state_of(&f, 3), VOLUME_DRAINING);
    assert_int_equal(change(&f, volumes_online, 3), 0);
    assert_int_equal(state_of(&f, 3), VOLUME_IN);
    assert_level(&f);
    read_rows(&f);
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back), cmocka_unit_test(comes_back_in_threads), cmocka_unit_test(fails_on_its_way),
        cmocka_unit_test(crash_while_levelling), cmocka_unit_test(role_moves), cmocka_unit_test(appears_again),
        cmocka_unit_test(replaced), cmocka_unit_test(leaves), cmocka_unit_test(offline_and_online),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
