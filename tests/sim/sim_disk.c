/* Disks with a volatile cache and faults; see sim.h. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sim_internal.h"

static uint8_t *image_new(uint64_t size, int *ret_fd)
{
    int fd = memfd_create("sim", MFD_CLOEXEC);
    assert(fd >= 0 && ftruncate(fd, (off_t)size) == 0);
    void *image = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    assert(image != MAP_FAILED);
    *ret_fd = fd;
    return image;
}

struct device *sim_device_new(struct sim_world *w, const char *path, uint64_t size)
{
    assert(w->disk_count < SIM_DISKS_MAX && size > 0 && size % BLOCK == 0);
    struct sim_disk *d = calloc(1, sizeof *d);
    assert(d);
    d->world = w;
    d->number = w->disk_count;
    d->device = (struct device){.fd = -1, .index = w->disk_count, .size = size, .direct = true, .can_discard = true,
                                .path = path, .engine_data = d};
    d->current = image_new(size, &d->current_fd);
    d->durable = image_new(size, &d->durable_fd);
    d->cache_tail = &d->cache_head;
    d->min_us = 50;
    d->max_us = 500;
    w->disks[w->disk_count++] = d;
    return &d->device;
}

void cache_clear(struct sim_disk *d)
{
    while (d->cache_head) {
        struct cached *c = d->cache_head;
        d->cache_head = c->next;
        free(c);
    }
    d->cache_tail = &d->cache_head;
}

void disk_free(struct sim_disk *d)
{
    cache_clear(d);
    munmap(d->current, d->device.size);
    munmap(d->durable, d->device.size);
    close(d->current_fd);
    close(d->durable_fd);
    free(d);
}

static struct sim_disk *disk_of(const struct device *device)
{
    return device->engine_data;
}

const uint8_t *sim_disk_bytes(const struct device *device)
{
    return disk_of(device)->current;
}

void sim_disk_edit(struct device *device, uint64_t off, const void *data, uint64_t len)
{
    struct sim_disk *d = disk_of(device);
    assert(off <= d->device.size && len <= d->device.size - off);
    memcpy(d->current + off, data, len);
    memcpy(d->durable + off, data, len);
    for (struct cached *c = d->cache_head; c; c = c->next) { /* what is cached must not undo it */
        uint64_t from = c->off > off ? c->off : off, to = c->off + c->len < off + len ? c->off + c->len : off + len;
        if (from < to)
            memcpy(c->data + (from - c->off), (const uint8_t *)data + (from - off), to - from);
    }
}

void sim_disk_rot(struct device *device, uint64_t off, uint64_t len, uint32_t bit_count)
{
    struct sim_disk *d = disk_of(device);
    assert(len > 0 && off <= d->device.size && len <= d->device.size - off);
    for (uint32_t i = 0; i < bit_count; i++) {
        uint64_t at = off + random_below(&d->world->device, len);
        uint8_t byte = d->current[at] ^ (uint8_t)(1u << random_below(&d->world->device, 8));
        sim_disk_edit(device, at, &byte, 1);
    }
}

void sim_disk_copy(struct device *to, const struct device *from)
{
    assert(to->size == from->size);
    cache_clear(disk_of(to));
    memcpy(disk_of(to)->current, disk_of(from)->current, to->size);
    memcpy(disk_of(to)->durable, disk_of(from)->current, to->size);
}

static void image_private(uint8_t *image, uint64_t size, int fd)
{
    void *again = mmap(image, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE | MAP_FIXED, fd, 0);
    assert(again == image);
}

void disks_become_private(struct sim_world *w)
{
    for (uint32_t i = 0; i < w->disk_count; i++) {
        image_private(w->disks[i]->current, w->disks[i]->device.size, w->disks[i]->current_fd);
        image_private(w->disks[i]->durable, w->disks[i]->device.size, w->disks[i]->durable_fd);
    }
}

static void image_zero(int fd, uint64_t size)
{
    bool zero = ftruncate(fd, 0) == 0 && ftruncate(fd, (off_t)size) == 0;
    assert(zero);
}

void sim_disks_clear(struct sim_world *w)
{
    assert(!w->private);
    for (uint32_t i = 0; i < w->disk_count; i++) {
        struct sim_disk *d = w->disks[i];
        cache_clear(d);
        image_zero(d->current_fd, d->device.size);
        image_zero(d->durable_fd, d->device.size);
        d->faults = NULL;
    }
    w->log_count = 0;
}

void sim_disk_latency(struct device *device, uint64_t min_us, uint64_t max_us)
{
    assert(min_us <= max_us);
    disk_of(device)->min_us = min_us;
    disk_of(device)->max_us = max_us;
}

/* --- faults --- */

void sim_fault_add(struct device *device, struct sim_fault *fault)
{
    struct sim_disk *d = disk_of(device);
    fault->fired_count = 0;
    fault->next = d->faults;
    d->faults = fault;
}

