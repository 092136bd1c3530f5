/* Recovery: the newest root, then the log from its start on, record by record, over all CURRENT mirrors; what a mirror lacks
 * is written to it. Then an empty record begins a new epoch, so that a torn record which nobody was told of can never come
 * back once its sequence is taken. Writer's thread, before anything is served. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "meta/pages_core.h"

#define WINDOW_SIZE (1u << 20)

/* One mirror's log, read through a window. */
struct side {
    uint32_t volume_index;
    uint8_t *window;
    uint64_t window_off, window_len; /* in the ring; len 0: nothing read */
    bool behind;                     /* lacks (part of) the record looked at */
    bool dead;                       /* hangs: not asked again, and put out at the end */
};

struct recovery {
    struct pages *pages;
    struct loop *loop;
    struct store_message *message;
    uint32_t side_count;
    struct side sides[VOLUMES_MAX];
    struct root_header *root; /* with its leaves */
};

static int fail(struct recovery *r, int err, const char *text)
{
    snprintf(r->message->text, sizeof r->message->text, "metadata: %s", text);
    return err;
}

/* A mirror that hangs must not be waited for at every block. */
static int side_read(struct recovery *r, struct side *s, uint64_t space_off, void *data, uint64_t len)
{
    if (s->dead)
        return ERR_TIMEOUT;
    int err = mirror_read_one(r->pages->mirror, r->loop, s->volume_index, space_off, data, (uint32_t)len);
    s->dead = err == ERR_TIMEOUT;
    return err;
}

/* --- roots --- */

static int find_root(struct recovery *r)
{
    for (uint32_t i = 0; i < r->side_count; i++) {
        uint8_t probe[4096];
        (void)!side_read(r, &r->sides[i], 0, probe, sizeof probe);
        for (uint32_t slot = 0; slot < 2 && !r->sides[i].dead; slot++) {
            struct root_header *root = pages_root_read(r->pages, r->loop, r->sides[i].volume_index, slot);
            if (root != NULL && (r->root == NULL || root->root_sequence > r->root->root_sequence)) {
                free(r->root);
                r->root = root;
            } else {
                free(root);
            }
        }
    }
    return r->root != NULL ? 0 : fail(r, ERR_CORRUPT, "no mirror holds a valid root");
}

/* --- reading the log --- */

/* One block of the ring on one mirror; NULL: cannot be read. Valid until the next call. */
static const uint8_t *side_block(struct recovery *r, struct side *s, uint64_t off)
{
    if (off >= s->window_off && off < s->window_off + s->window_len)
        return s->window + (off - s->window_off);
    uint64_t end = (off / WINDOW_SIZE + 1) * WINDOW_SIZE;
    s->window_off = off;
    s->window_len = (end < r->pages->log_size ? end : r->pages->log_size) - off;
    if (side_read(r, s, LOG_SPACE_OFF + off, s->window, s->window_len) == 0)
        return s->window;
    /* One bad block must not hide its neighbours. */
    s->window_len = LOG_BLOCK;
    if (side_read(r, s, LOG_SPACE_OFF + off, s->window, LOG_BLOCK) == 0)
        return s->window;
    s->window_len = 0;
    return NULL;
}

/* A whole, valid header at off on one mirror, or NULL. */
static struct log_header *side_header(struct recovery *r, struct side *s, uint64_t off)
{
    const uint8_t *block = off < r->pages->log_size ? side_block(r, s, off) : NULL;
    if (block == NULL || !page_log_first_block_plausible(r->pages, block, off))
        return NULL;
    uint32_t count = log_header_blocks(((const struct log_header *)block)->page_count);
    uint8_t *whole = malloc(count * LOG_BLOCK);
    if (whole == NULL)
        return NULL;
    for (uint32_t i = 0; i < count; i++) {
        block = side_block(r, s, off + i * LOG_BLOCK);
        if (block == NULL) {
            free(whole);
            return NULL;
        }
        memcpy(whole + i * LOG_BLOCK, block, LOG_BLOCK);
    }
    struct log_header *h = (struct log_header *)whole;
    if (log_header_blocks(h->page_count) == count && h->crc == page_log_header_crc(h, count * LOG_BLOCK))
        return h;
    free(whole);
    return NULL;
}

/* The header of the next record if some mirror has it at off: the latest epoch's. */
static struct log_header *find_header_at(struct recovery *r, uint64_t off, bool wrapped)
{
    struct pages *p = r->pages;
    struct log_header *best = NULL;
    for (uint32_t i = 0; i < r->side_count; i++) {
        struct log_header *h = side_header(r, &r->sides[i], off);
        bool fits = h != NULL && h->sequence == p->sequence + 1 && h->previous_crc == p->last_crc && h->epoch >= p->epoch &&
                    (!wrapped || p->log_head + log_record_len(h->page_count) > p->log_size);
        if (fits && (best == NULL || h->epoch > best->epoch)) {
            free(best);
            best = h;
        } else {
            free(h);
        }
    }
    return best;
}

