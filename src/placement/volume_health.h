/* How well each volume answers: latency averages for hedging and deadlines, and when a volume is suspect.
 *
 * A failed write, or one far later than those beside it, makes a volume suspect at once: what it holds is unknown from then on
 * and the metadata writer decides whether it goes out. Reads are judged with hysteresis: each late or failed one adds to a
 * score, good ones take it down slowly, and only a full score makes the volume suspect. While some reads are late and not
 * back, further reads avoid the volume, so that a hung one keeps only a few buffers.
 *
 * Any thread; atomics only. Times in microseconds. */
#ifndef PLACEMENT_VOLUME_HEALTH_H
#define PLACEMENT_VOLUME_HEALTH_H

#include "volume/store.h"

#define WRITE_LATE_US 300000u      /* a write is late after this and 10 times the average of its peers */
#define WRITE_DEADLINE_US 1000000u /* and after this in any case */
#define WRITE_GIVE_UP_US 3000000u  /* too few shards are waited for so long */
#define READ_HEDGE_US 20000u       /* a read is hedged after this and 4 times the average of the others */
#define READ_PATIENCE_US 500000u   /* while more slots are out than parity can replace, it is not hedged for so long */
#define READ_DEADLINE_US 5000000u  /* no read is waited for longer */
#define LATE_READS_MAX 4           /* further reads avoid the volume */
#define SUSPICION_MAX 64           /* the score that makes a volume suspect */
#define SUSPICION_LATE_READ 4
#define SUSPICION_FAILED_READ 8

struct volume_health {
    _Atomic uint32_t late_reads;   /* hedged and not back yet */
    _Atomic uint32_t score;
};

/* A read or write came back; latency counts even when it was late. */
void volume_health_read_done(struct volume_health *, struct volume *, uint64_t now_us, uint64_t latency_us, int result);
void volume_health_write_done(struct volume_health *, struct volume *, uint64_t now_us, uint64_t latency_us, int result);
/* A read passed its hedge delay; _late_read_back when it returns after all. */
void volume_health_late_read(struct volume_health *, struct volume *, uint64_t now_us);
void volume_health_late_read_back(struct volume_health *);

/* Not to be written to now, if that can be helped. */
static inline bool volume_health_write_avoid(const struct volume *v)
{
    return !volume_writable(v) || atomic_load_explicit(&v->suspect_since_us, memory_order_relaxed) != 0;
}
/* Not to be read from now, if that can be helped. */
static inline bool volume_health_read_avoid(const struct volume_health *h, const struct volume *v)
{
    return volume_health_write_avoid(v) || atomic_load_explicit(&h->late_reads, memory_order_relaxed) >= LATE_READS_MAX;
}

#endif
