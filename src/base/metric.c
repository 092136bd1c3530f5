#include "base/metric.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct description {
    const char *exposed, *labels, *alias, *help;
};
static const struct description counters[] = {
#define COUNTER(name, exposed, labels, alias, help) {exposed, labels, alias, help},
#include "base/metric.def"
};
static const struct description gauges[] = {
#define GAUGE(name, exposed, labels, alias, help) {exposed, labels, alias, help},
#include "base/metric.def"
};
static const struct description histograms[] = {
#define HISTOGRAM(name, exposed, labels, alias, help) {exposed, labels, alias, help},
#include "base/metric.def"
};

#define BUCKET_FIRST_US 128u

struct metrics *metrics_new(void)
{
    struct metrics *metrics = aligned_alloc(_Alignof(struct metrics), sizeof(*metrics));
    if (metrics)
        memset(metrics, 0, sizeof(*metrics));
    return metrics;
}

void metrics_free(struct metrics *metrics)
{
    free(metrics);
}

/* Bucket i holds durations of at most 128 us * 2^i; the last, all longer ones. */
static unsigned bucket_of(uint64_t duration_us)
{
    uint64_t units = duration_us ? (duration_us - 1) / BUCKET_FIRST_US : 0;
    unsigned bucket = units ? 64u - (unsigned)__builtin_clzll(units) : 0;
    return bucket < METRIC_BUCKETS ? bucket : METRIC_BUCKETS - 1;
}

void metric_observe(struct metrics *metrics, unsigned slot, enum metric_histogram histogram, uint64_t duration_us)
{
    struct metric_slot *own = &metrics->slots[slot % METRIC_SLOTS];
    atomic_fetch_add_explicit(&own->buckets[histogram][bucket_of(duration_us)], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&own->sum_us[histogram], duration_us, memory_order_relaxed);
}

uint64_t metric_counter_value(const struct metrics *metrics, enum metric_counter counter)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < METRIC_SLOTS; i++)
        sum += atomic_load_explicit(&metrics->slots[i].counters[counter], memory_order_relaxed);
    return sum;
}

int64_t metric_gauge_value(const struct metrics *metrics, enum metric_gauge gauge)
{
    return atomic_load_explicit(&metrics->gauges[gauge], memory_order_relaxed);
}

void metric_format_head(struct text *out, const char *name, const char *type, const char *help)
{
    text_append_format(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void format_name(struct text *out, const char *name, const char *labels)
{
    text_append_string(out, name);
    if (*labels)
        text_append_format(out, "{%s}", labels);
}

static void format_histogram(struct text *out, const struct metrics *metrics, unsigned index)
{
    const struct description *of = &histograms[index];
    uint64_t total = 0, sum_us = 0;
    metric_format_head(out, of->exposed, "histogram", of->help);
    for (unsigned bucket = 0; bucket < METRIC_BUCKETS; bucket++) {
        for (unsigned i = 0; i < METRIC_SLOTS; i++)
            total += atomic_load_explicit(&metrics->slots[i].buckets[index][bucket], memory_order_relaxed);
        if (bucket == METRIC_BUCKETS - 1)
            text_append_format(out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", of->exposed, total);
        else
            text_append_format(out, "%s_bucket{le=\"%.6f\"} %" PRIu64 "\n", of->exposed,
                               (double)((uint64_t)BUCKET_FIRST_US << bucket) / 1e6, total);
    }
    for (unsigned i = 0; i < METRIC_SLOTS; i++)
        sum_us += atomic_load_explicit(&metrics->slots[i].sum_us[index], memory_order_relaxed);
    text_append_format(out, "%s_sum %.6f\n%s_count %" PRIu64 "\n", of->exposed, (double)sum_us / 1e6, of->exposed, total);
}

void metrics_format(const struct metrics *metrics, struct text *out)
{
    const char *family = "";
    for (unsigned i = 0; i < METRIC_COUNTER_COUNT; i++) {
        if (strcmp(family, counters[i].exposed) != 0)
            metric_format_head(out, counters[i].exposed, "counter", counters[i].help);
        family = counters[i].exposed;
        format_name(out, family, counters[i].labels);
        text_append_format(out, " %" PRIu64 "\n", metric_counter_value(metrics, i));
    }
    for (unsigned i = 0; i < METRIC_GAUGE_COUNT; i++) {
        if (strcmp(family, gauges[i].exposed) != 0)
            metric_format_head(out, gauges[i].exposed, "gauge", gauges[i].help);
        family = gauges[i].exposed;
        format_name(out, family, gauges[i].labels);
        text_append_format(out, " %" PRId64 "\n", metric_gauge_value(metrics, i));
    }
    for (unsigned i = 0; i < METRIC_HISTOGRAM_COUNT; i++)
        format_histogram(out, metrics, i);
}

void metrics_format_aliases(const struct metrics *metrics, struct text *out)
{
    for (unsigned i = 0; i < METRIC_COUNTER_COUNT; i++) {
        if (!*counters[i].alias)
            continue;
        metric_format_head(out, counters[i].alias, "counter", counters[i].help);
        text_append_format(out, "%s{server=\"ingot\"} %" PRIu64 "\n", counters[i].alias, metric_counter_value(metrics, i));
    }
    for (unsigned i = 0; i < METRIC_GAUGE_COUNT; i++) {
        if (!*gauges[i].alias)
            continue;
        metric_format_head(out, gauges[i].alias, "gauge", gauges[i].help);
        text_append_format(out, "%s{server=\"ingot\"} %" PRId64 "\n", gauges[i].alias, metric_gauge_value(metrics, i));
    }
    metric_format_head(out, "minio_node_drive_offline_total", "gauge", "Volumes out of service or missing.");
    text_append_format(out, "minio_node_drive_offline_total{server=\"ingot\"} %" PRId64 "\n",
                       metric_gauge_value(metrics, GAUGE_volumes_offline));
}
