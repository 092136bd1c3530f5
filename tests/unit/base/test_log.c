#include "check.h"

#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

static FILE *lines;
static int real_stderr;

static void capture_begin(void)
{
    lines = tmpfile();
    assert_non_null(lines);
    real_stderr = dup(STDERR_FILENO);
    assert_int_equal(dup2(fileno(lines), STDERR_FILENO), STDERR_FILENO);
}

/* Static storage, until the next call. */
static const char *capture_end(void)
{
    static char bytes[65536];
    dup2(real_stderr, STDERR_FILENO);
    close(real_stderr);
    rewind(lines);
    size_t len = fread(bytes, 1, sizeof(bytes) - 1, lines);
    bytes[len] = '\0';
    fclose(lines);
    return bytes;
}

static void one_line_with_its_level(void **state)
{
    (void)state;
    log_init(LOG_LEVEL_INFO, false, false);
    capture_begin();
    log_error("volume %s: %d", "a\nb\x1b[2J", 5);
    log_info("\xc3\xa9 \xff");
    log_debug("dropped");
    assert_string_equal(capture_end(), "error: volume a\\x0ab\\x1b[2J: 5\ninfo: \xc3\xa9 \\xff\n");
}

static void journal_priority(void **state)
{
    (void)state;
    log_init(LOG_LEVEL_DEBUG, false, true);
    capture_begin();
    log_warning("w");
    log_debug("d");
    assert_string_equal(capture_end(), "<4>w\n<7>d\n");
}

static void json_is_escaped(void **state)
{
    (void)state;
    log_init(LOG_LEVEL_INFO, true, false);
    capture_begin();
    log_notice("say \"\\\n\xed\xa0\x80\"");
    const char *line = capture_end();
    assert_memory_equal(line, "{\"time\":\"20", 11);
    assert_non_null(strstr(line, "Z\",\"level\":\"notice\",\"message\":\"say \\\"\\\\\\u000a\\u00ed\\u00a0\\u0080\\\"\"}\n"));
}

static void long_lines_end(void **state)
{
    (void)state;
    char message[9000];
    memset(message, 1, sizeof(message) - 1);
    message[sizeof(message) - 1] = '\0';
    log_init(LOG_LEVEL_INFO, true, true);
    capture_begin();
    log_info("%s", message);
    const char *line = capture_end();
    assert_string_equal(line + strlen(line) - 6, "...\"}\n");
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
}

static void limited_once_per_site(void **state)
{
    (void)state;
    log_init(LOG_LEVEL_INFO, false, false);
    struct log_limit limit = {0};
    capture_begin();
    for (int i = 0; i < 3; i++)
        log_write_limited(&limit, LOG_LEVEL_WARNING, "again %d", i);
    limit.last_us = 0; /* as if long ago */
    log_write_limited(&limit, LOG_LEVEL_WARNING, "again %d", 3);
    assert_string_equal(capture_end(), "warning: again 0\nwarning: again 3 (and 2 more like it)\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_line_with_its_level), cmocka_unit_test(journal_priority),
        cmocka_unit_test(json_is_escaped), cmocka_unit_test(long_lines_end), cmocka_unit_test(limited_once_per_site),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