static struct log_header *find_header(struct recovery *r, uint64_t *ret_off)
{
    struct log_header *h = find_header_at(r, r->pages->log_head, false);
    *ret_off = r->pages->log_head;
    if (h == NULL) {
        h = find_header_at(r, 0, true);
        *ret_off = 0;
    }
    return h;
}

/* --- replaying --- */

/* Marks the mirrors that lack the header. */
static void compare_headers(struct recovery *r, const struct log_header *h, uint64_t off)
{
    for (uint32_t i = 0; i < r->side_count; i++) {
        struct log_header *other = side_header(r, &r->sides[i], off);
        r->sides[i].behind = other == NULL || memcmp(other, h, log_header_blocks(h->page_count) * LOG_BLOCK) != 0;
        free(other);
    }
}

/* One page of the record, from any mirror; 0 with *ret NULL: no mirror has it. */
static int find_page(struct recovery *r, const struct log_header *h, uint32_t index, uint64_t off, struct page_version **ret)
{
    struct log_entry e = h->entries[index];
    *ret = NULL;
    for (uint32_t i = 0; i < r->side_count; i++) {
        const uint8_t *block = side_block(r, &r->sides[i], off);
        if (block == NULL || page_crc(e.number, h->sequence, block) != e.crc) {
            r->sides[i].behind = true;
        } else if (*ret == NULL) {
            *ret = page_version_new(r->pages, e.number, h->sequence, block);
            if (*ret == NULL)
                return ERR_NO_MEMORY;
            (*ret)->crc = e.crc;
        }
    }
    return 0;
}

static void write_behind(struct recovery *r, const struct log_header *h, uint64_t off, struct page_version **versions)
{
    struct pages *p = r->pages;
    uint32_t header_len = log_header_blocks(h->page_count) * LOG_BLOCK;
    struct mirror_range *ranges = calloc(h->page_count + 1, sizeof *ranges);
    if (ranges != NULL)
        ranges[0] = (struct mirror_range){LOG_SPACE_OFF + off, h, header_len};
    for (uint32_t i = 0; ranges != NULL && i < h->page_count; i++)
        ranges[i + 1] = (struct mirror_range){LOG_SPACE_OFF + off + header_len + (uint64_t)i * PAGE_SIZE, versions[i]->data, PAGE_SIZE};
    for (uint32_t i = 0; i < r->side_count; i++) {
        struct side *s = &r->sides[i];
        if (!s->behind || s->dead)
            continue;
        int err = ranges == NULL ? ERR_NO_MEMORY : mirror_write_one(p->mirror, r->loop, s->volume_index, ranges, h->page_count + 1);
        if (err == 0)
            err = mirror_flush_one(p->mirror, r->loop, s->volume_index);
        s->dead = s->dead || err == ERR_TIMEOUT;
        if (err != 0)
            volume_suspect(&p->store->volumes[s->volume_index], loop_now_us(r->loop));
        s->window_len = 0;
    }
    free(ranges);
}

static int take_record(struct recovery *r, const struct log_header *h, uint64_t off, struct page_version **versions)
{
    struct pages *p = r->pages;
    uint64_t len = log_record_len(h->page_count);
    uint64_t span = off == p->log_head ? len : p->log_size - p->log_head + len;
    struct log_record record = {.off = off, .len = len, .span = span, .epoch = h->epoch, .crc = h->crc, .database_pages = h->database_pages};
    if (p->log_used + span > p->log_size)
        return fail(r, ERR_CORRUPT, "the log overlaps itself");
    int err = page_log_record_push(p, &record);
    if (err != 0)
        return err;
    if (!p->options.read_only)
        write_behind(r, h, off, versions);
    for (uint32_t i = 0; i < h->page_count; i++) {
        page_cache_add_dirty(p, versions[i]);
        versions[i] = NULL;
    }
    p->sequence = h->sequence;
    p->epoch = h->epoch;
    p->last_crc = h->crc;
    p->database_pages = h->database_pages;
    return 0;
}

/* One record: *ret_taken false when it is torn (on all mirrors together). */
static int replay_record(struct recovery *r, const struct log_header *h, uint64_t off, bool *ret_taken)
{
    struct page_version **versions = calloc(h->page_count + 1, sizeof(struct page_version *));
    if (versions == NULL)
        return ERR_NO_MEMORY;
    compare_headers(r, h, off);
    uint64_t data_off = off + log_header_blocks(h->page_count) * LOG_BLOCK;
    bool whole = true;
    int err = 0;
    for (uint32_t i = 0; err == 0 && i < h->page_count; i++) {
        err = find_page(r, h, i, data_off + (uint64_t)i * PAGE_SIZE, &versions[i]);
        whole = whole && versions[i] != NULL;
    }
    if (err == 0 && whole)
        err = take_record(r, h, off, versions);
    for (uint32_t i = 0; i < h->page_count; i++)
        page_version_free(r->pages, versions[i]);
    free(versions);
    if (err == 0)
        *ret_taken = whole;
    return err;
}

