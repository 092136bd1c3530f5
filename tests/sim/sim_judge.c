/* Looks at a store after a crash or fault and compares it with what clients were told; see sim_model.h.
 *
 * Through the objects: every key's content, every version, lists of both buckets. Below them: SQLite's integrity check,
 * references, the space of every group against its extents, in the database and in memory, and every unit on the disks. */
#include "sim_model.h"

#include <assert.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "meta/state.h"
#include "placement/extent_reader.h"
#include "placement/placement_private.h"

#define LATE_US 3000000u

struct judging {
    struct sim_model *model;
    struct sim_judge *judge;
    bool wrong;
};

static void __attribute__((format(printf, 2, 3))) say(struct judging *j, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "sim: seed %llu: judge: ", (unsigned long long)sim_seed(j->model->store->world));
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n");
    va_end(arguments);
    j->wrong = true;
}

/* An answer that is an error: allowed only where damage is beyond repair. */
static void error(struct judging *j, const char *what, int err)
{
    j->judge->errors++;
    if (!j->judge->errors_allowed)
        say(j, "%s: %s", what, err_text(err));
}

static bool wait(struct judging *j, const bool *done, const char *what)
{
    if (sim_store_wait(j->model->store, done) == 0)
        return true;
    say(j, "%s never ended", what);
    return false;
}

/* --- reading one object --- */

struct reading { struct object_get get; bool done, ready; };

static void reading_done(struct object_get *get)
{
    container_of(get, struct reading, get)->done = true;
}

static void reading_ready(void *arg)
{
    ((struct reading *)arg)->ready = true;
}

/* The whole body; malloc'd. *ret_err: of the answer. */
static uint8_t *read_object(struct judging *j, const struct sim_key *key, const uint8_t *version_id, uint64_t *ret_size, int *ret_err)
{
    struct reading r = {.get = {.reactor = &j->model->store->reactor, .done = reading_done, .key = slice_string(key->name),
                                .bucket = slice_string(key->bucket == SIM_PLAIN ? "plain" : "versioned")}};
    if (version_id) {
        r.get.has_version_id = true;
        memcpy(r.get.version_id, version_id, 16);
    }
    object_get_start(&r.get);
    *ret_err = wait(j, &r.done, key->name) ? r.get.err : ERR_TIMEOUT;
    uint8_t *body = NULL;
    uint64_t len = 0;
    if (*ret_err == 0) {
        body = malloc(r.get.info.size + 1);
        assert(body);
        object_get_on_ready(&r.get, reading_ready, &r);
    }
    while (*ret_err == 0) {
        r.ready = false;
        int err = 0;
        size_t some = object_get_read(&r.get, body + len, r.get.info.size + 1 - len, &err);
        len += some;
        if (some == 0 && err != ERR_WOULD_BLOCK) {
            *ret_err = err;
            break;
        }
        if (some == 0 && !wait(j, &r.ready, key->name))
            *ret_err = ERR_TIMEOUT;
    }
    if (*ret_err == 0 && len != r.get.info.size)
        say(j, "%s ends after %llu of %llu bytes", key->name, (unsigned long long)len, (unsigned long long)r.get.info.size);
    object_get_fini(&r.get);
    *ret_size = len;
    return body;
}

static bool is_version(const struct sim_version *v, const uint8_t *body, uint64_t size)
{
    return !v->absent && !v->marker && v->size == size && sim_content_is(v->seed, 0, body, size);
}

static void judge_history(struct judging *j, const struct sim_key *key, const uint8_t *body, uint64_t size)
{
    for (uint32_t i = 0; i < key->history_count; i++)
        if (is_version(&key->history[i], body, size))
            return;
    say(j, "%s: bytes that were never there", key->name);
}

/* --- plain keys --- */

static void observe_plain(struct sim_key *key, uint32_t at)
{
    struct sim_version seen = key->versions[at];
    seen.optional = false;
    key->versions[0] = seen;
    key->count = 1;
}

