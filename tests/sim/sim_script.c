/* See sim_script.h. */
#include "sim_script.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "meta/pages.h"
#include "meta/state.h"

#define CLIENTS 8
#define KEYS 10 /* of a client, in each bucket */
#define GROWTH_ROUNDS_MAX 30
#define RETURN_ROUNDS_MAX 50

static bool is_metadata(const struct store *s, uint32_t disk, uint64_t off)
{
    const struct volume *v = &s->volumes[disk];
    if (off < CHUNKS_OFF)
        return true;
    uint64_t chunk = (off - CHUNKS_OFF) / s->chunk_size;
    for (uint32_t i = 0; i < v->meta_chunk_count; i++)
        if (v->meta_chunks[i] == chunk)
            return true;
    return false;
}

/* Writes of data to where other data was. */
static uint64_t reused_places(const struct sim_script *r)
{
    uint64_t count, reused = 0, blocks = r->store.shape.disk_size / BLOCK_SIZE;
    const struct sim_log_entry *log = sim_log(r->store.world, &count);
    uint64_t *last = calloc(blocks * r->store.shape.disk_count, sizeof *last);
    assert(last);
    for (uint64_t i = 0; i < count; i++) {
        if (log[i].kind != IO_WRITE || is_metadata(r->store.store, log[i].disk, log[i].off))
            continue;
        uint64_t *hash = &last[log[i].disk * blocks + log[i].off / BLOCK_SIZE];
        reused += *hash != 0 && *hash != log[i].hash;
        *hash = log[i].hash;
    }
    free(last);
    return reused;
}

static void observe(void *arg)
{
    struct sim_script *r = arg;
    r->after_operation(r);
}

static bool happened(const struct sim_script *r, const char *what, uint64_t count)
{
    if (count == 0)
        fprintf(stderr, "sim: seed %llu: %s: never happened\n", (unsigned long long)sim_seed(r->store.world), what);
    return count > 0;
}

static bool all_happened(struct sim_script *r, uint64_t space_before)
{
    struct pages_status p;
    pages_status(r->store.meta->pages, &p);
    bool good = happened(r, "a checkpoint", p.checkpoints);
    good &= happened(r, "the log's end", p.log_wraps);
    good &= happened(r, "growth of the metadata space", p.space_size - space_before);
    good &= happened(r, "reuse of an extent's space", reused_places(r));
    good &= happened(r, "a volume out of service", r->outs);
    good &= happened(r, "its return", r->returns);
    for (int i = 0; i < SIM_OPERATIONS; i++)
        good &= happened(r, "an operation", r->model.done[i]);
    return good;
}

/* Inline bytes until the database outgrows its first chunks. */
static bool grow(struct sim_script *r, uint64_t space_before)
{
    struct sim_model *m = &r->model;
    struct pages_status p;
    uint32_t weights[SIM_OPERATIONS];
    memcpy(weights, m->weights, sizeof weights);
    memset(m->weights, 0, sizeof m->weights);
    m->weights[SIM_PUT] = 1;
    m->fixed_size = INLINE_CONTENT_MAX;
    m->only_versioned = true;
    bool good = true;
    for (int i = 0; i < GROWTH_ROUNDS_MAX && good; i++) {
        good = sim_model_run(m, 50);
        pages_status(r->store.meta->pages, &p);
        if (p.space_size > space_before)
            break;
    }
    memcpy(m->weights, weights, sizeof weights);
    m->fixed_size = 0;
    m->only_versioned = false;
    return good;
}

bool sim_script_run(struct sim_script *r, uint64_t seed)
{
    if (r->shape.disk_count == 0)
        r->shape = (struct sim_shape){6, 4, 2, 128u << 20};
    sim_store_new(&r->store, seed, r->shape);
    struct sim_model *m = &r->model;
    sim_model_new(m, &r->store, CLIENTS, KEYS);
    struct pages_status p;
    pages_status(r->store.meta->pages, &p);
    if (r->after_operation)
        sim_observe(r->store.world, observe, r);
    bool good = sim_model_run(m, 150) && sim_model_upload(m, 0, false) == 0 && grow(r, p.space_size);
    struct sim_fault eio = {.kind = SIM_FAULT_EIO, .io_kinds = 1u << IO_WRITE, .count = 1};
    sim_fault_add(r->store.disks[sim_random_below(r->store.world, r->shape.disk_count)], &eio);
    m->errors_allowed = r->shape.parity_count < 2; /* then a write must be on all to count */
    good = good && sim_model_run(m, 60);
    r->outs = sim_store_out(&r->store);
    for (int i = 0; i < RETURN_ROUNDS_MAX && good && sim_store_out(&r->store) > 0; i++) {
        good = sim_model_run(m, 5);
        sim_store_pass(&r->store, 20000);
    }
    r->returns = r->outs - sim_store_out(&r->store);
    good = good && sim_model_run(m, 40);
    sim_observe(r->store.world, NULL, NULL);
    struct sim_judge judge = {0};
    good = good && sim_judge(m, &judge) && all_happened(r, p.space_size);
    m->errors_allowed = false;
    for (uint32_t i = 0; i < r->shape.disk_count; i++)
        sim_fault_remove(r->store.disks[i], &eio);
    return good;
}

void sim_script_free(struct sim_script *r)
{
    sim_store_close(&r->store);
    sim_model_free(&r->model);
    sim_store_free(&r->store);
}

void sim_script_crash_and_look(struct sim_script *r, enum sim_crash crash)
{
    sim_store_crash(&r->store, crash);
    sim_model_crashed(&r->model);
    int err = sim_store_open(&r->store);
    if (err)
        fprintf(stderr, "sim: opening again: %s: %s\n", err_text(err), r->store.message.text);
    assert(err == 0);
    struct sim_judge judge = {0};
    bool right = sim_judge(&r->model, &judge);
    assert(right);
    assert(sim_judge_alive(&r->model));
}
