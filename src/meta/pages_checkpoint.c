/* Checkpoints: homes, flush, map blocks, flush, root. Beside commits; P1 to P6 of pages_core.h say why that is right. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "meta/pages_core.h"

#define BATCH_PAGES 1024u            /* 4 MiB per write */
#define SNAPSHOT_WAIT_US 100000u     /* for snapshots older than the newest commit */
#define SNAPSHOT_POLL_US 2000u

struct checkpoint_plan {
    struct pages_snapshot snapshot;  /* at the target; keeps what is being written (P2) */
    struct page_version **versions;       /* by page number */
    uint32_t version_count;
    struct map_block **maps;         /* new images, by number */
    uint32_t map_count, map_total;   /* blocks changed; blocks in all afterwards */
    struct root_header *root;        /* with its leaves */
};

void pages_slot_take(struct pages *p)
{
    pthread_mutex_lock(&p->lock);
    while (p->slot_taken)
        pthread_cond_wait(&p->slot_free, &p->lock);
    p->slot_taken = true;
    pthread_mutex_unlock(&p->lock);
}

void pages_slot_give(struct pages *p)
{
    pthread_mutex_lock(&p->lock);
    p->slot_taken = false;
    pthread_cond_signal(&p->slot_free);
    pthread_mutex_unlock(&p->lock);
}

void pages_plan_free(struct pages *p, struct checkpoint_plan *plan)
{
    pthread_mutex_lock(&p->lock);
    pages_snapshot_remove(p, &plan->snapshot);
    pthread_mutex_unlock(&p->lock);
    for (uint32_t i = 0; i < plan->map_count; i++)
        free(plan->maps[i]);
    free(plan->maps);
    free(plan->versions);
    free(plan->root);
    free(plan);
}

struct snapshot_wait { struct pages *pages; struct loop *loop; uint64_t sequence, end_us; struct timer timer; };

static bool snapshots_gone(void *arg)
{
    struct snapshot_wait *w = arg;
    pthread_mutex_lock(&w->pages->lock);
    bool gone = w->pages->oldest == NULL || w->pages->oldest->sequence >= w->sequence;
    pthread_mutex_unlock(&w->pages->lock);
    uint64_t now = loop_now_us(w->loop);
    if (gone || now >= w->end_us)
        return true;
    if (!w->timer.armed)
        loop_timer_set(w->loop, &w->timer, now + SNAPSHOT_POLL_US);
    return false;
}

static void poll_fire(struct timer *t)
{
    (void)t; /* only wakes the loop so that snapshots_gone() looks again */
}

static int wait_snapshots(struct pages *p, struct loop *loop)
{
    struct snapshot_wait w = {.pages = p, .loop = loop, .end_us = loop_now_us(loop) + SNAPSHOT_WAIT_US, .timer.fire = poll_fire};
    pthread_mutex_lock(&p->lock);
    w.sequence = p->sequence;
    pthread_mutex_unlock(&p->lock);
    int err = loop_wait(loop, snapshots_gone, &w);
    if (w.timer.armed)
        loop_timer_cancel(loop, &w.timer);
    return err;
}

static int by_number(const void *a, const void *b)
{
    const struct page_version *x = *(struct page_version *const *)a, *y = *(struct page_version *const *)b;
    return x->number < y->number ? -1 : x->number > y->number;
}

/* Under the lock: the newest dirty version of each page up to the target. */
static int collect_versions(struct pages *p, struct checkpoint_plan *plan)
{
    uint64_t target = plan->snapshot.sequence;
    plan->versions = malloc((p->queues[QUEUE_DIRTY].count + 1) * sizeof(struct page_version *));
    if (plan->versions == NULL)
        return ERR_NO_MEMORY;
    for (struct page_version *v = p->queues[QUEUE_DIRTY].head; v != NULL; v = v->next)
        if (v->sequence <= target && (v->superseded_at == 0 || v->superseded_at > target))
            plan->versions[plan->version_count++] = v;
    return 0;
}

static struct map_block *map_image(struct pages *p, uint32_t number)
{
    struct map_block *b = calloc(1, sizeof *b);
    if (b == NULL)
        return NULL;
    if (number < p->map_count)
        *b = *p->map[number];
    b->magic = MAP_MAGIC;
    b->number = number;
    return b;
}

