/* Extents: where user bytes lie. Each carries its references, the slots still missing, and the CRC32C of each unit; the free
 * space of its group is kept with it, in the same transaction. */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "meta/extent_reference.h"
#include "meta/statement.h"
#include "meta/tables.h"

static bool fits_u32(int64_t value)
{
    return value >= 0 && value <= UINT32_MAX;
}

static int read_row(const struct statement *s, struct extent *ret)
{
    int64_t block = statement_int(s, 2), block_count = statement_int(s, 3), len = statement_int(s, 4);
    int64_t unit_shift = statement_int(s, 5), missing = statement_int(s, 6);
    if (!fits_u32(block) || !fits_u32(block_count) || block_count == 0 || len <= 0 || !fits_u32(missing) ||
        unit_shift < 9 || unit_shift > 31)
        return ERR_CORRUPT;
    *ret = (struct extent){
        .id = statement_int(s, 0),
        .group_id = statement_int(s, 1),
        .block = (uint32_t)block,
        .block_count = (uint32_t)block_count,
        .len = (uint64_t)len,
        .unit_shift = (uint8_t)unit_shift,
        .missing = (uint32_t)missing,
    };
    return 0;
}

static int take_blocks(struct meta_tx *tx, int64_t group_id, int64_t count)
{
    struct statement s = statement_begin(tx, STATEMENT_GROUP_TAKE_BLOCKS);
    statement_bind_int(&s, group_id);
    statement_bind_int(&s, count);
    int err = statement_execute(&s);
    return err == 0 && statement_changes(&s) == 0 ? ERR_CORRUPT : err;
}

/* NULL: out of memory. */
static uint32_t *encode_crcs(const struct extent *e)
{
    uint32_t *crcs = malloc((size_t)e->crc_count * 4 + 1);
    for (uint32_t i = 0; crcs != NULL && i < e->crc_count; i++)
        crcs[i] = htole32(e->crcs[i]);
    return crcs;
}

static int insert_row(struct meta_tx *tx, const struct extent *e, uint32_t refs)
{
    uint32_t *crcs = encode_crcs(e);
    if (crcs == NULL)
        return ERR_NO_MEMORY;
    struct statement s = statement_begin(tx, STATEMENT_EXTENT_INSERT);
    statement_bind_int(&s, e->id);
    statement_bind_int(&s, e->group_id);
    statement_bind_int(&s, e->block);
    statement_bind_int(&s, e->block_count);
    statement_bind_int(&s, (int64_t)e->len);
    statement_bind_int(&s, e->unit_shift);
    statement_bind_int(&s, e->missing);
    statement_bind_int(&s, refs);
    statement_bind_blob(&s, slice_of((const char *)crcs, (size_t)e->crc_count * 4));
    int err = statement_execute(&s);
    free(crcs);
    return err;
}

int extent_insert(struct meta_tx *tx, const struct extent *extent, uint32_t refs)
{
    int err = insert_row(tx, extent, refs);
    if (err == 0)
        err = take_blocks(tx, extent->group_id, extent->block_count);
    return err != 0 ? err : meta_tx_added(tx, extent);
}

int extent_get(struct meta_tx *tx, int64_t id, struct extent *ret)
{
    struct statement s = statement_begin(tx, STATEMENT_EXTENT_GET);
    statement_bind_int(&s, id);
    int err = statement_row(&s);
    if (err != 0)
        return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
    struct extent row;
    err = read_row(&s, &row);
    struct slice crcs = statement_blob(&s, 7);
    if (err == 0 && crcs.len % 4 != 0)
        err = ERR_CORRUPT;
    if (err == 0 && (row.crcs = malloc(crcs.len + 1)) == NULL)
        err = ERR_NO_MEMORY;
    if (err == 0) {
        row.crc_count = (uint32_t)(crcs.len / 4);
        memcpy(row.crcs, crcs.data, crcs.len);
        for (uint32_t i = 0; i < row.crc_count; i++)
            row.crcs[i] = le32toh(row.crcs[i]);
        *ret = row;
    }
    statement_end(&s);
    return err;
}

int extent_set_missing(struct meta_tx *tx, int64_t id, uint32_t missing)
{
    struct statement s = statement_begin(tx, STATEMENT_EXTENT_SET_MISSING);
    statement_bind_int(&s, id);
    statement_bind_int(&s, missing);
    int err = statement_execute(&s);
    return err == 0 && statement_changes(&s) == 0 ? ERR_NOT_FOUND : err;
}

