/* Heartbeats and the lease (see lease.h).
 *
 * Only the first 512 bytes of the block carry anything: the least a device writes atomically. */
#include "volume/lease.h"

#include <assert.h>
#include <endian.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/log.h"
#include "volume/store_inside.h"

#define HEARTBEAT_VERSION 1u
#define SKIP_US_MIN 60000000ull /* a volume whose heartbeat timed out is left alone so long, doubling each time */
#define SKIP_US_MAX (1440 * SKIP_US_MIN)

static const char magic[8] = "INGOTHB";

struct disk_heartbeat {
    char magic[8];
    uint32_t version;
    uint32_t held;
    uint8_t store_uuid[16];
    uint8_t volume_uuid[16];
    uint8_t holder[16];
    uint8_t boot_id[16];
    uint64_t counter;
    uint64_t wall_us;
    uint32_t lease_ms;
    uint8_t zero0[408];
    uint32_t crc;
    uint8_t zero1[3584];
};

static_assert(sizeof(struct disk_heartbeat) == BLOCK_SIZE, "FORMAT.md: a heartbeat is one block");
static_assert(offsetof(struct disk_heartbeat, held) == 12, "FORMAT.md");
static_assert(offsetof(struct disk_heartbeat, store_uuid) == 16, "FORMAT.md");
static_assert(offsetof(struct disk_heartbeat, volume_uuid) == 32, "FORMAT.md");
static_assert(offsetof(struct disk_heartbeat, holder) == 48, "FORMAT.md");
static_assert(offsetof(struct disk_heartbeat, boot_id) == 64, "FORMAT.md");
static_assert(offsetof(struct disk_heartbeat, counter) == 80, "FORMAT.md");
static_assert(offsetof(struct disk_heartbeat, wall_us) == 88, "FORMAT.md");
static_assert(offsetof(struct disk_heartbeat, lease_ms) == 96, "FORMAT.md");
static_assert(offsetof(struct disk_heartbeat, crc) == 508, "FORMAT.md");

struct lease {
    struct uuid holder, boot_id;
    uint64_t counter;
    uint32_t lease_ms;
    _Atomic uint64_t held_until_us; /* 0: lost or not yet taken */
    uint64_t skip_until_us[VOLUMES_MAX], skip_us[VOLUMES_MAX];
    bool owned[VOLUMES_MAX]; /* this holder has written there: what another one's block means. A volume that came back
                              * late carries the block of a holder long gone */
};

/* One reading or writing of the blocks of all volumes that answer. */
struct sweep {
    uint32_t count;
    uint32_t index[VOLUMES_MAX];
    struct device_request requests[VOLUMES_MAX];
    uint8_t blocks[VOLUMES_MAX][BLOCK_SIZE];
};

void heartbeat_encode(const struct heartbeat *h, uint8_t block[BLOCK_SIZE])
{
    struct disk_heartbeat *d = (struct disk_heartbeat *)(void *)block;
    memset(d, 0, sizeof *d);
    memcpy(d->magic, magic, sizeof magic);
    d->version = htole32(HEARTBEAT_VERSION);
    d->held = htole32(h->held);
    memcpy(d->store_uuid, h->store_uuid.bytes, 16);
    memcpy(d->volume_uuid, h->volume_uuid.bytes, 16);
    memcpy(d->holder, h->holder.bytes, 16);
    memcpy(d->boot_id, h->boot_id.bytes, 16);
    d->counter = htole64(h->counter);
    d->wall_us = htole64(h->wall_us);
    d->lease_ms = htole32(h->lease_ms);
    d->crc = htole32(crc32c(0, d, offsetof(struct disk_heartbeat, crc)));
}

