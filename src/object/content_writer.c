#include "object/content_writer.h"

#include <assert.h>
#include <stdlib.h>

#include "base/container.h"

struct content_extent {
    struct content_writer *owner;
    struct content_extent *next;
    struct extent extent;
    struct extent_writer *writer; /* NULL before it is made and after it is done */
    uint64_t start;               /* within the content */
    uint64_t filled;
    uint64_t volumes;
    bool finished;                /* extent_writer_finish or _abort was called */
    bool reserved;                /* the space is ours to release */
};

static bool is_inline(const struct content_writer *w)
{
    return w->may_inline && !w->first;
}

static void run_done(struct task *task)
{
    struct content_writer *w = container_of(task, struct content_writer, done_task);
    w->done(w->arg, w->err);
}

static void maybe_done(struct content_writer *w)
{
    if (!w->ended || w->working || w->waiting || w->done_posted)
        return;
    w->done_posted = true;
    loop_post(w->reactor->loop, &w->done_task);
}

static void fail(struct content_writer *w, int err)
{
    if (!w->err)
        w->err = err;
}

static void notify_ready(struct content_writer *w)
{
    if (!w->starved)
        return;
    w->starved = false;
    w->ready(w->arg);
}

static void extent_ready(void *arg)
{
    struct content_extent *e = arg;
    notify_ready(e->owner);
}

static void extent_done(void *arg, int err)
{
    struct content_extent *e = arg;
    struct content_writer *w = e->owner;
    e->volumes = extent_writer_volumes(e->writer);
    extent_writer_free(e->writer);
    e->writer = NULL;
    if (err) {
        fail(w, err);
        if (err == ERR_CANCELLED)
            e->reserved = false; /* abort released it */
    }
    w->working--;
    notify_ready(w);
    maybe_done(w);
}

static void space_may_be_there(struct task *task)
{
    struct content_writer *w = container_of(container_of(task, struct placement_waiter, task), struct content_writer, waiter);
    w->waiting = false;
    notify_ready(w);
    maybe_done(w);
}

void content_writer_init(struct content_writer *w, struct object_reactor *reactor, uint64_t size_expected, bool may_inline,
                         void (*ready)(void *), void (*done)(void *, int), void *arg)
{
    *w = (struct content_writer){
        .reactor = reactor,
        .ready = ready,
        .done = done,
        .arg = arg,
        .size_expected = size_expected,
        .may_inline = may_inline && (size_expected <= INLINE_CONTENT_MAX || size_expected == UINT64_MAX),
        .waiter = {.loop = reactor->loop, .task = {.run = space_may_be_there}},
        .done_task = {.run = run_done},
    };
}

/* Takes space for the next extent and makes its writer. ERR_WOULD_BLOCK: a waiter is queued. */
static int open_extent(struct content_writer *w)
{
    uint64_t left = w->size_expected == UINT64_MAX ? EXTENT_LEN_MAX : w->size_expected - w->size;
    struct content_extent *e = calloc(1, sizeof(*e));
    if (!e)
        return ERR_NO_MEMORY;
    int err = placement_reserve(w->reactor->placement, left < EXTENT_LEN_MAX ? left : EXTENT_LEN_MAX, &e->extent);
    if (err) {
        free(e);
        if (err == ERR_WOULD_BLOCK) {
            w->waiting = true;
            placement_wait(w->reactor->placement, &w->waiter);
        }
        return err;
    }
    static const struct extent_writer_callbacks callbacks = {extent_ready, extent_done};
    err = extent_writer_new(w->reactor->placement, w->reactor->loop, w->reactor->buffers, &e->extent, &callbacks, e, &e->writer);
    if (err) {
        placement_release(w->reactor->placement, &e->extent);
        free(e);
        return err;
    }
    e->owner = w;
    e->reserved = true;
    e->start = w->size;
    w->working++;
    if (w->last)
        w->last->next = e;
    else
        w->first = e;
    w->last = e;
    return 0;
}

static void finish_extent(struct content_extent *e)
{
    e->finished = true;
    extent_writer_finish(e->writer);
}

/* The extent to put bytes into; NULL: wait, or w->err. */
static struct content_extent *current_extent(struct content_writer *w)
{
    struct content_extent *e = w->last;
    if (e && !e->finished && e->filled == e->extent.len)
        finish_extent(e);
    if (e && !e->finished)
        return e;
    if (w->working > 1 || w->waiting)
        return NULL;
    int err = open_extent(w);
    if (err == ERR_WOULD_BLOCK)
        return NULL;
    if (err)
        fail(w, err);
    return err ? NULL : w->last;
}