static uint64_t latency_us(struct sim_disk *d, const struct io *io)
{
    uint64_t us = d->min_us + random_below(&d->world->device, d->max_us - d->min_us + 1);
    return io->kind == IO_FLUSH ? us * 4 : us;
}

void sim_fault_remove(struct device *device, struct sim_fault *fault)
{
    struct sim_disk *d = disk_of(device);
    for (struct sim_fault **at = &d->faults; *at; at = &(*at)->next)
        if (*at == fault) {
            *at = fault->next;
            break;
        }
    for (struct operation *o = d->world->operations; o; o = o->next)
        if (o->hung_by == fault) {
            o->hung_by = NULL;
            o->due_us = d->world->now_us + latency_us(d, o->io);
        }
}

static bool is_write(enum io_kind kind)
{
    return kind == IO_WRITE || kind == IO_WRITE_DURABLE;
}

static bool makes_sense(enum sim_fault_kind fault, enum io_kind kind)
{
    switch (fault) {
    case SIM_FAULT_EIO:
    case SIM_FAULT_HANG:
    case SIM_FAULT_SLOW: return true;
    case SIM_FAULT_ENOSPC:
    case SIM_FAULT_LOSE_WRITE:
    case SIM_FAULT_MISDIRECT: return is_write(kind);
    case SIM_FAULT_DROP_FLUSH: return kind == IO_FLUSH || kind == IO_WRITE_DURABLE;
    }
    return false;
}

static bool strikes(struct sim_disk *d, struct sim_fault *f, const struct io *io)
{
    if (!makes_sense(f->kind, io->kind) || (f->io_kinds && !(f->io_kinds & 1u << io->kind)))
        return false;
    if (f->len > 0 && io->kind != IO_FLUSH && (io->off >= f->off + f->len || io->off + io->len <= f->off))
        return false;
    if (f->count > 0 && f->fired_count >= f->count)
        return false;
    if (f->per_mille > 0 && random_below(&d->world->device, 1000) >= f->per_mille)
        return false;
    f->fired_count++;
    return true;
}

static void draw_faults(struct operation *o)
{
    struct sim_disk *d = o->disk;
    for (struct sim_fault *f = d->faults; f; f = f->next) {
        if (!strikes(d, f, o->io))
            continue;
        o->faults |= 1u << f->kind;
        if (f->kind == SIM_FAULT_SLOW)
            o->due_us += f->delay_us;
        if (f->kind == SIM_FAULT_HANG)
            o->hung_by = f;
        if (f->kind == SIM_FAULT_MISDIRECT) {
            uint64_t len = f->target_len ? f->target_len : d->device.size;
            assert(f->target_off + len <= d->device.size && len >= o->io->len);
            o->misdirected_off = f->target_off + random_below(&d->world->device, (len - o->io->len) / BLOCK + 1) * BLOCK;
        }
    }
    if (o->hung_by)
        o->due_us = UINT64_MAX;
}

/* --- submission --- */

static uint64_t hash_of(const void *data, size_t len)
{
    uint64_t hash = 0xcbf29ce484222325;
    for (size_t i = 0; i < len; i += 8) {
        uint64_t word;
        memcpy(&word, (const uint8_t *)data + i, 8);
        hash = (hash ^ word) * 0x100000001b3;
    }
    return hash;
}

static void check_use(const struct sim_world *w, const struct io *io)
{
    assert(io->done && io->device->engine_data);
    assert(io->kind == IO_FLUSH || (io->off % BLOCK == 0 && io->len % BLOCK == 0 && io->len > 0));
    assert(io->kind == IO_FLUSH || io->kind == IO_DISCARD || (io->len <= IO_LEN_MAX && (uintptr_t)io->data % BLOCK == 0));
    for (const struct operation *o = w->operations; o; o = o->next)
        assert(o->io != io && "an io is submitted once at a time");
}

static void log_append(struct sim_world *w, struct operation *o)
{
    if (w->log_count == w->log_capacity) {
        w->log_capacity = w->log_capacity ? w->log_capacity * 2 : 1024;
        w->log = realloc(w->log, w->log_capacity * sizeof *w->log);
        assert(w->log);
    }
    o->log_index = w->log_count;
    w->log[w->log_count++] = (struct sim_log_entry){o->disk->number, o->io->kind, o->io->off, o->io->len, o->hash,
                                                    w->now_us, false};
}

const struct sim_log_entry *sim_log(const struct sim_world *w, uint64_t *ret_count)
{
    *ret_count = w->log_count;
    return w->log;
}

void disk_submit(struct sim_loop *l, struct io *io)
{
    struct sim_world *w = l->world;
    check_use(w, io);
    struct operation *o = calloc(1, sizeof *o);
    assert(o);
    o->io = io;
    o->disk = disk_of(io->device);
    o->loop = l;
    o->seen_seq = w->completed_count;
    o->hash = is_write(io->kind) ? hash_of(io->data, io->len) : 0;
    o->due_us = w->now_us + latency_us(o->disk, io);
    io->submitted_us = w->now_us;
    io->next = NULL;
    draw_faults(o);
    log_append(w, o);
    *w->operations_tail = o;
    w->operations_tail = &o->next;
}

