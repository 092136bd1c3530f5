/* Reading the metadata space: one mirror first, others after it failed, was wrong, or kept us waiting. */
#include <stdlib.h>
#include <string.h>

#include "placement/mirror.h"
#include "placement/mirror_op.h"

struct reading {
    struct mirror *mirror;
    struct loop *loop;
    struct mirror_op *op;
    uint64_t off;
    uint32_t len;
    mirror_check *check;
    void *arg;
    struct volume *order[VOLUMES_MAX]; /* best first */
    uint32_t order_count, started;
    uint32_t wrong_count;
    struct volume *amiss[VOLUMES_MAX]; /* wrong or unreadable: rewritten from the right copy */
    uint32_t amiss_count;
};

static void find_order(struct reading *r)
{
    struct store *s = r->mirror->store;
    for (uint32_t i = 0; i < s->volume_slots; i++) {
        struct volume *v = &s->volumes[i];
        if (!v->present || atomic_load(&v->mirror) != MIRROR_CURRENT)
            continue;
        uint64_t latency = atomic_load_explicit(&v->read_latency_us, memory_order_relaxed);
        uint32_t at = r->order_count++;
        while (at > 0 && atomic_load_explicit(&r->order[at - 1]->read_latency_us, memory_order_relaxed) > latency) {
            r->order[at] = r->order[at - 1];
            at--;
        }
        r->order[at] = v;
    }
}

static int start_next(struct reading *r)
{
    struct mirror_side *side = mirror_op_side(r->op, r->order[r->started++]);
    side->data = aligned_alloc(BLOCK_SIZE, r->len);
    if (side->data == NULL)
        return ERR_NO_MEMORY;
    int err = mirror_op_add(r->op, side, IO_READ, r->off, side->data, r->len);
    if (err == 0)
        mirror_op_submit(r->op, r->loop);
    return err;
}

/* Looks at the answers that came since the last look: the first right one, or NULL. */
static struct mirror_side *judge(struct reading *r)
{
    for (uint32_t i = 0; i < r->op->side_count; i++) {
        struct mirror_side *s = &r->op->sides[i];
        if (s->seen || s->pending != 0)
            continue;
        s->seen = true;
        if (s->err == 0 && (r->check == NULL || r->check(r->arg, s->data)))
            return s;
        if (s->err == 0) {
            atomic_fetch_add(&s->volume->corrupt_units, 1);
            r->wrong_count++;
        }
        r->amiss[r->amiss_count++] = s->volume;
    }
    return NULL;
}

static bool answered(void *arg)
{
    struct mirror_op *op = arg;
    if (op->stage > 0 || op->pending == 0)
        return true;
    for (uint32_t i = 0; i < op->side_count; i++)
        if (!op->sides[i].seen && op->sides[i].pending == 0)
            return true;
    return false;
}

static void hedge_fire(struct timer *t)
{
    ((struct mirror_op *)((char *)t - offsetof(struct mirror_op, timer)))->stage = 1;
}

static int wait_answer(struct reading *r, uint64_t until_us)
{
    struct mirror_op *op = r->op;
    op->stage = 0;
    op->timer.fire = hedge_fire;
    loop_timer_set(r->loop, &op->timer, until_us);
    int err = loop_wait(r->loop, answered, op);
    if (op->timer.armed)
        loop_timer_cancel(r->loop, &op->timer);
    return err;
}

static uint64_t hedge_us(const struct volume *v)
{
    uint64_t us = MIRROR_HEDGE_MULTIPLE * atomic_load_explicit(&v->read_latency_us, memory_order_relaxed);
    return us < MIRROR_HEDGE_MIN_US ? MIRROR_HEDGE_MIN_US : us;
}

/* Asks mirror after mirror until one is right. */
static int find_right(struct reading *r, struct mirror_side **ret)
{
    uint64_t end_us = loop_now_us(r->loop) + MIRROR_HARD_LIMIT_US;
    while (loop_now_us(r->loop) < end_us) {
        if (r->op->pending == 0 && r->started == r->order_count)
            return r->wrong_count > 0 ? ERR_CORRUPT : ERR_IO;
        uint64_t until_us = end_us;
        if (r->started < r->order_count) {
            int err = start_next(r);
            if (err != 0)
                return err;
            uint64_t hedge = loop_now_us(r->loop) + hedge_us(r->order[r->started - 1]);
            if (r->started < r->order_count && hedge < until_us)
                until_us = hedge;
        }
        /* Until the hedge, or an answer: a right one ends it, after a wrong one another mirror is asked at once. */
        int err = wait_answer(r, until_us);
        if (err != 0)
            return err;
        *ret = judge(r);
        if (*ret != NULL)
            return 0;
    }
    return r->wrong_count > 0 ? ERR_CORRUPT : ERR_IO;
}

