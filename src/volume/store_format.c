/* Making a new store. Everything is looked at before anything is written.
 *
 * What it chooses (docs/FORMAT.md "Volume", docs/decisions): chunk size from the smallest volume; log size; the
 * mirrors: the first min(N, 2m+1) volumes, and two of them for m = 0. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "volume/chunk.h"
#include "volume/device.h"
#include "volume/lease.h"
#include "volume/probe.h"
#include "volume/store_inside.h"

#define LOG_SIZE_MIN (4u << 20)
#define LOG_SIZE_MAX (64u << 20)
#define ROOTS_SIZE (2u << 20)
#define FIRST_PAGES_SIZE (4u << 20)
#define CHUNKS_PER_VOLUME 128 /* aimed at for the smallest volume */
#define LOG_PART 128          /* of the smallest volume */

struct formatting {
    const struct store_format *options;
    struct loop *loop;
    struct store_message *message;
    uint32_t count;
    struct device devices[VOLUMES_MAX];
    bool open[VOLUMES_MAX];
    uint32_t meta_chunk_count;
};

static uint32_t power_of_two_below(uint64_t n, uint32_t least, uint32_t most)
{
    uint32_t size = least;
    while (size < most && 2ull * size <= n)
        size *= 2;
    return size;
}

static int check_counts(struct formatting *f)
{
    const struct store_format *o = f->options;
    uint32_t count = o->devices ? o->device_count : o->path_count;
    if (!o->data_count || o->data_count > DATA_MAX || o->parity_count > PARITY_MAX) {
        store_say(f->message, NULL, NULL, "%u+%u is not possible: data 1 to %u, parity 0 to %u", o->data_count,
                  o->parity_count,
                  DATA_MAX, PARITY_MAX);
        return ERR_INVALID;
    }
    if (count < (uint32_t)o->data_count + o->parity_count || count > VOLUMES_MAX) {
        store_say(f->message, NULL, NULL, "%u volumes named: %u+%u needs at least %u, and a store has at most %u",
                  count, o->data_count,
                  o->parity_count, o->data_count + o->parity_count, VOLUMES_MAX);
        return ERR_INVALID;
    }
    if (o->chunk_size && (o->chunk_size < CHUNK_SIZE_MIN || o->chunk_size > CHUNK_SIZE_MAX ||
                          (o->chunk_size & (o->chunk_size - 1)))) {
        store_say(f->message, NULL, NULL, "chunk size %u: a power of two from %u to %u", o->chunk_size, CHUNK_SIZE_MIN,
                  CHUNK_SIZE_MAX);
        return ERR_INVALID;
    }
    f->count = count;
    return 0;
}

static int open_one(struct formatting *f, uint32_t n)
{
    const char *path = f->options->paths[n];
    for (uint32_t other = 0; other < n; other++)
        if (device_same(path, f->options->paths[other])) {
            store_say(f->message, path, NULL, "is the same device as %s: name each volume once",
                      f->options->paths[other]);
            return ERR_EXISTS;
        }
    int err = device_open(f->loop, path, false, DEVICE_CLAIM_US, &f->devices[n]);
    f->open[n] = err == 0;
    f->devices[n].index = n % DEVICE_INDEX_MAX;
    if (err < 0)
        store_say(f->message, path, NULL, "cannot be opened: %s", device_open_text(err));
    return err;
}

static int open_all(struct formatting *f)
{
    for (uint32_t n = 0; n < f->count; n++) {
        if (f->options->devices)
            f->devices[n] = f->options->devices[n];
        int err = f->options->devices ? 0 : open_one(f, n);
        if (err < 0)
            return err;
        if (f->devices[n].size >= VOLUME_SIZE_MIN)
            continue;
        store_say(f->message, f->devices[n].path, NULL, "is too small: a volume has at least %u MiB",
                  VOLUME_SIZE_MIN >> 20);
        return ERR_INVALID;
    }
    for (uint32_t n = 0; n < f->count && !f->options->force; n++) {
        int err = probe_empty(f->loop, &f->devices[n], f->message);
        if (err < 0)
            return err;
    }
    return 0;
}

