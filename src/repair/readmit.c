/* Puts volumes back into service that were OUT and are ready again: the metadata's keeper (meta/volumes.h) has seen them answer
 * for long enough and has brought their mirror level; here they get what extents miss on them, and go IN. What was written
 * while one was away never counted on it: groups with it took no new extents, and shards that failed are noted missing. */
#include "repair/repair_private.h"

#include "base/container.h"
#include "base/log.h"
#include "meta/volumes.h"

struct put_in { struct repair_exclusive call; uint32_t volume_index; };

static int run_put_in(struct meta *meta, struct loop *loop, struct meta_exclusive *exclusive)
{
    struct put_in *p = container_of(exclusive, struct put_in, call.exclusive);
    struct store *store = meta_store(meta);
    struct volume *v = &store->volumes[p->volume_index];
    if (!volumes_ready(meta, p->volume_index))
        return 0; /* it failed again, or the operator has other plans */
    struct store_change change = {.count = 1};
    change.set[0].index = p->volume_index;
    change.set[0].state = VOLUME_IN;
    change.set[0].mirror = (enum mirror_state)atomic_load(&v->mirror);
    int err = store_change(store, loop, &change);
    if (!err && atomic_load(&v->state) != VOLUME_IN)
        volumes_refused(meta, p->volume_index); /* it did not take its superblock */
    if (!err) {
        atomic_store(&v->suspect_since_us, 0);
        placement_volumes_changed(meta_placement(meta));
    }
    return err;
}

static int readmit(struct repair *r, uint32_t index)
{
    struct volume *v = &r->store->volumes[index];
    int err = heal_volume(r, index);
    struct put_in p = {.call.exclusive.run = run_put_in, .volume_index = index};
    if (!err)
        err = repair_exclusive(r, &p.call);
    if (err)
        return err;
    if (atomic_load(&v->state) != VOLUME_IN)
        return ERR_IO; /* it failed again while it was put in */
    log_notice("volume %u (%s) is back in service", index, v->device.path ? v->device.path : "?");
    pthread_mutex_lock(&r->lock);
    r->status.volumes_readmitted++;
    pthread_mutex_unlock(&r->lock);
    return 0;
}

int readmit_step(struct repair *r, bool *ret_worked)
{
    *ret_worked = false;
    uint64_t now = loop_now_us(r->loop);
    for (uint32_t i = 0; i < r->store->volume_slots; i++) {
        struct volume *v = &r->store->volumes[i];
        int state = atomic_load(&v->state);
        if (state != VOLUME_OUT && state != VOLUME_OFFLINE) {
            r->out_since_us[i] = r->readmit_at_us[i] = 0;
            continue;
        }
        if (!r->out_since_us[i])
            r->out_since_us[i] = now ? now : 1;
        if (now < r->readmit_at_us[i] || !volumes_ready(r->meta, i))
            continue;
        *ret_worked = true;
        int err = readmit(r, i);
        r->readmit_at_us[i] = loop_now_us(r->loop) + r->options.poll_us;
        return err;
    }
    return 0;
}
