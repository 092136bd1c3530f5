/* What the fixture's memory-only volumes cannot do; weak, so that a test that links the real thing has the real thing. */
#include "meta_fixture.h"

#define FAKE __attribute__((weak))

FAKE bool store_lease_held(struct store *s, uint64_t now_us)
{
    (void)now_us;
    return s->lease == NULL;
}

FAKE void volume_suspect(struct volume *v, uint64_t now_us)
{
    uint64_t none = 0;
    atomic_compare_exchange_strong(&v->suspect_since_us, &none, now_us);
}

FAKE int store_change(struct store *s, struct loop *loop, const struct store_change *change)
{
    (void)loop;
    for (uint32_t i = 0; i < change->count; i++) {
        atomic_store(&s->volumes[change->set[i].index].state, change->set[i].state);
        atomic_store(&s->volumes[change->set[i].index].mirror, change->set[i].mirror);
    }
    s->generation++;
    return 0;
}

FAKE int placement_write_headers(struct placement *p, struct loop *loop, const struct group *group)
{
    (void)p, (void)loop, (void)group;
    return 0;
}
