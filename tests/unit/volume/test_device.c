/* Files as volumes, with a real loop: claims, sizes, and what formatting refuses to destroy. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/file.h>
#include <unistd.h>

#include <cmocka.h>

#include "volume/device.h"
#include "volume/loop_thread.h"
#include "volume/probe.h"
#include "volume/store.h"

#define FILES 3
#define CLAIM_US 1000

static char folder[] = "/tmp/ingot-device-XXXXXX";
static char paths[FILES][64];
static const char *const path_list[FILES] = {paths[0], paths[1], paths[2]};
static struct loop *loop;
static struct store_message message;

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    for (int i = 0; i < FILES; i++)
        snprintf(paths[i], sizeof paths[i], "%s/volume%d", folder, i);
    return loop_thread_new("test", NULL, &loop);
}

static int tear_down(void **state)
{
    (void)state;
    for (int i = 0; i < FILES; i++)
        unlink(paths[i]);
    rmdir(folder);
    loop_free(loop);
    return 0;
}

static void make_files(void)
{
    for (int i = 0; i < FILES; i++) {
        unlink(paths[i]);
        int fd = open(paths[i], O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(ftruncate(fd, VOLUME_SIZE_MIN), 0);
        close(fd);
    }
}

static void put(const char *path, off_t off, const void *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, len, off), (ssize_t)len);
    close(fd);
}

static void test_claim(void **state)
{
    (void)state;
    make_files();
    struct device d, other;
    assert_int_equal(device_open(loop, paths[0], false, CLAIM_US, &d), 0);
    assert_int_equal(d.size, VOLUME_SIZE_MIN);
    assert_string_equal(d.path, paths[0]);
    assert_true(d.can_discard);
    assert_int_equal(device_open(loop, paths[0], false, CLAIM_US, &other), ERR_BUSY);
    assert_int_equal(device_open(loop, paths[0], true, CLAIM_US, &other), ERR_BUSY);
    uint64_t size;
    assert_int_equal(truncate(paths[0], VOLUME_SIZE_MIN + 5000), 0);
    assert_int_equal(device_current_size(&d, &size), 0);
    assert_int_equal(size, VOLUME_SIZE_MIN + 4096);
    device_close(&d, false);
    assert_int_equal(device_open(loop, paths[0], true, CLAIM_US, &other), 0);
    device_close(&other, false);
    assert_int_equal(device_open(loop, "/nonexistent/volume", false, CLAIM_US, &other), ERR_NOT_FOUND);
    assert_int_equal(device_open(loop, folder, false, CLAIM_US, &other), ERR_FOREIGN);
    assert_int_equal(device_open(loop, "/dev/null", false, CLAIM_US, &other), ERR_FOREIGN);
}

static void test_same(void **state)
{
    (void)state;
    make_files();
    char link[96];
    snprintf(link, sizeof link, "%s/link", folder);
    assert_int_equal(symlink(paths[1], link), 0);
    assert_true(device_same(link, paths[1]));
    assert_false(device_same(link, paths[0]));
    assert_false(device_same("/nonexistent", paths[0]));
    unlink(link);
}

static int format_files(bool force)
{
    struct store *s;
    struct store_format o = {.paths = path_list, .path_count = FILES, .data_count = 2, .parity_count = 1, .force = force};
    int err = store_format(&o, loop, &s, &message);
    if (err == 0)
        store_close(s, loop);
    return err;
}

static void assert_refused(const char *word)
{
    assert_int_equal(format_files(false), ERR_EXISTS);
    if (!strstr(message.text, word) || !strstr(message.text, paths[1]) || !strstr(message.text, "--force"))
        fail_msg("%s", message.text);
    static uint8_t head[4096];
    int fd = open(paths[0], O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(fd, head, sizeof head), (ssize_t)sizeof head);
    close(fd);
    for (size_t n = 0; n < sizeof head; n++)
        assert_int_equal(head[n], 0);
}

static void test_signatures(void **state)
{
    (void)state;
    make_files();
    put(paths[1], 4086, "SWAPSPACE2", 10);
    uint32_t version[3] = {1, 1000, 0};
    put(paths[1], 1024, version, sizeof version);
    assert_refused("swap");
    make_files();
    static const uint8_t entry[] = {0x80, 1, 1, 0, 0x83, 2, 3, 4, 0, 8, 0, 0, 0, 0x10, 0, 0};
    put(paths[1], 446, entry, sizeof entry);
    put(paths[1], 510, "\x55\xaa", 2);
    assert_refused("partition table");
    make_files();
    put(paths[1], VOLUME_SIZE_MIN - 5000, "x", 1);
    assert_refused("last MiB");
    assert_int_equal(format_files(true), 0);
    assert_int_equal(format_files(false), ERR_EXISTS);
}

/* What the tools of file systems leave, where they are installed. */
static void test_file_systems(void **state)
{
    (void)state;
    static const struct { const char *tool, *options, *word; off_t size; } made[] = {
        {"/usr/sbin/mkfs.ext4", "-q -F", "ext4", VOLUME_SIZE_MIN}, {"/usr/sbin/mkfs.xfs", "-q -f", "xfs", 320 << 20}};
    int tried = 0;
    for (size_t n = 0; n < sizeof made / sizeof *made; n++) {
        if (access(made[n].tool, X_OK) < 0)
            continue;
        char command[256];
        make_files();
        assert_int_equal(truncate(paths[1], made[n].size), 0);
        snprintf(command, sizeof command, "%s %s %s >/dev/null 2>&1", made[n].tool, made[n].options, paths[1]);
        assert_int_equal(system(command), 0);
        assert_refused(made[n].word);
        tried++;
    }
    if (!tried)
        skip();
}

