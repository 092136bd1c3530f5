#include "meta/freed.h"

#include <stdlib.h>

#include "base/log.h"

static bool grow(struct freed *f)
{
    size_t capacity = f->capacity ? 2 * f->capacity : 256;
    struct freed_entry *entries = malloc(capacity * sizeof(*entries));
    if (!entries)
        return false;
    for (size_t i = 0; i < f->count; i++)
        entries[i] = f->entries[(f->first + i) % f->capacity];
    free(f->entries);
    *f = (struct freed){entries, 0, f->count, capacity};
    return true;
}

static void give(struct placement *placement, const struct extent *extent, bool moved)
{
    if (moved)
        placement_free_moved(placement, extent);
    else
        placement_free(placement, extent);
}

void freed_add(struct freed *f, struct pages *pages, struct placement *placement, const struct extent *extent, bool moved)
{
    if (!pages) {
        give(placement, extent, moved);
        return;
    }
    if (f->count == f->capacity && !grow(f)) {
        log_warning_limited("out of memory: freed space stays unused until the next start");
        return;
    }
    f->entries[(f->first + f->count++) % f->capacity] = (struct freed_entry){pages_sequence(pages), *extent, moved};
}

int freed_list_group(const struct freed *f, int64_t group_id, int (*fn)(void *, const struct extent *), void *arg)
{
    int err = 0;
    for (size_t i = 0; i < f->count && !err; i++) {
        const struct extent *extent = &f->entries[(f->first + i) % f->capacity].extent;
        err = extent->group_id == group_id ? fn(arg, extent) : 0;
    }
    return err;
}

void freed_settle(struct freed *f, struct pages *pages, struct placement *placement)
{
    if (!f->count)
        return;
    uint64_t oldest = pages_oldest(pages);
    while (f->count && f->entries[f->first].sequence <= oldest) {
        give(placement, &f->entries[f->first].extent, f->entries[f->first].moved);
        f->first = (f->first + 1) % f->capacity;
        f->count--;
    }
}

void freed_fini(struct freed *f)
{
    free(f->entries);
    *f = (struct freed){0};
}
