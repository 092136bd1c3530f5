/* Chunk groups: which chunk of which volume each slot is, and how much of the group is free. */
#include <endian.h>
#include <string.h>

#include "meta/statement.h"
#include "meta/tables.h"

#define SLOT_SIZE 8u /* volume index, chunk: 4 bytes each, little-endian */

static struct slice encode_slots(const struct group *g, uint8_t bytes[SLOTS_MAX * SLOT_SIZE])
{
    uint32_t count = (uint32_t)g->data_count + g->parity_count;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t pair[2] = {htole32(g->slots[i].volume_index), htole32(g->slots[i].chunk)};
        memcpy(bytes + (size_t)i * SLOT_SIZE, pair, SLOT_SIZE);
    }
    return slice_of((const char *)bytes, (size_t)count * SLOT_SIZE);
}

static bool is_sound(const struct group *g)
{
    return g->data_count >= 1 && g->data_count <= DATA_MAX && g->parity_count <= PARITY_MAX;
}

static int decode_slots(struct slice bytes, struct group *g)
{
    uint32_t count = (uint32_t)g->data_count + g->parity_count;
    if (bytes.len != (size_t)count * SLOT_SIZE)
        return ERR_CORRUPT;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t pair[2];
        memcpy(pair, bytes.data + (size_t)i * SLOT_SIZE, SLOT_SIZE);
        g->slots[i] = (struct group_slot){.volume_index = le32toh(pair[0]), .chunk = le32toh(pair[1])};
        if (g->slots[i].volume_index >= VOLUMES_MAX)
            return ERR_CORRUPT;
    }
    return 0;
}

static int read_row(const struct statement *s, struct group *ret)
{
    int64_t free_blocks = statement_int(s, 5);
    if (statement_int(s, 1) > DATA_MAX || statement_int(s, 2) > PARITY_MAX || statement_int(s, 1) < 0 ||
        statement_int(s, 2) < 0 || free_blocks < 0 || free_blocks > UINT32_MAX)
        return ERR_CORRUPT;
    *ret = (struct group){
        .id = statement_int(s, 0),
        .data_count = (uint8_t)statement_int(s, 1),
        .parity_count = (uint8_t)statement_int(s, 2),
        .matrix = (uint8_t)statement_int(s, 3),
        .closed = statement_int(s, 4) != 0,
        .free_blocks = (uint32_t)free_blocks,
    };
    return is_sound(ret) ? decode_slots(statement_blob(s, 6), ret) : ERR_CORRUPT;
}

int group_insert(struct meta_tx *tx, const struct group *g)
{
    if (!is_sound(g))
        return ERR_INVALID;
    uint8_t slots[SLOTS_MAX * SLOT_SIZE];
    struct statement s = statement_begin(tx, STATEMENT_GROUP_INSERT);
    statement_bind_int(&s, g->id);
    statement_bind_int(&s, g->data_count);
    statement_bind_int(&s, g->parity_count);
    statement_bind_int(&s, g->matrix);
    statement_bind_int(&s, g->closed);
    statement_bind_int(&s, g->free_blocks);
    statement_bind_blob(&s, encode_slots(g, slots));
    return statement_execute(&s);
}

int group_update(struct meta_tx *tx, const struct group *g)
{
    if (!is_sound(g))
        return ERR_INVALID;
    uint8_t slots[SLOTS_MAX * SLOT_SIZE];
    struct statement s = statement_begin(tx, STATEMENT_GROUP_UPDATE);
    statement_bind_int(&s, g->id);
    statement_bind_int(&s, g->closed);
    statement_bind_blob(&s, encode_slots(g, slots));
    int err = statement_execute(&s);
    return err == 0 && statement_changes(&s) == 0 ? ERR_NOT_FOUND : err;
}

int group_delete(struct meta_tx *tx, int64_t id)
{
    struct statement s = statement_begin(tx, STATEMENT_GROUP_DELETE);
    statement_bind_int(&s, id);
    int err = statement_execute(&s);
    return err == 0 && statement_changes(&s) == 0 ? ERR_NOT_FOUND : err;
}

int group_list(struct meta_tx *tx, int64_t after, int (*fn)(void *, const struct group *), void *arg)
{
    struct statement s = statement_begin(tx, STATEMENT_GROUP_LIST);
    statement_bind_int(&s, after);
    int err;
    while ((err = statement_row(&s)) == 0) {
        struct group row;
        err = read_row(&s, &row);
        if (err == 0)
            err = fn(arg, &row);
        if (err != 0)
            break;
    }
    return statement_end_walk(&s, err);
}