static void judge_plain(struct judging *j, struct sim_key *key, bool *ret_there, uint64_t *ret_size)
{
    int err;
    uint8_t *body = read_object(j, key, NULL, ret_size, &err);
    *ret_there = err == 0;
    uint32_t i = 0;
    if (err != 0 && err != ERR_NO_SUCH_KEY) {
        error(j, key->name, err);
        free(body);
        return;
    }
    if (j->judge->lost_allowed) {
        if (!err)
            judge_history(j, key, body, *ret_size);
        free(body);
        return;
    }
    for (; i < key->count; i++) {
        const struct sim_version *v = &key->versions[i];
        if (err == ERR_NO_SUCH_KEY ? v->absent : is_version(v, body, *ret_size))
            break;
        if (!v->optional) {
            i = key->count;
            break;
        }
    }
    if (i >= key->count)
        say(j, "%s: %s (%llu bytes), not what was acknowledged", key->name, err ? "absent" : "wrong content",
            (unsigned long long)*ret_size);
    else
        observe_plain(key, i);
    j->judge->keys_read++;
    free(body);
}

/* --- lists --- */

struct listing { struct object_list list; bool done; };

static void listing_done(struct object_list *list)
{
    container_of(list, struct listing, list)->done = true;
}

struct listed { char key[24]; uint8_t id[16]; uint64_t size; bool marker, null_version; };
struct listed_all { struct listed *entries; uint32_t count, capacity; };

static void take_page(struct listed_all *all, const struct object_list *page)
{
    for (uint32_t i = 0; i < page->count; i++) {
        if (all->count == all->capacity) {
            all->capacity = all->capacity ? 2 * all->capacity : 256;
            all->entries = realloc(all->entries, all->capacity * sizeof *all->entries);
            assert(all->entries);
        }
        const struct object_list_entry *e = &page->entries[i];
        struct listed *l = &all->entries[all->count++];
        *l = (struct listed){.size = e->size, .marker = e->delete_marker, .null_version = e->null_version};
        memcpy(l->id, e->version_id, 16);
        memcpy(l->key, e->key.data, e->key.len < sizeof l->key ? e->key.len : sizeof l->key - 1);
    }
}

static int list_all(struct judging *j, const char *bucket, bool versions, struct listed_all *all)
{
    char after[64] = "";
    size_t after_len = 0;
    int64_t rank = 0;
    *all = (struct listed_all){0};
    for (bool more = true; more;) {
        struct listing l = {.list = {.reactor = &j->model->store->reactor, .bucket = slice_string(bucket), .prefix = slice_of("", 0),
                                     .after = slice_of(after, after_len), .versions = versions, .has_rank_after = versions && after_len,
                                     .rank_after = rank, .max = 100, .done = listing_done}};
        object_list_start(&l.list);
        int err = wait(j, &l.done, "a list") ? l.list.err : ERR_TIMEOUT;
        if (err)
            return err;
        take_page(all, &l.list);
        more = l.list.truncated;
        if (more) {
            after_len = l.list.next_after.len;
            assert(after_len < sizeof after);
            memcpy(after, l.list.next_after.data, after_len);
            rank = l.list.next_rank;
        }
        object_list_fini(&l.list);
    }
    return 0;
}

static const struct listed *find(const struct listed_all *all, const char *key, uint32_t *from)
{
    for (uint32_t i = *from; i < all->count; i++)
        if (strcmp(all->entries[i].key, key) == 0) {
            *from = i + 1;
            return &all->entries[i];
        }
    return NULL;
}

