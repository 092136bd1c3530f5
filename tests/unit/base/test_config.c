#include "check.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/config.h"

static char directory[] = "/tmp/ingot-config-XXXXXX";
static char path[64], secret_path[64];
static struct config config;
static struct config_message message;
static const char *const no_environment[] = {"INGOT_CONFIG=/dev/null", NULL};

static int setup(void **state)
{
    (void)state;
    if (!mkdtemp(directory))
        return -1;
    snprintf(path, sizeof(path), "%s/ingot.conf", directory);
    snprintf(secret_path, sizeof(secret_path), "%s/secret", directory);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    unlink(secret_path);
    return rmdir(directory);
}

static int forget(void **state)
{
    (void)state;
    config_free(&config);
    return 0;
}

static void write_file(const char *where, const char *content)
{
    FILE *file = fopen(where, "w");
    assert_non_null(file);
    assert_true(fputs(content, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* An @ at the beginning stands for the file's path. */
static void expect_message(const char *text)
{
    char expected[512];
    bool with_path = *text == '@';
    snprintf(expected, sizeof(expected), "%s%s", with_path ? path : "", text + with_path);
    assert_string_equal(message.text, expected);
}

static void defaults(void **state)
{
    (void)state;
    assert_int_equal(config_load(&config, NULL, NULL, 0, no_environment, &message), 0);
    assert_string_equal(config.listen, "0.0.0.0:9000");
    assert_int_equal(config.volume.count, 0);
    assert_true(config.buffer_memory == 96ull << 20);
    assert_true(config.header_timeout == 20000);
    assert_int_equal(config.log_level, 3);
    assert_false(config.audit_log);
    assert_string_equal(config.root_user, "");
}

static void flag_beats_environment_beats_file(void **state)
{
    (void)state;
    write_file(path, "# comment\n\nlisten = 127.0.0.1:1\nregion = file\nvolume = /a /b\nvolume = /c,/d ; more\nlease = 1 min\n"
                     "audit_log = On\n");
    const char *environment[] = {"INGOT_REGION=environment", "INGOT_LISTEN=[::1]:2", "INGOT_VOLUMES=/e /f", "INGOT_PORT=x", NULL};
    bool as_file;
    const struct config_flag flags[] = {
        {config_find_flag(slice_string("listen"), &as_file), "[::1]:3", false},
        {config_find_flag(slice_string("domain"), &as_file), "a.example", false},
        {config_find_flag(slice_string("domain"), &as_file), "b.example", false},
    };
    assert_int_equal(config_load(&config, path, flags, 3, environment, &message), 0);
    assert_string_equal(config.listen, "[::1]:3");
    assert_string_equal(config.region, "environment");
    assert_int_equal(config.volume.count, 2);
    assert_string_equal(config.volume.items[1], "/f");
    assert_int_equal(config.domain.count, 2);
    assert_true(config.lease == 60000);
    assert_true(config.audit_log);
    config_free(&config);
    environment[2] = NULL;
    assert_int_equal(config_load(&config, path, NULL, 0, environment, &message), 0);
    assert_int_equal(config.volume.count, 4);
    assert_string_equal(config.volume.items[3], "/d");
}

static void secrets_from_files(void **state)
{
    (void)state;
    char variable[128], line[128];
    write_file(secret_path, "s3cret words\n");
    snprintf(variable, sizeof(variable), "MINIO_ROOT_PASSWORD_FILE=%s", secret_path);
    const char *environment[] = {"INGOT_CONFIG=/dev/null", variable, "MINIO_ROOT_USER=minio", "INGOT_ROOT_USER=ingot", NULL};
    assert_int_equal(config_load(&config, NULL, NULL, 0, environment, &message), 0);
    assert_string_equal(config.root_user, "ingot");
    assert_string_equal(config.root_password, "s3cret words");
    config_free(&config);
    snprintf(line, sizeof(line), "metrics_token_file = %s\n", secret_path);
    write_file(path, line);
    assert_int_equal(config_load(&config, path, NULL, 0, no_environment, &message), 0);
    assert_string_equal(config.metrics_token, "s3cret words");
    config_free(&config);
    bool as_file = false;
    const struct config_option *option = config_find_flag(slice_string("root-password-file"), &as_file);
    assert_non_null(option);
    assert_true(as_file);
    assert_null(config_find_flag(slice_string("root-password"), &as_file));
    assert_null(config_find_flag(slice_string("listen-file"), &as_file));
    const struct config_flag flag = {option, secret_path, true};
    assert_int_equal(config_load(&config, NULL, &flag, 1, no_environment, &message), 0);
    assert_string_equal(config.root_password, "s3cret words");
    config_free(&config);
    const struct config_flag missing = {option, "/nonexistent/x", true};
    assert_int_equal(config_load(&config, NULL, &missing, 1, no_environment, &message), ERR_INVALID);
    expect_message("--root-password-file: /nonexistent/x: No such file or directory");
    config_free(&config);
    const char *both[] = {"INGOT_CONFIG=/dev/null", "MINIO_ROOT_PASSWORD=x", variable, NULL};
    assert_int_equal(config_load(&config, NULL, NULL, 0, both, &message), ERR_INVALID);
    expect_message("MINIO_ROOT_PASSWORD_FILE: root_password is given twice");
}

static void one_line_says_what_is_wrong(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"listen = a\nlisten = b\n", "@:2: listen is given twice"},
        {"\nlistn = a\n", "@:2: no option is called listn"},
        {"listen_file = a\n", "@:1: no option is called listen_file"},
        {"[server]\nlisten = a\n", "@:2: there are no sections ([server])"},
        {"page_cache = 64 MB\n", "@:1: page_cache: \"64 MB\" is not a size such as 64MiB"},
        {"page_cache = 1K\n", "@:1: page_cache: \"1K\" is not between 4194304 and 1099511627776 bytes"},
        {"page_cache = 99999999999999999999K\n", "@:1: page_cache: \"99999999999999999999K\" is not a size such as 64MiB"},
        {"lease = 10\n", "@:1: lease: \"10\" is not a duration such as 30s"},
        {"lease = 1h\n", "@:1: lease: \"1h\" is not between 1000 and 60000 ms"},
        {"reactors = many\n", "@:1: reactors: \"many\" is not a number"},
        {"audit_log = maybe\n", "@:1: audit_log: \"maybe\" is neither yes nor no"},
        {"log_level = loud\n", "@:1: log_level: \"loud\" is none of error|warning|notice|info|debug"},
        {"listen = a\nnonsense\n", "@:2: neither \"name = value\" nor a comment"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        write_file(path, cases[i][0]);
        assert_int_equal(config_load(&config, path, NULL, 0, no_environment, &message), ERR_INVALID);
        expect_message(cases[i][1]);
        config_free(&config);
    }
    char line[400];
    memset(line, 'x', sizeof(line));
    memcpy(line, "listen = ", 9);
    memcpy(line + sizeof(line) - 2, "\n", 2);
    write_file(path, line);
    assert_int_equal(config_load(&config, path, NULL, 0, no_environment, &message), ERR_INVALID);
    expect_message("@:1: longer than 199 bytes");
    config_free(&config);
    assert_int_equal(config_load(&config, "/nonexistent/ingot.conf", NULL, 0, no_environment, &message), ERR_INVALID);
    expect_message("/nonexistent/ingot.conf: No such file or directory");
}

#define KEY_TEXT "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"

static void a_sealing_key_is_hexadecimal(void **state)
{
    (void)state;
    static const char *const wrong[] = {"short", KEY_TEXT "0", &KEY_TEXT[1], "x" KEY_TEXT};
    write_file(path, "");
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char variable[128];
        snprintf(variable, sizeof(variable), "INGOT_SEALING_KEY=%s", wrong[i]);
        const char *const environment[] = {variable, NULL};
        assert_int_equal(config_load(&config, path, NULL, 0, environment, &message), ERR_INVALID);
        expect_message("INGOT_SEALING_KEY: sealing_key: not 64 hexadecimal digits");
        config_free(&config);
    }
    static const char *const right[] = {"INGOT_SEALING_KEY=" KEY_TEXT, NULL};
    assert_int_equal(config_load(&config, path, NULL, 0, right, &message), 0);
    assert_string_equal(config.sealing_key, KEY_TEXT);
}

static void a_credential_is_found(void **state)
{
    (void)state;
    char variable[128], credential[128];
    const char *environment[] = {variable, NULL, NULL};
    snprintf(variable, sizeof(variable), "CREDENTIALS_DIRECTORY=%s", directory);
    snprintf(credential, sizeof(credential), "%s/sealing_key", directory);
    write_file(path, "sealing_key =\n");
    assert_int_equal(config_load(&config, path, NULL, 0, environment, &message), 0);
    assert_string_equal(config.sealing_key, "");
    config_free(&config);
    write_file(credential, KEY_TEXT "\n");
    assert_int_equal(config_load(&config, path, NULL, 0, environment, &message), 0);
    assert_string_equal(config.sealing_key, KEY_TEXT);
    config_free(&config);
    write_file(credential, "nonsense\n");
    assert_int_equal(config_load(&config, path, NULL, 0, environment, &message), ERR_INVALID);
    expect_message("credential: sealing_key: not 64 hexadecimal digits");
    config_free(&config);
    environment[1] = "INGOT_SEALING_KEY=" KEY_TEXT;
    assert_int_equal(config_load(&config, path, NULL, 0, environment, &message), 0);
    assert_string_equal(config.sealing_key, KEY_TEXT);
    assert_int_equal(unlink(credential), 0);
}

static void the_written_file_is_read_back(void **state)
{
    (void)state;
    FILE *file = fopen(path, "w+");
    assert_non_null(file);
    config_write_file(file);
    rewind(file);
    char line[300], uncommented[32768] = "";
    while (fgets(line, sizeof(line), file))
        if (line[0] == '#' && line[1] != ' ' && !strstr(line, "_file ="))
            strncat(uncommented, line + 1, sizeof(uncommented) - strlen(uncommented) - 1);
    fclose(file);
    assert_int_equal(config_load(&config, path, NULL, 0, NULL, &message), 0);
    config_free(&config);
    write_file(path, uncommented);
    assert_int_equal(config_load(&config, path, NULL, 0, NULL, &message), 0);
    assert_string_equal(config.listen, "0.0.0.0:9000");
}

static void the_packaged_file_is_the_written_one(void **state)
{
    (void)state;
    static char written[65536], packaged[65536];
    FILE *file = fopen(path, "w+");
    assert_non_null(file);
    config_write_file(file);
    rewind(file);
    written[fread(written, 1, sizeof(written) - 1, file)] = '\0';
    fclose(file);
    file = fopen(TOP_SRCDIR "/conf/ingot.conf", "r");
    assert_non_null(file);
    packaged[fread(packaged, 1, sizeof(packaged) - 1, file)] = '\0';
    fclose(file);
    assert_string_equal(packaged, written); /* ingot --sample-config > conf/ingot.conf */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(defaults, forget), cmocka_unit_test_teardown(flag_beats_environment_beats_file, forget),
        cmocka_unit_test_teardown(secrets_from_files, forget),
        cmocka_unit_test_teardown(one_line_says_what_is_wrong, forget),
        cmocka_unit_test_teardown(a_sealing_key_is_hexadecimal, forget),
        cmocka_unit_test_teardown(a_credential_is_found, forget),
        cmocka_unit_test_teardown(the_written_file_is_read_back, forget),
        cmocka_unit_test(the_packaged_file_is_the_written_one),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
