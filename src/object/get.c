/* GetObject and HeadObject: find the version, hold the conditions and the range against it, then hand out its bytes.
 *
 * One read transaction finds everything: the version, its segments and extents in the range, with their space pinned, so
 * that an overwrite or a delete meanwhile takes nothing away from this reader. Bytes come in windows (extent_reader.h), one
 * ahead of the one being handed out; the first has been read before done is called, so that its failure is still a status.
 *
 * Of an encrypted object the windows hold its stored bytes, of all frames that the range touches; an opener stands between them and the
 * answer. Offsets below are those of stored bytes then. */
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "object/content_cipher.h"
#include "object/info.h"
#include "object/lifecycle_tx.h"
#include "object/lock.h"
#include "placement/extent_reader.h"

/* The extents of one answer that are kept in memory: 16 GiB in whole extents. What lies behind is looked up when its turn
 * comes; if the object is gone by then, the answer is cut short, never wrong. */
#define GET_PIECES_MAX 1024
#define GET_WINDOWS 2

struct piece {
    uint64_t start, len;   /* within the content */
    uint64_t extent_off;
    struct extent extent;
};

struct window {
    struct extent_read read;
    struct object_get_state *state;
    bool reading, ready;
    uint32_t span_index;
    size_t span_off;
};

struct object_get_state {
    struct object_get *get;        /* NULL once the request is gone */
    struct object_reactor *reactor;
    struct meta_read lookup;
    struct content_opener opener;  /* of an encrypted object */
    int opener_err;
    int64_t content_id;
    uint64_t content_from, content_end; /* the answer's bytes */
    char *inline_bytes;            /* or NULL; the whole content */
    struct piece *pieces;
    uint32_t piece_count, piece_index;
    uint64_t pieces_end;           /* content offset behind the last piece loaded */
    uint64_t issued, given;        /* content offsets: read up to, handed out up to */
    struct window windows[GET_WINDOWS];
    uint32_t head;                 /* the window being handed out */
    uint32_t reading;              /* windows in flight */
    bool looking_up, announced;
    int err;
    void (*ready)(void *arg);
    void *ready_arg;
};

static void drop_pieces(struct object_get_state *s)
{
    for (uint32_t i = 0; i < s->piece_count; i++) {
        placement_unpin(s->reactor->placement, s->pieces[i].extent.id);
        free(s->pieces[i].extent.crcs);
    }
    free(s->pieces);
    s->pieces = NULL;
    s->piece_count = s->piece_index = 0;
}

static void state_free(struct object_get_state *s)
{
    for (uint32_t i = 0; i < GET_WINDOWS; i++)
        if (s->windows[i].ready)
            extent_read_release(&s->windows[i].read);
    drop_pieces(s);
    content_opener_fini(&s->opener);
    free(s->inline_bytes);
    free(s);
}

/* --- the lookup, in the read transaction --- */

struct piece_load { struct object_get_state *state; struct segment_row rows[GET_PIECES_MAX]; uint32_t count; };
#define PIECES_FULL 1

static int note_segment(void *arg, const struct segment_row *row)
{
    struct piece_load *load = arg;
    if (load->count == GET_PIECES_MAX)
        return PIECES_FULL;
    load->rows[load->count++] = *row;
    return 0;
}

static int load_piece(struct meta_tx *tx, struct object_get_state *s, const struct segment_row *row)
{
    struct piece *piece = &s->pieces[s->piece_count];
    *piece = (struct piece){row->start, row->len, row->extent_off, {0}};
    int err = extent_get(tx, row->extent_id, &piece->extent);
    if (err)
        return err;
    err = piece->start == s->pieces_end || !s->piece_count ? 0 : ERR_CORRUPT;
    if (!err && (row->extent_off > piece->extent.len || row->len > piece->extent.len - row->extent_off))
        err = ERR_CORRUPT;
    if (!err)
        err = placement_pin(s->reactor->placement, piece->extent.id);
    if (err) {
        free(piece->extent.crcs);
        return err;
    }
    s->piece_count++;
    s->pieces_end = row->start + row->len;
    return 0;
}

/* Loads and pins the extents of the content from offset from on. */
static int load_pieces(struct meta_tx *tx, struct object_get_state *s, uint64_t from)
{
    drop_pieces(s);
    struct piece_load *load = malloc(sizeof(*load));
    if (!load)
        return ERR_NO_MEMORY;
    load->state = s;
    load->count = 0;
    int err = content_segments(tx, s->content_id, from, s->content_end - from, note_segment, load);
    if (err == PIECES_FULL)
        err = 0;
    if (!err && load->count) {
        s->pieces = calloc(load->count, sizeof(*s->pieces));
        if (!s->pieces)
            err = ERR_NO_MEMORY;
    }
    s->pieces_end = from;
    for (uint32_t i = 0; !err && i < load->count; i++)
        err = load_piece(tx, s, &load->rows[i]);
    /* The rows of a version that is there cover all of it: a gap is damage, not an end. */
    if (!err && (!load->count || load->rows[0].start > from || (load->count < GET_PIECES_MAX && s->pieces_end < s->content_end)))
        err = ERR_CORRUPT;
    free(load);
    return err;
}