static int move_row(struct meta_tx *tx, const struct extent *from, const struct extent *to)
{
    uint32_t *crcs = encode_crcs(to);
    if (crcs == NULL)
        return ERR_NO_MEMORY;
    struct statement s = statement_begin(tx, STATEMENT_EXTENT_MOVE);
    statement_bind_int(&s, from->id);
    statement_bind_int(&s, from->group_id);
    statement_bind_int(&s, from->block);
    statement_bind_int(&s, to->group_id);
    statement_bind_int(&s, to->block);
    statement_bind_int(&s, to->block_count);
    statement_bind_int(&s, to->missing);
    statement_bind_blob(&s, slice_of((const char *)crcs, (size_t)to->crc_count * 4));
    int err = statement_execute(&s);
    free(crcs);
    return err == 0 && statement_changes(&s) == 0 ? ERR_NOT_FOUND : err;
}

int extent_move(struct meta_tx *tx, const struct extent *from, const struct extent *to)
{
    int err = move_row(tx, from, to);
    if (err == 0)
        err = take_blocks(tx, to->group_id, to->block_count);
    if (err == 0)
        err = take_blocks(tx, from->group_id, -(int64_t)from->block_count);
    if (err == 0)
        err = meta_tx_added(tx, to);
    return err != 0 ? err : meta_tx_moved(tx, from);
}

static int walk(struct statement *s, int (*fn)(void *, const struct extent *), void *arg)
{
    int err;
    while ((err = statement_row(s)) == 0) {
        struct extent row;
        err = read_row(s, &row);
        if (err == 0)
            err = fn(arg, &row);
        if (err != 0)
            break;
    }
    return statement_end_walk(s, err);
}

int extent_list(struct meta_tx *tx, int64_t after, bool only_missing, int (*fn)(void *, const struct extent *), void *arg)
{
    struct statement s = statement_begin(tx, only_missing ? STATEMENT_EXTENT_LIST_MISSING : STATEMENT_EXTENT_LIST);
    statement_bind_int(&s, after);
    return walk(&s, fn, arg);
}

int extent_count_missing(struct meta_tx *tx, uint64_t *ret)
{
    struct statement s = statement_begin(tx, STATEMENT_EXTENT_COUNT_MISSING);
    int err = statement_row(&s);
    if (!err)
        *ret = (uint64_t)statement_int(&s, 0);
    statement_end(&s);
    return err;
}

int extent_list_group(struct meta_tx *tx, int64_t group_id, uint32_t from_block, int (*fn)(void *, const struct extent *),
                      void *arg)
{
    struct statement s = statement_begin(tx, STATEMENT_EXTENT_LIST_GROUP);
    statement_bind_int(&s, group_id);
    statement_bind_int(&s, from_block);
    return walk(&s, fn, arg);
}

static int add_references(struct meta_tx *tx, int64_t id, int64_t count)
{
    struct statement s = statement_begin(tx, STATEMENT_EXTENT_ADD_REFS);
    statement_bind_int(&s, id);
    statement_bind_int(&s, count);
    int err = statement_execute(&s);
    return err == 0 && statement_changes(&s) == 0 ? ERR_CORRUPT : err;
}

int extent_add_reference(struct meta_tx *tx, int64_t id)
{
    return add_references(tx, id, 1);
}

static int delete_row(struct meta_tx *tx, const struct extent *extent)
{
    struct statement s = statement_begin(tx, STATEMENT_EXTENT_DELETE);
    statement_bind_int(&s, extent->id);
    int err = statement_execute(&s);
    if (err == 0)
        err = take_blocks(tx, extent->group_id, -(int64_t)extent->block_count);
    return err != 0 ? err : meta_tx_freed(tx, extent);
}

int extent_drop_reference(struct meta_tx *tx, int64_t id)
{
    struct statement s = statement_begin(tx, STATEMENT_EXTENT_PLACE);
    statement_bind_int(&s, id);
    int err = statement_row(&s);
    if (err != 0)
        return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
    struct extent extent;
    err = read_row(&s, &extent);
    int64_t refs = statement_int(&s, 7);
    statement_end(&s);
    if (err == 0 && refs < 1)
        err = ERR_CORRUPT;
    if (err != 0)
        return err;
    return refs > 1 ? add_references(tx, id, -1) : delete_row(tx, &extent);
}
