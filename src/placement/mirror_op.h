/* One operation on several mirrors: its ios, its copy of the data, and who still waits. Private to mirror*.c.
 *
 * An op is on the heap and counted: one reference of the caller, one per io in flight. A caller that leaves early leaves
 * the op to the ios; the last one to complete frees it. All of it happens on one loop's thread. */
#ifndef PLACEMENT_MIRROR_OP_H
#define PLACEMENT_MIRROR_OP_H

#include "placement/mirror.h"

/* Without m+1 good mirrors at the deadline: how long to wait on for the late ones. */
#define MIRROR_HARD_LIMIT_US 4000000u
#define MIRROR_DEADLINE_DEFAULT_US 700000u
#define MIRROR_HEDGE_MIN_US 20000u
#define MIRROR_HEDGE_MULTIPLE 4u

/* Copies of up to SPARE_LEN are made in buffers that stay: commits come so often, and of so many lengths, that the heap would
 * be in pieces. */
#define MIRROR_SPARE_COUNT 2u /* a commit's and a checkpoint's */
#define MIRROR_SPARE_LEN ((4u << 20) + (64u << 10))

struct mirror {
    struct store *store;
    uint64_t deadline_us;
    _Atomic uint32_t references;             /* the opener's, and one per op: a late io may outlive mirror_close() */
    _Atomic uint32_t chunk_count;            /* of the space: what every CURRENT mirror has */
    _Atomic(uint32_t *) chunks[VOLUMES_MAX]; /* META_CHUNKS_MAX entries; NULL: no mirror */
    _Atomic uint32_t chunk_counts[VOLUMES_MAX];
    _Atomic uint32_t late[VOLUMES_MAX];      /* ios whose caller has left */
    _Atomic(uint8_t *) spares[MIRROR_SPARE_COUNT];
};

/* The part of an op that goes to one volume. */
struct mirror_side {
    struct volume *volume;
    uint32_t index;
    bool current;
    bool seen;         /* a reader has judged its answer */
    uint32_t pending;
    int err;
    uint8_t *data;     /* reads: this side's own buffer */
};

struct mirror_op {
    struct mirror *mirror;
    struct loop *loop;
    uint32_t references;
    uint32_t pending;
    bool left;
    bool counts_quorum;          /* stop at the deadline once m+1 CURRENT sides are good */
    uint32_t stage;              /* 0, 1: deadline passed, 2: hard limit passed */
    uint64_t hard_us;
    struct timer timer;
    struct io *ready;            /* built, not yet submitted */
    struct io **ready_tail;
    uint8_t *data;               /* writes: the one copy all sides share */
    bool data_spare;
    uint32_t side_count;
    struct mirror_side sides[VOLUMES_MAX];
};

void mirror_release(struct mirror *);

int mirror_op_new(struct mirror *, struct mirror_op **ret) MUST_CHECK;
struct mirror_side *mirror_op_side(struct mirror_op *, struct volume *);
/* Memory for the copy, in op->data. */
int mirror_op_data(struct mirror_op *, uint64_t len) MUST_CHECK;
/* Builds the ios for one run of the space; len 0: a flush. Nothing is submitted. */
int mirror_op_add(struct mirror_op *, struct mirror_side *, enum io_kind, uint64_t off, uint8_t *data, uint64_t len) MUST_CHECK;
void mirror_op_submit(struct mirror_op *, struct loop *);
/* Waits until all is done, or the deadline (see counts_quorum), or the hard limit. */
int mirror_op_wait(struct mirror_op *, struct loop *, uint64_t deadline_us, uint64_t hard_us) MUST_CHECK;
/* The caller leaves. */
void mirror_op_leave(struct mirror_op *);

static inline bool mirror_side_good(const struct mirror_side *s) { return s->pending == 0 && s->err == 0; }
uint32_t mirror_op_good(const struct mirror_op *); /* CURRENT sides that are done and well */

static inline uint32_t mirror_quorum(const struct mirror *m) { return m->store->parity_count + 1u; }

#endif
