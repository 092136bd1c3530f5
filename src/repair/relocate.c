/* Moves the slots of groups off volumes that are draining or stay out, and from full volumes to emptier ones when too few have
 * room for new groups: one slot of one group at a time.
 *
 *   close the group, wait until nothing is reserved in it -> plan a chunk elsewhere, write its header
 *   -> rebuild the slot of every extent into it -> one transaction: the group's slots, and what extents miss
 *   -> placement_move_slot (the old chunk is free), reopen
 *
 * Until that transaction the group is as it was; a crash before it leaves a chunk that is simply free. When no chunk is free for
 * a slot that has to leave, its group is emptied instead (empty_group.c). */
#include "repair/repair_private.h"

#include <stdlib.h>

#include "base/container.h"
#include "base/log.h"
#include "meta/volumes.h"

/* A group with a slot on one of leave, and none on one of without. */
struct slot_choice {
    struct meta_read read;
    uint64_t leave, without;
    int64_t after;             /* group */
    struct group group;
    uint32_t slot;
    bool found, answered;
};

static int look_at_group(void *arg, const struct group *g)
{
    struct slot_choice *c = arg;
    for (uint32_t i = 0; i < (uint32_t)g->data_count + g->parity_count; i++)
        if (c->without >> g->slots[i].volume_index & 1)
            return 0;
    for (uint32_t i = 0; i < (uint32_t)g->data_count + g->parity_count; i++) {
        if (c->leave >> g->slots[i].volume_index & 1) {
            c->group = *g;
            c->slot = i;
            c->found = true;
            return 1;
        }
    }
    return 0;
}

static int run_choice(struct meta_tx *tx, struct meta_read *read)
{
    struct slot_choice *c = container_of(read, struct slot_choice, read);
    c->found = false;
    int err = group_list(tx, c->after, look_at_group, c);
    return c->found && err == 1 ? 0 : err;
}

static void choice_done(struct meta_read *read)
{
    container_of(read, struct slot_choice, read)->answered = true;
}

/* Volumes whose slots move elsewhere now. */
static uint64_t volumes_to_leave(struct repair *r)
{
    uint64_t leave = 0, now = loop_now_us(r->loop);
    for (uint32_t i = 0; i < r->store->volume_slots; i++) {
        int state = atomic_load(&r->store->volumes[i].state);
        bool gone = state == VOLUME_OUT && r->out_since_us[i] && now >= r->out_since_us[i] + r->options.out_delay_us;
        bool leaving = state != VOLUME_FREE && volumes_leaving(r->meta, i);
        if (state == VOLUME_DRAINING || gone || leaving)
            leave |= 1ull << i;
    }
    return leave;
}

/* What the move changes in the extents of the group. */
struct move {
    struct repair_write call;
    struct group group;        /* with the new place */
    struct { int64_t id; uint32_t missing; } *changes;
    uint32_t count, capacity;
    uint64_t extents;
};

static int note_change(struct move *m, int64_t id, uint32_t missing)
{
    if (m->count == m->capacity) {
        uint32_t capacity = m->capacity ? m->capacity * 2 : 64;
        void *grown = realloc(m->changes, capacity * sizeof(m->changes[0]));
        if (!grown)
            return ERR_NO_MEMORY;
        m->changes = grown;
        m->capacity = capacity;
    }
    m->changes[m->count].id = id;
    m->changes[m->count++].missing = missing;
    return 0;
}

static int run_move(struct meta_tx *tx, struct meta_write *write)
{
    struct move *m = container_of(write, struct move, call.write);
    int err = group_update(tx, &m->group);
    for (uint32_t i = 0; i < m->count && !err; i++) {
        err = extent_set_missing(tx, m->changes[i].id, m->changes[i].missing);
        err = err == ERR_NOT_FOUND ? 0 : err; /* deleted meanwhile */
    }
    return err;
}

int repair_wait_until_quiet(struct repair *r, int64_t group_id)
{
    for (uint32_t i = 0; i < REPAIR_QUIET_TRIES && !atomic_load(&r->stopping); i++) {
        uint32_t reserved;
        int err = placement_group_reserved(r->placement, group_id, &reserved);
        if (err || reserved == 0)
            return err;
        atomic_store(&r->woken, false);
        repair_sleep(r, REPAIR_QUIET_US);
    }
    return ERR_BUSY;
}

/* Rebuilds the slot of one extent into its new chunk; *ret_missing: what the extent misses then. */
static int copy_extent(struct repair *r, const struct extent *extent, const struct group *g, uint32_t slot,
                       const struct group_slot *to, uint32_t *ret_missing)
{
    uint32_t bit = 1u << slot;
    struct extent_repair how = {.extent = extent, .rebuild_to = to, .rebuild_slot = slot};
    int err = repair_extent(r, &how);
    if (err == ERR_IO || err == ERR_CORRUPT) {
        /* The others do not suffice: perhaps the old place still has it, though its volume is out of service. */
        how = (struct extent_repair){.extent = extent, .rebuild_to = to, .rebuild_slot = slot,
                                     .include_volumes = 1ull << g->slots[slot].volume_index};
        err = repair_extent(r, &how);
    }
    if (err && err != ERR_CORRUPT)
        return err; /* what does not answer now may come back: the group stays as it is */
    if (!err && how.still_bad & bit)
        return ERR_IO; /* the new chunk's volume does not take it */
    /* An extent that is lost for good does not keep the others where they are: it misses this slot, too. */
    *ret_missing = err ? extent->missing | bit : extent->missing & ~bit;
    return 0;
}