static int replay(struct recovery *r)
{
    for (;;) {
        uint64_t off;
        struct log_header *h = find_header(r, &off);
        if (h == NULL)
            return 0;
        bool taken = false;
        int err = replay_record(r, h, off, &taken);
        free(h);
        if (err != 0 || !taken)
            return err;
    }
}

/* P5: a record of this history behind the end of what could be replayed means that an acknowledged one is lost. */
static int check_no_later(struct recovery *r)
{
    struct pages *p = r->pages;
    for (uint32_t i = 0; i < r->side_count; i++) {
        struct side *s = &r->sides[i];
        for (uint64_t off = 0; off < p->log_size; off += LOG_BLOCK) {
            struct log_header *h = side_header(r, s, off);
            bool later = h != NULL && h->sequence > p->sequence + 1;
            free(h);
            if (later)
                return fail(r, ERR_CORRUPT, "a committed record of the log is damaged on all mirrors; a later one is whole");
        }
    }
    return 0;
}

/* --- the whole --- */

static int find_sides(struct recovery *r)
{
    struct store *store = r->pages->store;
    for (uint32_t i = 0; i < store->volume_slots; i++) {
        struct volume *v = &store->volumes[i];
        if (!v->present || atomic_load(&v->mirror) != MIRROR_CURRENT)
            continue;
        struct side *s = &r->sides[r->side_count++];
        s->volume_index = i;
        s->window = malloc(WINDOW_SIZE);
        if (s->window == NULL)
            return ERR_NO_MEMORY;
    }
    return r->side_count > 0 ? 0 : fail(r, ERR_QUORUM, "no mirror is here");
}

static int start_from_root(struct recovery *r)
{
    struct pages *p = r->pages;
    int err = find_root(r);
    if (err != 0)
        return err;
    p->root = *r->root;
    p->sequence = p->root.checkpoint_sequence;
    p->epoch = p->root.epoch;
    p->last_crc = p->root.log_crc;
    p->database_pages = p->root.database_pages;
    p->log_head = p->root.log_off;
    return 0;
}

/* Mirrors that could not be brought level are put out; one that cannot be spared ends the attempt. */
static int put_out_unlevel(struct recovery *r)
{
    struct pages *p = r->pages;
    for (uint32_t i = 0; i < r->side_count; i++)
        if (r->sides[i].dead || pages_root_level(p, r->loop, r->sides[i].volume_index, r->root, NULL) != 0)
            volume_suspect(&p->store->volumes[r->sides[i].volume_index], loop_now_us(r->loop));
    int err = mirror_review(p->mirror, r->loop);
    for (uint32_t i = 0; err == 0 && i < r->side_count; i++) {
        struct volume *v = &p->store->volumes[r->sides[i].volume_index];
        if (atomic_load(&v->suspect_since_us) != 0 && atomic_load(&v->mirror) == MIRROR_CURRENT)
            err = fail(r, ERR_QUORUM, "too few mirrors can be brought level");
    }
    return err;
}

static int recover(struct recovery *r)
{
    struct pages *p = r->pages;
    int err = find_sides(r);
    if (err == 0)
        err = start_from_root(r);
    if (err == 0)
        err = replay(r);
    if (err == 0)
        err = check_no_later(r);
    if (err == 0 && !p->options.read_only)
        err = put_out_unlevel(r);
    if (err == 0) {
        err = page_map_load(p, r->loop, (const struct root_leaf *)(r->root + 1));
        if (err == ERR_CORRUPT)
            return fail(r, err, "a map block is damaged on all mirrors");
    }
    if (err == 0 && !p->options.read_only)
        err = pages_commit_epoch(p, r->loop);
    return err;
}

int pages_recover(struct pages *p, struct loop *loop, struct store_message *message)
{
    struct recovery *r = calloc(1, sizeof *r);
    if (r == NULL)
        return ERR_NO_MEMORY;
    *r = (struct recovery){.pages = p, .loop = loop, .message = message};
    message->text[0] = '\0';
    int err = recover(r);
    if (err != 0 && message->text[0] == '\0')
        fail(r, err, err_text(err));
    for (uint32_t i = 0; i < r->side_count; i++)
        free(r->sides[i].window);
    free(r->root);
    free(r);
    return err;
}
