/* One fault at a time, on a store with known contents: volumes lost, rot in every region, lying flushes, a store that is full. On
 * up to m volumes the answers are right and everything is mended; on more they are errors, never wrong bytes. */
#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "meta/pages.h"
#include "meta/state.h"
#include "sim_model.h"

#define MIB (1024ull << 10)

enum region { SUPERBLOCK_0, SUPERBLOCK_1, SUPERBLOCK_END, SUPERBLOCKS, HEARTBEAT, ROOTS, LOG, HOMES, HEADERS, EXTENTS, WHOLE, REGIONS };
static const char *const region_names[REGIONS] = {"superblock copy 0", "superblock copy 1", "superblock copy 2", "all superblocks",
                                                  "heartbeat", "roots", "log", "map blocks and pages", "chunk headers", "extents",
                                                  "the whole volume"};

struct scene {
    struct sim_store store;
    struct sim_model model;
    enum region region;
    uint32_t victims, count; /* bit per disk */
    bool at_rest;
    enum sim_crash crash;
    struct sim_fault lies[6];
    uint64_t *seen;          /* shared: [0] rot that was seen, [1] errors answered, [2] stores that did not open */
};

static void scene_new(struct scene *t, uint64_t seed, struct sim_shape shape)
{
    memset(t, 0, sizeof *t);
    sim_store_new(&t->store, seed, shape);
    sim_model_new(&t->model, &t->store, 4, 8);
    t->seen = sim_shared(t->store.world, 4096);
    assert_true(sim_model_run(&t->model, 120));
}

static void scene_free(struct scene *t)
{
    sim_store_close(&t->store);
    sim_model_free(&t->model);
    sim_store_free(&t->store);
}

static int reopen(struct scene *t, enum sim_crash crash)
{
    sim_store_crash(&t->store, crash);
    sim_model_crashed(&t->model);
    return sim_store_open(&t->store);
}

/* All m-subsets are tried where there are few; else as many as wanted. */
static uint32_t subset(struct sim_world *w, uint32_t disk_count, uint32_t count)
{
    uint32_t bits = 0;
    while ((uint32_t)__builtin_popcount(bits) < count)
        bits |= 1u << sim_random_below(w, disk_count);
    return bits;
}

/* --- volumes that are gone --- */

static void look_without(void *arg)
{
    struct scene *t = arg;
    for (uint32_t i = 0; i < t->store.shape.disk_count; i++)
        t->store.unplugged[i] = t->victims >> i & 1;
    int err = reopen(t, t->crash);
    bool beyond = t->count > t->store.shape.parity_count;
    if (beyond) {
        assert(err == ERR_QUORUM);
        t->store.read_only = true;
        err = sim_store_open(&t->store);
    }
    if (err && !beyond)
        fprintf(stderr, "sim: without disks %x: %s: %s\n", t->victims, err_text(err), t->store.message.text);
    assert(!err || beyond);
    if (err) {
        t->seen[2]++;
        return;
    }
    assert(t->store.store->read_only == beyond);
    struct sim_judge judge = {.bad_allowed = true, .errors_allowed = beyond, .skip_units = beyond};
    bool right = sim_judge(&t->model, &judge);
    assert(right);
    t->seen[1] += judge.errors;
    if (!beyond) {
        bool alive = sim_judge_alive(&t->model) && sim_model_run(&t->model, 20);
        assert(alive);
    }
}

static void test_volumes_lost_at_rest(void **state)
{
    (void)state;
    struct scene *t = calloc(1, sizeof *t);
    assert_non_null(t);
    scene_new(t, sim_amount("SIM_SEED", 500, 500), (struct sim_shape){6, 4, 2, 128 * MIB});
    uint64_t tries = sim_amount("SIM_SUBSETS", 6, 64), failures = 0;
    for (uint32_t victims = 1; victims < 64; victims++) {
        t->count = (uint32_t)__builtin_popcount(victims);
        if (t->count > 3 || (victims * 0x9e3779b1u >> 16) % 64 >= tries * (t->count == 2 ? 3 : 1))
            continue;
        t->victims = victims;
        t->crash = victims & 1 ? SIM_KILL : SIM_POWER_CUT;
        failures += !sim_branch(t->store.world, look_without, t);
    }
    assert_int_equal(failures, 0);
    scene_free(t);
    free(t);
}

