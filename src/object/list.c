/* ListObjects, ListObjectsV2 and ListObjectVersions: one walk over the version table in order of (key, rank), newest first.
 *
 * The cost follows the size of the answer: behind a common prefix, and behind the noncurrent versions of a key, the walk
 * seeks to what comes next instead of reading on. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/container.h"
#include "meta/attribute.h"
#include "object/info.h"

/* After this many rows read without one for the answer, seeking is cheaper than stepping. */
#define STEPS_BEFORE_SEEK 8

struct list_walk {
    struct object_list *list;
    struct meta_tx *tx;
    struct arena *arena;
    int64_t bucket_id;
    struct version_cursor cursor;
    bool cursor_open;
    uint32_t capacity;
    struct text key;         /* the key of the newest row seen; what follows under it is noncurrent */
    bool key_seen;
    uint32_t steps;          /* rows skipped in a row */
};

static bool key_equal(const struct list_walk *w, struct slice key)
{
    return w->key_seen && slice_equal(slice_of(w->key.data ? w->key.data : "", w->key.len), key);
}

static int seek(struct list_walk *w, struct slice from, bool inclusive, const int64_t *rank_after)
{
    if (w->cursor_open)
        version_cursor_close(&w->cursor);
    w->cursor_open = false;
    int err = version_seek(w->tx, w->bucket_id, from, inclusive, rank_after, &w->cursor);
    w->cursor_open = !err;
    w->steps = 0;
    return err;
}

/* The smallest key above every key with this prefix; false when there is none (all bytes 0xff). */
static bool prefix_successor(struct slice prefix, struct text *successor)
{
    text_clear(successor);
    size_t len = prefix.len;
    while (len && (uint8_t)prefix.data[len - 1] == 0xff)
        len--;
    if (!len)
        return false;
    text_append(successor, prefix.data, len);
    if (!successor->failed)
        successor->data[len - 1]++;
    return true;
}

/* ERR_NOT_FOUND: nothing can come behind the prefix. */
static int seek_behind_prefix(struct list_walk *w, struct slice prefix)
{
    struct text successor = {0};
    int err = ERR_NOT_FOUND;
    if (prefix_successor(prefix, &successor))
        err = successor.failed ? ERR_NO_MEMORY : seek(w, slice_of(successor.data, successor.len), true, NULL);
    text_free(&successor);
    return err;
}

static struct object_list_entry *add_entry(struct list_walk *w)
{
    struct object_list *list = w->list;
    if (list->count == w->capacity) {
        uint32_t capacity = w->capacity ? 2 * w->capacity : 64;
        struct object_list_entry *grown = realloc(list->entries, capacity * sizeof(*grown));
        if (!grown)
            return NULL;
        list->entries = grown;
        w->capacity = capacity;
    }
    struct object_list_entry *entry = &list->entries[list->count++];
    memset(entry, 0, sizeof(*entry));
    return entry;
}

static int fill_entry(struct list_walk *w, const struct version_row *row, bool is_latest)
{
    struct object_list_entry *entry = add_entry(w);
    if (!entry)
        return ERR_NO_MEMORY;
    entry->key = arena_copy(w->arena, row->key);
    if (!entry->key.data)
        return ERR_NO_MEMORY;
    entry->is_latest = is_latest;
    entry->delete_marker = row->flags & VERSION_DELETE_MARKER;
    entry->null_version = row->version_id.len == 0;
    if (row->version_id.len == sizeof(entry->version_id))
        memcpy(entry->version_id, row->version_id.data, sizeof(entry->version_id));
    entry->size = row->size;
    entry->modified_us = row->modified_us;
    entry->etag_len = row->etag.len <= sizeof(entry->etag) ? (uint32_t)row->etag.len : 0;
    memcpy(entry->etag, row->etag.data, entry->etag_len);
    entry->storage_class = row->storage_class;
    entry->owner_id = row->owner_id;
    struct attribute attribute;
    size_t position = 0;
    int err = 0;
    while (attribute_next(row->attributes, &position, &attribute, &err)) {
        if (attribute.kind == ATTRIBUTE_CHECKSUM && attribute.name.len == 2) {
            entry->checksum_kind = (uint8_t)attribute.name.data[0];
            entry->checksum_type = (uint8_t)attribute.name.data[1];
        }
    }
    w->list->next_rank = row->rank;
    return err;
}

/* The common prefix a key falls under; len 0: none. */
static struct slice common_prefix(const struct object_list *list, struct slice key)
{
    if (!list->delimiter.len)
        return slice_of(NULL, 0);
    const char *rest = key.data + list->prefix.len;
    size_t rest_len = key.len - list->prefix.len;
    const char *found = memmem(rest, rest_len, list->delimiter.data, list->delimiter.len);
    return found ? slice_of(key.data, (size_t)(found - key.data) + list->delimiter.len) : slice_of(NULL, 0);
}

static bool has_prefix(struct slice key, struct slice prefix)
{
    return key.len >= prefix.len && (prefix.len == 0 || memcmp(key.data, prefix.data, prefix.len) == 0);
}

/* The list is full and something more is there: the caller goes on behind the last entry. */
#define LIST_FULL 1

