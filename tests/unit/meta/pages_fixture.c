#include "pages_fixture.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void fixture_fill(uint8_t page[PAGE_SIZE], uint32_t number, uint64_t stamp)
{
    if (stamp == 0) {
        memset(page, 0, PAGE_SIZE);
        return;
    }
    uint64_t *words = (uint64_t *)page;
    for (uint32_t i = 0; i < PAGE_SIZE / 8; i++)
        words[i] = (stamp << 32 | number) * (2 * i + 1);
}

void fixture_init(struct fixture *f, uint64_t seed, uint32_t disks)
{
    fixture_init_log(f, seed, disks, 1u << 20);
}

void fixture_init_log(struct fixture *f, uint64_t seed, uint32_t disks, uint32_t log_size)
{
    memset(f, 0, sizeof *f);
    f->world = fake_world_new(seed, disks, 64u << 20);
    f->store = fake_store_new(f->world, 2, (uint8_t)(disks / 2), FIXTURE_CHUNK, log_size,
                              (uint32_t)((LOG_SPACE_OFF + log_size) / (FIXTURE_CHUNK - CHUNK_HEADER_SIZE)) + 2);
    f->loop = fake_loop_new(f->world);
    f->cache_size = 64 * PAGE_SIZE;
    struct mirror *m;
    int err = mirror_open(f->store, 0, &m);
    assert(err == 0);
    err = pages_format(m, f->store, f->loop);
    assert(err == 0);
    mirror_close(m);
    err = fixture_open(f);
    assert(err == 0);
}

int fixture_open(struct fixture *f)
{
    struct store_message message;
    struct pages_options options = {.cache_size = f->cache_size, .take_chunks = fake_take_chunks, .take_chunks_arg = f->store};
    int err = mirror_open(f->store, 0, &f->mirror);
    if (err != 0)
        return err;
    err = pages_open(f->mirror, f->store, &options, f->loop, &f->pages, &message);
    if (err != 0) {
        mirror_close(f->mirror);
        f->mirror = NULL;
        f->pages = NULL;
    }
    return err;
}

void fixture_close(struct fixture *f)
{
    pages_close(f->pages);
    f->pages = NULL;
    loop_free(f->loop); /* gives back what hangs, before the mirror goes */
    f->loop = fake_loop_new(f->world);
    mirror_close(f->mirror);
    f->mirror = NULL;
}

void fixture_fini(struct fixture *f)
{
    fixture_close(f);
    loop_free(f->loop);
    fake_world_free(f->world);
}

int fixture_commit(struct fixture *f, uint32_t count, uint32_t most)
{
    uint8_t *data = malloc((size_t)count * PAGE_SIZE);
    struct page_image *images = calloc(count, sizeof *images);
    assert(data != NULL && images != NULL);
    f->pending = f->acknowledged;
    uint32_t used = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t number = 1 + (uint32_t)(fake_random(f->world) % most);
        uint64_t stamp = fake_random(f->world) >> 34 | 1;
        bool twice = false;
        for (uint32_t k = 0; k < used; k++)
            twice = twice || images[k].number == number;
        if (twice)
            continue;
        fixture_fill(data + (size_t)used * PAGE_SIZE, number, stamp);
        images[used] = (struct page_image){number, data + (size_t)used * PAGE_SIZE};
        used++;
        f->pending.stamps[number] = stamp;
        if (number > f->pending.database_pages)
            f->pending.database_pages = number;
    }
    f->is_pending = true;
    uint64_t sequence;
    int err = pages_commit(f->pages, f->loop, images, used, f->pending.database_pages, &sequence);
    if (err == 0) {
        f->acknowledged = f->pending;
        f->is_pending = false;
    }
    free(images);
    free(data);
    return err;
}

int fixture_compare(struct fixture *f, const struct model *m)
{
    struct pages_snapshot s;
    pages_snapshot_begin(f->pages, &s);
    int result = s.page_count != m->database_pages;
    for (uint32_t i = 1; result == 0 && i <= m->database_pages; i++) {
        uint8_t got[PAGE_SIZE], want[PAGE_SIZE];
        fixture_fill(want, i, m->stamps[i]);
        result = pages_read(f->pages, f->loop, &s, i, 0, got, PAGE_SIZE, false);
        if (result == 0 && memcmp(got, want, PAGE_SIZE) != 0)
            result = 1;
    }
    pages_snapshot_end(f->pages, &s);
    return result;
}

bool fixture_is_right(struct fixture *f)
{
    int result = fixture_compare(f, &f->acknowledged);
    if (result == 1 && f->is_pending)
        result = fixture_compare(f, &f->pending);
    return result == 0;
}