static void repair(struct reading *r, const void *data)
{
    struct mirror_range range = {r->off, data, r->len};
    for (uint32_t i = 0; i < r->amiss_count; i++) {
        int err = mirror_write_one(r->mirror, r->loop, r->amiss[i]->index, &range, 1);
        if (err == 0)
            err = mirror_flush_one(r->mirror, r->loop, r->amiss[i]->index);
        if (err == 0)
            atomic_fetch_add(&r->amiss[i]->repaired_units, 1);
        else
            volume_suspect(r->amiss[i], loop_now_us(r->loop));
    }
}

/* A mirror that did not answer is asked last from now on. */
static void mark_slow(struct reading *r, uint64_t start_us)
{
    uint64_t waited = loop_now_us(r->loop) - start_us;
    for (uint32_t i = 0; i < r->op->side_count; i++) {
        struct mirror_side *s = &r->op->sides[i];
        if (s->pending != 0 && atomic_load(&s->volume->read_latency_us) < waited)
            atomic_store(&s->volume->read_latency_us, waited);
        if (s->pending != 0 && waited > r->mirror->deadline_us)
            volume_suspect(s->volume, loop_now_us(r->loop));
    }
}

int mirror_read(struct mirror *m, struct loop *loop, uint64_t off, void *data, uint32_t len, mirror_check *check, void *arg,
                bool may_repair)
{
    struct reading r = {.mirror = m, .loop = loop, .off = off, .len = len, .check = check, .arg = arg};
    find_order(&r);
    int err = mirror_op_new(m, &r.op);
    if (err != 0)
        return err;
    struct mirror_side *right = NULL;
    uint64_t start_us = loop_now_us(loop);
    err = find_right(&r, &right);
    mark_slow(&r, start_us);
    if (err == 0)
        memcpy(data, right->data, len);
    mirror_op_leave(r.op);
    if (err == 0 && may_repair)
        repair(&r, data);
    return err;
}

/* --- ahead --- */

/* Of the mirrors in order, those about as fast as the first. */
static uint32_t fast_count(const struct reading *r)
{
    uint64_t limit = r->order_count == 0 ? 0 : hedge_us(r->order[0]);
    uint32_t count = 0;
    while (count < r->order_count && atomic_load_explicit(&r->order[count]->read_latency_us, memory_order_relaxed) <= limit)
        count++;
    return count;
}

/* One side of the op for every piece: they fail, and come, one by one. */
static int add_pieces(struct reading *r, const struct mirror_piece *pieces, uint32_t count)
{
    uint32_t fast = fast_count(r);
    for (uint32_t i = 0; i < count; i++) {
        struct mirror_side *side = mirror_op_side(r->op, r->order[i % fast]);
        side->data = aligned_alloc(BLOCK_SIZE, r->len);
        int err = side->data == NULL ? ERR_NO_MEMORY : mirror_op_add(r->op, side, IO_READ, pieces[i].off, side->data, r->len);
        if (err != 0)
            return err;
    }
    return 0;
}

void mirror_read_ahead(struct mirror *m, struct loop *loop, struct mirror_piece *pieces, uint32_t count, uint32_t len)
{
    struct reading r = {.mirror = m, .loop = loop, .len = len};
    find_order(&r);
    for (uint32_t i = 0; i < count; i++)
        pieces[i].read = false;
    if (count == 0 || r.order_count == 0 || mirror_op_new(m, &r.op) != 0)
        return;
    int err = add_pieces(&r, pieces, count);
    if (err == 0) {
        mirror_op_submit(r.op, loop);
        err = mirror_op_wait(r.op, loop, MIRROR_HEDGE_MIN_US, MIRROR_HEDGE_MIN_US);
    }
    for (uint32_t i = 0; err == 0 && i < count; i++) {
        pieces[i].read = mirror_side_good(&r.op->sides[i]);
        if (pieces[i].read)
            memcpy(pieces[i].data, r.op->sides[i].data, len);
    }
    mirror_op_leave(r.op);
}

int mirror_read_one(struct mirror *m, struct loop *loop, uint32_t volume_index, uint64_t off, void *data, uint32_t len)
{
    struct volume *v = &m->store->volumes[volume_index];
    if (!v->present)
        return ERR_IO;
    struct mirror_op *op;
    int err = mirror_op_new(m, &op);
    if (err != 0)
        return err;
    struct mirror_side *side = mirror_op_side(op, v);
    side->data = aligned_alloc(BLOCK_SIZE, len);
    err = side->data == NULL ? ERR_NO_MEMORY : mirror_op_add(op, side, IO_READ, off, side->data, len);
    if (err == 0) {
        mirror_op_submit(op, loop);
        err = mirror_op_wait(op, loop, MIRROR_HARD_LIMIT_US, MIRROR_HARD_LIMIT_US);
    }
    if (err == 0)
        err = side->pending != 0 ? ERR_TIMEOUT : side->err;
    if (err == 0)
        memcpy(data, side->data, len);
    mirror_op_leave(op);
    return err;
}