static size_t put_extents(struct content_writer *w, const uint8_t *data, size_t len)
{
    size_t taken = 0;
    while (taken < len) {
        struct content_extent *e = current_extent(w);
        if (w->err)
            return len;
        if (!e)
            break;
        uint64_t room = e->extent.len - e->filled;
        size_t some = len - taken < room ? len - taken : (size_t)room;
        size_t put = extent_writer_put(e->writer, data + taken, some);
        e->filled += put;
        w->size += put;
        taken += put;
        if (put < some)
            break;
    }
    if (taken < len)
        w->starved = true;
    return taken;
}

/* A body of unknown length outgrew the database: what was gathered goes to extents first. Returns whether it is all there. */
static bool spill_inline(struct content_writer *w)
{
    size_t held = w->inline_bytes.len - (size_t)w->size;
    size_t put = put_extents(w, (const uint8_t *)w->inline_bytes.data + w->size, held);
    return put == held;
}

size_t content_writer_put(struct content_writer *w, const void *data, size_t len)
{
    assert(!w->ended);
    if (w->err)
        return len;
    if (w->size_expected != UINT64_MAX && len > w->size_expected - (is_inline(w) ? w->inline_bytes.len : w->size)) {
        fail(w, ERR_TOO_LARGE);
        return len;
    }
    if (w->may_inline) {
        if (!w->first && w->inline_bytes.len + len <= INLINE_CONTENT_MAX) {
            text_append(&w->inline_bytes, data, len);
            if (w->inline_bytes.failed)
                fail(w, ERR_NO_MEMORY);
            return len;
        }
        if (!spill_inline(w))
            return w->err ? len : 0;
        w->may_inline = false;
        text_free(&w->inline_bytes);
    }
    return put_extents(w, data, len);
}

void content_writer_finish(struct content_writer *w)
{
    if (w->may_inline && w->first) /* a spill stood half-way: it had no room, so bytes were refused and finish came too early */
        fail(w, ERR_INCOMPLETE_BODY);
    if (is_inline(w))
        w->size = w->inline_bytes.len;
    if (w->size_expected != UINT64_MAX && w->size != w->size_expected)
        fail(w, ERR_INCOMPLETE_BODY);
    if (w->err) {
        content_writer_abort(w);
        return;
    }
    w->ended = true;
    if (w->last && !w->last->finished)
        finish_extent(w->last);
    maybe_done(w);
}

void content_writer_abort(struct content_writer *w)
{
    fail(w, ERR_CANCELLED);
    w->ended = true;
    w->starved = false;
    for (struct content_extent *e = w->first; e; e = e->next) {
        if (e->writer && !e->finished) {
            e->finished = true;
            extent_writer_abort(e->writer);
        }
    }
    maybe_done(w);
}

uint64_t content_writer_volumes(const struct content_writer *w)
{
    uint64_t volumes = 0;
    for (struct content_extent *e = w->first; e; e = e->next)
        volumes |= e->volumes;
    return volumes;
}

/* Notes the slots on volumes that did not flush. An extent that is short of its quorum must not be acknowledged. */
static int note_missing(struct content_writer *w, struct extent *extent, uint64_t failed)
{
    struct group group;
    int err = placement_group(w->reactor->placement, extent->group_id, &group);
    if (err)
        return err;
    unsigned slots = group.data_count + group.parity_count, present = 0;
    for (unsigned slot = 0; slot < slots; slot++) {
        if (failed >> group.slots[slot].volume_index & 1)
            extent->missing |= 1u << slot;
        present += !(extent->missing >> slot & 1);
    }
    unsigned quorum = group.data_count + (group.parity_count + 1u) / 2;
    return present < quorum ? ERR_QUORUM : 0;
}

int content_writer_commit(struct content_writer *w, struct meta_tx *tx, int64_t content_id, uint64_t start)
{
    if (!w->first)
        return w->size ? content_insert_inline(tx, content_id, slice_of(w->inline_bytes.data, w->inline_bytes.len)) : 0;
    uint64_t failed = meta_tx_failed_volumes(tx);
    for (struct content_extent *e = w->first; e; e = e->next) {
        if (!e->extent.len)
            continue;
        int err = note_missing(w, &e->extent, failed & e->volumes);
        if (err)
            return err;
        e->extent.id = (int64_t)meta_tx_clock(tx);
        err = extent_insert(tx, &e->extent, 1);
        if (err)
            return err;
        struct segment_row segment = {content_id, start + e->start, e->extent.len, e->extent.id, 0};
        err = content_insert_segment(tx, &segment);
        if (err)
            return err;
    }
    return 0;
}

void content_writer_fini(struct content_writer *w, bool keep_space)
{
    assert(!w->working && !w->waiting);
    for (struct content_extent *e = w->first, *next; e; e = next) {
        next = e->next;
        if (e->reserved && (!keep_space || !e->extent.len))
            placement_release(w->reactor->placement, &e->extent);
        free(e->extent.crcs);
        free(e);
    }
    w->first = w->last = NULL;
    text_free(&w->inline_bytes);
}