/* New images of the map blocks that change, and of those between the old end of the map and the new one. */
static int plan_maps(struct pages *p, struct checkpoint_plan *plan, uint32_t database_pages)
{
    uint32_t total = page_map_blocks_for(database_pages);
    if (plan->version_count > 0) {
        uint32_t last = page_map_block(plan->versions[plan->version_count - 1]->number) + 1;
        total = last > total ? last : total;
    }
    plan->map_total = total > p->map_count ? total : p->map_count;
    plan->maps = calloc(plan->version_count + (plan->map_total - p->map_count) + 1, sizeof(struct map_block *));
    if (plan->maps == NULL)
        return ERR_NO_MEMORY;
    uint32_t v = 0, fresh = p->map_count;
    while (v < plan->version_count || fresh < plan->map_total) {
        uint32_t number = v < plan->version_count ? page_map_block(plan->versions[v]->number) : UINT32_MAX;
        if (fresh < plan->map_total && fresh <= number)
            number = fresh++;
        struct map_block *b = map_image(p, number);
        if (b == NULL)
            return ERR_NO_MEMORY;
        for (; v < plan->version_count && page_map_block(plan->versions[v]->number) == number; v++) {
            const struct page_version *image = plan->versions[v];
            b->entries[page_map_entry(image->number)] =
                (struct map_entry){image->crc, (uint32_t)image->sequence, (uint32_t)(image->sequence >> 32)};
        }
        page_map_seal(b);
        plan->maps[plan->map_count++] = b;
    }
    return 0;
}

/* The slot a map block's new image goes to (P3). */
static uint32_t spare_slot(const struct pages *p, uint32_t number)
{
    return number < p->map_count ? !p->map_slots[number] : 0;
}

static int plan_root(struct pages *p, struct checkpoint_plan *plan, const struct log_record *last, uint64_t log_off)
{
    uint32_t leaf_count = (plan->map_total + ROOT_LEAF_MAPS - 1) / ROOT_LEAF_MAPS;
    plan->root = calloc(1 + leaf_count, 4096);
    if (plan->root == NULL)
        return ERR_NO_MEMORY;
    *plan->root = (struct root_header){
        .store_uuid = p->store->uuid, .root_sequence = p->root.root_sequence + 1, .checkpoint_sequence = plan->snapshot.sequence,
        .epoch = last->epoch, .log_off = log_off, .log_crc = last->crc, .database_pages = last->database_pages,
        .map_block_count = plan->map_total, .leaf_count = leaf_count, .log_size = p->log_size};
    struct root_leaf *leaves = (struct root_leaf *)(plan->root + 1);
    for (uint32_t i = 0, changed = 0; i < plan->map_total; i++) {
        struct root_leaf *leaf = &leaves[i / ROOT_LEAF_MAPS];
        bool is_changed = changed < plan->map_count && plan->maps[changed]->number == i;
        uint32_t slot = is_changed ? spare_slot(p, i) : p->map_slots[i];
        leaf->crcs[i % ROOT_LEAF_MAPS] = is_changed ? plan->maps[changed]->crc : p->map[i]->crc;
        leaf->slots[i % ROOT_LEAF_MAPS / 8] |= (uint8_t)(slot << i % 8);
        changed += is_changed;
    }
    pages_root_seal(plan->root, leaves);
    return 0;
}

/* Decides the target and gathers everything; *ret NULL: nothing to do. */
static int plan_make(struct pages *p, struct checkpoint_plan **ret)
{
    struct checkpoint_plan *plan = calloc(1, sizeof *plan);
    if (plan == NULL)
        return ERR_NO_MEMORY;
    pthread_mutex_lock(&p->lock);
    uint64_t target = p->oldest != NULL ? p->oldest->sequence : p->sequence; /* P1 */
    if (target <= p->root.checkpoint_sequence) {
        pthread_mutex_unlock(&p->lock);
        free(plan);
        *ret = NULL;
        return 0;
    }
    plan->snapshot.sequence = target;
    pages_snapshot_insert(p, &plan->snapshot);
    struct log_record last = *page_log_record_at(p, target);
    const struct log_record *next = page_log_record_at(p, target + 1);
    uint64_t log_off = next != NULL ? next->off : p->log_head;
    int err = collect_versions(p, plan);
    pthread_mutex_unlock(&p->lock);
    if (err == 0) {
        qsort(plan->versions, plan->version_count, sizeof(struct page_version *), by_number);
        err = plan_maps(p, plan, last.database_pages); /* the map changes only by whoever holds the slot */
    }
    if (err == 0)
        err = plan_root(p, plan, &last, log_off);
    if (err != 0) {
        pages_plan_free(p, plan);
        return err;
    }
    *ret = plan;
    return 0;
}

static int write_ranges(struct pages *p, struct loop *loop, const struct mirror_range *ranges, uint32_t count, bool durable,
                        bool writer)
{
    return writer ? mirror_write(p->mirror, loop, ranges, count, durable) : mirror_write_aside(p->mirror, loop, ranges, count, durable);
}

static int flush(struct pages *p, struct loop *loop, bool writer)
{
    return writer ? mirror_flush(p->mirror, loop) : mirror_flush_aside(p->mirror, loop);
}

