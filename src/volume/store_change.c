/* Changes of the member table, made durable: the next generation. The rules: docs/FORMAT.md "Generations", G1 to G5.
 *
 * Invariant: what struct store shows other threads is what is in force; it is shown only after N-m members have it and
 * every member in service that failed to take it has been put out by a further generation. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "volume/chunk.h"
#include "volume/store_inside.h"

struct write_set {
    uint32_t count;
    uint32_t index[VOLUMES_MAX];
    uint8_t *images; /* SUPERBLOCK_SIZE each, as index[] */
    bool ok[VOLUMES_MAX]; /* by slot */
};

static int encode_all(struct store_inside *in, struct superblock *next, struct write_set *w)
{
    w->count = 0;
    for (uint32_t i = 0; i < VOLUMES_MAX; i++) {
        w->ok[i] = next->members[i].state != VOLUME_FREE && store_reachable(in, i);
        if (w->ok[i])
            w->index[w->count++] = i;
    }
    w->images = aligned_alloc(BLOCK_SIZE, (size_t)(w->count ? w->count : 1) * SUPERBLOCK_SIZE);
    if (!w->images)
        return ERR_NO_MEMORY;
    for (uint32_t n = 0; n < w->count; n++) {
        uint32_t i = w->index[n];
        const struct volume *v = &in->store.volumes[i];
        next->volume_uuid = v->uuid;
        next->volume_index = i;
        next->meta_chunk_count = in->next_meta_count[i];
        if (next->meta_chunk_count)
            memcpy(next->meta_chunks, v->meta_chunks, next->meta_chunk_count * sizeof *v->meta_chunks);
        superblock_encode(next, w->images + (size_t)n * SUPERBLOCK_SIZE);
    }
    return 0;
}

struct step {
    const struct superblock *next;
    const struct write_set *w;
    const uint32_t *slots; /* of each request */
};

static uint32_t quorum_of(const struct superblock *table)
{
    uint32_t count = superblock_member_count(table);
    return count > table->parity_count ? count - table->parity_count : 1;
}

/* Volumes that are late are not waited for when the others carry the generation: N-m members that have it, and m+1 of the
 * metadata's mirrors that it names as current (all where it names fewer). */
static bool step_enough(void *arg, const struct device_request *requests, uint32_t count)
{
    const struct step *step = arg;
    bool good[VOLUMES_MAX];
    uint32_t holders = 0, mirrors = 0, named = 0;
    memcpy(good, step->w->ok, sizeof good);
    for (uint32_t r = 0; r < count; r++)
        good[step->slots[r]] &= requests[r].result == 0;
    for (uint32_t i = 0; i < VOLUMES_MAX; i++) {
        bool current = step->next->members[i].state != VOLUME_FREE && step->next->members[i].mirror == MIRROR_CURRENT;
        holders += good[i];
        mirrors += current && good[i];
        named += current;
    }
    uint32_t wanted = step->next->parity_count + 1u;
    return holders >= quorum_of(step->next) && mirrors >= (named < wanted ? named : wanted);
}

/* Runs one request per volume still good, and one more when both copies are named. Copy UINT32_MAX: a flush. */
static int run_step(struct store_inside *in, struct loop *loop, const struct superblock *next, struct write_set *w,
                    const uint32_t *copies, uint32_t copy_count)
{
    struct device_request requests[2 * VOLUMES_MAX];
    uint32_t slots[2 * VOLUMES_MAX], count = 0;
    for (uint32_t n = 0; n < w->count; n++) {
        uint32_t i = w->index[n];
        for (uint32_t c = 0; c < copy_count && w->ok[i]; c++) {
            bool flush = copies[c] == UINT32_MAX;
            slots[count] = i;
            requests[count++] = (struct device_request){
                .device = &in->store.volumes[i].device,
                .kind = flush ? IO_FLUSH : IO_WRITE,
                .off = flush ? 0 : superblock_copy_off(copies[c], next->members[i].size),
                .data = flush ? NULL : w->images + (size_t)n * SUPERBLOCK_SIZE,
                .len = flush ? 0 : SUPERBLOCK_SIZE,
            };
        }
    }
    struct step step = {.next = next, .w = w, .slots = slots};
    int err = device_io_enough(loop, requests, count, DEVICE_LATE_US, DEVICE_DEADLINE_US, step_enough, &step);
    for (uint32_t r = 0; r < count && err == 0; r++) {
        if (requests[r].result == 0)
            continue;
        w->ok[slots[r]] = false;
        in->failed[slots[r]] = true;
        if (requests[r].result == ERR_TIMEOUT)
            atomic_store(&in->hung[slots[r]], true);
    }
    return err;
}

