/* See mirror_op.h. Invariant: an io's memory is freed in its done callback and nowhere else once it was submitted. */
#include "placement/mirror_op.h"

#include <assert.h>
#include <stdlib.h>

struct mirror_io {
    struct io io;
    struct mirror_op *op;
    struct mirror_side *side;
};

int mirror_op_new(struct mirror *m, struct mirror_op **ret)
{
    struct mirror_op *op = calloc(1, sizeof *op);
    if (op == NULL)
        return ERR_NO_MEMORY;
    op->mirror = m;
    atomic_fetch_add(&m->references, 1);
    op->references = 1;
    op->ready_tail = &op->ready;
    *ret = op;
    return 0;
}

int mirror_op_data(struct mirror_op *op, uint64_t len)
{
    op->data_spare = len <= MIRROR_SPARE_LEN;
    for (uint32_t i = 0; op->data_spare && op->data == NULL && i < MIRROR_SPARE_COUNT; i++)
        op->data = atomic_exchange(&op->mirror->spares[i], NULL);
    if (op->data == NULL)
        op->data = aligned_alloc(BLOCK_SIZE, op->data_spare ? MIRROR_SPARE_LEN : len);
    return op->data != NULL ? 0 : ERR_NO_MEMORY;
}

static void data_release(struct mirror_op *op)
{
    for (uint32_t i = 0; op->data_spare && op->data != NULL && i < MIRROR_SPARE_COUNT; i++) {
        uint8_t *none = NULL;
        if (atomic_compare_exchange_strong(&op->mirror->spares[i], &none, op->data))
            op->data = NULL;
    }
    free(op->data);
}

static void op_release(struct mirror_op *op)
{
    if (--op->references != 0)
        return;
    for (uint32_t i = 0; i < op->side_count; i++)
        free(op->sides[i].data);
    data_release(op);
    mirror_release(op->mirror);
    free(op);
}

struct mirror_side *mirror_op_side(struct mirror_op *op, struct volume *v)
{
    assert(op->side_count < VOLUMES_MAX);
    struct mirror_side *s = &op->sides[op->side_count++];
    s->volume = v;
    s->index = v->index;
    s->current = atomic_load(&v->mirror) == MIRROR_CURRENT;
    return s;
}

static void note_latency(_Atomic uint64_t *average, uint64_t us)
{
    uint64_t old = atomic_load_explicit(average, memory_order_relaxed);
    uint64_t fresh = old == 0 ? us : old - old / 8 + us / 8;
    atomic_store_explicit(average, fresh == 0 ? 1 : fresh, memory_order_relaxed);
}

static void io_done(struct io *io)
{
    struct mirror_io *mio = (struct mirror_io *)io;
    struct mirror_op *op = mio->op;
    struct mirror_side *side = mio->side;
    side->pending--;
    op->pending--;
    if (op->left) {
        atomic_fetch_sub(&op->mirror->late[side->index], 1); /* the store may be gone: its volumes are not touched */
    } else if (io->result != 0) {
        if (side->err == 0)
            side->err = io->result;
        atomic_fetch_add(io->kind == IO_READ ? &side->volume->read_errors : &side->volume->write_errors, 1);
    } else if (io->kind != IO_FLUSH) {
        note_latency(io->kind == IO_READ ? &side->volume->read_latency_us : &side->volume->write_latency_us,
                     loop_now_us(op->loop) - io->submitted_us);
    }
    free(mio);
    op_release(op);
}

static int add_piece(struct mirror_op *op, struct mirror_side *side, enum io_kind kind, uint64_t device_off, uint8_t *data,
                     uint32_t len)
{
    struct mirror_io *mio = calloc(1, sizeof *mio);
    if (mio == NULL)
        return ERR_NO_MEMORY;
    mio->op = op;
    mio->side = side;
    mio->io = (struct io){.kind = kind, .device = &side->volume->device, .data = data, .len = len, .off = device_off, .done = io_done};
    *op->ready_tail = &mio->io;
    op->ready_tail = &mio->io.next;
    return 0;
}

int mirror_op_add(struct mirror_op *op, struct mirror_side *side, enum io_kind kind, uint64_t off, uint8_t *data, uint64_t len)
{
    struct mirror *m = op->mirror;
    if (kind == IO_FLUSH)
        return add_piece(op, side, kind, 0, NULL, 0);
    uint32_t index = side->volume->index;
    const uint32_t *chunks = atomic_load(&m->chunks[index]);
    uint64_t room = m->store->chunk_size - CHUNK_HEADER_SIZE;
    while (len > 0) {
        uint64_t chunk = off / room, within = off % room;
        if (chunks == NULL || chunk >= atomic_load(&m->chunk_counts[index])) {
            side->err = ERR_IO; /* this copy of the space is shorter than the space */
            return 0;
        }
        uint64_t part = room - within;
        if (part > len)
            part = len;
        if (part > IO_LEN_MAX)
            part = IO_LEN_MAX;
        int err = add_piece(op, side, kind, volume_chunk_off(m->store, chunks[chunk], CHUNK_HEADER_SIZE + within), data,
                            (uint32_t)part);
        if (err != 0)
            return err;
        off += part;
        data += part;
        len -= part;
    }
    return 0;
}

void mirror_op_submit(struct mirror_op *op, struct loop *loop)
{
    struct io *io = op->ready;
    op->loop = loop;
    op->ready = NULL;
    op->ready_tail = &op->ready;
    for (struct io *i = io; i != NULL; i = i->next) {
        struct mirror_io *mio = (struct mirror_io *)i;
        mio->side->pending++;
        op->pending++;
        op->references++;
    }
    while (io != NULL) {
        struct io *next = io->next;
        loop_submit(loop, io);
        io = next;
    }
}

uint32_t mirror_op_good(const struct mirror_op *op)
{
    uint32_t good = 0;
    for (uint32_t i = 0; i < op->side_count; i++)
        good += op->sides[i].current && mirror_side_good(&op->sides[i]);
    return good;
}

static void wait_fire(struct timer *t)
{
    struct mirror_op *op = (struct mirror_op *)((char *)t - offsetof(struct mirror_op, timer));
    op->stage++;
}

static bool wait_over(void *arg)
{
    struct mirror_op *op = arg;
    if (op->pending == 0 || op->stage >= 2)
        return true;
    if (op->stage == 0)
        return false;
    if (!op->counts_quorum || mirror_op_good(op) >= mirror_quorum(op->mirror))
        return true;
    if (!op->timer.armed)
        loop_timer_set(op->loop, &op->timer, op->hard_us);
    return false;
}

int mirror_op_wait(struct mirror_op *op, struct loop *loop, uint64_t deadline_us, uint64_t hard_us)
{
    uint64_t start = loop_now_us(loop);
    op->stage = 0;
    op->hard_us = start + hard_us;
    op->timer.fire = wait_fire;
    loop_timer_set(loop, &op->timer, start + deadline_us);
    int err = loop_wait(loop, wait_over, op);
    if (op->timer.armed)
        loop_timer_cancel(loop, &op->timer);
    return err;
}

void mirror_op_leave(struct mirror_op *op)
{
    while (op->ready != NULL) {
        struct io *next = op->ready->next;
        free(op->ready);
        op->ready = next;
    }
    for (uint32_t i = 0; i < op->side_count; i++)
        atomic_fetch_add(&op->mirror->late[op->sides[i].index], op->sides[i].pending);
    op->left = true;
    op_release(op);
}