static int load_inline(struct meta_tx *tx, struct object_get_state *s, uint64_t size)
{
    struct slice bytes;
    int err = content_get_inline(tx, s->content_id, &bytes);
    if (err)
        return err;
    if (bytes.len != size)
        return ERR_CORRUPT;
    free(s->inline_bytes);
    s->inline_bytes = malloc(bytes.len);
    if (!s->inline_bytes)
        return ERR_NO_MEMORY;
    memcpy(s->inline_bytes, bytes.data, bytes.len);
    return 0;
}

/* Which stored bytes hold the range. */
static int find_frames(struct meta_tx *tx, struct object_get *get)
{
    struct object_get_state *s = get->state;
    struct content_stream *streams;
    uint32_t count;
    int err = content_streams(tx, s->content_id, get->info.part_count > 0, get->info.size, get->first, get->len, &streams, &count);
    return err ? err : content_opener_start(&s->opener, streams, count, get->first, get->len, &s->content_from, &s->content_end);
}

static int load_content(struct meta_tx *tx, struct object_get *get)
{
    struct object_get_state *s = get->state;
    uint64_t size = get->info.encrypted ? frame_stored_size(get->info.size) : get->info.size;
    s->content_from = get->first;
    s->content_end = get->first + get->len;
    if (get->info.encrypted) {
        int err = find_frames(tx, get);
        if (err)
            return err;
    }
    s->issued = s->given = s->content_from;
    if (size <= INLINE_CONTENT_MAX) {
        int err = load_inline(tx, s, size);
        if (err != ERR_NOT_FOUND)
            return err;
    }
    return load_pieces(tx, s, s->content_from);
}

/* The part asked for, as a range; a plain object is its own part 1. */
static int range_of_part(struct meta_tx *tx, struct object_get *get)
{
    if (!get->info.part_count) {
        if (get->part_number != 1)
            return ERR_INVALID_PART;
        get->first = 0;
        get->len = get->info.size;
        return 0;
    }
    struct content_part_row part;
    int err = content_get_part(tx, get->state->content_id, get->part_number, &part);
    if (err)
        return err;
    if (part.checksum.len > sizeof(get->part_checksum))
        return ERR_CORRUPT;
    get->part_checksum_len = (uint32_t)part.checksum.len;
    if (part.checksum.len)
        memcpy(get->part_checksum, part.checksum.data, part.checksum.len);
    get->first = part.start;
    get->len = part.size;
    return 0;
}

static int range_of_request(struct object_get *get)
{
    uint64_t size = get->info.size;
    get->first = 0;
    get->len = size;
    if (!get->has_range)
        return 0;
    if (get->range_is_suffix) {
        if (!get->range_first)
            return ERR_INVALID_RANGE;
        if (!size) { /* RFC 9110, 14.1.2: the last bytes of nothing are the whole */
            get->has_range = false;
            return 0;
        }
        get->len = get->range_first < size ? get->range_first : size;
        get->first = size - get->len;
        return 0;
    }
    if (get->range_first >= size)
        return ERR_INVALID_RANGE;
    uint64_t last = get->range_last < size ? get->range_last : size - 1;
    get->first = get->range_first;
    get->len = last - get->range_first + 1;
    return 0;
}

static int run_lookup(struct meta_tx *tx, struct meta_read *read)
{
    struct object_get_state *s = container_of(read, struct object_get_state, lookup);
    struct object_get *get = s->get;
    struct bucket_row bucket;
    struct lock_configuration configuration;
    int err = bucket_get(tx, get->bucket, &bucket);
    if (err)
        return err;
    enum bucket_versioning versioning = bucket.versioning;
    struct version_row row;
    err = object_find_version(tx, bucket.id, get->key, get->has_version_id, get->null_version_id, get->version_id, &row);
    if (err)
        return err;
    s->content_id = row.content_id;
    struct condition_subject subject = object_subject(&row);
    err = object_info_set(&get->info, &row, versioning);
    if (get->about_only)
        get->info.object_lock = lock_of_bucket(bucket.attributes, &configuration) != ERR_NO_OBJECT_LOCK;
    if (!err && !get->has_version_id)
        err = lifecycle_tx_describe(&get->info, &bucket, &row);
    if (err)
        return err;
    if (get->info.delete_marker)
        return ERR_DELETE_MARKER;
    subject.etag = get->info.etag;
    err = condition_check_read(&get->conditions, &subject);
    if (!err)
        err = get->part_number ? range_of_part(tx, get) : range_of_request(get);
    if (err || get->head_only || !get->len)
        return err;
    return load_content(tx, get);
}