int heartbeat_decode(const uint8_t block[BLOCK_SIZE], struct heartbeat *ret)
{
    const struct disk_heartbeat *d = (const struct disk_heartbeat *)(const void *)block;
    if (block[0] == 0 && memcmp(block, block + 1, BLOCK_SIZE - 1) == 0)
        return ERR_NOT_FOUND;
    if (memcmp(d->magic, magic, sizeof magic) != 0 || le32toh(d->version) != HEARTBEAT_VERSION ||
        le32toh(d->crc) != crc32c(0, d, offsetof(struct disk_heartbeat, crc)) || le32toh(d->held) > 1)
        return ERR_CORRUPT;
    *ret = (struct heartbeat){.counter = le64toh(d->counter), .wall_us = le64toh(d->wall_us),
                              .lease_ms = le32toh(d->lease_ms), .held = le32toh(d->held) == 1};
    memcpy(ret->store_uuid.bytes, d->store_uuid, 16);
    memcpy(ret->volume_uuid.bytes, d->volume_uuid, 16);
    memcpy(ret->holder.bytes, d->holder, 16);
    memcpy(ret->boot_id.bytes, d->boot_id, 16);
    return 0;
}

static int kernel_boot_id(struct uuid *ret)
{
    char text[UUID_TEXT_SIZE] = "";
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return ERR_IO;
    ssize_t len = read(fd, text, UUID_TEXT_SIZE - 1);
    close(fd);
    return len == UUID_TEXT_SIZE - 1 ? uuid_parse(slice_of(text, (size_t)len), ret) : ERR_IO;
}

static void sweep_choose(struct store_inside *in, const struct lease *l, struct sweep *w, enum io_kind kind,
                         uint64_t now_us)
{
    w->count = 0;
    uint32_t slots = in->store.volume_slots;
    for (uint32_t i = 0; i < slots; i++) {
        struct volume *v = &in->store.volumes[i];
        if (atomic_load(&v->state) == VOLUME_FREE || !atomic_load(&v->present) || atomic_load(&in->hung[i]) ||
            now_us < l->skip_until_us[i])
            continue;
        w->index[w->count] = i;
        w->requests[w->count] = (struct device_request){.device = &v->device, .kind = kind, .off = HEARTBEAT_OFF,
                                                        .data = w->blocks[w->count], .len = BLOCK_SIZE};
        w->count++;
    }
}

/* Runs it; *ret_good: how many volumes answered. A volume that hangs is skipped for a while. */
static int sweep_run(struct store_inside *in, struct loop *loop, struct lease *l, struct sweep *w, uint64_t deadline_us,
                     uint32_t *ret_good)
{
    int err = device_io(loop, w->requests, w->count, deadline_us);
    if (err < 0)
        return err;
    uint64_t now_us = loop_now_us(loop);
    uint32_t good = 0;
    for (uint32_t n = 0; n < w->count; n++) {
        uint32_t i = w->index[n];
        good += w->requests[n].result == 0;
        if (w->requests[n].result != ERR_TIMEOUT)
            continue;
        uint64_t skip_us = l->skip_us[i] ? 2 * l->skip_us[i] : SKIP_US_MIN;
        l->skip_us[i] = skip_us < SKIP_US_MAX ? skip_us : SKIP_US_MAX;
        l->skip_until_us[i] = now_us + l->skip_us[i];
        volume_suspect(&in->store.volumes[i], now_us);
    }
    *ret_good = good;
    return 0;
}

static int read_blocks(struct store_inside *in, struct loop *loop, struct lease *l, struct sweep *w,
                       uint64_t deadline_us,
                       uint32_t *ret_good)
{
    sweep_choose(in, l, w, IO_READ, loop_now_us(loop));
    return sweep_run(in, loop, l, w, deadline_us, ret_good);
}

/* Writes the next heartbeat. A write that N-m volumes have extends the lease from the moment it was submitted. */
static int write_blocks(struct store_inside *in, struct loop *loop, struct lease *l, struct sweep *w, bool held,
                        uint64_t deadline_us)
{
    uint64_t now_us = loop_now_us(loop);
    sweep_choose(in, l, w, IO_WRITE_DURABLE, now_us);
    l->counter++;
    for (uint32_t n = 0; n < w->count; n++) {
        struct heartbeat h = {.store_uuid = in->store.uuid, .volume_uuid = in->store.volumes[w->index[n]].uuid,
                              .holder = l->holder, .boot_id = l->boot_id, .counter = l->counter,
                              .wall_us = loop_wall_us(loop), .lease_ms = l->lease_ms, .held = held};
        heartbeat_encode(&h, w->blocks[n]);
    }
    uint32_t good;
    int err = sweep_run(in, loop, l, w, deadline_us, &good);
    if (err < 0)
        return err;
    for (uint32_t n = 0; n < w->count; n++)
        l->owned[w->index[n]] |= w->requests[n].result == 0;
    if (good < atomic_load(&in->quorum))
        return ERR_QUORUM;
    atomic_store(&l->held_until_us, held ? now_us + l->lease_ms * 1000ull : 0);
    return 0;
}

