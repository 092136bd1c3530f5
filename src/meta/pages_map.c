/* Map blocks and roots: which version of each page is at home, and which slot of each map block counts. */
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "meta/pages_core.h"

static uint32_t crc_without(const void *data, size_t len, size_t field)
{
    static const uint8_t zero[4];
    const uint8_t *bytes = data;
    uint32_t crc = crc32c(0, bytes, field);
    crc = crc32c(crc, zero, sizeof zero);
    return crc32c(crc, bytes + field + 4, len - field - 4);
}

uint32_t page_map_crc(const struct map_block *b)
{
    return crc_without(b, sizeof *b, offsetof(struct map_block, crc));
}

void page_map_seal(struct map_block *b)
{
    b->crc = page_map_crc(b);
}

uint64_t page_map_entry_sequence(const struct map_entry *e)
{
    return (uint64_t)e->sequence_high << 32 | e->sequence_low;
}

uint32_t page_map_blocks_for(uint32_t database_pages)
{
    return database_pages == 0 ? 0 : page_map_block(database_pages) + 1;
}

struct map_entry page_map_get(struct pages *p, uint32_t number)
{
    uint32_t block = page_map_block(number);
    if (block >= p->map_count)
        return (struct map_entry){0};
    return p->map[block]->entries[page_map_entry(number)];
}

int page_map_reserve(struct pages *p, uint32_t count)
{
    if (count <= p->map_capacity)
        return 0;
    uint32_t capacity = p->map_capacity == 0 ? 64 : p->map_capacity;
    while (capacity < count)
        capacity *= 2;
    struct map_block **map = realloc(p->map, capacity * sizeof *map);
    if (map == NULL)
        return ERR_NO_MEMORY;
    p->map = map;
    uint8_t *slots = realloc(p->map_slots, capacity);
    if (slots == NULL)
        return ERR_NO_MEMORY;
    p->map_slots = slots;
    p->map_capacity = capacity;
    return 0;
}

void pages_root_seal(struct root_header *r, struct root_leaf *leaves)
{
    memcpy(r->magic, ROOT_MAGIC, sizeof r->magic);
    r->leaves_crc = crc32c(0, leaves, (size_t)r->leaf_count * sizeof *leaves);
    r->crc = crc_without(r, sizeof *r, offsetof(struct root_header, crc));
}

bool pages_root_header_valid(const struct pages *p, const struct root_header *r)
{
    return memcmp(r->magic, ROOT_MAGIC, sizeof r->magic) == 0 &&
           r->crc == crc_without(r, sizeof *r, offsetof(struct root_header, crc)) &&
           memcmp(&r->store_uuid, &p->store->uuid, sizeof(struct uuid)) == 0 && r->log_size == p->log_size &&
           r->leaf_count <= ROOT_LEAVES_MAX && r->map_block_count <= r->leaf_count * ROOT_LEAF_MAPS && r->log_off <= r->log_size;
}

bool pages_root_valid(const struct pages *p, const void *image)
{
    const struct root_header *r = image;
    return pages_root_header_valid(p, r) && r->leaves_crc == crc32c(0, r + 1, (size_t)r->leaf_count * sizeof(struct root_leaf));
}

int pages_root_image(struct pages *p, void **ret, uint32_t *ret_len)
{
    uint32_t len = pages_root_len(&p->root);
    struct root_header *r = aligned_alloc(4096, len);
    if (r == NULL)
        return ERR_NO_MEMORY;
    memset(r, 0, len);
    *r = p->root;
    struct root_leaf *leaves = (struct root_leaf *)(r + 1);
    for (uint32_t i = 0; i < p->map_count; i++) {
        struct root_leaf *leaf = &leaves[i / ROOT_LEAF_MAPS];
        leaf->crcs[i % ROOT_LEAF_MAPS] = p->map[i]->crc;
        leaf->slots[i % ROOT_LEAF_MAPS / 8] |= (uint8_t)(p->map_slots[i] << i % 8);
    }
    *ret = r;
    *ret_len = len;
    return 0;
}

struct map_wanted { uint32_t number, crc; };

static bool map_right(void *arg, const void *data)
{
    const struct map_wanted *want = arg;
    const struct map_block *b = data;
    return b->magic == MAP_MAGIC && b->number == want->number && b->crc == want->crc && b->crc == page_map_crc(b);
}

int page_map_load(struct pages *p, struct loop *loop, const struct root_leaf *leaves)
{
    int err = page_map_reserve(p, p->root.map_block_count);
    for (uint32_t i = 0; err == 0 && i < p->root.map_block_count; i++) {
        const struct root_leaf *leaf = &leaves[i / ROOT_LEAF_MAPS];
        struct map_wanted want = {i, leaf->crcs[i % ROOT_LEAF_MAPS]};
        p->map_slots[i] = leaf->slots[i % ROOT_LEAF_MAPS / 8] >> i % 8 & 1;
        p->map[i] = malloc(sizeof(struct map_block));
        if (p->map[i] == NULL)
            return ERR_NO_MEMORY;
        p->map_count = i + 1;
        err = mirror_read(p->mirror, loop, map_block_off(p->log_size, i, p->map_slots[i]), p->map[i], sizeof(struct map_block),
                          map_right, &want, !p->options.read_only);
    }
    return err;
}

struct root_header *pages_root_read(struct pages *p, struct loop *loop, uint32_t volume_index, uint32_t slot)
{
    uint64_t off = (uint64_t)slot * ROOT_SLOT_SIZE;
    struct root_header head;
    int err = mirror_read_one(p->mirror, loop, volume_index, off, &head, sizeof head);
    if (err != 0 || !pages_root_header_valid(p, &head) || (head.root_sequence & 1) != slot)
        return NULL;
    struct root_header *root = malloc(pages_root_len(&head));
    if (root == NULL)
        return NULL;
    err = mirror_read_one(p->mirror, loop, volume_index, off, root, pages_root_len(&head));
    if (err == 0 && pages_root_valid(p, root))
        return root;
    free(root);
    return NULL;
}

int pages_root_level(struct pages *p, struct loop *loop, uint32_t volume_index, const struct root_header *want, uint32_t *ret_written)
{
    static const uint8_t zero[4096];
    for (uint32_t slot = 0; slot < 2; slot++) {
        struct root_header *root = pages_root_read(p, loop, volume_index, slot);
        bool chosen = (want->root_sequence & 1) == slot;
        bool right = root != NULL && (chosen ? pages_root_len(root) == pages_root_len(want) &&
                                                   memcmp(root, want, pages_root_len(root)) == 0
                                             : root->root_sequence < want->root_sequence);
        free(root);
        if (right)
            continue;
        struct mirror_range range = {(uint64_t)slot * ROOT_SLOT_SIZE, chosen ? (const void *)want : zero,
                                     chosen ? pages_root_len(want) : sizeof zero};
        int err = mirror_write_one(p->mirror, loop, volume_index, &range, 1);
        if (err == 0)
            err = mirror_flush_one(p->mirror, loop, volume_index);
        if (err != 0)
            return err;
        if (ret_written != NULL && chosen)
            *ret_written += 1;
    }
    return 0;
}
