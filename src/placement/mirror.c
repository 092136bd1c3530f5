/* Opening the metadata space, and writing to all its mirrors. See mirror.h for the rule that a mirror which missed a
 * write is out of service before anybody hears of success. Reading is in mirror_read.c. */
#include "placement/mirror.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "placement/mirror_op.h"

static bool is_mirror(const struct volume *v)
{
    return v->present && atomic_load(&v->mirror) != MIRROR_NONE;
}

int mirror_adopt(struct mirror *m, uint32_t volume_index)
{
    struct volume *v = &m->store->volumes[volume_index];
    uint32_t *chunks = atomic_load(&m->chunks[volume_index]);
    if (chunks == NULL) {
        chunks = calloc(META_CHUNKS_MAX, sizeof *chunks);
        if (chunks == NULL)
            return ERR_NO_MEMORY;
        atomic_store(&m->chunks[volume_index], chunks);
    }
    uint32_t count = v->meta_chunk_count < META_CHUNKS_MAX ? v->meta_chunk_count : META_CHUNKS_MAX;
    if (count > 0)
        memcpy(chunks, v->meta_chunks, count * sizeof *chunks);
    atomic_store(&m->chunk_counts[volume_index], count);
    return 0;
}

static void measure(struct mirror *m)
{
    uint32_t least = UINT32_MAX;
    for (uint32_t i = 0; i < m->store->volume_slots; i++) {
        struct volume *v = &m->store->volumes[i];
        uint32_t count = atomic_load(&m->chunk_counts[i]);
        if (v->present && atomic_load(&v->mirror) == MIRROR_CURRENT && count < least)
            least = count;
    }
    if (least != UINT32_MAX && least > atomic_load(&m->chunk_count))
        atomic_store(&m->chunk_count, least);
}

int mirror_open(struct store *store, uint64_t deadline_us, struct mirror **ret)
{
    struct mirror *m = calloc(1, sizeof *m);
    if (m == NULL)
        return ERR_NO_MEMORY;
    m->store = store;
    atomic_store(&m->references, 1);
    m->deadline_us = deadline_us != 0 ? deadline_us : MIRROR_DEADLINE_DEFAULT_US;
    for (uint32_t i = 0; i < store->volume_slots; i++) {
        if (!is_mirror(&store->volumes[i]))
            continue;
        int err = mirror_adopt(m, i);
        if (err != 0) {
            mirror_close(m);
            return err;
        }
    }
    measure(m);
    *ret = m;
    return 0;
}

void mirror_close(struct mirror *m)
{
    if (m != NULL)
        mirror_release(m);
}

void mirror_release(struct mirror *m)
{
    if (atomic_fetch_sub(&m->references, 1) != 1)
        return;
    for (uint32_t i = 0; i < VOLUMES_MAX; i++)
        free(atomic_load(&m->chunks[i]));
    for (uint32_t i = 0; i < MIRROR_SPARE_COUNT; i++)
        free(atomic_load(&m->spares[i]));
    free(m);
}

uint64_t mirror_size(const struct mirror *m)
{
    return (uint64_t)atomic_load(&m->chunk_count) * (m->store->chunk_size - CHUNK_HEADER_SIZE);
}

uint32_t mirror_late(const struct mirror *m, uint32_t volume_index)
{
    return atomic_load(&m->late[volume_index]);
}

struct store *mirror_store(const struct mirror *m)
{
    return m->store;
}

int mirror_grow(struct mirror *m, struct loop *loop, const uint32_t chunks[VOLUMES_MAX])
{
    int err = store_add_meta_chunks(m->store, loop, chunks);
    for (uint32_t i = 0; err == 0 && i < m->store->volume_slots; i++)
        if (is_mirror(&m->store->volumes[i]))
            err = mirror_adopt(m, i);
    if (err == 0)
        measure(m);
    return err;
}

/* Puts the volumes out by raising the generation. */
static int put_out(struct mirror *m, struct loop *loop, struct volume *const *volumes, uint32_t count)
{
    struct store_change change = {.count = count};
    for (uint32_t i = 0; i < count; i++) {
        log_warning("metadata: volume %u failed or was too late and is put out of service", volumes[i]->index);
        change.set[i].index = volumes[i]->index;
        change.set[i].state = VOLUME_OUT;
        change.set[i].mirror = MIRROR_NONE;
    }
    int err = store_change(m->store, loop, &change);
    for (uint32_t i = 0; err == 0 && i < count; i++)
        atomic_store(&volumes[i]->suspect_since_us, 0);
    return err;
}

static int check_lease(struct mirror *m, struct loop *loop)
{
    return store_lease_held(m->store, loop_now_us(loop)) ? 0 : ERR_ACCESS;
}

/* What becomes of an op that was waited for: the rule of mirror.h. */
static int settle(struct mirror *m, struct loop *loop, struct mirror_op *op, bool writer)
{
    struct volume *bad[VOLUMES_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < op->side_count; i++)
        if (!mirror_side_good(&op->sides[i]))
            bad[count++] = op->sides[i].volume;
    if (mirror_op_good(op) < mirror_quorum(m))
        return ERR_QUORUM;
    if (count == 0)
        return check_lease(m, loop);
    if (!writer) {
        for (uint32_t i = 0; i < count; i++)
            volume_suspect(bad[i], loop_now_us(loop));
        return ERR_BUSY;
    }
    int err = put_out(m, loop, bad, count);
    return err != 0 ? err : check_lease(m, loop);
}

