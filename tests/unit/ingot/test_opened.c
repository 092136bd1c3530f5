/* A store opened by a process: what runs with it, on file volumes. */
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

#include "base/log.h"
#include "ingot/opened.h"
#include "volume/lease.h"

#define VOLUMES 3
#define SIZE (1ull << 30) /* sparse */

struct fixture {
    char folder[64], paths[VOLUMES][96], text[VOLUMES * 96 + 32];
    struct config config;
};

static int load(struct config *config, const char *lease, const char *volumes)
{
    struct config_message message;
    const char *const environment[] = {lease, volumes, "INGOT_PAGE_CACHE=16MiB", NULL};
    return config_load(config, "/dev/null", NULL, 0, environment, &message);
}

static int make_store(void **state, bool database)
{
    struct fixture *f = calloc(1, sizeof(*f));
    const char *paths[VOLUMES];
    struct opened opened;
    struct store_message message = {""};
    assert_non_null(f);
    strcpy(f->text, "INGOT_VOLUMES=");
    strcpy(f->folder, "/tmp/ingot-opened-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    for (int i = 0; i < VOLUMES; i++) {
        snprintf(f->paths[i], sizeof(f->paths[i]), "%s/volume%d", f->folder, i);
        int fd = open(f->paths[i], O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
        assert_true(fd >= 0 && ftruncate(fd, SIZE) == 0);
        close(fd);
        paths[i] = f->paths[i];
        strcat(strcat(f->text, f->paths[i]), " ");
    }
    assert_int_equal(load(&f->config, "INGOT_LEASE=10s", f->text), 0);
    assert_int_equal(opened_engine(&opened, &f->config), 0);
    const struct store_format format = {.paths = paths, .path_count = VOLUMES, .data_count = 2, .parity_count = 1};
    assert_int_equal(store_format(&format, opened.control, &opened.store, &message), 0);
    if (database)
        assert_int_equal(meta_format(opened.store, opened.control, &message), 0);
    opened_close(&opened);
    *state = f;
    return 0;
}

static int setup(void **state)
{
    return make_store(state, true);
}

static int setup_without_database(void **state)
{
    return make_store(state, false);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < VOLUMES; i++)
        unlink(f->paths[i]);
    rmdir(f->folder);
    config_free(&f->config);
    free(f);
    return 0;
}

static void lost(void *arg)
{
    *(bool *)arg = true;
}

/* Opening the metadata may take longer than a lease: the keeper runs before, and until it is closed. */
static void test_lease_is_kept_while_open(void **state)
{
    struct fixture *f = *state;
    struct opened opened;
    bool told = false;
    assert_int_equal(opened_open(&opened, &f->config, false, lost, &told), 0);
    assert_true(opened.lease.started);
    assert_true(opened.lease.pause_us <= f->config.lease * 1000 / 4);
    assert_ptr_equal(opened.lease.store, opened.store);
    opened_close(&opened);
    assert_false(opened.lease.started);
    assert_false(told);
}

/* When the metadata cannot be opened, the keeper is gone before the store it renews. */
static void test_failed_open_stops_the_keeper(void **state)
{
    struct fixture *f = *state;
    struct opened opened;
    assert_int_not_equal(opened_open(&opened, &f->config, false, NULL, NULL), 0);
    assert_true(*opened.message);
    assert_false(opened.lease.started);
    assert_null(opened.store);
}

static void test_reading_takes_no_lease(void **state)
{
    struct fixture *f = *state;
    struct opened opened;
    assert_int_equal(opened_open(&opened, &f->config, true, NULL, NULL), 0);
    assert_false(opened.lease.started);
    opened_close(&opened);
}

/* The store clamps longer leases than this, and would be renewed too late. */
static void test_lease_longer_than_the_store_keeps(void **state)
{
    (void)state;
    struct config config;
    assert_int_equal(load(&config, "INGOT_LEASE=60s", "INGOT_VOLUMES=none"), 0);
    assert_int_equal(config.lease, LEASE_MS_MAX);
    config_free(&config);
    assert_int_not_equal(load(&config, "INGOT_LEASE=61s", "INGOT_VOLUMES=none"), 0);
    config_free(&config);
}

int main(void)
{
    log_init(LOG_LEVEL_ERROR, false, false);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lease_is_kept_while_open, setup, teardown),
        cmocka_unit_test_setup_teardown(test_failed_open_stops_the_keeper, setup_without_database, teardown),
        cmocka_unit_test_setup_teardown(test_reading_takes_no_lease, setup, teardown),
        cmocka_unit_test(test_lease_longer_than_the_store_keeps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
