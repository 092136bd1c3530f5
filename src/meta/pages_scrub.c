/* Scrubbing: every page, map block, root and live log record of every CURRENT mirror is read and mended. */
#include <stdlib.h>
#include <string.h>

#include "meta/pages_core.h"

static bool is_current(const struct pages *p, uint32_t i)
{
    return p->store->volumes[i].present && atomic_load(&p->store->volumes[i].mirror) == MIRROR_CURRENT;
}

static bool record_right(const struct pages *p, const struct log_record *record, const uint8_t *data)
{
    const struct log_header *h = (const struct log_header *)data;
    if (!page_log_first_block_plausible(p, data, record->off) || log_record_len(h->page_count) != record->len)
        return false;
    uint32_t header_len = log_header_blocks(h->page_count) * LOG_BLOCK;
    if (h->crc != record->crc || h->crc != page_log_header_crc(h, header_len))
        return false;
    for (uint32_t i = 0; i < h->page_count; i++)
        if (page_crc(h->entries[i].number, h->sequence, data + header_len + (size_t)i * PAGE_SIZE) != h->entries[i].crc)
            return false;
    return true;
}

static bool read_record(struct pages *p, struct loop *loop, uint32_t volume_index, const struct log_record *record, uint8_t *data)
{
    return mirror_read_one(p->mirror, loop, volume_index, LOG_SPACE_OFF + record->off, data, (uint32_t)record->len) == 0 &&
           record_right(p, record, data);
}

static int mend_record(struct pages *p, struct loop *loop, uint32_t volume_index, const struct log_record *record,
                       const uint8_t *good, uint8_t *data, struct pages_scrub *s)
{
    struct mirror_range range = {LOG_SPACE_OFF + record->off, good, (uint32_t)record->len};
    int err = mirror_write_one(p->mirror, loop, volume_index, &range, 1);
    if (err == 0)
        err = mirror_flush_one(p->mirror, loop, volume_index);
    if (err == 0)
        s->mended += read_record(p, loop, volume_index, record, data);
    return err;
}

static int scrub_record(struct pages *p, struct loop *loop, const struct log_record *record, struct pages_scrub *s)
{
    uint8_t *good = malloc(record->len), *data = malloc(record->len);
    uint64_t bad = 0;
    bool found = false;
    int err = good == NULL || data == NULL ? ERR_NO_MEMORY : 0;
    for (uint32_t i = 0; err == 0 && i < p->store->volume_slots; i++) {
        if (!is_current(p, i))
            continue;
        s->checked++;
        if (!read_record(p, loop, i, record, data)) {
            bad |= 1ull << i;
            s->bad++;
        } else if (!found) {
            memcpy(good, data, record->len);
            found = true;
        }
    }
    for (uint32_t i = 0; err == 0 && found && i < p->store->volume_slots; i++)
        if (bad >> i & 1)
            err = mend_record(p, loop, i, record, good, data, s);
    free(good);
    free(data);
    return err;
}

/* With the slot taken live records stay; commits only add to them. */
static int scrub_log(struct pages *p, struct loop *loop, struct pages_scrub *s)
{
    int err = 0;
    for (uint64_t sequence = p->root.checkpoint_sequence + 1; err == 0; sequence++) {
        pthread_mutex_lock(&p->lock);
        const struct log_record *live = page_log_record_at(p, sequence);
        struct log_record record = live != NULL ? *live : (struct log_record){0};
        pthread_mutex_unlock(&p->lock);
        if (live == NULL)
            return 0;
        err = scrub_record(p, loop, &record, s);
    }
    return err;
}

static int scrub_homes(struct pages *p, struct loop *loop, struct pages_scrub *s, void (*progress)(void *, uint64_t, uint64_t), void *arg)
{
    pthread_mutex_lock(&p->lock);
    uint32_t total = p->map_count;
    pthread_mutex_unlock(&p->lock);
    for (uint32_t block = 0; block < total; block++) {
        for (uint32_t i = 0; i < p->store->volume_slots; i++) {
            int err = is_current(p, i) ? pages_verify_homes(p, loop, i, block, s) : 0;
            if (err == ERR_NO_MEMORY)
                return err;
            if (err != 0)
                volume_suspect(&p->store->volumes[i], loop_now_us(loop));
        }
        if (progress != NULL)
            progress(arg, (uint64_t)(block + 1) * MAP_ENTRIES, (uint64_t)total * MAP_ENTRIES);
    }
    return 0;
}

int pages_scrub(struct pages *p, struct loop *loop, struct pages_scrub *ret, void (*progress)(void *, uint64_t, uint64_t), void *arg)
{
    if (p->options.read_only)
        return ERR_READ_ONLY;
    struct pages_scrub s = {0};
    int err = scrub_homes(p, loop, &s, progress, arg);
    pages_slot_take(p);
    if (p->plan != NULL)
        err = ERR_BUSY; /* a checkpoint waits for a failed mirror to be put out */
    for (uint32_t i = 0; err == 0 && i < p->store->volume_slots; i++)
        if (is_current(p, i))
            err = pages_verify_maps(p, loop, i, &s);
    if (err == 0)
        err = scrub_log(p, loop, &s);
    pages_slot_give(p);
    if (err == 0)
        *ret = s;
    return err;
}
