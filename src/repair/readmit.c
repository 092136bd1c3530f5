/* Brings volumes that are OUT, and answer again, back into service: when a while has passed (longer each time), the device
 * reads and flushes, and what extents miss on it is there. What was written while it was away never counted on it: groups
 * with it took no new extents, and shards that failed are noted missing. */
#include "repair/repair_private.h"

#include "base/container.h"
#include "base/log.h"
#include "volume/device_io.h"

#define PROBE_DEADLINE_US 1000000u
#define DELAY_MAX_US (3600ull * 1000000)

static int probe(struct repair *r, struct volume *v)
{
    uint8_t block[BLOCK_SIZE];
    struct device_request requests[2] = {
        {.device = &v->device, .kind = IO_READ, .off = 0, .data = block, .len = sizeof(block)},
        {.device = &v->device, .kind = IO_FLUSH},
    };
    int err = device_io(r->loop, requests, 2, PROBE_DEADLINE_US);
    if (!err)
        err = requests[0].result ? requests[0].result : requests[1].result;
    return err;
}

struct put_in { struct repair_exclusive call; uint32_t volume_index; };

static int run_put_in(struct meta *meta, struct loop *loop, struct meta_exclusive *exclusive)
{
    struct put_in *p = container_of(exclusive, struct put_in, call.exclusive);
    struct store *store = meta_store(meta);
    struct volume *v = &store->volumes[p->volume_index];
    if (!v->present || atomic_load(&v->state) != VOLUME_OUT)
        return 0; /* somebody else was faster */
    struct store_change change = {.count = 1};
    change.set[0].index = p->volume_index;
    change.set[0].state = VOLUME_IN;
    change.set[0].mirror = (enum mirror_state)atomic_load(&v->mirror);
    int err = store_change(store, loop, &change);
    if (!err) {
        atomic_store(&v->suspect_since_us, 0);
        placement_volumes_changed(meta_placement(meta));
    }
    return err;
}

static int readmit(struct repair *r, uint32_t index)
{
    struct volume *v = &r->store->volumes[index];
    int err = probe(r, v);
    if (!err)
        err = heal_volume(r, index);
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
        if (atomic_load(&v->state) != VOLUME_OUT) {
            r->out_since_us[i] = 0;
            if (now > r->readmit_at_us[i] + DELAY_MAX_US)
                r->readmit_delay_us[i] = 0; /* it has been well for long */
            continue;
        }
        if (!r->out_since_us[i]) {
            r->out_since_us[i] = now ? now : 1;
            if (!r->readmit_delay_us[i])
                r->readmit_delay_us[i] = r->options.readmit_delay_us;
            r->readmit_at_us[i] = now + r->readmit_delay_us[i];
        }
        if (!v->present || now < r->readmit_at_us[i] || r->store->read_only)
            continue;
        /* Twice as long before the next time, whether it fails now or goes out again. */
        r->readmit_delay_us[i] = r->readmit_delay_us[i] * 2 < DELAY_MAX_US ? r->readmit_delay_us[i] * 2 : DELAY_MAX_US;
        *ret_worked = true;
        int err = readmit(r, i);
        r->readmit_at_us[i] = loop_now_us(r->loop) + r->readmit_delay_us[i];
        return err;
    }
    return 0;
}
