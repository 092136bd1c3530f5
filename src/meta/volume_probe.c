/* See volume_probe.h. */
#include "meta/volume_probe.h"

#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "meta/volume_keeper.h"

struct volume_probe {
    struct io io;
    struct device device; /* a copy: the volume's may be replaced while this one hangs */
    struct loop *loop;
    uint64_t started_us;
    bool flying, ended, well, orphan;
    void *block;
};

int volume_probe_new(struct volume_probe **ret)
{
    struct volume_probe *p = calloc(1, sizeof *p);
    void *block = aligned_alloc(BLOCK_SIZE, BLOCK_SIZE);
    if (p == NULL || block == NULL) {
        free(p);
        free(block);
        return ERR_NO_MEMORY;
    }
    memset(block, 0, BLOCK_SIZE);
    p->block = block;
    *ret = p;
    return 0;
}

static void really_free(struct volume_probe *p)
{
    free(p->block);
    free(p);
}

void volume_probe_free(struct volume_probe *p)
{
    if (p == NULL)
        return;
    p->orphan = true;
    if (!p->flying)
        really_free(p);
}

static void submit(struct volume_probe *p, enum io_kind kind, void (*done)(struct io *))
{
    p->io = (struct io){.kind = kind, .device = &p->device, .data = p->block, .len = BLOCK_SIZE, .off = PROBE_OFF, .done = done};
    p->flying = true;
    loop_submit(p->loop, &p->io);
}

static bool in_time(const struct volume_probe *p)
{
    return p->io.result == 0 && loop_now_us(p->loop) - p->io.submitted_us <= KEEPER_PROBE_BOUND_US;
}

static void end(struct volume_probe *p, bool well)
{
    p->flying = false;
    p->ended = true;
    p->well = well;
    if (p->orphan)
        really_free(p);
}

static void written(struct io *io)
{
    struct volume_probe *p = container_of(io, struct volume_probe, io);
    end(p, in_time(p));
}

static void read_back(struct io *io)
{
    struct volume_probe *p = container_of(io, struct volume_probe, io);
    if (!in_time(p) || p->orphan) {
        end(p, false);
        return;
    }
    uint64_t now = loop_now_us(p->loop);
    memcpy(p->block, &now, sizeof now); /* not the same bytes each time: nothing on the way may leave the write out */
    submit(p, IO_WRITE_DURABLE, written);
}

bool volume_probe_start(struct volume_probe *p, struct loop *loop, struct volume *v, uint64_t now_us)
{
    if (p->flying)
        return false;
    p->loop = loop;
    p->device = v->device;
    p->started_us = now_us;
    p->ended = false;
    submit(p, IO_READ, read_back);
    return true;
}

bool volume_probe_take(struct volume_probe *p, bool *ret_well)
{
    if (!p->ended)
        return false;
    p->ended = false;
    *ret_well = p->well;
    return true;
}

bool volume_probe_late(const struct volume_probe *p, uint64_t now_us)
{
    return p->flying && now_us - p->started_us > 2 * KEEPER_PROBE_BOUND_US;
}
