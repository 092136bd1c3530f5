/* See membership.h. */
#include "meta/membership.h"

#include "base/log.h"

static bool is_member(const struct volume *v)
{
    return atomic_load_explicit(&v->state, memory_order_acquire) != VOLUME_FREE;
}

static bool is_current_mirror(const struct volume *v)
{
    return v->present && atomic_load_explicit(&v->mirror, memory_order_acquire) == MIRROR_CURRENT;
}

bool membership_can_lose(const struct store *store, uint64_t volumes)
{
    uint32_t bad = 0, mirrors = 0;
    bool takes_mirror = false;
    for (uint32_t i = 0; i < store->volume_slots; i++) {
        const struct volume *v = &store->volumes[i];
        bool lost = (volumes >> i) & 1;
        if (is_member(v) && (lost || !volume_writable(v)))
            bad++;
        if (is_current_mirror(v)) {
            mirrors += !lost;
            takes_mirror |= lost;
        }
    }
    return bad <= store->parity_count && (!takes_mirror || mirrors > store->parity_count);
}

/* A volume on its way back is out of service, but its mirror is written to. */
static uint64_t suspect_since(const struct volume *v)
{
    bool asked = volume_writable(v) || atomic_load_explicit(&v->mirror, memory_order_acquire) != MIRROR_NONE;
    return asked ? atomic_load_explicit(&v->suspect_since_us, memory_order_acquire) : 0;
}

bool membership_pending(const struct store *store, uint64_t now_us)
{
    for (uint32_t i = 0; i < store->volume_slots; i++) {
        uint64_t since = suspect_since(&store->volumes[i]);
        if (since != 0 && since <= now_us)
            return true;
    }
    return false;
}

static struct volume *longest_suspected(struct store *store, uint64_t now_us)
{
    struct volume *found = NULL;
    for (uint32_t i = 0; i < store->volume_slots; i++) {
        struct volume *v = &store->volumes[i];
        uint64_t since = suspect_since(v);
        if (since != 0 && since <= now_us && (found == NULL || since < suspect_since(found)))
            found = v;
    }
    return found;
}

static int put_out(struct meta *meta, struct loop *loop, struct volume *v)
{
    struct store *store = meta_store(meta);
    struct store_change change = {.count = 1};
    change.set[0].index = v->index;
    change.set[0].state = volume_writable(v) ? VOLUME_OUT : (enum volume_state)atomic_load(&v->state);
    change.set[0].mirror = MIRROR_NONE;
    int err = store_change(store, loop, &change);
    if (err != 0)
        return err;
    atomic_store_explicit(&v->suspect_since_us, 0, memory_order_release);
    log_warning("volume %u (%s) is out of service: it failed or was too slow", v->index,
                v->device.path != NULL ? v->device.path : "?");
    placement_volumes_changed(meta_placement(meta));
    return 0;
}

int membership_review(struct meta *meta, struct loop *loop)
{
    struct store *store = meta_store(meta);
    uint64_t now_us = loop_now_us(loop);
    struct volume *v;
    while ((v = longest_suspected(store, now_us)) != NULL) {
        if (!membership_can_lose(store, 1ull << v->index)) {
            log_warning_limited("volume %u (%s) fails or is too slow, but the store cannot do without it", v->index,
                                v->device.path != NULL ? v->device.path : "?");
            atomic_store_explicit(&v->suspect_since_us, now_us + MEMBERSHIP_RETRY_US, memory_order_release);
            continue;
        }
        int err = put_out(meta, loop, v);
        if (err != 0)
            return err;
    }
    return 0;
}
