/* Chunk headers of groups: written before the group's row exists, read by salvage only. */
#include "placement/placement_private.h"

#include <string.h>

#include "volume/chunk.h"
#include "volume/device_io.h"

static int write_headers(struct placement *p, struct loop *loop, const struct group *g, uint32_t mask)
{
    uint8_t blocks[SLOTS_MAX][CHUNK_HEADER_SIZE];
    struct device_request requests[SLOTS_MAX];
    struct volume *volumes[SLOTS_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < (uint32_t)g->data_count + g->parity_count; i++) {
        if (!(mask & 1u << i))
            continue;
        struct volume *v = placement_volume(p, g->slots[i].volume_index);
        if (!volume_writable(v))
            return ERR_IO;
        struct chunk_header header = {
            .store_uuid = p->store->uuid, .volume_uuid = v->uuid, .chunk = g->slots[i].chunk, .purpose = CHUNK_GROUP,
            .group_id = g->id, .slot = i, .data_count = g->data_count, .parity_count = g->parity_count,
            .matrix = g->matrix, .created_us = loop_wall_us(loop)};
        chunk_encode(&header, blocks[count]);
        requests[count] = (struct device_request){
            .device = &v->device, .kind = IO_WRITE_DURABLE, .off = volume_chunk_off(p->store, g->slots[i].chunk, 0),
            .data = blocks[count], .len = CHUNK_HEADER_SIZE};
        volumes[count++] = v;
    }
    int err = device_io(loop, requests, count, WRITE_DEADLINE_US);
    if (err)
        return err;
    for (uint32_t i = 0; i < count; i++) {
        if (requests[i].result == 0)
            continue;
        volume_suspect(volumes[i], loop_now_us(loop));
        err = ERR_IO;
    }
    return err;
}

int placement_write_headers(struct placement *p, struct loop *loop, const struct group *g)
{
    return write_headers(p, loop, g, (1u << (g->data_count + g->parity_count)) - 1);
}

int placement_write_slot_header(struct placement *p, struct loop *loop, const struct group *g, uint32_t slot,
                                struct group_slot at)
{
    struct group moved = *g;
    moved.slots[slot] = at;
    return write_headers(p, loop, &moved, 1u << slot);
}