/* --- volumes that fail in the run, for good --- */

#define STALL_US 60000000ull /* of simulated time, for 60 operations: nobody waits for what is out of service */

static void fail_in_the_run(struct scene *t, enum sim_fault_kind kind, uint32_t victims)
{
    struct sim_fault faults[6];
    uint32_t count = 0, out = (uint32_t)__builtin_popcount(victims);
    for (uint32_t i = 0; i < 6; i++)
        if (victims >> i & 1) {
            faults[i] = (struct sim_fault){.kind = kind, .delay_us = 3000000};
            sim_fault_add(t->store.disks[i], &faults[i]);
        }
    t->model.errors_allowed = true;
    assert_true(sim_model_run(&t->model, 60));
    t->model.errors_allowed = false; /* they are out now, and nothing is left of them in the way */
    assert_int_equal(sim_store_out(&t->store), out);
    uint64_t begin_us = sim_now_us(t->store.world);
    assert_true(sim_model_run(&t->model, 60));
    assert_true(sim_now_us(t->store.world) - begin_us < STALL_US);
    struct sim_judge during = {.bad_allowed = true, .skip_units = true, .skip_space = true, .skip_buffers = true};
    assert_true(sim_judge(&t->model, &during));
    for (uint32_t i = 0; i < 6; i++)
        if (victims >> i & 1) {
            sim_fault_remove(t->store.disks[i], &faults[i]);
            count += faults[i].fired_count > 0;
        }
    assert_int_equal(count, out);
    sim_store_pass(&t->store, 5000000);
    assert_true(sim_store_heal(&t->store, 120000000));
    struct sim_judge after = {0};
    assert_true(sim_judge(&t->model, &after));
}

static void test_volumes_lost_in_the_run(void **state)
{
    (void)state;
    uint64_t rounds = sim_amount("SIM_LOST_ROUNDS", 1, 10), seed = sim_amount("SIM_SEED", 550, 550);
    for (uint64_t round = 0; round < rounds; round++) {
        struct scene *t = calloc(1, sizeof *t);
        assert_non_null(t);
        print_message("seed %llu\n", (unsigned long long)(seed + round));
        scene_new(t, seed + round, (struct sim_shape){6, 4, 2, 128 * MIB});
        static const enum sim_fault_kind kinds[] = {SIM_FAULT_EIO, SIM_FAULT_HANG, SIM_FAULT_SLOW};
        for (int k = 0; k < 3; k++)
            fail_in_the_run(t, kinds[k], subset(t->store.world, 6, 1 + (uint32_t)(k + round) % 2));
        scene_free(t);
        free(t);
    }
}

/* --- rot --- */

static void rot_blocks(struct scene *t, uint32_t disk, uint64_t off, uint64_t len)
{
    for (uint64_t at = off; at < off + len; at += BLOCK_SIZE)
        sim_disk_rot(t->store.disks[disk], at, BLOCK_SIZE, 1 + (uint32_t)sim_random_below(t->store.world, 3));
}

/* A range of the metadata space. */
static void rot_space(struct scene *t, uint32_t disk, uint64_t from, uint64_t to)
{
    const struct store *s = t->store.store;
    const struct volume *v = &s->volumes[disk];
    uint64_t room = s->chunk_size - CHUNK_HEADER_SIZE;
    for (uint64_t at = from; at < to && at / room < v->meta_chunk_count; at += BLOCK_SIZE)
        rot_blocks(t, disk, volume_chunk_off(s, v->meta_chunks[at / room], CHUNK_HEADER_SIZE + at % room), BLOCK_SIZE);
}

static bool is_metadata_chunk(const struct volume *v, uint32_t chunk)
{
    for (uint32_t i = 0; i < v->meta_chunk_count; i++)
        if (v->meta_chunks[i] == chunk)
            return true;
    return false;
}

