/* ingot bucket: what is in the buckets, and how much may be. */
#include <stdio.h>
#include <string.h>

#include "ingot/call.h"
#include "ingot/status.h"

static const struct flag flags[] = {
    {"size", "SIZE", "quota: at most so many bytes in the bucket, such as 500GiB."},
    {"objects", "NUMBER", "quota: at most so many objects in the bucket."},
    {"none", NULL, "quota: no limit."},
    {"json", NULL, "Print the result as JSON."},
    {NULL, NULL, NULL},
};

static void format_limit(json_t *value, bool bytes, char *text, size_t size)
{
    if (json_integer_value(value) == 0)
        snprintf(text, size, "-");
    else if (bytes)
        status_format_bytes(value, text, size);
    else
        snprintf(text, size, "%lld", json_integer_value(value));
}

static void print_buckets(json_t *buckets)
{
    size_t i;
    json_t *bucket;
    printf("%-40s %-16s %-10s %12s %12s %12s %12s\n", "BUCKET", "OWNER", "VERSIONS", "OBJECTS", "SIZE", "MAX OBJECTS", "MAX SIZE");
    json_array_foreach(buckets, i, bucket) {
        char size[32], most[32], most_size[32];
        status_format_bytes(json_object_get(bucket, "bytes"), size, sizeof(size));
        format_limit(json_object_get(bucket, "quota_objects"), false, most, sizeof(most));
        format_limit(json_object_get(bucket, "quota_bytes"), true, most_size, sizeof(most_size));
        printf("%-40s %-16s %-10s %12lld %12s %12s %12s\n", json_string_value(json_object_get(bucket, "name")),
               json_string_value(json_object_get(bucket, "owner")), json_string_value(json_object_get(bucket, "versioning")),
               json_integer_value(json_object_get(bucket, "objects")), size, most, most_size);
    }
}

/* NULL: a line was written. */
static json_t *take_quota(const struct command *command, const struct arguments *arguments)
{
    const char *size = arguments_value(arguments, "size"), *objects = arguments_value(arguments, "objects");
    uint64_t bytes = 0, count = 0;
    bool none = arguments_value(arguments, "none") != NULL;
    if (none == (size || objects))
        (void)command_usage(command, "either --size, --objects or both, or --none");
    else if (size && (config_parse_size(size, &bytes) || bytes == 0 || bytes > INT64_MAX))
        (void)command_usage(command, "--size %s is no size such as 500GiB", size);
    else if (objects && (slice_parse_u64(slice_string(objects), &count) || count == 0 || count > INT64_MAX))
        (void)command_usage(command, "--objects %s is no number of objects", objects);
    else
        return json_pack("{s:s, s:I, s:I}", "bucket", arguments->words[1], "bytes", (json_int_t)bytes, "objects", (json_int_t)count);
    return NULL;
}

static int run(const struct command *command, struct arguments *arguments)
{
    struct config config;
    json_t *values = NULL, *result = NULL;
    bool list = arguments->word_count == 1 && strcmp(arguments->words[0], "list") == 0;
    if (!list && (arguments->word_count != 2 || strcmp(arguments->words[0], "quota") != 0))
        return command_usage(command, "list, or quota BUCKET?");
    if (!list && !(values = take_quota(command, arguments)))
        return EXIT_USAGE;
    int status = command_config(command, arguments, &config);
    if (status) {
        json_decref(values);
        return status;
    }
    const struct call_options options = {.command = list ? "bucket-list" : "bucket-quota", .arguments = values, .writes = !list};
    status = call_run(command, &config, &options, &result);
    if (!status && arguments_value(arguments, "json")) {
        json_dumpf(result, stdout, JSON_INDENT(2));
        printf("\n");
    } else if (!status && list) {
        print_buckets(json_object_get(result, "buckets"));
    }
    json_decref(result);
    config_free(&config);
    return status;
}

const struct command command_bucket = {
    "bucket", "list | quota BUCKET", "Show what is in the buckets; limit how much may be in one.",
    "Objects and sizes are those of all versions, noncurrent ones included; delete markers and unfinished multipart uploads are not counted.\n"
    "What would bring a bucket above its quota is answered QuotaExceeded (403): the next PUT, copy, part, or completed upload. Quotas below what is\n"
    "there already refuse only what comes.", flags, run,
};
