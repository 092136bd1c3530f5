/* ingot status: what the store is and how it fares. */
#include <stdio.h>
#include <string.h>

#include "ingot/call.h"
#include "ingot/status.h"

static const struct flag flags[] = {
    {"json", NULL, "Print everything, as JSON."},
    {NULL, NULL, NULL},
};

void status_format_bytes(json_t *value, char *text, size_t size)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    double bytes = (double)json_integer_value(value);
    size_t unit = 0;
    if (!json_is_integer(value)) {
        snprintf(text, size, "unknown");
        return;
    }
    for (; bytes >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0]); unit++)
        bytes /= 1024;
    snprintf(text, size, unit ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
}

void status_print_volumes(json_t *volumes)
{
    size_t i;
    json_t *volume;
    printf("%-4s %-9s %-10s %10s %8s %8s %8s  %s\n", "", "state", "metadata", "size", "chunks", "free", "errors", "path");
    json_array_foreach(volumes, i, volume) {
        char size[32];
        const char *path = json_string_value(json_object_get(volume, "path"));
        const char *state = json_string_value(json_object_get(volume, "state"));
        json_t *used = json_object_get(volume, "used_chunks");
        if (strcmp(state, "draining") == 0 && json_is_integer(used) && json_integer_value(used) == 0)
            state = "drained"; /* it can be removed */
        status_format_bytes(json_object_get(volume, "size"), size, sizeof(size));
        printf("%-4lld %-9s %-10s %10s %8lld %8lld %8lld  %s\n", json_integer_value(json_object_get(volume, "index")),
               state, json_string_value(json_object_get(volume, "mirror")),
               size, json_integer_value(json_object_get(volume, "chunks")),
               json_integer_value(json_object_get(volume, "free_chunks")),
               json_integer_value(json_object_get(volume, "read_errors")) +
                   json_integer_value(json_object_get(volume, "write_errors")) +
                   json_integer_value(json_object_get(volume, "corrupt_units")),
               path ? path : "missing");
    }
}

/* Nothing is said of rules that have done nothing yet. */
static void print_lifecycle(json_t *lifecycle)
{
    json_int_t removed = json_integer_value(json_object_get(lifecycle, "expired")) +
                         json_integer_value(json_object_get(lifecycle, "noncurrent")) +
                         json_integer_value(json_object_get(lifecycle, "markers"));
    json_int_t uploads = json_integer_value(json_object_get(lifecycle, "uploads"));
    json_int_t moved = json_integer_value(json_object_get(lifecycle, "transitions"));
    json_int_t put_off = json_integer_value(json_object_get(lifecycle, "put_off"));
    if (removed || uploads || moved || put_off)
        printf("lifecycle, since start: %lld expired, %lld uploads aborted, %lld moved to other classes, %lld put off\n", removed,
               uploads, moved, put_off);
    if (json_is_true(json_object_get(lifecycle, "walking")))
        printf("lifecycle: looking through a bucket whose rules changed, %lld versions and uploads so far\n",
               json_integer_value(json_object_get(lifecycle, "looked")));
}

/* Nothing is said when every extent is whole and nothing moves. */
static void print_repair(json_t *status)
{
    json_t *repair = json_object_get(status, "repair"), *missing = json_object_get(status, "extents_missing");
    const char *activity = json_string_value(json_object_get(repair, "activity"));
    json_int_t lost = json_integer_value(json_object_get(repair, "extents_unrecoverable"));
    if (!json_is_integer(missing))
        printf("extents to heal: unknown\n");
    else if (json_integer_value(missing))
        printf("extents to heal: %lld, healed since start: %lld\n", json_integer_value(missing),
               json_integer_value(json_object_get(repair, "extents_healed")));
    if (activity && strcmp(activity, "moving") == 0)
        printf("moving extents to other volumes, since start: %lld\n", json_integer_value(json_object_get(repair, "extents_moved")));
    if (activity && strcmp(activity, "scrubbing") == 0)
        printf("scrubbing: %lld extents checked, %lld bad\n", json_integer_value(json_object_get(repair, "scrub_extents")),
               json_integer_value(json_object_get(repair, "scrub_bad")));
    if (lost)
        printf("seen beyond repair, since start: %lld extents; ingot fsck names their objects\n", lost);
}

static void print_status(json_t *status)
{
    char usable[32], used[32], available[32], raw[32];
    json_t *capacity = json_object_get(status, "capacity"), *can_lose = json_object_get(status, "can_lose");
    status_format_bytes(json_object_get(capacity, "usable"), usable, sizeof(usable));
    status_format_bytes(json_object_get(capacity, "used"), used, sizeof(used));
    status_format_bytes(json_object_get(capacity, "available"), available, sizeof(available));
    status_format_bytes(json_object_get(capacity, "raw"), raw, sizeof(raw));
    printf("store %s  %lld+%lld  generation %lld  ingot %s (%s)\n", json_string_value(json_object_get(status, "store")),
           json_integer_value(json_object_get(status, "data")), json_integer_value(json_object_get(status, "parity")),
           json_integer_value(json_object_get(status, "generation")), json_string_value(json_object_get(status, "version")),
           json_string_value(json_object_get(status, "engine")));
    printf("used %s of %s, %s available (raw %s)\n", used, usable, available, raw);
    print_lifecycle(json_object_get(status, "lifecycle"));
    print_repair(status);
    if (json_is_integer(can_lose))
        printf("can lose %lld more volumes%s\n\n", json_integer_value(can_lose),
               json_is_true(json_object_get(status, "read_only")) ? "; read-only" : "");
    status_print_volumes(json_object_get(status, "volumes"));
}

static int run_status(const struct command *command, struct arguments *arguments)
{
    struct config config;
    json_t *result = NULL;
    if (arguments->word_count)
        return command_usage(command, "status takes options only, not %s", arguments->words[0]);
    int status = command_config(command, arguments, &config);
    if (status)
        return status;
    const struct call_options options = {.command = "status"};
    status = call_run(command, &config, &options, &result);
    config_free(&config);
    if (status)
        return status;
    if (arguments_value(arguments, "json")) {
        json_dumpf(result, stdout, JSON_INDENT(2));
        printf("\n");
    } else {
        print_status(result);
    }
    json_decref(result);
    return EXIT_GOOD;
}

const struct command command_status = {
    "status", "[--json]", "Say what the store is and how it fares.", "", flags, run_status,
};