/* --- reading ahead --- */

static int fill_frame(struct object_get_state *s);

static void announce(struct object_get_state *s)
{
    if (!s->get)
        return;
    if (!s->announced) {
        s->announced = true;
        if (!s->err && s->get->info.encrypted && s->opener.frame) { /* a wrong first frame is a status yet */
            int err = fill_frame(s);
            s->err = err == ERR_WOULD_BLOCK ? s->err : err;
        }
        s->get->err = s->err;
        s->get->done(s->get);
    } else if (s->ready) {
        s->ready(s->ready_arg);
    }
}

static void fill_windows(struct object_get_state *s);

static void window_done(struct extent_read *read)
{
    struct window *w = container_of(read, struct window, read);
    struct object_get_state *s = w->state;
    w->reading = false;
    s->reading--;
    if (read->err) {
        s->err = s->err ? s->err : read->err;
        extent_read_release(read);
    } else {
        w->ready = true;
        w->span_index = 0;
        w->span_off = 0;
    }
    if (!s->get) {
        if (!s->reading && !s->looking_up)
            state_free(s);
        return;
    }
    if (w == &s->windows[s->head] || s->err)
        announce(s);
}

static void pieces_again(struct meta_read *read)
{
    struct object_get_state *s = container_of(read, struct object_get_state, lookup);
    s->looking_up = false;
    if (!s->get) {
        if (!s->reading)
            state_free(s);
        return;
    }
    if (read->err)
        s->err = s->err ? s->err : read->err;
    else
        fill_windows(s);
    if (s->err)
        announce(s);
}

static int run_pieces_again(struct meta_tx *tx, struct meta_read *read)
{
    struct object_get_state *s = container_of(read, struct object_get_state, lookup);
    return load_pieces(tx, s, s->issued);
}

/* The pieces in memory are used up: the next ones, once nothing reads these any more. */
static void load_more(struct object_get_state *s)
{
    if (s->reading || s->looking_up)
        return;
    s->looking_up = true;
    s->lookup = (struct meta_read){.run = run_pieces_again, .done = pieces_again, .loop = s->reactor->loop};
    meta_read(s->reactor->meta, &s->lookup);
}

/* Windows end on stripe boundaries, so that no unit is read twice. */
static uint32_t window_len(struct object_get_state *s, const struct piece *piece, uint64_t extent_off, uint64_t left)
{
    uint64_t stripe = 1u << piece->extent.unit_shift;
    struct group group;
    if (!placement_group(s->reactor->placement, piece->extent.group_id, &group))
        stripe *= group.data_count;
    uint64_t whole = EXTENT_WINDOW_MAX > stripe ? EXTENT_WINDOW_MAX / stripe * stripe : EXTENT_WINDOW_MAX;
    uint64_t until = whole - extent_off % stripe;
    return (uint32_t)(left < until ? left : until);
}

static void start_window(struct object_get_state *s, struct window *w)
{
    while (s->issued >= s->pieces[s->piece_index].start + s->pieces[s->piece_index].len)
        s->piece_index++;
    struct piece *piece = &s->pieces[s->piece_index];
    uint64_t inside = s->issued - piece->start;
    uint64_t left = piece->len - inside;
    if (left > s->content_end - s->issued)
        left = s->content_end - s->issued;
    w->state = s;
    w->reading = true;
    w->read = (struct extent_read){.extent = &piece->extent, .off = piece->extent_off + inside, .done = window_done};
    w->read.len = window_len(s, piece, w->read.off, left);
    s->issued += w->read.len;
    s->reading++;
    extent_read_start(s->reactor->placement, s->reactor->loop, s->reactor->buffers, &w->read);
}

static void fill_windows(struct object_get_state *s)
{
    for (uint32_t i = 0; i < GET_WINDOWS && !s->err; i++) {
        struct window *w = &s->windows[(s->head + i) % GET_WINDOWS];
        if (w->reading || w->ready)
            continue;
        if (s->issued == s->content_end)
            return;
        if (s->issued == s->pieces_end) {
            load_more(s);
            return;
        }
        start_window(s, w);
    }
}

static bool speaks_of_object(int err)
{
    return !err || err == ERR_PRECONDITION || err == ERR_NOT_MODIFIED || err == ERR_INVALID_RANGE;
}