static int write_all(struct store_inside *in, struct loop *loop, struct superblock *next, struct write_set *w)
{
    static const uint32_t outer[] = {0, 2}, inner[] = {1}, flush[] = {UINT32_MAX};
    int err = encode_all(in, next, w);
    if (err == 0)
        err = run_step(in, loop, next, w, outer, 2);
    if (err == 0)
        err = run_step(in, loop, next, w, flush, 1);
    if (err == 0)
        err = run_step(in, loop, next, w, inner, 1);
    if (err == 0)
        err = run_step(in, loop, next, w, flush, 1);
    free(w->images);
    return err;
}

/* Numbers the next generation and lists its ancestors. */
static void descend(struct store_inside *in, struct loop *loop, struct superblock *next)
{
    uint64_t parent = in->store.generation;
    next->generation = ++in->highest;
    next->parent_hash = in->store.hash;
    next->in_force = in->in_force;
    next->attempt = loop_random(loop);
    memcpy(next->ancestors, in->table.ancestors, sizeof next->ancestors);
    if (parent)
        next->ancestors[parent % ANCESTORS_MAX] = in->store.hash;
    uint64_t skipped = next->generation - parent - 1;
    for (uint64_t n = 1; n <= skipped && n <= ANCESTORS_MAX; n++)
        next->ancestors[(next->generation - n) % ANCESTORS_MAX] = 0;
}

static bool put_out(struct superblock *next, const struct write_set *w)
{
    bool changed = false;
    for (uint32_t i = 0; i < VOLUMES_MAX; i++) {
        struct member *m = &next->members[i];
        bool in_service = m->state == VOLUME_IN || m->state == VOLUME_DRAINING;
        if (w->ok[i] || m->state == VOLUME_FREE || (!in_service && m->mirror == MIRROR_NONE))
            continue;
        m->state = in_service ? VOLUME_OUT : m->state;
        m->mirror = MIRROR_NONE;
        changed = true;
    }
    return changed;
}

/* Shows the generation in force to the other threads. A volume leaves service before, and enters it after, all else. */
static void publish(struct store_inside *in)
{
    struct store *s = &in->store;
    uint32_t slots = 0;
    for (uint32_t i = 0; i < VOLUMES_MAX; i++) {
        const struct member *m = &in->table.members[i];
        struct volume *v = &s->volumes[i];
        v->chunk_count = m->chunk_count;
        v->meta_chunk_count = in->next_meta_count[i];
        atomic_store(&v->mirror, m->mirror);
        atomic_store(&v->state, m->state);
        slots = m->state != VOLUME_FREE ? i + 1 : slots;
    }
    s->volume_slots = slots;
    atomic_store(&in->quorum, quorum_of(&in->table));
}

int store_raise(struct store *s, struct loop *loop, const struct member members[VOLUMES_MAX])
{
    struct store_inside *in = store_inside(s);
    if (in->broken)
        return ERR_QUORUM;
    struct superblock *next = malloc(sizeof *next);
    if (!next)
        return ERR_NO_MEMORY;
    *next = in->table;
    memcpy(next->members, members, sizeof next->members);
    struct write_set w;
    int err;
    do {
        descend(in, loop, next);
        err = write_all(in, loop, next, &w);
        uint32_t holders = 0;
        for (uint32_t i = 0; i < VOLUMES_MAX; i++)
            holders += w.ok[i];
        if (err == 0 && holders < quorum_of(next))
            err = ERR_QUORUM;
        if (err == 0) {
            in->table = *next;
            s->hash = superblock_shared_hash(next);
            s->generation = in->in_force = next->generation;
        }
    } while (err == 0 && put_out(next, &w)); /* at most once per volume */
    if (err == 0)
        publish(in);
    else
        in->broken = true;
    free(next);
    return err;
}

int store_change(struct store *s, struct loop *loop, const struct store_change *change)
{
    struct store_inside *in = store_inside(s);
    if (s->read_only)
        return ERR_READ_ONLY;
    struct member *members = malloc(sizeof in->table.members);
    if (!members)
        return ERR_NO_MEMORY;
    memcpy(members, in->table.members, sizeof in->table.members);
    for (uint32_t n = 0; n < change->count; n++) {
        struct member *m = &members[change->set[n].index];
        assert(change->set[n].index < VOLUMES_MAX && m->state != VOLUME_FREE && change->set[n].state != VOLUME_FREE);
        m->state = change->set[n].state;
        m->mirror = change->set[n].mirror;
    }
    int err = store_raise(s, loop, members);
    free(members);
    return err;
}

struct heads { const struct store_inside *in; const uint32_t *volumes; };

/* m+1 mirrors have theirs: a late one is put out by the generation that follows. */
static bool heads_enough(void *arg, const struct device_request *requests, uint32_t count)
{
    const struct heads *heads = arg;
    uint32_t good = 0;
    for (uint32_t r = 0; r < count; r++)
        good += requests[r].result == 0 && heads->in->table.members[heads->volumes[r]].mirror == MIRROR_CURRENT;
    return good > heads->in->table.parity_count;
}