static void judge_plain_keys(struct judging *j)
{
    struct listed_all all;
    int err = list_all(j, "plain", false, &all);
    if (err)
        error(j, "listing the plain bucket", err);
    uint32_t there_count = 0;
    for (uint32_t k = 0; k < j->model->key_count; k++) {
        struct sim_key *key = &j->model->keys[k];
        if (key->bucket != SIM_PLAIN)
            continue;
        bool there;
        uint64_t size;
        uint32_t from = 0;
        uint64_t errors = j->judge->errors;
        judge_plain(j, key, &there, &size);
        const struct listed *l = err ? NULL : find(&all, key->name, &from);
        there_count += l != NULL;
        if (!err && j->judge->errors == errors && (!!l != there || (l && l->size != size)))
            say(j, "%s: the list and GET do not agree", key->name);
    }
    if (!err && there_count != all.count && !j->judge->lost_allowed)
        say(j, "the list has %u keys, %u of them known", all.count, there_count);
    free(all.entries);
}

/* --- versioned keys --- */

static void judge_version(struct judging *j, const struct sim_key *key, const struct listed *l, const struct sim_version *v)
{
    if (l->marker)
        return;
    uint64_t size;
    int err;
    uint8_t *body = read_object(j, key, l->id, &size, &err);
    if (err)
        error(j, key->name, err);
    else if (!is_version(v, body, size))
        say(j, "%s: a version has wrong content", key->name);
    j->judge->keys_read++;
    free(body);
}

static bool may_be(const struct sim_key *key, const struct sim_version *v, const struct listed *l)
{
    if (v->marker != l->marker || (!v->marker && v->size != l->size))
        return false;
    for (uint32_t i = 0; !v->has_id && i < key->count; i++)
        if (key->versions[i].has_id && memcmp(key->versions[i].id, l->id, 16) == 0)
            return false; /* it is another one */
    return !v->has_id || memcmp(v->id, l->id, 16) == 0;
}

static void judge_versions_of(struct judging *j, struct sim_key *key, const struct listed_all *all)
{
    uint32_t from = 0, kept = 0;
    const struct listed *l = find(all, key->name, &from);
    if (j->judge->lost_allowed) {
        for (; l; l = find(all, key->name, &from)) {
            uint64_t size;
            int err;
            uint8_t *body = l->marker ? NULL : read_object(j, key, l->id, &size, &err);
            if (!l->marker && !err)
                judge_history(j, key, body, size);
            free(body);
        }
        return;
    }
    for (uint32_t i = 0; i < key->count; i++) {
        struct sim_version *v = &key->versions[i];
        if (!l || !may_be(key, v, l)) {
            if (!v->optional)
                say(j, "%s: an acknowledged version (%u of %u) is missing", key->name, i, key->count);
            continue;
        }
        judge_version(j, key, l, v);
        v->optional = false;
        v->has_id = true;
        memcpy(v->id, l->id, 16);
        key->versions[kept++] = *v;
        l = find(all, key->name, &from);
    }
    if (l)
        say(j, "%s: a version that nobody put there, or in another order", key->name);
    key->count = kept;
}

static void judge_versioned_keys(struct judging *j)
{
    struct listed_all all;
    int err = list_all(j, "versioned", true, &all);
    if (err) {
        error(j, "listing the versioned bucket", err);
        free(all.entries);
        return;
    }
    uint32_t sum = 0;
    for (uint32_t k = 0; k < j->model->key_count; k++) {
        struct sim_key *key = &j->model->keys[k];
        if (key->bucket != SIM_VERSIONED)
            continue;
        judge_versions_of(j, key, &all);
        sum += key->count;
    }
    if (sum != all.count && !j->wrong && !j->judge->lost_allowed)
        say(j, "the list has %u versions, %u of them known", all.count, sum);
    free(all.entries);
}

/* --- the database --- */