static void rot_chunks(struct scene *t, uint32_t disk, bool headers)
{
    const struct store *s = t->store.store;
    const struct volume *v = &s->volumes[disk];
    for (uint32_t c = 0; c < v->chunk_count; c++) {
        const uint8_t *bytes = sim_disk_bytes(t->store.disks[disk]) + volume_chunk_off(s, c, 0);
        static const uint8_t zero[BLOCK_SIZE];
        bool used = memcmp(bytes, zero, BLOCK_SIZE) != 0;
        if (headers && used)
            rot_blocks(t, disk, volume_chunk_off(s, c, 0), BLOCK_SIZE);
        else if (!headers && used && !is_metadata_chunk(v, c))
            rot_blocks(t, disk, volume_chunk_off(s, c, BLOCK_SIZE), s->chunk_size - BLOCK_SIZE);
    }
}

static void rot(struct scene *t, uint32_t disk, enum region region)
{
    uint64_t size = t->store.disks[disk]->size, log_end = 2 * MIB + t->store.store->log_size;
    switch (region) {
    case SUPERBLOCK_0: rot_blocks(t, disk, 0, SUPERBLOCK_SIZE); break;
    case SUPERBLOCK_1: rot_blocks(t, disk, SUPERBLOCK_COPY1_OFF, SUPERBLOCK_SIZE); break;
    case SUPERBLOCK_END: rot_blocks(t, disk, size - SUPERBLOCK_SIZE, SUPERBLOCK_SIZE); break;
    case HEARTBEAT: rot_blocks(t, disk, HEARTBEAT_OFF, BLOCK_SIZE); break;
    case ROOTS: rot_space(t, disk, 0, 2 * MIB); break;
    case LOG: rot_space(t, disk, 2 * MIB, log_end); break;
    case HOMES: rot_space(t, disk, log_end, UINT64_MAX / 2); break;
    case HEADERS: rot_chunks(t, disk, true); break;
    case EXTENTS: rot_chunks(t, disk, false); break;
    case SUPERBLOCKS:
        /* all but the magic, so that it still looks like a volume of ours: a blank one is refused */
        for (uint32_t copy = 0; copy < 3; copy++) {
            uint64_t off = superblock_copy_off(copy, size);
            sim_disk_rot(t->store.disks[disk], off + 64, SUPERBLOCK_SIZE - 64, 20);
        }
        break;
    case WHOLE:
        for (int r = 0; r < WHOLE; r++)
            if (r != SUPERBLOCK_0 && r != SUPERBLOCK_1 && r != SUPERBLOCK_END)
                rot(t, disk, (enum region)r);
        break;
    case REGIONS: break;
    }
}

static uint64_t corrupt_seen(const struct sim_store *s)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < s->store->volume_slots; i++)
        sum += atomic_load(&s->store->volumes[i].corrupt_units);
    return sum;
}

static bool superblocks_sound(const struct sim_store *s)
{
    struct superblock *block = malloc(sizeof *block);
    bool sound = block != NULL;
    for (uint32_t i = 0; i < s->shape.disk_count && block; i++)
        for (uint32_t copy = 0; copy < SUPERBLOCK_COPIES; copy++) {
            int err = superblock_decode(sim_disk_bytes(s->disks[i]) + superblock_copy_off(copy, s->disks[i]->size), block);
            if (err)
                fprintf(stderr, "sim: disk %u: superblock copy %u: %s\n", i, copy, err_text(err));
            sound = sound && err == 0;
        }
    free(block);
    return sound;
}

/* After the rot was answered for, everything that can be is mended: seen by another look that allows none. */
static void mend(struct scene *t)
{
    bool unknown = t->region == SUPERBLOCKS || t->region == WHOLE; /* at the next opening nobody knows these volumes */
    bool healed = (unknown && t->at_rest) || sim_store_heal(&t->store, 120000000);
    if (!healed)
        fprintf(stderr, "sim: not healed: %u out, %s\n", sim_store_out(&t->store), err_text(t->store.last_repair_err));
    assert(healed);
    struct pages_scrub scrub;
    int err = pages_scrub(t->store.meta->pages, t->store.control, &scrub, NULL, NULL);
    assert(err == 0 && scrub.bad == scrub.mended);
    t->seen[0] += scrub.bad;
    struct sim_judge mending = {.bad_allowed = true}, after = {0};
    bool right = sim_judge(&t->model, &mending) && sim_judge(&t->model, &after);
    assert(right && "after mending");
    t->seen[0] += mending.slots_bad;
    assert(sim_judge_alive(&t->model));
    err = reopen(t, SIM_POWER_CUT);
    right = err == 0 && sim_judge(&t->model, &after);
    assert(right && "opened again after mending");
    assert(unknown || superblocks_sound(&t->store));
}

