/* Opening, and the groups in memory: a hash by id. The other files hold chunks, blocks, pins, wants and the plan of groups. */
#include "placement/placement_private.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int placement_open(struct store *store, struct placement **ret)
{
    struct placement *p = calloc(1, sizeof(*p));
    if (!p)
        return ERR_NO_MEMORY;
    p->store = store;
    p->blocks_per_chunk = store->chunk_size / BLOCK_SIZE;
    p->waiters_tail = &p->waiters;
    p->bucket_count = 1024;
    p->buckets = calloc(p->bucket_count, sizeof(*p->buckets));
    if (!p->buckets || pthread_mutex_init(&p->lock, NULL) != 0) {
        free(p->buckets);
        free(p);
        return ERR_NO_MEMORY;
    }
    int err = chunk_space_sync(p);
    if (err) {
        placement_close(p);
        return err;
    }
    *ret = p;
    return 0;
}

void placement_close(struct placement *p)
{
    if (!p)
        return;
    for (uint32_t i = 0; i < p->group_count; i++) {
        free(p->groups[i]->space);
        free(p->groups[i]);
    }
    free(p->groups);
    free(p->buckets);
    for (uint32_t i = 0; i < PIN_BUCKETS; i++) {
        for (struct pin *pin = p->pins[i], *next; pin; pin = next) {
            next = pin->next;
            for (struct moved_range *m = pin->moved, *after; m; m = after) {
                after = m->next;
                free(m);
            }
            free(pin);
        }
    }
    for (struct pin *pin = p->pin_spares, *next; pin; pin = next) {
        next = pin->next;
        free(pin);
    }
    for (uint32_t i = 0; i < VOLUMES_MAX; i++) {
        free(p->chunks[i].state);
        free(p->chunks[i].writes);
    }
    pthread_mutex_destroy(&p->lock);
    free(p);
}

struct store *placement_store(struct placement *p)
{
    return p->store;
}

void placement_lock(struct placement *p)
{
    pthread_mutex_lock(&p->lock);
}

void placement_unlock(struct placement *p)
{
    struct placement_waiter *wake = p->wake;
    void (*notify)(void *) = p->notify_due ? p->notify : NULL;
    void *arg = p->notify_arg;
    p->wake = NULL;
    p->notify_due = p->notify_due && !p->notify;
    pthread_mutex_unlock(&p->lock);
    while (wake) {
        struct placement_waiter *next = wake->next; /* its owner may be gone once it is posted */
        loop_post(wake->loop, &wake->task);
        wake = next;
    }
    if (notify)
        notify(arg);
}

/* --- the table of groups --- */

static struct group_entry **bucket(struct placement *p, int64_t group_id)
{
    uint64_t h = (uint64_t)group_id * 0x9e3779b97f4a7c15ull;
    return &p->buckets[(h >> 32) & (p->bucket_count - 1)];
}

struct group_entry *placement_find(struct placement *p, int64_t group_id)
{
    for (struct group_entry *e = *bucket(p, group_id); e; e = e->hash_next) {
        if (e->group.id == group_id)
            return e;
    }
    return NULL;
}

static int grow_table(struct placement *p)
{
    if (p->group_count == p->group_capacity) {
        uint32_t capacity = p->group_capacity ? p->group_capacity * 2 : 64;
        struct group_entry **groups = realloc(p->groups, capacity * sizeof(*groups));
        if (!groups)
            return ERR_NO_MEMORY;
        p->groups = groups;
        p->group_capacity = capacity;
    }
    if (p->group_count < p->bucket_count)
        return 0;
    struct group_entry **buckets = calloc((size_t)p->bucket_count * 4, sizeof(*buckets));
    if (!buckets)
        return ERR_NO_MEMORY;
    free(p->buckets);
    p->buckets = buckets;
    p->bucket_count *= 4;
    for (uint32_t i = 0; i < p->group_count; i++) {
        struct group_entry **b = bucket(p, p->groups[i]->group.id);
        p->groups[i]->hash_next = *b;
        *b = p->groups[i];
    }
    return 0;
}

static bool group_sound(struct placement *p, const struct group *g)
{
    uint32_t slots = (uint32_t)g->data_count + g->parity_count;
    if (g->data_count < 1 || g->data_count > DATA_MAX || g->parity_count > PARITY_MAX || g->matrix != 1 ||
        g->free_blocks >= p->blocks_per_chunk)
        return false;
    uint64_t volumes = 0;
    for (uint32_t i = 0; i < slots; i++) {
        uint32_t v = g->slots[i].volume_index;
        if (v >= VOLUMES_MAX || g->slots[i].chunk >= p->chunks[v].count || volumes & 1ull << v)
            return false;
        volumes |= 1ull << v;
    }
    return true;
}

