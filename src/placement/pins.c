/* What keeps freed space from being used again: readers (pins, by extent) and late writes (holds, by blocks). A freed range
 * passes pins first, then holds, then becomes free. */
#include "placement/placement_private.h"

#include <assert.h>
#include <stdlib.h>

#include "base/log.h"

static struct pin **pin_bucket(struct placement *p, int64_t extent_id)
{
    uint64_t h = (uint64_t)extent_id * 0x9e3779b97f4a7c15ull;
    return &p->pins[h >> 52];
}
_Static_assert(PIN_BUCKETS == 1 << 12, "pin_bucket takes 12 bits");

static struct pin **find(struct placement *p, int64_t extent_id)
{
    struct pin **link = pin_bucket(p, extent_id);
    while (*link && (*link)->extent_id != extent_id)
        link = &(*link)->next;
    return link;
}

/* A reader whose snapshot is older than the commit that deleted the row may come to pin after the space was given up. */
static int64_t *freed_place(struct placement *p, int64_t extent_id)
{
    uint64_t h = (uint64_t)extent_id * 0x9e3779b97f4a7c15ull;
    return &p->freed[h >> 50];
}
_Static_assert(FREED_REMEMBERED == 1 << 14, "freed_place takes 14 bits");

int placement_pin(struct placement *p, int64_t extent_id)
{
    int err = 0;
    placement_lock(p);
    struct pin **link = find(p, extent_id), *pin = *link;
    if (!pin && *freed_place(p, extent_id) == extent_id) {
        err = ERR_STALE;
    } else if (pin) {
        pin->count++;
    } else {
        pin = p->pin_spares;
        if (pin)
            p->pin_spares = pin->next;
        else
            pin = malloc(sizeof(*pin));
        if (pin) {
            *pin = (struct pin){.extent_id = extent_id, .count = 1};
            *link = pin;
        } else {
            err = ERR_NO_MEMORY;
        }
    }
    placement_unlock(p);
    return err;
}

static void free_moved(struct placement *p, struct pin *pin)
{
    for (struct moved_range *m = pin->moved, *next; m; m = next) {
        next = m->next;
        allocator_free_range(p, m->range, true);
        free(m);
    }
    pin->moved = NULL;
}

void placement_unpin(struct placement *p, int64_t extent_id)
{
    placement_lock(p);
    struct pin **link = find(p, extent_id), *pin = *link;
    assert(pin && pin->count > 0);
    if (--pin->count == 0) {
        *link = pin->next;
        free_moved(p, pin);
        pin->next = p->pin_spares;
        p->pin_spares = pin;
        if (pin->freed) {
            *freed_place(p, extent_id) = extent_id;
            allocator_free_range(p, pin->range, true);
        }
    }
    placement_unlock(p);
}

bool pin_defer(struct placement *p, const struct extent *extent)
{
    struct pin *pin = *find(p, extent->id);
    if (!pin) {
        *freed_place(p, extent->id) = extent->id;
        return false;
    }
    pin->freed = true;
    pin->range = (struct block_range){extent->group_id, extent->block, extent->block_count};
    return true;
}

bool pin_defer_moved(struct placement *p, const struct extent *extent)
{
    struct pin *pin = *find(p, extent->id);
    if (!pin)
        return false;
    struct moved_range *m = malloc(sizeof(*m));
    if (m) {
        *m = (struct moved_range){{extent->group_id, extent->block, extent->block_count}, pin->moved};
        pin->moved = m;
    } else {
        log_warning_limited("out of memory: freed space stays unused until the next start");
    }
    return true;
}

static bool overlap(struct block_range a, struct block_range b)
{
    return a.group_id == b.group_id && a.block < b.block + b.count && b.block < a.block + a.count;
}

bool hold_defer(struct placement *p, struct block_range range, bool committed)
{
    for (struct placement_hold *h = p->holds; h; h = h->next) {
        if (!overlap(h->range, range))
            continue;
        assert(h->freed.count == 0);
        h->freed = range;
        h->freed_committed = committed;
        return true;
    }
    return false;
}

void placement_hold_range(struct placement *p, struct placement_hold *h, struct block_range range)
{
    placement_lock(p);
    *h = (struct placement_hold){.range = range, .next = p->holds};
    p->holds = h;
    placement_unlock(p);
}

void placement_unhold(struct placement *p, struct placement_hold *h)
{
    placement_lock(p);
    struct placement_hold **link = &p->holds;
    while (*link != h) {
        assert(*link);
        link = &(*link)->next;
    }
    *link = h->next;
    if (h->freed.count)
        allocator_free_range(p, h->freed, h->freed_committed); /* another hold may still overlap it */
    placement_unlock(p);
}

static int mark_moved(const struct pin *pin, int64_t group_id, struct group_space *space)
{
    int err = 0;
    for (const struct moved_range *m = pin->moved; m && !err; m = m->next)
        err = m->range.group_id == group_id ? group_space_mark(space, m->range.block, m->range.count) : 0;
    return err;
}

int pins_mark(struct placement *p, int64_t group_id, struct group_space *space)
{
    for (uint32_t i = 0; i < PIN_BUCKETS; i++) {
        for (struct pin *pin = p->pins[i]; pin; pin = pin->next) {
            int err = mark_moved(pin, group_id, space);
            if (err)
                return err;
            if (!pin->freed || pin->range.group_id != group_id)
                continue;
            err = group_space_mark(space, pin->range.block, pin->range.count);
            if (err)
                return err;
        }
    }
    for (struct placement_hold *h = p->holds; h; h = h->next) {
        if (h->freed.count == 0 || h->freed.group_id != group_id)
            continue;
        int err = group_space_mark(space, h->freed.block, h->freed.count);
        if (err)
            return err;
    }
    return 0;
}
