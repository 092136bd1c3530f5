/* Latency averages and suspicion; see the header. The averages are updated without a lock: a lost update is one sample. */
#include "placement/volume_health.h"

static void average(_Atomic uint64_t *mean, uint64_t sample)
{
    uint64_t old = atomic_load_explicit(mean, memory_order_relaxed);
    uint64_t new = old == 0 ? sample : old - old / 8 + sample / 8;
    atomic_store_explicit(mean, new ? new : 1, memory_order_relaxed);
}

static void add_suspicion(struct volume_health *h, struct volume *v, uint64_t now_us, uint32_t points)
{
    uint32_t score = atomic_fetch_add_explicit(&h->score, points, memory_order_relaxed) + points;
    if (score >= SUSPICION_MAX) {
        atomic_store_explicit(&h->score, 0, memory_order_relaxed);
        volume_suspect(v, now_us);
    }
}

/* A time to come: the metadata writer has looked, and cannot do without the volume. Good answers clear it then. */
static void absolve(struct volume *v, uint64_t now_us, uint64_t latency_us)
{
    uint64_t since = atomic_load_explicit(&v->suspect_since_us, memory_order_relaxed);
    if (since > now_us && latency_us < WRITE_LATE_US)
        atomic_compare_exchange_strong(&v->suspect_since_us, &since, 0);
}

void volume_health_read_done(struct volume_health *h, struct volume *v, uint64_t now_us, uint64_t latency_us, int result)
{
    average(&v->read_latency_us, latency_us);
    if (result) {
        atomic_fetch_add_explicit(&v->read_errors, 1, memory_order_relaxed);
        add_suspicion(h, v, now_us, SUSPICION_FAILED_READ);
        return;
    }
    absolve(v, now_us, latency_us);
    uint32_t score = atomic_load_explicit(&h->score, memory_order_relaxed);
    if (score > 0)
        atomic_compare_exchange_strong_explicit(&h->score, &score, score - 1, memory_order_relaxed, memory_order_relaxed);
}

void volume_health_write_done(struct volume_health *h, struct volume *v, uint64_t now_us, uint64_t latency_us, int result)
{
    (void)h;
    average(&v->write_latency_us, latency_us);
    if (result) {
        atomic_fetch_add_explicit(&v->write_errors, 1, memory_order_relaxed);
        volume_suspect(v, now_us);
    } else {
        absolve(v, now_us, latency_us);
    }
}

void volume_health_late_read(struct volume_health *h, struct volume *v, uint64_t now_us)
{
    atomic_fetch_add_explicit(&h->late_reads, 1, memory_order_relaxed);
    add_suspicion(h, v, now_us, SUSPICION_LATE_READ);
}

void volume_health_late_read_back(struct volume_health *h)
{
    atomic_fetch_sub_explicit(&h->late_reads, 1, memory_order_relaxed);
}