static uint32_t mirror_count(const struct formatting *f)
{
    uint32_t wanted = f->options->parity_count ? 2u * f->options->parity_count + 1 : 2;
    return f->count < wanted ? f->count : wanted;
}

static void fill_geometry(struct formatting *f, struct superblock *table)
{
    uint64_t smallest = UINT64_MAX;
    for (uint32_t n = 0; n < f->count; n++)
        smallest = f->devices[n].size < smallest ? f->devices[n].size : smallest;
    const struct store_format *o = f->options;
    table->chunk_size = o->chunk_size ? o->chunk_size : power_of_two_below(smallest / CHUNKS_PER_VOLUME, CHUNK_SIZE_MIN,
                                                                           CHUNK_SIZE_MAX);
    uint64_t log_size = smallest / LOG_PART >> 20 << 20;
    table->log_size = log_size < LOG_SIZE_MIN ? LOG_SIZE_MIN : log_size > LOG_SIZE_MAX ? LOG_SIZE_MAX
        : (uint32_t)log_size;
    uint32_t room = table->chunk_size - CHUNK_HEADER_SIZE;
    f->meta_chunk_count = (ROOTS_SIZE + table->log_size + FIRST_PAGES_SIZE + room - 1) / room;
}

/* false when the smallest volume has not room for the metadata and as much again. */
static bool fill_members(struct formatting *f, struct superblock *table)
{
    const struct store_format *o = f->options;
    bool room = true;
    for (uint32_t n = 0; n < f->count; n++) {
        struct member *m = &table->members[n];
        m->uuid = store_random_uuid(f->loop);
        m->size = f->devices[n].size;
        m->chunk_count = superblock_chunk_count(m->size, table->chunk_size);
        m->state = VOLUME_IN;
        m->mirror = n < mirror_count(f) ? MIRROR_CURRENT : MIRROR_NONE;
        if (o->labels && o->labels[n])
            snprintf(m->label, LABEL_SIZE, "%s", o->labels[n]);
        room = room && m->chunk_count >= 2 * f->meta_chunk_count;
    }
    return room;
}

static int fill_table(struct formatting *f, struct superblock *table)
{
    const struct store_format *o = f->options;
    table->store_uuid = store_random_uuid(f->loop);
    table->data_count = o->data_count;
    table->parity_count = o->parity_count;
    table->created_us = loop_wall_us(f->loop);
    for (uint32_t n = 0; o->labels && n < f->count; n++)
        if (o->labels[n] && strlen(o->labels[n]) >= LABEL_SIZE) {
            store_say(f->message, f->devices[n].path, NULL, "its label is longer than %u bytes", LABEL_SIZE - 1);
            return ERR_INVALID;
        }
    fill_geometry(f, table);
    if (!fill_members(f, table)) {
        store_say(f->message, NULL, NULL, "the volumes are too small for chunks of %u MiB", table->chunk_size >> 20);
        return ERR_INVALID;
    }
    if (o->sealing_key)
        return 0;
    table->sealing_key_here = 1;
    return random_bytes(table->sealing_key.bytes, SEAL_KEY_LEN);
}