/* One volume is busy, as after a server that ended with an operation hanging on it: the store opens without it. */
static void test_busy_volume(void **state)
{
    (void)state;
    make_files();
    assert_int_equal(format_files(false), 0);
    const char *const all[] = {paths[0], paths[1], paths[2]};
    struct store_options o = {.paths = all, .path_count = FILES, .read_only = true};
    struct store *s;
    int fd = open(paths[1], O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0);
    assert_int_equal(store_open(&o, loop, &s, &message), 0);
    assert_true(s->volumes[0].present && !s->volumes[1].present && s->volumes[2].present);
    store_close(s, loop);
    close(fd);
}

/* What nobody has formatted yet is told from one wrong path among right ones. */
static void test_nothing_formatted(void **state)
{
    (void)state;
    make_files();
    struct store_options o = {.paths = path_list, .path_count = FILES};
    struct store *s;
    assert_int_equal(store_open(&o, loop, &s, &message), ERR_FOREIGN);
    assert_non_null(strstr(message.text, "ingot format"));
    assert_int_equal(format_files(false), 0);
    assert_int_equal(truncate(paths[1], 0), 0);
    assert_int_equal(truncate(paths[1], VOLUME_SIZE_MIN), 0);
    assert_int_equal(store_open(&o, loop, &s, &message), ERR_FOREIGN);
    assert_non_null(strstr(message.text, paths[1]));
    assert_non_null(strstr(message.text, "take it out"));
}

static void test_store_on_files(void **state)
{
    (void)state;
    make_files();
    assert_int_equal(format_files(false), 0);
    const char *const shuffled[] = {paths[2], paths[0], paths[1]}, *const twice[] = {paths[0], paths[1], paths[0]};
    struct store_options o = {.paths = shuffled, .path_count = FILES};
    struct store *s, *second;
    char line[256];
    assert_int_equal(store_open(&o, loop, &s, &message), 0);
    for (uint32_t i = 0; i < FILES; i++)
        assert_string_equal(s->volumes[i].device.path, paths[i]);
    assert_int_equal(store_open(&o, loop, &second, &message), ERR_BUSY);
    assert_non_null(strstr(message.text, "in use by another process"));
    assert_int_equal(truncate(paths[1], 2ull * VOLUME_SIZE_MIN), 0);
    assert_int_equal(store_grow_volume(s, loop, 1, &message), 0);
    uint32_t index;
    assert_int_equal(store_add_volume(s, loop, paths[0], NULL, true, &index, &message), ERR_EXISTS);
    assert_int_equal(store_attach(s, loop, paths[0], &index, &message), ERR_EXISTS);
    store_close(s, loop);
    struct store_options bad = {.paths = twice, .path_count = FILES};
    assert_int_equal(store_open(&bad, loop, &s, &message), ERR_EXISTS);
    assert_int_equal(unlink(paths[0]), 0);
    assert_int_equal(store_open(&o, loop, &s, &message), 0); /* one is gone: m = 1 */
    assert_int_equal(s->volumes[0].state, VOLUME_OUT);
    store_close(s, loop);
    assert_int_equal(unlink(paths[1]), 0);
    assert_int_equal(store_open(&o, loop, &s, &message), ERR_QUORUM);
    snprintf(line, sizeof line, ": %s (not there), %s (not there)", paths[0], paths[1]); /* in the order of the options */
    assert_non_null(strstr(message.text, line));
    struct store_options none = {.paths = shuffled, .path_count = 0};
    assert_int_equal(store_open(&none, loop, &s, &message), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_claim), cmocka_unit_test(test_same), cmocka_unit_test(test_signatures),
        cmocka_unit_test(test_file_systems), cmocka_unit_test(test_busy_volume), cmocka_unit_test(test_nothing_formatted),
        cmocka_unit_test(test_store_on_files),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