static void expect_sql(struct judging *j, const char *what, const char *sql, const char *expected)
{
    sqlite3 *db = meta_connection_of(j->model->store->meta, j->model->store->reactor_loop)->db;
    sqlite3_stmt *statement;
    int result = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (result == SQLITE_OK)
        result = sqlite3_step(statement);
    if (result != SQLITE_ROW) {
        j->judge->errors++;
        if (!j->judge->errors_allowed)
            say(j, "%s: %s", what, sqlite3_errmsg(db));
    } else if (strcmp((const char *)sqlite3_column_text(statement, 0), expected) != 0 && j->judge->errors_allowed) {
        j->judge->errors++;
    } else if (strcmp((const char *)sqlite3_column_text(statement, 0), expected) != 0) {
        say(j, "%s: %s, expected %s", what, sqlite3_column_text(statement, 0), expected);
    }
    sqlite3_finalize(statement);
}

static void judge_database(struct judging *j)
{
    char sql[512];
    expect_sql(j, "integrity_check", "PRAGMA integrity_check", "ok");
    expect_sql(j, "references of extents",
               "SELECT count(*) FROM extent e LEFT JOIN (SELECT extent_id, count(*) AS n FROM segment GROUP BY extent_id) s "
               "ON s.extent_id = e.id WHERE e.refs <> coalesce(s.n, 0) OR e.refs < 1", "0");
    expect_sql(j, "segments without extent", "SELECT count(*) FROM segment WHERE extent_id NOT IN (SELECT id FROM extent)", "0");
    expect_sql(j, "contents that nobody names",
               "SELECT count(*) FROM (SELECT content_id FROM inline_content UNION SELECT content_id FROM segment UNION "
               "SELECT content_id FROM content_part) WHERE content_id NOT IN (SELECT content_id FROM version UNION "
               "SELECT content_id FROM part)", "0");
    expect_sql(j, "parts without upload", "SELECT count(*) FROM part WHERE upload_row NOT IN (SELECT id FROM upload)", "0");
    expect_sql(j, "extents without group", "SELECT count(*) FROM extent WHERE group_id NOT IN (SELECT id FROM chunk_group)", "0");
    snprintf(sql, sizeof sql,
             "SELECT count(*) FROM chunk_group g LEFT JOIN (SELECT group_id, sum(block_count) AS n FROM extent GROUP BY group_id) e "
             "ON e.group_id = g.id WHERE g.free_blocks + coalesce(e.n, 0) <> %u",
             j->model->store->store->chunk_size / BLOCK_SIZE - 1);
    expect_sql(j, "free space of groups against their extents", sql, "0");
    expect_sql(j, "extents that overlap",
               "SELECT count(*) FROM (SELECT group_id, block, lag(block + block_count) OVER (PARTITION BY group_id ORDER BY block) "
               "AS before FROM extent) WHERE before > block", "0");
}

/* --- space in memory --- */

static void judge_space(struct judging *j)
{
    struct placement *p = j->model->store->placement;
    uint32_t used[VOLUMES_MAX] = {0};
    for (uint32_t i = 0; i < p->group_count; i++) {
        const struct group_entry *e = p->groups[i];
        for (uint32_t slot = 0; slot < (uint32_t)e->group.data_count + e->group.parity_count; slot++)
            used[e->group.slots[slot].volume_index]++;
        if (e->reserved)
            say(j, "group %lld: %u blocks handed out to nobody", (long long)e->group.id, e->reserved);
        if (e->space && e->space->free_count != e->group.free_blocks)
            say(j, "group %lld: %u blocks free in memory, %u by its row", (long long)e->group.id, e->space->free_count,
                e->group.free_blocks);
        char sql[128], expected[24];
        snprintf(sql, sizeof sql, "SELECT free_blocks FROM chunk_group WHERE id = %lld", (long long)e->group.id);
        snprintf(expected, sizeof expected, "%u", e->group.free_blocks);
        expect_sql(j, "free blocks of a group, row against memory", sql, expected);
    }
    for (uint32_t i = 0; i < j->model->store->store->volume_slots; i++) {
        const struct chunk_space *c = &p->chunks[i];
        if (c->count && c->count - c->free_count - c->meta_count != used[i])
            say(j, "volume %u: %u chunks in use, groups name %u", i, c->count - c->free_count - c->meta_count, used[i]);
    }
}

