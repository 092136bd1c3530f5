/* Counters, gauges and histograms, from metric.def, and their Prometheus text (exposition format 0.0.4).
 *
 * Any thread. Each thread adds to one of METRIC_SLOTS copies, in cache lines of their own; reading adds the copies up. The
 * registry is a struct that its owner passes around: there is no global. */
#ifndef BASE_METRIC_H
#define BASE_METRIC_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/text.h"

enum metric_counter {
#define COUNTER(name, exposed, labels, alias, help) COUNTER_##name,
#include "base/metric.def"
    METRIC_COUNTER_COUNT
};

enum metric_gauge {
#define GAUGE(name, exposed, labels, alias, help) GAUGE_##name,
#include "base/metric.def"
    METRIC_GAUGE_COUNT
};

enum metric_histogram {
#define HISTOGRAM(name, exposed, labels, alias, help) HISTOGRAM_##name,
#include "base/metric.def"
    METRIC_HISTOGRAM_COUNT
};

#define METRIC_SLOTS 16
#define METRIC_BUCKETS 20 /* up to 2^i * 128 us; the last has no bound */

struct metric_slot {
    _Alignas(64) _Atomic uint64_t counters[METRIC_COUNTER_COUNT];
    _Atomic uint64_t buckets[METRIC_HISTOGRAM_COUNT][METRIC_BUCKETS];
    _Atomic uint64_t sum_us[METRIC_HISTOGRAM_COUNT];
};

struct metrics {
    struct metric_slot slots[METRIC_SLOTS];
    _Atomic int64_t gauges[METRIC_GAUGE_COUNT];
};

/* Zeroed; NULL when memory is out. */
struct metrics *metrics_new(void);
void metrics_free(struct metrics *);

/* slot: any small number that differs between busy threads, such as the reactor's. */
static inline void metric_add(struct metrics *m, unsigned slot, enum metric_counter counter, uint64_t by)
{
    atomic_fetch_add_explicit(&m->slots[slot % METRIC_SLOTS].counters[counter], by, memory_order_relaxed);
}
static inline void metric_set(struct metrics *m, enum metric_gauge gauge, int64_t value)
{
    atomic_store_explicit(&m->gauges[gauge], value, memory_order_relaxed);
}
static inline void metric_change(struct metrics *m, enum metric_gauge gauge, int64_t by)
{
    atomic_fetch_add_explicit(&m->gauges[gauge], by, memory_order_relaxed);
}
void metric_observe(struct metrics *, unsigned slot, enum metric_histogram, uint64_t duration_us);

uint64_t metric_counter_value(const struct metrics *, enum metric_counter);
int64_t metric_gauge_value(const struct metrics *, enum metric_gauge);

/* Everything as Prometheus text. */
void metrics_format(const struct metrics *, struct text *);
/* Only what has a name that dashboards for MinIO read, under that name. */
void metrics_format_aliases(const struct metrics *, struct text *);
/* One line of a family of the caller's own; text_append_format for labels. HELP and TYPE lines once per family. */
void metric_format_head(struct text *, const char *name, const char *type, const char *help);

#endif