static void look_at_rot(void *arg)
{
    struct scene *t = arg;
    bool beyond = t->count > t->store.shape.parity_count;
    for (uint32_t i = 0; i < t->store.shape.disk_count; i++)
        if (t->victims >> i & 1)
            rot(t, i, t->region);
    int err = t->at_rest ? reopen(t, t->crash) : 0;
    if (err && !beyond)
        fprintf(stderr, "sim: opening: %s: %s\n", err_text(err), t->store.message.text);
    assert(!err || beyond);
    t->seen[2] += err != 0;
    if (err)
        return;
    struct sim_judge judge = {.bad_allowed = true, .errors_allowed = beyond, .skip_space = beyond};
    bool right = sim_judge(&t->model, &judge);
    t->seen[0] += corrupt_seen(&t->store) + judge.slots_bad + sim_store_out(&t->store);
    t->seen[1] += judge.errors;
    assert(right);
    if (!beyond)
        mend(t);
}

static bool try_rot(struct scene *t, enum region region, uint32_t victims, bool at_rest)
{
    t->region = region;
    t->victims = victims;
    t->count = (uint32_t)__builtin_popcount(victims);
    t->at_rest = at_rest;
    t->crash = victims & 1 ? SIM_KILL : SIM_POWER_CUT;
    bool good = sim_branch(t->store.world, look_at_rot, t);
    if (!good)
        fprintf(stderr, "sim: rot of %s, disks %x, %s\n", region_names[region], victims, at_rest ? "at rest" : "while open");
    return good;
}

static void test_rot_everywhere(void **state)
{
    (void)state;
    uint64_t rounds = sim_amount("SIM_ROT_ROUNDS", 1, 10), failures = 0, seed = sim_amount("SIM_SEED", 600, 600);
    for (uint64_t round = 0; round < rounds; round++) {
        struct scene *t = calloc(1, sizeof *t);
        assert_non_null(t);
        scene_new(t, seed + round, (struct sim_shape){6, 4, 2, 128 * MIB});
        for (int region = 0; region < REGIONS; region++) {
            uint64_t seen = t->seen[0];
            for (uint32_t count = 1; count <= 2; count++)
                for (int at_rest = 0; at_rest < 2; at_rest++)
                    failures += !try_rot(t, (enum region)region, subset(t->store.world, 6, count), at_rest);
            if (t->seen[0] == seen && region >= ROOTS && region != HEADERS) {
                fprintf(stderr, "sim: rot of %s was never seen\n", region_names[region]);
                failures++;
            }
            failures += !try_rot(t, (enum region)region, subset(t->store.world, 6, 3), round % 2);
        }
        assert_true(t->seen[1] > 0); /* m + 1: errors */
        scene_free(t);
        free(t);
    }
    assert_int_equal(failures, 0);
}

/* --- lying flushes --- */

static void lie(struct scene *t, uint32_t disks)
{
    struct sim_fault *lies = t->lies;
    for (uint32_t i = 0; i < t->store.shape.disk_count; i++) {
        lies[i] = (struct sim_fault){.kind = SIM_FAULT_DROP_FLUSH};
        if (disks >> i & 1)
            sim_fault_add(t->store.disks[i], &lies[i]);
    }
}

