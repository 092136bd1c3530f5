/* The choice of the generation in force. Invariants, numbered as in docs/FORMAT.md "Generations":
 *  G1  A generation is in force once N-m members of its own table hold it (N: members not FREE).
 *  G2  One that the members out of sight may have put in force is adopted: somebody may have acted on it.
 *  G3  One that cannot have been in force is superseded: nobody has acted on it.
 *  G4  Generations in force form one chain by parent hash; anything else is a fork, and nothing is opened.
 *  G5  A member one change away from the chosen generation (its parent, or a superseded child of it) missed nothing:
 *      nothing is acknowledged between a change's first write and its being in force with all who failed it put out.
 *  G7  No generation older than one that was in force is gone on from: too many members hold old copies. */
#include "volume/generation.h"

#include <assert.h>

static bool lists(const struct superblock *table, const struct superblock *volume)
{
    const struct member *m = &table->members[volume->volume_index];
    return m->state != VOLUME_FREE && uuid_equal(&m->uuid, &volume->volume_uuid);
}

/* True when the generation with this number and hash led to this one, as far as it remembers. */
static bool is_ancestor(const struct superblock *of, uint64_t generation, uint64_t hash)
{
    if (generation + ANCESTORS_MAX <= of->generation)
        return true; /* too long ago to be known: stale, whatever it was */
    return of->ancestors[generation % ANCESTORS_MAX] == hash;
}

struct holders {
    uint32_t holding, unseen, member_count, seen;
};

/* A volume that holds a descendant counts for the ancestor: only what was in force is ever built upon. */
static struct holders count_holders(const struct generation_seen *seen, uint32_t count, uint32_t candidate)
{
    const struct superblock *table = seen[candidate].superblock;
    struct holders h = {.member_count = superblock_member_count(table)};
    for (uint32_t i = 0; i < count; i++) {
        if (!lists(table, seen[i].superblock))
            continue;
        h.seen++;
        h.holding += seen[i].hash == seen[candidate].hash ||
                     (seen[i].superblock->generation > table->generation &&
                      is_ancestor(seen[i].superblock, table->generation, seen[candidate].hash));
    }
    h.unseen = h.member_count - h.seen;
    return h;
}

static uint32_t needed(const struct holders *h, const struct superblock *s)
{
    return h->member_count > s->parity_count ? h->member_count - s->parity_count : 1;
}

static bool in_force(const struct generation_seen *seen, uint32_t count, uint32_t i)
{
    struct holders h = count_holders(seen, count, i);
    return h.holding >= needed(&h, seen[i].superblock);
}

static bool may_be_in_force(const struct generation_seen *seen, uint32_t count, uint32_t i)
{
    struct holders h = count_holders(seen, count, i);
    return h.holding + h.unseen >= needed(&h, seen[i].superblock);
}

/* The highest generation that is, or may be, in force. */
static int choose(const struct generation_seen *seen, uint32_t count, uint32_t *ret)
{
    uint32_t best = count;
    for (uint32_t i = 0; i < count; i++) {
        if (!may_be_in_force(seen, count, i))
            continue;
        if (best == count || seen[i].superblock->generation > seen[best].superblock->generation)
            best = i;
        else if (seen[i].superblock->generation == seen[best].superblock->generation &&
                 seen[i].hash != seen[best].hash &&
                 !in_force(seen, count, best) && in_force(seen, count, i))
            best = i;
    }
    if (best == count)
        return ERR_QUORUM;
    *ret = best;
    return 0;
}

/* True when volume i shows a history that is or may be in force and that the chosen one does not descend from. */
static bool is_fork(const struct generation_seen *seen, uint32_t count, uint32_t chosen, uint32_t i)
{
    const struct superblock *a = seen[chosen].superblock, *b = seen[i].superblock;
    if (b->generation > a->generation || seen[i].hash == seen[chosen].hash)
        return false;
    if (!may_be_in_force(seen, count, i))
        return false;
    return b->generation == a->generation || !is_ancestor(a, b->generation, seen[i].hash);
}

static enum generation_verdict judge(const struct generation_seen *seen, uint32_t chosen, uint32_t i)
{
    const struct superblock *a = seen[chosen].superblock, *b = seen[i].superblock;
    if (!lists(a, b))
        return GENERATION_NOT_MEMBER;
    if (seen[i].hash == seen[chosen].hash)
        return GENERATION_CURRENT;
    bool parent = b->generation < a->generation && seen[i].hash == a->parent_hash;
    bool superseded_child = b->generation > a->generation && b->parent_hash == seen[chosen].hash;
    return parent || superseded_child ? GENERATION_CURRENT : GENERATION_STALE;
}

int generation_choose(struct generation_seen *seen, uint32_t count, struct generation_choice *ret, uint32_t *ret_other)
{
    assert(count > 0 && count <= VOLUMES_MAX);
    uint64_t highest = 0;
    for (uint32_t i = 0; i < count; i++) {
        seen[i].hash = superblock_shared_hash(seen[i].superblock);
        if (seen[i].superblock->generation > highest)
            highest = seen[i].superblock->generation;
    }
    uint32_t chosen;
    int err = choose(seen, count, &chosen);
    if (err < 0)
        return err;
    struct holders h = count_holders(seen, count, chosen);
    const struct superblock *table = seen[chosen].superblock;
    *ret = (struct generation_choice){.chosen = chosen, .hash = seen[chosen].hash, .highest = highest};
    for (uint32_t i = 0; i < count; i++) {
        if (!is_fork(seen, count, chosen, i))
            continue;
        if (ret_other)
            *ret_other = i;
        return ERR_FORK;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (seen[i].superblock->in_force <= table->generation)
            continue;
        if (ret_other)
            *ret_other = i;
        return ERR_STALE;
    }
    if (h.seen <= table->parity_count && h.seen < needed(&h, table))
        return ERR_QUORUM;
    ret->in_doubt = h.holding < needed(&h, table);
    ret->quorum = h.seen >= needed(&h, table);
    for (uint32_t i = 0; i < count; i++)
        seen[i].verdict = judge(seen, chosen, i);
    return 0;
}