/* True when somebody else has written over a block of this holder. */
static bool taken_by_other(const struct store_inside *in, const struct lease *l, const struct sweep *w)
{
    for (uint32_t n = 0; n < w->count; n++) {
        struct heartbeat h;
        if (w->requests[n].result == 0 && l->owned[w->index[n]] && heartbeat_decode(w->blocks[n], &h) == 0 && h.held &&
            uuid_equal(&h.store_uuid, &in->store.uuid) && !uuid_equal(&h.holder, &l->holder))
            return true;
    }
    return false;
}

/* What the blocks found say: how long to watch them, and whether another boot has been at work. */
static void judge_blocks(const struct lease *l, const struct sweep *w, uint32_t *ret_watch_ms, bool *ret_other_boot)
{
    *ret_watch_ms = 0;
    *ret_other_boot = false;
    for (uint32_t n = 0; n < w->count; n++) {
        struct heartbeat h;
        int err = w->requests[n].result == 0 ? heartbeat_decode(w->blocks[n], &h) : ERR_NOT_FOUND;
        if (err == ERR_NOT_FOUND || (err == 0 && uuid_equal(&h.boot_id, &l->boot_id)))
            continue;
        *ret_other_boot = true;
        if (err == 0 && !h.held)
            continue;
        uint32_t lease_ms = err < 0 || h.lease_ms < LEASE_MS_MIN ? LEASE_MS_DEFAULT : h.lease_ms;
        lease_ms = lease_ms < LEASE_MS_MAX ? lease_ms : LEASE_MS_MAX;
        *ret_watch_ms = lease_ms > *ret_watch_ms ? lease_ms : *ret_watch_ms;
    }
}

static bool moved(const struct sweep *first, const struct sweep *now)
{
    for (uint32_t a = 0; a < first->count; a++)
        for (uint32_t b = 0; b < now->count; b++)
            if (first->index[a] == now->index[b] && first->requests[a].result == 0 && now->requests[b].result == 0 &&
                memcmp(first->blocks[a], now->blocks[b], BLOCK_SIZE) != 0)
                return true;
    return false;
}

static int say(struct store_message *message, int err, const char *text)
{
    snprintf(message->text, sizeof message->text, "%s", text);
    return err;
}

#define TAKEN_TEXT "the store is in use by another host: its heartbeat moves. Stop the server there first"
#define FEW_TEXT "the heartbeat blocks of too few volumes can be read and written: see that the volumes answer"

/* Sees the blocks still for lease plus I/O deadline. */
static int watch_blocks(struct store_inside *in, struct loop *loop, struct lease *l, const struct sweep *first,
                        struct sweep *now,
                        uint32_t watch_ms, struct store_message *message)
{
    uint64_t until_us = loop_now_us(loop) + watch_ms * 1000ull + DEVICE_DEADLINE_US;
    log_notice("the store was not closed cleanly on another host: watching its heartbeat for %u s",
               (unsigned)(watch_ms / 1000 + DEVICE_DEADLINE_US / 1000000));
    for (bool last = false; !last;) {
        last = loop_now_us(loop) >= until_us;
        int err = last ? 0 : device_sleep(loop, watch_ms * 250ull);
        uint32_t good = 0;
        if (err == 0)
            err = read_blocks(in, loop, l, now, DEVICE_DEADLINE_US, &good);
        if (err < 0)
            return say(message, err, "waiting for the heartbeat failed");
        if (moved(first, now))
            return say(message, ERR_BUSY, TAKEN_TEXT);
        if (good < atomic_load(&in->quorum))
            return say(message, ERR_QUORUM, FEW_TEXT);
    }
    return 0;
}

