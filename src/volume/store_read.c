/* Reading the superblocks of volumes that are not yet known. */
#include <stdlib.h>
#include <string.h>

#include "volume/store_inside.h"

/* Takes over the newest copy; a copy of something else (a former life of the device) counts only when nothing better
 * is. */
static void consider(struct superblock_read *r, struct superblock *decoded, uint32_t *alike)
{
    struct superblock *best = r->superblock;
    if (best && (!uuid_equal(&best->store_uuid, &decoded->store_uuid) || !uuid_equal(&best->volume_uuid,
        &decoded->volume_uuid)))
        return;
    if (best && best->generation == decoded->generation && best->attempt == decoded->attempt) {
        ++*alike;
        return;
    }
    if (best && best->generation >= decoded->generation)
        return;
    if (!best)
        best = malloc(sizeof *best);
    if (!best) {
        r->err = ERR_NO_MEMORY;
        return;
    }
    *best = *decoded;
    r->superblock = best;
    *alike = 1;
}

/* Which failure says most about the volume: one that forbids to go on first. */
static int worse(int a, int b)
{
    static const int order[] = {ERR_NO_MEMORY, ERR_UNSUPPORTED, ERR_CORRUPT, ERR_TIMEOUT, ERR_IO, ERR_FOREIGN};
    for (size_t n = 0; n < sizeof order / sizeof *order; n++)
        if (a == order[n] || b == order[n])
            return order[n];
    return a ? a : b;
}

static void judge(const struct device_request *requests, const struct device *device, struct superblock *scratch,
                  struct superblock_read *r)
{
    uint32_t alike = 0;
    *r = (struct superblock_read){0};
    for (uint32_t c = 0; c < SUPERBLOCK_COPIES; c++) {
        int err = requests[c].result;
        r->hung |= err == ERR_TIMEOUT;
        if (err == 0)
            err = superblock_decode(requests[c].data, scratch);
        if (err == 0)
            consider(r, scratch, &alike);
        else
            r->err = worse(r->err, err);
    }
    if (r->superblock && r->err != ERR_UNSUPPORTED && r->err != ERR_NO_MEMORY) {
        uint64_t size = r->superblock->members[r->superblock->volume_index].size;
        bool grown = device->size > size; /* its end copy lies where the device ended once */
        r->whole = alike == SUPERBLOCK_COPIES || (grown && alike == SUPERBLOCK_COPIES - 1);
        r->err = 0;
    }
    if (r->err < 0) {
        free(r->superblock);
        r->superblock = NULL;
    }
}

int store_read_superblocks(struct loop *loop, struct device *const *devices, uint32_t count,
                           struct superblock_read *ret)
{
    uint32_t total = count * SUPERBLOCK_COPIES;
    uint8_t *images = aligned_alloc(BLOCK_SIZE, (size_t)total * SUPERBLOCK_SIZE);
    struct device_request *requests = calloc(total, sizeof *requests);
    struct superblock *scratch = malloc(sizeof *scratch);
    int err = images && requests && scratch ? 0 : ERR_NO_MEMORY;
    if (err == 0) {
        for (uint32_t n = 0; n < total; n++)
            requests[n] = (struct device_request){
                .device = devices[n / SUPERBLOCK_COPIES], .kind = IO_READ, .data = images + (size_t)n * SUPERBLOCK_SIZE,
                .off = superblock_copy_off(n % SUPERBLOCK_COPIES, devices[n / SUPERBLOCK_COPIES]->size),
                    .len = SUPERBLOCK_SIZE};
        err = device_io(loop, requests, total, DEVICE_DEADLINE_US);
    }
    if (err == 0)
        for (uint32_t i = 0; i < count; i++)
            judge(&requests[i * SUPERBLOCK_COPIES], devices[i], scratch, &ret[i]);
    free(images);
    free(requests);
    free(scratch);
    return err;
}