static int copy_extents(struct repair *r, struct move *m, uint32_t slot, const struct group_slot *to)
{
    for (uint32_t from = 0;;) {
        if (atomic_load(&r->stopping))
            return ERR_CANCELLED;
        struct repair_find f = {.group_id = m->group.id, .from_block = from};
        int err = repair_find(r, &f);
        if (err || !f.found)
            return err;
        uint32_t missing = f.extent.missing;
        err = copy_extent(r, &f.extent, &m->group, slot, to, &missing);
        if (!err && missing != f.extent.missing)
            err = note_change(m, f.extent.id, missing);
        from = f.extent.block + f.extent.block_count;
        repair_find_drop(&f);
        m->extents++;
        if (err)
            return err;
    }
}

/* only: UINT64_MAX, or the volumes that it may go to; ERR_NO_SPACE when it is to go elsewhere. */
static int move_slot(struct repair *r, const struct group *g, uint32_t slot, bool use_reserve, uint64_t only)
{
    struct group_slot to;
    struct move m = {.call.write.run = run_move, .group = *g};
    int err = placement_plan_slot(r->placement, g->id, slot, use_reserve, &to);
    if (err)
        return err;
    if (!(only >> to.volume_index & 1)) {
        placement_drop_chunk(r->placement, to);
        return ERR_NO_SPACE;
    }
    err = placement_write_slot_header(r->placement, r->loop, g, slot, to);
    if (!err)
        err = copy_extents(r, &m, slot, &to);
    if (!err) {
        m.group.slots[slot] = to;
        err = repair_write(r, &m.call);
    }
    if (!err)
        err = placement_move_slot(r->placement, g->id, slot, to);
    else if (!m.call.write.uncertain)
        placement_drop_chunk(r->placement, to);
    if (!err) {
        pthread_mutex_lock(&r->lock);
        r->status.extents_moved += m.extents;
        r->status.slots_moved++;
        pthread_mutex_unlock(&r->lock);
    }
    free(m.changes);
    return err;
}

static int choose_slot(struct repair *r, struct slot_choice *c)
{
    c->read = (struct meta_read){.run = run_choice, .done = choice_done, .loop = r->loop};
    c->answered = false;
    meta_read(r->meta, &c->read);
    repair_wait(r, &c->answered);
    return c->read.err;
}

/* Closes the group for the time of the move. */
static int move_chosen(struct repair *r, const struct slot_choice *c, bool use_reserve, uint64_t only)
{
    repair_set_activity(r, REPAIR_MOVING);
    int err = placement_close_group(r->placement, c->group.id);
    if (!err)
        err = repair_wait_until_quiet(r, c->group.id);
    if (!err)
        err = move_slot(r, &c->group, c->slot, use_reserve, only);
    if (!c->group.closed && placement_reopen_group(r->placement, c->group.id) != 0)
        log_debug("group %lld went while its slot moved", (long long)c->group.id);
    return err;
}

static int later(struct repair *r, int err)
{
    if (err)
        r->move_at_us = loop_now_us(r->loop) + r->options.poll_us; /* no room to be had, or a volume failed */
    return err;
}

static int even_step(struct repair *r, bool *ret_worked)
{
    uint32_t from, to;
    if (!placement_uneven(r->placement, &from, &to))
        return 0;
    struct slot_choice c = {.leave = 1ull << from, .without = 1ull << to};
    int err = choose_slot(r, &c);
    if (err || !c.found)
        return err;
    *ret_worked = true;
    err = later(r, move_chosen(r, &c, false, 1ull << to));
    return err == ERR_NO_SPACE ? 0 : err; /* failure domains want it elsewhere */
}

/* The next group in turn with a slot that has to leave. */
static int choose_leaving(struct repair *r, struct slot_choice *c)
{
    c->after = r->move_after;
    int err = choose_slot(r, c);
    if (err || c->found || c->after == 0)
        return err;
    c->after = r->move_after = 0;
    return choose_slot(r, c);
}

static int leave(struct repair *r, const struct slot_choice *c)
{
    bool out = atomic_load(&r->store->volumes[c->group.slots[c->slot].volume_index].state) != VOLUME_DRAINING;
    int err = move_chosen(r, c, out, UINT64_MAX);
    if (err == ERR_NO_SPACE)
        err = empty_group(r, &c->group);
    if (err == ERR_NO_SPACE)
        r->move_after = c->group.id;
    return later(r, err);
}

int relocate_step(struct repair *r, bool *ret_worked)
{
    *ret_worked = false;
    struct slot_choice c = {.leave = volumes_to_leave(r)};
    if (loop_now_us(r->loop) < r->move_at_us)
        return 0;
    int err = c.leave ? choose_leaving(r, &c) : 0;
    if (err)
        return err;
    if (!c.found)
        return even_step(r, ret_worked);
    *ret_worked = true;
    return leave(r, &c);
}