static int add_prefix(struct list_walk *w, struct slice prefix)
{
    if (w->list->count == w->list->max)
        return LIST_FULL;
    struct object_list_entry *entry = add_entry(w);
    if (!entry)
        return ERR_NO_MEMORY;
    entry->is_prefix = true;
    entry->key = arena_copy(w->arena, prefix);
    return entry->key.data ? seek_behind_prefix(w, entry->key) : ERR_NO_MEMORY;
}

/* A row of a key seen already: noncurrent, not for a list of objects. */
static int skip_noncurrent(struct list_walk *w)
{
    if (++w->steps < STEPS_BEFORE_SEEK)
        return 0;
    return seek(w, slice_of(w->key.data, w->key.len), false, NULL);
}

static int take_row(struct list_walk *w, const struct version_row *row)
{
    struct object_list *list = w->list;
    bool noncurrent = key_equal(w, row->key);
    if (!noncurrent) {
        text_clear(&w->key);
        text_append(&w->key, row->key.data, row->key.len);
        if (w->key.failed)
            return ERR_NO_MEMORY;
        w->key_seen = true;
        w->steps = 0;
    }
    if (!list->versions && noncurrent)
        return skip_noncurrent(w);
    if (!list->versions && (row->flags & VERSION_DELETE_MARKER))
        return 0;
    struct slice prefix = common_prefix(list, row->key);
    if (prefix.len)
        return add_prefix(w, prefix);
    if (list->count == list->max)
        return LIST_FULL;
    return fill_entry(w, row, !noncurrent);
}

/* Whether the row behind a marker inside a key is that key's newest is decided by what came before it. */
static int prime_key(struct list_walk *w)
{
    struct object_list *list = w->list;
    if (!list->versions || !list->has_rank_after)
        return 0;
    text_append(&w->key, list->after.data, list->after.len);
    w->key_seen = true;
    return w->key.failed ? ERR_NO_MEMORY : 0;
}

static int find_null_rank(struct list_walk *w)
{
    struct object_list *list = w->list;
    struct version_row row;
    if (!list->null_after)
        return 0;
    int err = version_get(w->tx, w->bucket_id, list->after, slice_of("", 0), &row);
    list->has_rank_after = !err;
    list->rank_after = err ? 0 : row.rank;
    return err == ERR_NO_SUCH_VERSION ? 0 : err;
}

static int slice_compare(struct slice a, struct slice b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common ? memcmp(a.data, b.data, common) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int seek_start(struct list_walk *w)
{
    struct object_list *list = w->list;
    if (!list->after.len || slice_compare(list->after, list->prefix) < 0)
        return seek(w, list->prefix, true, NULL);
    if (list->after_is_prefix)
        return seek_behind_prefix(w, list->after);
    int err = find_null_rank(w);
    if (!err)
        err = prime_key(w);
    return err ? err : seek(w, list->after, list->null_after && !list->has_rank_after, list->has_rank_after ? &list->rank_after : NULL);
}

static int walk(struct list_walk *w)
{
    int err = seek_start(w);
    while (!err) {
        struct version_row row;
        err = version_next(&w->cursor, &row);
        if (err)
            break;
        if (!has_prefix(row.key, w->list->prefix))
            return 0;
        err = take_row(w, &row);
    }
    return err == ERR_NOT_FOUND ? 0 : err;
}

static void note_end(struct object_list *list)
{
    list->truncated = true;
    if (!list->count)
        return;
    const struct object_list_entry *last = &list->entries[list->count - 1];
    list->next_after = last->key;
    list->next_after_is_prefix = last->is_prefix;
    list->next_null_version = last->null_version;
    memcpy(list->next_version_id, last->version_id, sizeof(list->next_version_id));
}

static void clear(struct object_list *list)
{
    if (list->memory)
        arena_free(list->memory);
    free(list->memory);
    free(list->entries);
    list->memory = NULL;
    list->entries = NULL;
    list->count = 0;
    list->truncated = false;
}

static int run_list(struct meta_tx *tx, struct meta_read *read)
{
    struct object_list *list = container_of(read, struct object_list, read);
    clear(list);
    struct bucket_row bucket;
    int err = bucket_get(tx, list->bucket, &bucket);
    if (err || !list->max)
        return err;
    list->memory = calloc(1, sizeof(struct arena));
    if (!list->memory)
        return ERR_NO_MEMORY;
    struct list_walk w = {.list = list, .tx = tx, .arena = list->memory, .bucket_id = bucket.id};
    err = walk(&w);
    if (err == LIST_FULL) {
        note_end(list);
        err = 0;
    }
    if (w.cursor_open)
        version_cursor_close(&w.cursor);
    text_free(&w.key);
    return err;
}

static void list_done(struct meta_read *read)
{
    struct object_list *list = container_of(read, struct object_list, read);
    list->err = read->err;
    list->done(list);
}

void object_list_start(struct object_list *list)
{
    list->memory = NULL;
    list->entries = NULL;
    list->read = (struct meta_read){.run = run_list, .done = list_done, .loop = list->reactor->loop};
    meta_read(list->reactor->meta, &list->read);
}

void object_list_fini(struct object_list *list)
{
    clear(list);
}