/* The chunk headers of the metadata space and a heartbeat that nobody holds; flushed with the superblocks. */
static int write_head(struct formatting *f, struct store *s, uint32_t index)
{
    struct volume *v = &s->volumes[index];
    uint32_t chunks = v->meta_chunk_count;
    uint8_t *blocks = aligned_alloc(BLOCK_SIZE, (size_t)(chunks + 1) * BLOCK_SIZE);
    struct device_request *requests = calloc(chunks + 1, sizeof *requests);
    int err = blocks && requests ? 0 : ERR_NO_MEMORY;
    for (uint32_t c = 0; c < chunks && err == 0; c++) {
        struct chunk_header h = {.store_uuid = s->uuid, .volume_uuid = v->uuid, .chunk = c, .purpose = CHUNK_METADATA,
                                 .slot = c, .created_us = s->created_us};
        chunk_encode(&h, blocks + (size_t)c * BLOCK_SIZE);
        requests[c] = (struct device_request){.device = &v->device, .kind = IO_WRITE, .off = volume_chunk_off(s, c, 0),
                                              .data = blocks + (size_t)c * BLOCK_SIZE, .len = BLOCK_SIZE};
    }
    if (err == 0) {
        memset(blocks + (size_t)chunks * BLOCK_SIZE, 0, BLOCK_SIZE);
        requests[chunks] = (struct device_request){.device = &v->device, .kind = IO_WRITE, .off = HEARTBEAT_OFF,
                                                   .data = blocks + (size_t)chunks * BLOCK_SIZE, .len = BLOCK_SIZE};
        err = device_io(f->loop, requests, chunks + 1, DEVICE_DEADLINE_US);
    }
    for (uint32_t n = 0; n <= chunks && err == 0; n++) {
        err = requests[n].result;
        if (err == ERR_TIMEOUT)
            store_inside(s)->hung[index] = true;
    }
    if (err < 0)
        store_say(f->message, v->device.path, NULL, "could not be written: %s", err_text(err));
    free(blocks);
    free(requests);
    return err == ERR_NO_MEMORY ? err : err < 0 ? ERR_IO : 0;
}

static int write_store(struct formatting *f, struct store *s)
{
    for (uint32_t n = 0; n < f->count; n++) {
        int err = write_head(f, s, n);
        if (err < 0)
            return err;
        if (f->options->progress)
            f->options->progress(f->options->progress_arg, n + 1, f->count);
    }
    struct store_inside *in = store_inside(s);
    int err = store_raise(s, f->loop, in->table.members);
    for (uint32_t n = 0; n < f->count; n++) {
        if (err == 0 && in->table.members[n].state == VOLUME_IN)
            continue;
        if (err == 0 || in->failed[n]) {
            store_say(f->message, s->volumes[n].device.path, NULL, "its superblocks could not be written");
            return ERR_IO;
        }
    }
    return err;
}

static int make_store(struct formatting *f, struct store **ret)
{
    struct superblock *table = calloc(1, sizeof *table);
    uint32_t *chunks = calloc(META_CHUNKS_MAX, sizeof *chunks);
    int err = table && chunks ? fill_table(f, table) : ERR_NO_MEMORY;
    struct store *s = err == 0 ? store_new(table) : NULL;
    if (err == 0 && !s)
        err = ERR_NO_MEMORY;
    for (uint32_t c = 0; c < f->meta_chunk_count && s; c++)
        chunks[c] = c;
    for (uint32_t n = 0; n < f->count && s; n++) {
        store_place(s, n, &f->devices[n], chunks, n < mirror_count(f) ? f->meta_chunk_count : 0);
        f->open[n] = false;
    }
    free(table);
    free(chunks);
    if (err == 0)
        err = write_store(f, s);
    if (err == 0)
        err = lease_take(s, f->loop, 0, f->options->boot_id, f->message);
    if (err == 0 && f->options->sealing_key)
        s->sealing_key = *f->options->sealing_key;
    if (err == 0)
        *ret = s;
    else
        store_close(s, f->loop);
    return err;
}

int store_format(const struct store_format *options, struct loop *loop, struct store **ret,
                 struct store_message *message)
{
    message->text[0] = '\0';
    struct formatting *f = calloc(1, sizeof *f);
    int err = f ? 0 : ERR_NO_MEMORY;
    if (f) {
        *f = (struct formatting){.options = options, .loop = loop, .message = message};
        err = check_counts(f);
        if (err == 0)
            err = open_all(f);
        if (err == 0)
            err = make_store(f, ret);
        for (uint32_t n = 0; n < f->count; n++)
            if (f->open[n])
                device_close(&f->devices[n], false);
        free(f);
    }
    if (err < 0 && !message->text[0])
        store_say(message, NULL, NULL, "the store cannot be made: %s", err_text(err));
    return err;
}
