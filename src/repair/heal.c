/* Extents with missing slots get them back. The list of them is short in a sound store; extents whose missing slots all lie
 * on volumes out of service wait for relocate.c or readmit.c. */
#include "repair/repair_private.h"

/* Mends one extent; *ret_progress: some slot is no longer missing. */
static int heal_extent(struct repair *r, const struct extent *extent, uint64_t include_volumes, bool *ret_progress)
{
    struct extent_repair how = {.extent = extent, .include_volumes = include_volumes};
    int lost = repair_extent(r, &how);
    uint32_t missing = extent->missing & ~(how.bad & ~how.still_bad);
    *ret_progress = missing != extent->missing;
    int err = *ret_progress ? repair_set_missing(r, extent->id, missing) : 0;
    if (!err && missing == 0) {
        pthread_mutex_lock(&r->lock);
        r->status.extents_healed++;
        pthread_mutex_unlock(&r->lock);
    }
    return err ? err : lost;
}

int heal_step(struct repair *r, bool *ret_worked)
{
    *ret_worked = false;
    if (loop_now_us(r->loop) < r->heal_at_us)
        return 0;
    struct repair_find f = {.only_missing = true, .after = r->heal_after};
    int err = repair_find(r, &f);
    if (err)
        return err;
    if (!f.found) {
        /* The end of a pass; another at once if it got something done. */
        *ret_worked = r->heal_progress;
        if (!r->heal_progress)
            r->heal_at_us = loop_now_us(r->loop) + r->options.poll_us;
        r->heal_after = 0;
        r->heal_progress = false;
        return 0;
    }
    repair_set_activity(r, REPAIR_HEALING);
    bool progress;
    err = heal_extent(r, &f.extent, 0, &progress);
    r->heal_after = f.extent.id;
    r->heal_progress = r->heal_progress || progress;
    repair_find_drop(&f);
    *ret_worked = true;
    return err;
}

int heal_volume(struct repair *r, uint32_t volume_index)
{
    uint64_t volume = 1ull << volume_index;
    for (int64_t after = 0; !atomic_load(&r->stopping);) {
        struct repair_find f = {.only_missing = true, .volumes = volume, .after = after};
        int err = repair_find(r, &f);
        if (err || !f.found)
            return err;
        repair_set_activity(r, REPAIR_HEALING);
        bool progress = false;
        err = heal_extent(r, &f.extent, volume, &progress);
        after = f.extent.id;
        repair_find_drop(&f);
        if (!err && !progress)
            err = ERR_IO;
        if (err)
            return err;
    }
    return ERR_CANCELLED;
}