/* Heads chunk n of each volume's list as metadata; the flush of the generation that lists them makes that durable. A volume
 * that fails is not asked for more, and so is put out by that generation. deadline_us: when m+1 mirrors do not have it. */
static int write_heads(struct store *s, struct loop *loop, const uint32_t *volumes, const uint32_t *n, uint32_t count,
                       uint64_t deadline_us)
{
    struct store_inside *in = store_inside(s);
    uint8_t blocks[VOLUMES_MAX][CHUNK_HEADER_SIZE];
    struct device_request requests[VOLUMES_MAX];
    for (uint32_t i = 0; i < count; i++) {
        struct volume *v = &s->volumes[volumes[i]];
        uint32_t chunk = v->meta_chunks[n[i]];
        struct chunk_header h = {.store_uuid = s->uuid, .volume_uuid = v->uuid, .chunk = chunk, .purpose = CHUNK_METADATA,
                                 .slot = n[i], .created_us = loop_wall_us(loop)};
        chunk_encode(&h, blocks[i]);
        requests[i] = (struct device_request){.device = &v->device, .kind = IO_WRITE, .data = blocks[i],
                                              .len = CHUNK_HEADER_SIZE, .off = volume_chunk_off(s, chunk, 0)};
    }
    struct heads heads = {.in = in, .volumes = volumes};
    int err = device_io_enough(loop, requests, count, DEVICE_LATE_US, deadline_us, heads_enough, &heads);
    for (uint32_t i = 0; i < count && err == 0; i++) {
        in->failed[volumes[i]] = requests[i].result < 0;
        if (requests[i].result == ERR_TIMEOUT)
            atomic_store(&in->hung[volumes[i]], true);
    }
    return err;
}

int store_add_meta_chunks(struct store *s, struct loop *loop, const uint32_t chunks[VOLUMES_MAX])
{
    struct store_inside *in = store_inside(s);
    if (s->read_only)
        return ERR_READ_ONLY;
    for (uint32_t i = 0; i < VOLUMES_MAX; i++)
        if (in->table.members[i].mirror != MIRROR_NONE &&
            (s->volumes[i].meta_chunk_count >= META_CHUNKS_MAX || chunks[i] >= s->volumes[i].chunk_count))
            return s->volumes[i].meta_chunk_count >= META_CHUNKS_MAX ? ERR_NO_SPACE : ERR_INVALID;
    uint32_t volumes[VOLUMES_MAX], n[VOLUMES_MAX], count = 0;
    for (uint32_t i = 0; i < VOLUMES_MAX; i++) {
        struct volume *v = &s->volumes[i];
        if (in->table.members[i].mirror == MIRROR_NONE)
            continue;
        v->meta_chunks[v->meta_chunk_count] = chunks[i];
        in->next_meta_count[i] = v->meta_chunk_count + 1;
        if (store_reachable(in, i)) {
            volumes[count] = i;
            n[count++] = v->meta_chunk_count;
        }
    }
    int err = write_heads(s, loop, volumes, n, count, DEVICE_DEADLINE_US);
    if (err == 0)
        err = store_raise(s, loop, in->table.members);
    for (uint32_t i = 0; i < VOLUMES_MAX; i++)
        in->next_meta_count[i] = s->volumes[i].meta_chunk_count;
    return err;
}

int store_set_meta_chunks(struct store *s, struct loop *loop, uint32_t index, const uint32_t *chunks, uint32_t count)
{
    struct store_inside *in = store_inside(s);
    if (s->read_only)
        return ERR_READ_ONLY;
    if (index >= VOLUMES_MAX || count > META_CHUNKS_MAX || in->table.members[index].state == VOLUME_FREE)
        return ERR_INVALID;
    if (in->table.members[index].mirror != MIRROR_NONE)
        return ERR_BUSY;
    for (uint32_t n = 0; n < count; n++)
        if (chunks[n] >= s->volumes[index].chunk_count)
            return ERR_INVALID;
    memcpy(s->volumes[index].meta_chunks, chunks, count * sizeof *chunks);
    in->next_meta_count[index] = count;
    int err = 0;
    for (uint32_t n = 0; n < count && err == 0 && store_reachable(in, index); n++)
        err = write_heads(s, loop, &index, &n, 1, 2 * DEVICE_LATE_US);
    if (err == 0)
        err = store_raise(s, loop, in->table.members);
    in->next_meta_count[index] = s->volumes[index].meta_chunk_count;
    return err;
}

void volume_suspect(struct volume *v, uint64_t now_us)
{
    uint64_t none = 0;
    atomic_compare_exchange_strong(&v->suspect_since_us, &none, now_us ? now_us : 1);
}
