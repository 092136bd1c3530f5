/* What the allocator wants of the database, and who waits for it. At most one new group and one group to load are wanted at a
 * time; a want is outstanding from being raised until placement_open_group or placement_fail_want answers it. */
#include "placement/placement_private.h"

#include <assert.h>
#include <stdlib.h>

void want_load_gone(struct placement *p, int64_t group_id)
{
    if (p->want_load_id == group_id)
        p->want_load = (struct want_state){0};
}

bool want_outstanding(const struct placement *p)
{
    return p->want_new.raised || p->want_new.taken || p->want_load.raised || p->want_load.taken;
}

void want_new_group(struct placement *p)
{
    if (p->want_new.raised || p->want_new.taken)
        return;
    p->want_new.raised = true;
    p->notify_due = true;
}

void want_load_group(struct placement *p, int64_t group_id)
{
    if (p->want_load.raised || p->want_load.taken)
        return;
    p->want_load.raised = true;
    p->want_load_id = group_id;
    p->notify_due = true;
}

void placement_set_notify(struct placement *p, void (*notify)(void *arg), void *arg)
{
    placement_lock(p);
    p->notify = notify;
    p->notify_arg = arg;
    placement_unlock(p);
}

bool placement_take_want(struct placement *p, struct placement_want *ret)
{
    struct placement_want want = {0};
    placement_lock(p);
    if (p->want_load.raised) {
        p->want_load = (struct want_state){.taken = true};
        want.load_group_id = p->want_load_id;
    } else if (p->want_new.raised) {
        p->want_new = (struct want_state){.taken = true};
        want.new_group = true;
    }
    placement_unlock(p);
    if (!want.new_group && !want.load_group_id)
        return false;
    *ret = want;
    return true;
}

void want_wake_all(struct placement *p)
{
    struct placement_waiter **tail = &p->wake;
    while (*tail)
        tail = &(*tail)->next;
    *tail = p->waiters;
    for (struct placement_waiter *w = p->waiters; w; w = w->next)
        w->queued = false;
    p->waiters = NULL;
    p->waiters_tail = &p->waiters;
}

void placement_wait(struct placement *p, struct placement_waiter *w)
{
    assert(!w->queued);
    placement_lock(p);
    w->next = NULL;
    w->queued = true;
    *p->waiters_tail = w;
    p->waiters_tail = &w->next;
    /* Answered between its reserve and now: nothing else would wake it. */
    if (!want_outstanding(p))
        want_wake_all(p);
    placement_unlock(p);
}

static int mark_used(struct placement *p, struct group_entry *e, struct group_space *space, const struct block_run *used,
                     uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        int err = group_space_mark(space, used[i].block, used[i].count);
        if (err)
            return err;
    }
    return pins_mark(p, e->group.id, space);
}

/* Makes room for one more bitmap: the group with the least free space and nothing reserved. */
static bool make_room(struct placement *p)
{
    struct group_entry *fullest = NULL;
    for (uint32_t i = 0; i < p->open_count; i++) {
        struct group_entry *e = p->open[i];
        if (e->reserved == 0 && (!fullest || e->space->free_count < fullest->space->free_count))
            fullest = e;
    }
    if (fullest)
        placement_shut(p, fullest);
    return p->open_count < OPEN_GROUPS_MAX;
}

static int open_group(struct placement *p, int64_t group_id, const struct block_run *used, uint32_t count)
{
    struct group_entry *e = placement_find(p, group_id);
    if (!e)
        return ERR_NOT_FOUND;
    if (e->space)
        return 0;
    if (p->open_count == OPEN_GROUPS_MAX && !make_room(p))
        return ERR_BUSY;
    struct group_space *space;
    int err = group_space_new(p->blocks_per_chunk, &space);
    if (err)
        return err;
    err = mark_used(p, e, space, used, count);
    if (err) {
        free(space);
        return err;
    }
    e->space = space;
    p->open[p->open_count++] = e;
    return 0;
}

int placement_open_group(struct placement *p, int64_t group_id, const struct block_run *used, uint32_t count)
{
    placement_lock(p);
    int err = open_group(p, group_id, used, count);
    if (!err) {
        if (group_id == p->want_load_id && (p->want_load.taken || p->want_load.raised))
            p->want_load = (struct want_state){0};
        else
            p->want_new = (struct want_state){0};
        p->fail_count = 0;
        p->want_failed = false;
        want_wake_all(p);
    }
    placement_unlock(p);
    return err;
}

void placement_wait_cancel(struct placement *p, struct placement_waiter *w)
{
    placement_lock(p);
    for (struct placement_waiter **link = &p->waiters; *link; link = &(*link)->next) {
        if (*link != w)
            continue;
        *link = w->next;
        if (!*link)
            p->waiters_tail = link;
        w->queued = false;
        break;
    }
    placement_unlock(p);
}

void placement_fail_want(struct placement *p, int err)
{
    placement_lock(p);
    p->fail_err = err;
    p->fail_count = 0;
    p->want_failed = true;
    for (struct placement_waiter *w = p->waiters; w; w = w->next)
        p->fail_count++;
    if (p->want_load.taken) {
        /* Not asked for again until something in it is freed. */
        struct group_entry *e = placement_find(p, p->want_load_id);
        if (e && !e->space)
            e->longest = 0;
        p->want_load_id = 0;
        p->want_load.taken = false;
    }
    p->want_new.taken = false;
    want_wake_all(p);
    placement_unlock(p);
}

void placement_volumes_changed(struct placement *p)
{
    placement_lock(p);
    /* What cannot be taken over now (no memory, writes of a former volume in flight) is taken over at the next change. */
    int err = chunk_space_sync(p);
    (void)err;
    p->want_failed = false;
    want_wake_all(p);
    placement_unlock(p);
}
