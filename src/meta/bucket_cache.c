/* See bucket_cache.h. */
#include "meta/bucket_cache.h"

#include <stdlib.h>
#include <string.h>

#include "meta/tables.h"

static size_t place(struct slice name)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < name.len; i++)
        hash = (hash ^ (uint8_t)name.data[i]) * 16777619u;
    return (hash ^ hash >> 16) & (BUCKET_CACHE_SIZE - 1);
}

const struct bucket_row *bucket_cache_find(const struct bucket_cache *cache, struct slice name, uint64_t epoch)
{
    const struct bucket_cache_entry *e = &cache->entries[place(name)];
    if (e->row == NULL || e->epoch != epoch || e->row->name.len != name.len ||
        memcmp(e->row->name.data, name.data, name.len) != 0)
        return NULL;
    return e->row;
}

static struct slice keep(char **room, struct slice bytes)
{
    memcpy(*room, bytes.data, bytes.len);
    struct slice kept = slice_of(*room, bytes.len);
    *room += bytes.len;
    return kept;
}

void bucket_cache_put(struct bucket_cache *cache, const struct bucket_row *row, uint64_t epoch)
{
    struct bucket_row *copy = malloc(sizeof *copy + row->name.len + row->region.len + row->attributes.len + 1);
    if (copy == NULL)
        return;
    char *room = (char *)(copy + 1);
    *copy = *row;
    copy->name = keep(&room, row->name);
    copy->region = keep(&room, row->region);
    copy->attributes = keep(&room, row->attributes);
    struct bucket_cache_entry *e = &cache->entries[place(row->name)];
    free(e->row);
    *e = (struct bucket_cache_entry){.epoch = epoch, .row = copy};
}

void bucket_cache_fini(struct bucket_cache *cache)
{
    for (size_t i = 0; i < BUCKET_CACHE_SIZE; i++)
        free(cache->entries[i].row);
}
