/* Brings a mirror level that is LEVELLING: written to by commits and checkpoints already, but not read.
 *
 * Once a checkpoint that began after it joined has reached the sequence of that moment, all live log records and everything
 * dirty are or will be on it; what is left are homes that were clean, checked one by one, and at last the map and the root.
 * Its own map is no guide: checkpoints have written new blocks to it that vouch for old homes. So its homes are all read;
 * only those behind are written. */
#include "meta/pages_core.h"

#define CHECKPOINT_TRIES 50

/* Every checkpoint from now on began after the mirror joined, and the log holds nothing older than that. */
static int pass_join(struct pages *p, struct loop *loop)
{
    pages_slot_take(p);
    pages_slot_give(p);
    pthread_mutex_lock(&p->lock);
    uint64_t join = p->sequence;
    pthread_mutex_unlock(&p->lock);
    for (int i = 0; i < CHECKPOINT_TRIES; i++) {
        pages_slot_take(p);
        bool passed = p->root.checkpoint_sequence >= join && p->plan == NULL;
        pages_slot_give(p);
        if (passed)
            return 0;
        int err = pages_checkpoint_run(p, loop, false);
        if (err != 0)
            return err;
    }
    return ERR_BUSY; /* an old snapshot holds the checkpoint */
}

static uint32_t map_count(struct pages *p)
{
    pthread_mutex_lock(&p->lock);
    uint32_t count = p->map_count;
    pthread_mutex_unlock(&p->lock);
    return count;
}

static int level_homes(struct pages *p, struct loop *loop, uint32_t volume_index, void (*progress)(void *, uint64_t, uint64_t),
                       void *arg, struct pages_scrub *s)
{
    /* Blocks that the map gains meanwhile are all written by checkpoints that know the mirror. */
    uint32_t total = map_count(p);
    for (uint32_t i = 0; i < total; i++) {
        if (atomic_load(&p->level_stop))
            return ERR_CANCELLED;
        if (atomic_load(&p->store->volumes[volume_index].mirror) != MIRROR_LEVELLING)
            return ERR_IO; /* it failed a write meanwhile and was put out */
        int err = pages_verify_homes(p, loop, volume_index, i, s);
        if (err != 0)
            return err;
        if (progress != NULL)
            progress(arg, (uint64_t)(i + 1) * MAP_ENTRIES, (uint64_t)total * MAP_ENTRIES);
    }
    return 0;
}

void pages_level_stop(struct pages *p, bool stop)
{
    atomic_store(&p->level_stop, stop);
}

int pages_level(struct pages *p, struct loop *loop, uint32_t volume_index, void (*progress)(void *, uint64_t, uint64_t), void *arg)
{
    struct volume *v = &p->store->volumes[volume_index];
    if (p->options.read_only)
        return ERR_READ_ONLY;
    if (!v->present || atomic_load(&v->mirror) != MIRROR_LEVELLING)
        return ERR_INVALID;
    if (mirror_late(p->mirror, volume_index) != 0)
        return ERR_BUSY;
    struct pages_scrub s = {0};
    int err = pass_join(p, loop);
    if (err == 0)
        err = level_homes(p, loop, volume_index, progress, arg, &s);
    if (err != 0)
        return err;
    pages_slot_take(p);
    err = p->plan != NULL ? ERR_BUSY : pages_verify_maps(p, loop, volume_index, &s);
    pages_slot_give(p);
    if (err == 0 && s.bad != s.mended)
        err = ERR_CORRUPT;
    if (err == 0 && atomic_load(&v->mirror) != MIRROR_LEVELLING)
        err = ERR_IO; /* it failed a write meanwhile and was put out */
    return err;
}