static int load_group(struct placement *p, const struct group *g)
{
    if (!group_sound(p, g))
        return ERR_CORRUPT;
    if (placement_find(p, g->id))
        return ERR_CORRUPT;
    int err = grow_table(p);
    if (err)
        return err;
    struct group_entry *e = calloc(1, sizeof(*e));
    if (!e)
        return ERR_NO_MEMORY;
    uint32_t slots = (uint32_t)g->data_count + g->parity_count;
    for (uint32_t i = 0; i < slots; i++) {
        err = chunk_space_use(p, g->slots[i]);
        if (err) {
            while (i--)
                chunk_space_give(p, g->slots[i]);
            free(e);
            return err;
        }
    }
    e->group = *g;
    e->longest = p->blocks_per_chunk - 1;
    e->index = p->group_count;
    p->groups[p->group_count++] = e;
    struct group_entry **b = bucket(p, g->id);
    e->hash_next = *b;
    *b = e;
    return 0;
}

int placement_load_group(struct placement *p, const struct group *g)
{
    placement_lock(p);
    int err = load_group(p, g);
    placement_unlock(p);
    return err;
}

int placement_group(struct placement *p, int64_t group_id, struct group *ret)
{
    placement_lock(p);
    struct group_entry *e = placement_find(p, group_id);
    if (e)
        *ret = e->group;
    placement_unlock(p);
    return e ? 0 : ERR_NOT_FOUND;
}

int placement_move_slot(struct placement *p, int64_t group_id, uint32_t slot, struct group_slot to)
{
    placement_lock(p);
    struct group_entry *e = placement_find(p, group_id);
    int err = e && slot < (uint32_t)e->group.data_count + e->group.parity_count ? 0 : ERR_NOT_FOUND;
    if (!err)
        err = chunk_space_use(p, to);
    if (!err) {
        chunk_space_give(p, e->group.slots[slot]);
        e->group.slots[slot] = to;
        want_wake_all(p);
    }
    placement_unlock(p);
    return err;
}

void placement_shut(struct placement *p, struct group_entry *e)
{
    assert(e->space && e->reserved == 0);
    for (uint32_t i = 0; i < p->open_count; i++) {
        if (p->open[i] == e) {
            p->open[i] = p->open[--p->open_count];
            break;
        }
    }
    e->longest = e->space->longest;
    free(e->space);
    e->space = NULL;
}

int placement_close_group(struct placement *p, int64_t group_id)
{
    placement_lock(p);
    struct group_entry *e = placement_find(p, group_id);
    if (e)
        e->group.closed = 1;
    placement_unlock(p);
    return e ? 0 : ERR_NOT_FOUND;
}

int placement_reopen_group(struct placement *p, int64_t group_id)
{
    placement_lock(p);
    struct group_entry *e = placement_find(p, group_id);
    if (e) {
        e->group.closed = 0;
        want_wake_all(p);
    }
    placement_unlock(p);
    return e ? 0 : ERR_NOT_FOUND;
}

/* Blocks handed out that may yet be committed: not those that only wait for a late write to return. */
static uint32_t promised(struct placement *p, const struct group_entry *e)
{
    uint32_t blocks = e->reserved;
    for (const struct placement_hold *h = p->holds; h; h = h->next) {
        if (h->freed.count && !h->freed_committed && h->freed.group_id == e->group.id)
            blocks -= h->freed.count;
    }
    return blocks;
}

int placement_group_reserved(struct placement *p, int64_t group_id, uint32_t *ret_blocks)
{
    placement_lock(p);
    struct group_entry *e = placement_find(p, group_id);
    if (e)
        *ret_blocks = promised(p, e);
    placement_unlock(p);
    return e ? 0 : ERR_NOT_FOUND;
}

bool placement_close_empty_group(struct placement *p, int64_t *ret_group_id)
{
    bool found = false;
    placement_lock(p);
    for (uint32_t i = 0; i < p->group_count && !found; i++) {
        struct group_entry *e = p->groups[i];
        found = !e->group.closed && e->reserved == 0 && e->group.free_blocks == p->blocks_per_chunk - 1;
        if (found) {
            e->group.closed = 1;
            *ret_group_id = e->group.id;
        }
    }
    placement_unlock(p);
    return found;
}

int placement_remove_group(struct placement *p, int64_t group_id)
{
    placement_lock(p);
    struct group_entry *e = placement_find(p, group_id);
    int err = !e ? ERR_NOT_FOUND : promised(p, e) ? ERR_BUSY : 0;
    if (!err) {
        e->reserved = 0;
        if (e->space)
            placement_shut(p, e);
        for (uint32_t i = 0; i < (uint32_t)e->group.data_count + e->group.parity_count; i++)
            chunk_space_give(p, e->group.slots[i]);
        struct group_entry **link = bucket(p, group_id);
        while (*link != e)
            link = &(*link)->hash_next;
        *link = e->hash_next;
        p->groups[e->index] = p->groups[--p->group_count];
        p->groups[e->index]->index = e->index;
        free(e);
        want_load_gone(p, group_id);
        want_wake_all(p);
    }
    placement_unlock(p);
    return err;
}