/* --- the units --- */

struct gathered { struct meta_read read; struct extent *extents; uint32_t count, capacity; };

static int gather_one(void *arg, const struct extent *extent)
{
    struct gathered *g = arg;
    if (g->count == g->capacity) {
        g->capacity = g->capacity ? 2 * g->capacity : 64;
        g->extents = realloc(g->extents, g->capacity * sizeof *g->extents);
        assert(g->extents);
    }
    g->extents[g->count++] = *extent;
    return 0;
}

static int gather(struct meta_tx *tx, struct meta_read *read)
{
    struct gathered *g = container_of(read, struct gathered, read);
    g->count = 0;
    int err = extent_list(tx, 0, false, gather_one, g);
    for (uint32_t i = 0; err == 0 && i < g->count; i++)
        err = extent_get(tx, g->extents[i].id, &g->extents[i]);
    return err;
}

struct checking { struct extent_repair repair; bool done; };

static void checked(struct extent_repair *repair)
{
    container_of(repair, struct checking, repair)->done = true;
}

static void judge_extent(struct judging *j, const struct extent *extent)
{
    struct sim_store *s = j->model->store;
    struct checking c = {.repair = {.extent = extent, .all = true, .done = checked}};
    extent_repair_start(s->placement, s->reactor_loop, &s->buffers, &c.repair);
    if (!wait(j, &c.done, "checking an extent"))
        return;
    j->judge->extents_checked++;
    j->judge->slots_bad += (uint64_t)__builtin_popcount(c.repair.bad);
    if (c.repair.err)
        error(j, "checking an extent", c.repair.err);
    else if (!j->judge->bad_allowed && (c.repair.bad & ~extent->missing))
        say(j, "extent %lld: slots %x are bad, %x noted missing", (long long)extent->id, c.repair.bad, extent->missing);
}

static void judge_units(struct judging *j)
{
    struct sim_store *s = j->model->store;
    struct gathered g = {.read = {.run = gather}};
    int err = meta_run_read(s->meta, meta_connection_of(s->meta, s->reactor_loop), false, &g.read);
    if (err)
        error(j, "listing extents", err);
    for (uint32_t i = 0; err == 0 && i < g.count; i++) {
        judge_extent(j, &g.extents[i]);
        free(g.extents[i].crcs);
    }
    free(g.extents);
}

/* Whoever read, rightly or in vain, has given its memory back, once late I/O has returned. */
static void judge_buffers(struct judging *j)
{
    struct sim_store *s = j->model->store;
    if (s->buffers.free_count < s->buffers.count)
        sim_store_pass(s, LATE_US);
    if (s->buffers.free_count < s->buffers.count)
        say(j, "%u buffers are held by nobody", s->buffers.count - s->buffers.free_count);
}

bool sim_judge(struct sim_model *m, struct sim_judge *judge)
{
    struct judging j = {.model = m, .judge = judge};
    judge_plain_keys(&j);
    judge_versioned_keys(&j);
    judge_database(&j);
    if (!judge->errors_allowed && !judge->skip_space)
        judge_space(&j);
    if (!judge->skip_units)
        judge_units(&j);
    if (!judge->skip_buffers)
        judge_buffers(&j);
    return !j.wrong;
}

bool sim_judge_alive(struct sim_model *m)
{
    bool good = true;
    bool errors_allowed = m->errors_allowed;
    m->errors_allowed = false;
    for (uint32_t k = 0; k < 2; k++) {
        uint32_t key = k * m->client_count; /* one of each bucket */
        good = good && sim_model_put(m, key, k ? 300001 : 77) == 0 && sim_model_get(m, key) == 0;
        good = good && sim_model_delete(m, key) == 0 && sim_model_get(m, key) == 0;
    }
    m->errors_allowed = errors_allowed;
    return good;
}