static int take(struct store_inside *in, struct loop *loop, struct lease *l, struct sweep *first, struct sweep *now,
                struct store_message *message)
{
    uint32_t good, watch_ms;
    bool other_boot;
    int err = read_blocks(in, loop, l, first, DEVICE_DEADLINE_US, &good);
    if (err < 0 || good < atomic_load(&in->quorum))
        return say(message, err < 0 ? err : ERR_QUORUM, FEW_TEXT);
    judge_blocks(l, first, &watch_ms, &other_boot);
    err = watch_ms ? watch_blocks(in, loop, l, first, now, watch_ms, message) : 0;
    if (err < 0)
        return err;
    err = write_blocks(in, loop, l, now, true, DEVICE_DEADLINE_US);
    if (err == 0 && other_boot) {
        err = device_sleep(loop, DEVICE_DEADLINE_US);
        if (err == 0)
            err = read_blocks(in, loop, l, now, DEVICE_DEADLINE_US, &good);
        if (err == 0 && taken_by_other(in, l, now))
            return say(message, ERR_BUSY, TAKEN_TEXT);
        if (err == 0)
            err = write_blocks(in, loop, l, now, true, DEVICE_DEADLINE_US);
    }
    return err < 0 ? say(message, err, FEW_TEXT) : 0;
}

int lease_take(struct store *s, struct loop *loop, uint32_t lease_ms, const struct uuid *boot_id,
               struct store_message *message)
{
    struct store_inside *in = store_inside(s);
    struct lease *l = calloc(1, sizeof *l);
    struct sweep *sweeps = calloc(2, sizeof *sweeps);
    int err = l && sweeps ? 0 : say(message, ERR_NO_MEMORY, "out of memory");
    if (err == 0) {
        l->lease_ms = !lease_ms ? LEASE_MS_DEFAULT : lease_ms < LEASE_MS_MIN ? LEASE_MS_MIN
                      : lease_ms > LEASE_MS_MAX                               ? LEASE_MS_MAX
                                                                              : lease_ms;
        l->holder = store_random_uuid(loop);
        if (boot_id)
            l->boot_id = *boot_id;
        else if (kernel_boot_id(&l->boot_id) < 0)
            err = say(message, ERR_IO, "the kernel's boot id cannot be read from /proc/sys/kernel/random/boot_id");
    }
    if (err == 0)
        err = take(in, loop, l, &sweeps[0], &sweeps[1], message);
    free(sweeps);
    if (err < 0)
        free(l);
    else
        s->lease = l;
    return err;
}

bool store_lease_held(struct store *s, uint64_t now_us)
{
    return s->lease && now_us < atomic_load(&s->lease->held_until_us);
}

int store_lease_renew(struct store *s, struct loop *loop)
{
    struct store_inside *in = store_inside(s);
    struct lease *l = s->lease;
    if (!l || !store_lease_held(s, loop_now_us(loop)))
        return ERR_ACCESS;
    struct sweep *w = calloc(1, sizeof *w);
    if (!w)
        return ERR_NO_MEMORY;
    uint64_t deadline_us = l->lease_ms * 1000ull / 8;
    uint32_t good;
    int err = read_blocks(in, loop, l, w, deadline_us, &good);
    if (err == 0 && (taken_by_other(in, l, w) || !store_lease_held(s, loop_now_us(loop)))) {
        atomic_store(&l->held_until_us, 0);
        err = ERR_ACCESS;
    }
    if (err == 0)
        err = write_blocks(in, loop, l, w, true, deadline_us);
    free(w);
    return err;
}

void lease_give(struct store *s, struct loop *loop)
{
    struct lease *l = s->lease;
    if (!l)
        return;
    struct sweep *w = store_lease_held(s, loop_now_us(loop)) ? calloc(1, sizeof *w) : NULL;
    if (w && write_blocks(store_inside(s), loop, l, w, false, DEVICE_DEADLINE_US) < 0)
        log_warning("the store's heartbeat could not be marked as given up: another host will wait before it starts");
    free(w);
    free(l);
    s->lease = NULL;
}