/* Copies the ranges into the op; neighbours become one run. */
static int gather(struct mirror_op *op, const struct mirror_range *ranges, uint32_t count, enum io_kind kind)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < count; i++) {
        assert(ranges[i].off % BLOCK_SIZE == 0 && ranges[i].len % BLOCK_SIZE == 0);
        total += ranges[i].len;
    }
    int err = mirror_op_data(op, total);
    if (err != 0)
        return err;
    uint8_t *to = op->data;
    for (uint32_t i = 0; i < count;) {
        uint64_t off = ranges[i].off, len = 0;
        uint8_t *start = to;
        do {
            memcpy(to, ranges[i].data, ranges[i].len);
            to += ranges[i].len;
            len += ranges[i].len;
            i++;
        } while (i < count && ranges[i].off == off + len);
        for (uint32_t s = 0; s < op->side_count; s++) {
            err = mirror_op_add(op, &op->sides[s], kind, off, start, len);
            if (err != 0)
                return err;
        }
    }
    return 0;
}

static int write_all(struct mirror *m, struct loop *loop, const struct mirror_range *ranges, uint32_t count, enum io_kind kind,
                     bool writer)
{
    int err = check_lease(m, loop);
    if (err != 0)
        return err;
    struct mirror_op *op;
    err = mirror_op_new(m, &op);
    if (err != 0)
        return err;
    for (uint32_t i = 0; i < m->store->volume_slots; i++)
        if (is_mirror(&m->store->volumes[i]))
            mirror_op_side(op, &m->store->volumes[i]);
    op->counts_quorum = true;
    if (count > 0)
        err = gather(op, ranges, count, kind);
    for (uint32_t i = 0; err == 0 && count == 0 && i < op->side_count; i++)
        err = mirror_op_add(op, &op->sides[i], IO_FLUSH, 0, NULL, 0);
    if (err == 0) {
        mirror_op_submit(op, loop);
        err = mirror_op_wait(op, loop, m->deadline_us, MIRROR_HARD_LIMIT_US);
    }
    if (err == 0)
        err = settle(m, loop, op, writer);
    mirror_op_leave(op);
    return err;
}

int mirror_write(struct mirror *m, struct loop *loop, const struct mirror_range *ranges, uint32_t count, bool durable)
{
    return count == 0 ? 0 : write_all(m, loop, ranges, count, durable ? IO_WRITE_DURABLE : IO_WRITE, true);
}

int mirror_flush(struct mirror *m, struct loop *loop)
{
    return write_all(m, loop, NULL, 0, IO_FLUSH, true);
}

int mirror_write_aside(struct mirror *m, struct loop *loop, const struct mirror_range *ranges, uint32_t count, bool durable)
{
    return count == 0 ? 0 : write_all(m, loop, ranges, count, durable ? IO_WRITE_DURABLE : IO_WRITE, false);
}

int mirror_flush_aside(struct mirror *m, struct loop *loop)
{
    return write_all(m, loop, NULL, 0, IO_FLUSH, false);
}

int mirror_review(struct mirror *m, struct loop *loop)
{
    struct volume *bad[VOLUMES_MAX];
    uint32_t count = 0, current = 0;
    for (uint32_t i = 0; i < m->store->volume_slots; i++)
        current += m->store->volumes[i].present && atomic_load(&m->store->volumes[i].mirror) == MIRROR_CURRENT;
    for (uint32_t i = 0; i < m->store->volume_slots; i++) {
        struct volume *v = &m->store->volumes[i];
        if (!is_mirror(v) || atomic_load(&v->suspect_since_us) == 0)
            continue;
        bool counts = atomic_load(&v->mirror) == MIRROR_CURRENT;
        if (counts && current <= mirror_quorum(m))
            continue;
        current -= counts;
        bad[count++] = v;
    }
    return count == 0 ? 0 : put_out(m, loop, bad, count);
}

/* Operations on one volume's copy, whatever its state. */
static int one(struct mirror *m, struct loop *loop, uint32_t volume_index, const struct mirror_range *ranges, uint32_t count)
{
    struct volume *v = &m->store->volumes[volume_index];
    if (!v->present)
        return ERR_IO;
    struct mirror_op *op;
    int err = mirror_op_new(m, &op);
    if (err != 0)
        return err;
    struct mirror_side *side = mirror_op_side(op, v);
    err = count > 0 ? gather(op, ranges, count, IO_WRITE) : mirror_op_add(op, side, IO_FLUSH, 0, NULL, 0);
    if (err == 0) {
        mirror_op_submit(op, loop);
        err = mirror_op_wait(op, loop, MIRROR_HARD_LIMIT_US, MIRROR_HARD_LIMIT_US);
    }
    if (err == 0)
        err = side->pending != 0 ? ERR_TIMEOUT : side->err;
    mirror_op_leave(op);
    return err;
}

int mirror_write_one(struct mirror *m, struct loop *loop, uint32_t volume_index, const struct mirror_range *ranges, uint32_t count)
{
    return count == 0 ? 0 : one(m, loop, volume_index, ranges, count);
}

int mirror_flush_one(struct mirror *m, struct loop *loop, uint32_t volume_index)
{
    return one(m, loop, volume_index, NULL, 0);
}