/* --- effects --- */

static void cache_put(struct sim_disk *d, uint64_t off, const void *data, uint64_t len, bool durable)
{
    struct cached *c = malloc(sizeof *c + len);
    assert(c);
    *c = (struct cached){.off = off, .len = len, .seq = d->world->completed_count, .durable = durable};
    if (data)
        memcpy(c->data, data, len);
    else
        memset(c->data, 0, len);
    memcpy(d->current + off, c->data, len);
    *d->cache_tail = c;
    d->cache_tail = &c->next;
}

/* What is durable and has nothing older before it goes to the image. */
static void cache_compact(struct sim_disk *d)
{
    while (d->cache_head && d->cache_head->durable) {
        struct cached *c = d->cache_head;
        memcpy(d->durable + c->off, c->data, c->len);
        d->cache_head = c->next;
        free(c);
    }
    if (!d->cache_head)
        d->cache_tail = &d->cache_head;
}

static void apply_flush(struct operation *o, bool failed)
{
    struct sim_disk *d = o->disk;
    bool dooms = failed && random_below(&d->world->device, 2) == 0;
    for (struct cached *c = d->cache_head; c; c = c->next) {
        if (c->seq > o->seen_seq || c->durable)
            continue;
        if (failed)
            c->doomed = c->doomed || dooms;
        else if (!c->doomed)
            c->durable = true;
    }
    cache_compact(d);
}

static void apply_write(struct operation *o, bool failed)
{
    struct sim_disk *d = o->disk;
    const struct io *io = o->io;
    assert(hash_of(io->data, io->len) == o->hash && "the data changed while its write was in flight");
    uint64_t off = o->faults & 1u << SIM_FAULT_MISDIRECT ? o->misdirected_off : io->off;
    if (o->faults & 1u << SIM_FAULT_LOSE_WRITE)
        return;
    bool durable = io->kind == IO_WRITE_DURABLE && !(o->faults & 1u << SIM_FAULT_DROP_FLUSH);
    if (!failed) {
        cache_put(d, off, io->data, io->len, durable);
    } else {
        uint64_t len = random_below(&d->world->device, io->len / SECTOR + 1) * SECTOR;
        if (random_below(&d->world->device, 2) == 0 && len > 0)
            cache_put(d, off, io->data, len, false);
    }
    cache_compact(d);
}

static void fail(struct io *io, int err, int number)
{
    io->result = err;
    io->os_error = number;
}

static void apply(struct operation *o)
{
    struct sim_disk *d = o->disk;
    struct io *io = o->io;
    bool beyond = io->kind != IO_FLUSH && (io->off > d->device.size || io->len > d->device.size - io->off);
    bool failed = o->faults & 1u << SIM_FAULT_EIO;
    io->result = io->os_error = 0;
    if (failed)
        fail(io, ERR_IO, EIO);
    if (o->faults & 1u << SIM_FAULT_ENOSPC || (beyond && is_write(io->kind))) {
        fail(io, ERR_NO_SPACE, ENOSPC);
        return;
    }
    if (beyond) {
        fail(io, ERR_IO, 0);
        return;
    }
    switch (io->kind) {
    case IO_READ:
        if (!failed)
            memcpy(io->data, d->current + io->off, io->len);
        break;
    case IO_WRITE:
    case IO_WRITE_DURABLE: apply_write(o, failed); break;
    case IO_FLUSH:
        if (!(o->faults & 1u << SIM_FAULT_DROP_FLUSH))
            apply_flush(o, failed);
        break;
    case IO_DISCARD: /* a hint, which a disk may pass over */
        if (!failed && random_below(&d->world->device, 2) == 0)
            cache_put(d, io->off, NULL, io->len, false);
        break;
    }
}

static struct operation **earliest(struct sim_world *w)
{
    struct operation **first = NULL;
    for (struct operation **at = &w->operations; *at; at = &(*at)->next)
        if ((*at)->due_us != UINT64_MAX && (!first || (*at)->due_us < (*first)->due_us))
            first = at;
    return first;
}

uint64_t disks_next_us(const struct sim_world *w)
{
    uint64_t next_us = UINT64_MAX;
    for (const struct operation *o = w->operations; o; o = o->next)
        if (o->due_us < next_us)
            next_us = o->due_us;
    return next_us;
}

void disks_apply(struct sim_world *w)
{
    for (struct operation **at = earliest(w); at && (*at)->due_us <= w->now_us; at = earliest(w)) {
        struct operation *o = *at;
        *at = o->next;
        if (!o->next)
            w->operations_tail = at;
        w->completed_count++;
        apply(o);
        w->log[o->log_index].completed = true;
        *o->loop->done_tail = o->io;
        o->loop->done_tail = &o->io->next;
        free(o);
        if (w->crash_at > 0 && w->completed_count >= w->crash_at)
            crash_child(w);
        if (w->observer)
            w->observer(w->observer_arg);
    }
}