static void look_after_lies(void *arg)
{
    struct scene *t = arg;
    bool all = t->count > t->store.shape.parity_count;
    int err = reopen(t, SIM_POWER_CUT);
    for (uint32_t i = 0; i < t->store.shape.disk_count; i++)
        sim_fault_remove(t->store.disks[i], &t->lies[i]);
    if (err && !all)
        fprintf(stderr, "sim: opening: %s: %s\n", err_text(err), t->store.message.text);
    assert(!err || all);
    t->seen[2] += err != 0;
    if (err)
        return;
    struct sim_judge judge = {.bad_allowed = true, .errors_allowed = all, .lost_allowed = all, .skip_units = all};
    bool right = sim_judge(&t->model, &judge);
    assert(right);
    t->seen[1] += judge.errors;
    t->seen[0] += judge.slots_bad + sim_store_out(&t->store);
    if (!all)
        mend(t);
}

static void lying(uint32_t disks, uint64_t seed, uint64_t *ret_seen)
{
    struct scene *t = calloc(1, sizeof *t);
    assert_non_null(t);
    scene_new(t, seed, (struct sim_shape){6, 4, 2, 128 * MIB});
    t->region = REGIONS;
    lie(t, disks);
    t->count = (uint32_t)__builtin_popcount(disks);
    uint64_t failures = 0;
    for (int i = 0; i < 4; i++) {
        assert_true(sim_model_run(&t->model, 40));
        failures += !sim_branch(t->store.world, look_after_lies, t);
    }
    for (uint32_t i = 0; i < 6; i++)
        assert_true(t->lies[i].fired_count > 0 || !(disks >> i & 1));
    *ret_seen += t->seen[0] + t->seen[1] + t->seen[2];
    scene_free(t);
    free(t);
    assert_int_equal(failures, 0);
}

static void test_lying_flushes(void **state)
{
    (void)state;
    uint64_t seed = sim_amount("SIM_SEED", 700, 700), count = sim_amount("SIM_LIES", 2, 20), seen = 0, seen_all = 0;
    for (uint64_t i = 0; i < count; i++) {
        lying(1u << i % 6, seed + i, &seen);
        lying(63, seed + 1000 + i, &seen_all);
    }
    assert_true(seen > 0);
    assert_true(seen_all > 0);
}

/* --- a full store --- */

static void test_full_store(void **state)
{
    (void)state;
    struct scene *t = calloc(1, sizeof *t);
    assert_non_null(t);
    scene_new(t, sim_amount("SIM_SEED", 800, 800), (struct sim_shape){3, 2, 1, 128 * MIB});
    struct sim_model *m = &t->model;
    m->errors_allowed = true;
    int err = 0;
    uint32_t full_at = 0;
    for (uint32_t round = 0; err == 0 && round < 400; round++) {
        full_at = (1 + 2 * (round % 32)) % m->key_count; /* mostly new versions: nothing is freed */
        err = sim_model_put(m, m->client_count * (full_at % 16) + round % m->client_count, 3000000);
    }
    assert_int_equal(err, ERR_NO_SPACE);
    struct sim_judge judge = {0};
    assert_true(sim_judge(m, &judge));
    for (uint32_t key = 0; key < m->key_count; key++) { /* the rest of the space, by small ones */
        err = sim_model_put(m, key, 200000);
        assert_true(err == 0 || err == ERR_NO_SPACE);
    }
    assert_true(sim_judge(m, &judge));
    m->weights[SIM_PUT] = m->weights[SIM_MULTIPART] = m->weights[SIM_COPY] = 0;
    m->errors_allowed = false; /* DELETE, GET and lists work on a full store */
    assert_true(sim_model_run(m, 300));
    assert_true(sim_judge(m, &judge));
    for (uint32_t key = 0; key < 4; key++)
        assert_int_equal(sim_model_put(m, key, 1000000), 0);
    sim_store_close(&t->store); /* not a crash: what that leaves in memory belongs in a branch */
    sim_model_crashed(m);
    assert_int_equal(sim_store_open(&t->store), 0);
    assert_true(sim_judge(m, &judge));
    scene_free(t);
    free(t);
}

int main(void)
{
    log_init(getenv("SIM_VERBOSE") ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, false, false);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_volumes_lost_at_rest), cmocka_unit_test(test_volumes_lost_in_the_run),
        cmocka_unit_test(test_rot_everywhere), cmocka_unit_test(test_lying_flushes),
        cmocka_unit_test(test_full_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