static int write_homes(struct pages *p, struct loop *loop, struct checkpoint_plan *plan, bool writer)
{
    struct mirror_range *ranges = malloc(BATCH_PAGES * sizeof *ranges);
    if (ranges == NULL)
        return ERR_NO_MEMORY;
    int err = 0;
    for (uint32_t done = 0; err == 0 && done < plan->version_count;) {
        uint32_t count = 0;
        for (; count < BATCH_PAGES && done < plan->version_count; done++) {
            const struct page_version *v = plan->versions[done];
            ranges[count++] = (struct mirror_range){page_home_off(p->log_size, v->number), v->data, PAGE_SIZE};
        }
        err = write_ranges(p, loop, ranges, count, false, writer);
    }
    free(ranges);
    return err == 0 && plan->version_count > 0 ? flush(p, loop, writer) : err;
}

static int write_maps(struct pages *p, struct loop *loop, struct checkpoint_plan *plan, bool writer)
{
    struct mirror_range ranges[64];
    int err = 0;
    for (uint32_t done = 0; err == 0 && done < plan->map_count;) {
        uint32_t count = 0;
        for (; count < 64 && done < plan->map_count; done++) {
            const struct map_block *b = plan->maps[done];
            uint64_t off = map_block_off(p->log_size, b->number, spare_slot(p, b->number));
            ranges[count++] = (struct mirror_range){off, b, sizeof *b};
        }
        err = write_ranges(p, loop, ranges, count, false, writer);
    }
    return err == 0 && plan->map_count > 0 ? flush(p, loop, writer) : err;
}

static int write_root(struct pages *p, struct loop *loop, struct checkpoint_plan *plan, bool writer)
{
    struct mirror_range range = {pages_root_slot_off(plan->root->root_sequence), plan->root, pages_root_len(plan->root)};
    return write_ranges(p, loop, &range, 1, true, writer);
}

/* The root is durable: memory follows. Room in the map's arrays was reserved. */
static void plan_apply(struct pages *p, struct checkpoint_plan *plan)
{
    pthread_mutex_lock(&p->lock);
    for (uint32_t i = 0; i < plan->map_count; i++) {
        uint32_t number = plan->maps[i]->number;
        uint32_t slot = spare_slot(p, number);
        if (number < p->map_count)
            free(p->map[number]);
        else
            p->map_count = number + 1;
        p->map[number] = plan->maps[i];
        p->map_slots[number] = (uint8_t)slot;
        plan->maps[i] = NULL;
    }
    for (uint32_t i = 0; i < plan->version_count; i++)
        page_cache_make_clean(p, plan->versions[i]);
    page_log_records_drop(p, plan->snapshot.sequence);
    p->root = *plan->root;
    p->checkpoints++;
    p->checkpoint_bytes += (uint64_t)plan->version_count * PAGE_SIZE + (uint64_t)plan->map_count * 4096 + pages_root_len(plan->root);
    page_cache_evict(p);
    pthread_mutex_unlock(&p->lock);
    pages_plan_free(p, plan);
}

static int run(struct pages *p, struct loop *loop, bool writer)
{
    struct checkpoint_plan *plan = p->plan;
    p->plan = NULL;
    if (plan == NULL) {
        int err = wait_snapshots(p, loop);
        if (err == 0)
            err = plan_make(p, &plan);
        if (err != 0 || plan == NULL)
            return err;
        pthread_mutex_lock(&p->lock);
        err = page_map_reserve(p, plan->map_total);
        pthread_mutex_unlock(&p->lock);
        if (err == 0)
            err = write_homes(p, loop, plan, writer);
        if (err == 0)
            err = write_maps(p, loop, plan, writer);
        if (err != 0) {
            pages_plan_free(p, plan);
            return err;
        }
    }
    int err = write_root(p, loop, plan, writer);
    if (err == 0)
        plan_apply(p, plan);
    else
        p->plan = plan; /* P4 */
    return err;
}

int pages_checkpoint_run(struct pages *p, struct loop *loop, bool writer)
{
    if (p->options.read_only)
        return ERR_READ_ONLY;
    pages_slot_take(p);
    int err = run(p, loop, writer);
    pages_slot_give(p);
    return err;
}

int pages_checkpoint(struct pages *p, struct loop *loop)
{
    return pages_checkpoint_run(p, loop, false);
}

int pages_checkpoint_writer(struct pages *p, struct loop *loop)
{
    return pages_checkpoint_run(p, loop, true);
}

bool pages_checkpoint_due(struct pages *p)
{
    pthread_mutex_lock(&p->lock);
    bool due = p->queues[QUEUE_DIRTY].count * PAGE_SIZE >= CHECKPOINT_DIRTY_MAX || p->log_used >= p->log_size / 4;
    pthread_mutex_unlock(&p->lock);
    return due;
}

bool pages_pressed(struct pages *p)
{
    pthread_mutex_lock(&p->lock);
    bool pressed = p->commit_waits || p->log_used > p->log_size / 4 * 3;
    pthread_mutex_unlock(&p->lock);
    return pressed;
}