/* The key comes before conditions and ranges: who has not got it learns nothing. */
static int find_key(struct object_get_state *s, int err)
{
    struct object_get *get = s->get;
    struct encryption e;
    struct encryption_keys keys = object_keys(s->reactor);
    if (!speaks_of_object(err) || get->about_only || (!get->info.encrypted && !get->customer_key))
        return err;
    int key_err = encryption_of(get->info.attributes, &e);
    if (!key_err && (e.mode != ENCRYPTION_NONE) != get->info.encrypted)
        key_err = ERR_CORRUPT;
    if (!key_err && (get->head_only || err || e.mode == ENCRYPTION_NONE))
        key_err = encryption_check(&keys, &e, get->customer_key);
    else if (!key_err)
        key_err = encryption_open(&keys, &e, get->customer_key, s->opener.data_key);
    return key_err ? key_err : err;
}

static void lookup_done(struct meta_read *read)
{
    struct object_get_state *s = container_of(read, struct object_get_state, lookup);
    s->looking_up = false;
    s->err = find_key(s, read->err);
    if (s->err || s->inline_bytes || s->issued == s->content_end) {
        announce(s);
        return;
    }
    fill_windows(s);
}

void object_get_start(struct object_get *get)
{
    struct object_get_state *s = calloc(1, sizeof(*s));
    get->state = s;
    if (!s) {
        get->err = ERR_NO_MEMORY;
        get->done(get);
        return;
    }
    s->get = get;
    s->reactor = get->reactor;
    s->looking_up = true;
    s->lookup = (struct meta_read){.run = run_lookup, .done = lookup_done, .loop = get->reactor->loop};
    meta_read(get->reactor->meta, &s->lookup);
}

/* --- handing out --- */

static size_t read_inline(struct object_get_state *s, void *data, size_t capacity)
{
    uint64_t left = s->content_end - s->given;
    size_t len = left < capacity ? (size_t)left : capacity;
    memcpy(data, s->inline_bytes + s->given, len);
    s->given += len;
    return len;
}

static size_t read_window(struct object_get_state *s, struct window *w, uint8_t *data, size_t capacity)
{
    size_t copied = 0;
    while (copied < capacity && w->span_index < w->read.span_count) {
        struct slice span = w->read.spans[w->span_index];
        size_t len = span.len - w->span_off;
        if (len > capacity - copied)
            len = capacity - copied;
        memcpy(data + copied, span.data + w->span_off, len);
        copied += len;
        w->span_off += len;
        if (w->span_off == span.len) {
            w->span_index++;
            w->span_off = 0;
        }
    }
    s->given += copied;
    if (w->span_index == w->read.span_count) {
        extent_read_release(&w->read);
        w->ready = false;
        s->head = (s->head + 1) % GET_WINDOWS;
        fill_windows(s);
    }
    return copied;
}

static size_t read_stored(struct object_get_state *s, void *data, size_t capacity, int *ret_err)
{
    *ret_err = 0;
    if (s->given == s->content_end)
        return 0;
    if (s->inline_bytes)
        return read_inline(s, data, capacity);
    if (s->reading < GET_WINDOWS)
        fill_windows(s);
    size_t copied = 0;
    while (copied < capacity && s->given < s->content_end && s->windows[s->head].ready)
        copied += read_window(s, &s->windows[s->head], (uint8_t *)data + copied, capacity - copied);
    if (!copied && s->given < s->content_end)
        *ret_err = s->err ? s->err : ERR_WOULD_BLOCK;
    return copied;
}

/* 0: plain bytes can be taken, or all of them were. */
static int fill_frame(struct object_get_state *s)
{
    uint8_t *to;
    size_t want;
    while (!s->opener_err && (want = content_opener_want(&s->opener, &to)) > 0) {
        int err;
        size_t len = read_stored(s, to, want, &err);
        if (!len && err == ERR_WOULD_BLOCK)
            return err;
        s->opener_err = len ? content_opener_fed(&s->opener, len) : err ? err : ERR_CORRUPT;
    }
    return s->opener_err;
}

static size_t read_encrypted(struct object_get_state *s, uint8_t *data, size_t capacity, int *ret_err)
{
    size_t copied = 0, len;
    int err;
    do {
        err = fill_frame(s);
        len = err ? 0 : content_opener_take(&s->opener, data + copied, capacity - copied);
        copied += len;
    } while (len && copied < capacity);
    *ret_err = copied ? 0 : err;
    return copied;
}

size_t object_get_read(struct object_get *get, void *data, size_t capacity, int *ret_err)
{
    struct object_get_state *s = get->state;
    return get->info.encrypted ? read_encrypted(s, data, capacity, ret_err) : read_stored(s, data, capacity, ret_err);
}

void object_get_on_ready(struct object_get *get, void (*ready)(void *arg), void *arg)
{
    get->state->ready = ready;
    get->state->ready_arg = arg;
}

void object_get_fini(struct object_get *get)
{
    struct object_get_state *s = get->state;
    object_info_fini(&get->info);
    if (!s)
        return;
    get->state = NULL;
    s->get = NULL;
    if (!s->reading && !s->looking_up)
        state_free(s);
}
