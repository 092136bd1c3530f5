/* Opening and closing a store (the contract: store.h; the rules: docs/FORMAT.md "Generations").
 *
 * Order, so that nothing is written when anything is refused: open all paths, read all superblocks, compare identities,
 * choose the generation, take the lease, and only then raise the generation where a member is missing or behind. */
#include "volume/store.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "volume/device.h"
#include "volume/generation.h"
#include "volume/lease.h"
#include "volume/store_inside.h"

#define ABSENT_LIST_MAX 320 /* bytes; what does not fit is counted */

/* One path while the store is being opened. */
struct candidate {
    struct device device;
    bool open;
    const char *absent; /* why it counts as missing; NULL: it does not */
    struct superblock_read read;
    enum generation_verdict verdict;
};

struct opening {
    const struct store_options *options;
    struct loop *loop;
    struct store_message *message;
    uint32_t count;
    struct candidate *candidates;
    uint32_t busy_count;
    bool absent_said;
};

struct uuid store_random_uuid(struct loop *loop)
{
    uint64_t words[2] = {loop_random(loop), loop_random(loop)};
    return uuid_from_random((const uint8_t *)words);
}

void store_say(struct store_message *message, const char *path, const struct uuid *uuid, const char *format, ...)
{
    int len = 0;
    if (uuid) {
        char text[UUID_TEXT_SIZE];
        uuid_format(uuid, text);
        len = snprintf(message->text, sizeof message->text, "%s (volume %s): ", path ? path : "missing", text);
    } else if (path) {
        len = snprintf(message->text, sizeof message->text, "%s: ", path);
    }
    if (len < 0 || (size_t)len >= sizeof message->text)
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message->text + len, sizeof message->text - (size_t)len, format, arguments);
    va_end(arguments);
}

struct store *store_new(const struct superblock *table)
{
    struct store_inside *in = calloc(1, sizeof *in);
    if (!in)
        return NULL;
    struct store *s = &in->store;
    in->table = *table;
    s->uuid = table->store_uuid;
    s->data_count = table->data_count;
    s->parity_count = table->parity_count;
    s->chunk_size = table->chunk_size;
    s->log_size = table->log_size;
    s->created_us = table->created_us;
    s->sealing_key = table->sealing_key;
    s->sealing_key_here = table->sealing_key_here;
    uint32_t members = superblock_member_count(table);
    in->quorum = members > table->parity_count ? members - table->parity_count : 1;
    for (uint32_t i = 0; i < VOLUMES_MAX; i++) {
        const struct member *m = &table->members[i];
        struct volume *v = &s->volumes[i];
        v->index = i;
        v->uuid = m->uuid;
        v->device.fd = -1;
        v->state = m->state;
        v->mirror = m->mirror;
        v->chunk_count = m->chunk_count;
        memcpy(v->label, m->label, LABEL_SIZE);
        if (m->state != VOLUME_FREE)
            s->volume_slots = i + 1;
        v->meta_chunks = calloc(META_CHUNKS_MAX, sizeof *v->meta_chunks);
        if (!v->meta_chunks) {
            store_free(s);
            return NULL;
        }
    }
    return s;
}

void store_free(struct store *s)
{
    for (uint32_t i = 0; i < VOLUMES_MAX; i++)
        free(s->volumes[i].meta_chunks);
    free(store_inside(s));
}

void store_place(struct store *s, uint32_t index, const struct device *device, const uint32_t *meta_chunks,
                 uint32_t count)
{
    struct volume *v = &s->volumes[index];
    v->device = *device;
    v->device.index = index;
    if (count)
        memcpy(v->meta_chunks, meta_chunks, count * sizeof *meta_chunks);
    v->meta_chunk_count = count;
    store_inside(s)->next_meta_count[index] = count;
    atomic_store(&v->present, true);
}

void store_close(struct store *s, struct loop *loop)
{
    if (!s)
        return;
    struct store_inside *in = store_inside(s);
    lease_give(s, loop);
    for (uint32_t i = 0; i < VOLUMES_MAX; i++)
        if (s->volumes[i].device.fd >= 0)
            device_close(&s->volumes[i].device, atomic_load(&in->hung[i]));
    store_free(s);
}

static const char *path_of(const struct opening *o, uint32_t n)
{
    return o->options->paths ? o->options->paths[n] : "a volume";
}

static void warn_absent(const struct opening *o)
{
    for (uint32_t n = 0; n < o->count; n++)
        if (o->candidates[n].absent)
            log_warning("%s: %s: the store goes on without it", path_of(o, n), o->candidates[n].absent);
}

/* The message, and behind it the volumes that count as missing, as many as there is room for. */
static void say_absent(struct opening *o, const char *text)
{
    o->absent_said = true;
    char list[ABSENT_LIST_MAX] = "";
    size_t len = 0;
    uint32_t left = 0;
    for (uint32_t n = 0; n < o->count; n++) {
        const char *why = o->candidates[n].absent;
        if (!why)
            continue;
        size_t need = strlen(path_of(o, n)) + strlen(why) + sizeof " ();";
        if (left || len + need >= sizeof list)
            left++;
        else
            len += (size_t)sprintf(list + len, "%s %s (%s)", len ? "," : ":", path_of(o, n), why);
    }
    if (left)
        store_say(o->message, NULL, NULL, "%s%s and %u more", text, list, left);
    else
        store_say(o->message, NULL, NULL, "%s%s", text, list);
}

static int open_one(struct opening *o, uint32_t n)
{
    struct candidate *c = &o->candidates[n];
    const char *path = o->options->paths[n];
    for (uint32_t other = 0; other < n; other++) {
        if (!o->candidates[other].open || !device_same(path, o->candidates[other].device.path))
            continue;
        store_say(o->message, path, NULL, "is the same device as %s: name each volume once",
                  o->candidates[other].device.path);
        return ERR_EXISTS;
    }
    uint64_t claim_us = o->busy_count ? 0 : DEVICE_CLAIM_US; /* who waited for one has waited for all */
    int err = device_open(o->loop, path, o->options->read_only, claim_us, &c->device);
    c->open = err == 0;
    c->device.index = n % DEVICE_INDEX_MAX;
    if (err == 0 || err == ERR_NO_MEMORY)
        return err;
    if (err == ERR_BUSY) { /* perhaps only by what hangs on it of a server that has ended: the store goes on without it */
        o->busy_count++;
        c->absent = "in use by another process, or an operation hangs on it";
        return 0;
    }
    if (err == ERR_ACCESS || err == ERR_FOREIGN) {
        store_say(o->message, path, NULL, "%s", err == ERR_ACCESS ? "may not be opened: see to its owner and mode"
                                      : "is neither a block device nor a file");
        return err;
    }
    c->absent = err == ERR_NOT_FOUND ? "not there" : err == ERR_READ_ONLY ? "is read-only" : "cannot be opened";
    return 0;
}

static int open_all(struct opening *o)
{
    const struct store_options *options = o->options;
    o->count = options->devices ? options->device_count : options->path_count;
    if (!o->count || o->count > VOLUMES_MAX) {
        store_say(o->message, NULL, NULL, "%u volumes named: a store has 1 to %u", o->count, VOLUMES_MAX);
        o->count = 0;
        return ERR_INVALID;
    }
    o->candidates = calloc(o->count, sizeof *o->candidates);
    if (!o->candidates) {
        o->count = 0;
        return ERR_NO_MEMORY;
    }
    uint32_t opened = 0;
    const char *busy = NULL;
    for (uint32_t n = 0; n < o->count; n++) {
        if (options->devices) {
            o->candidates[n].device = options->devices[n];
            o->candidates[n].open = true;
            continue;
        }
        int err = open_one(o, n);
        if (err < 0)
            return err;
        opened += o->candidates[n].open;
        if (!busy && o->busy_count)
            busy = path_of(o, n);
    }
    if (o->busy_count == 0 || 2 * opened > o->count)
        return 0;
    /* Another server has them, or all of this machine hangs. */
    store_say(o->message, busy, NULL, "is in use by another process (or mounted), as are %u of the %u volumes: "
              "stop that first", o->busy_count, o->count);
    return ERR_BUSY;
}

/* What a volume without a readable superblock means. Rotten and unreadable ones count as missing. */
static int judge_unreadable(struct opening *o, struct candidate *c)
{
    if (c->read.err == ERR_FOREIGN) {
        store_say(o->message, c->device.path, NULL,
                  "is not a volume of an Ingot store: "
                  "take it out of the configuration, or add it with `ingot volume add`");
        return ERR_FOREIGN;
    }
    if (c->read.err == ERR_UNSUPPORTED) {
        store_say(o->message, c->device.path, NULL, "was written by a newer Ingot: use that version");
        return ERR_UNSUPPORTED;
    }
    if (c->read.err == ERR_NO_MEMORY)
        return ERR_NO_MEMORY;
    c->absent = c->read.err == ERR_CORRUPT ? "all copies of its superblock are damaged"
              : c->read.err == ERR_TIMEOUT ? "does not answer" : "its superblock cannot be read";
    return 0;
}

static int read_all(struct opening *o)
{
    struct device *devices[VOLUMES_MAX];
    struct superblock_read reads[VOLUMES_MAX];
    uint32_t place[VOLUMES_MAX], count = 0;
    for (uint32_t n = 0; n < o->count; n++) {
        struct candidate *c = &o->candidates[n];
        if (c->open && c->device.size < VOLUME_SIZE_MIN) {
            store_say(o->message, c->device.path, NULL,
                      "is too small to be a volume of a store: take it out of the configuration");
            return ERR_FOREIGN;
        }
        if (c->open) {
            place[count] = n;
            devices[count++] = &c->device;
        }
    }
    int err = count ? store_read_superblocks(o->loop, devices, count, reads) : 0;
    for (uint32_t i = 0; i < count && err == 0; i++)
        o->candidates[place[i]].read = reads[i];
    uint32_t foreign = 0;
    for (uint32_t i = 0; i < count && err == 0; i++)
        foreign += !reads[i].superblock && reads[i].err == ERR_FOREIGN;
    if (count && foreign == count) {
        store_say(o->message, o->candidates[place[0]].device.path, NULL, "%s a volume of an Ingot store: "
                  "see to the paths, or make a store with `ingot format`", count == 1 ? "is not" : "is, like the others, not");
        return ERR_FOREIGN;
    }
    for (uint32_t i = 0; i < count && err == 0; i++)
        if (!reads[i].superblock)
            err = judge_unreadable(o, &o->candidates[place[i]]);
    return err;
}

/* One store, no volume twice, none shrunk. */
static int compare_identities(struct opening *o)
{
    const struct candidate *first = NULL;
    for (uint32_t n = 0; n < o->count; n++) {
        const struct candidate *c = &o->candidates[n];
        const struct superblock *sb = c->read.superblock;
        if (!sb)
            continue;
        first = first ? first : c;
        if (!uuid_equal(&sb->store_uuid, &first->read.superblock->store_uuid)) {
            store_say(o->message, c->device.path, &sb->volume_uuid,
                      "belongs to another store than %s: name volumes of one store only",
                      first->device.path);
            return ERR_FOREIGN;
        }
        for (uint32_t other = 0; other < n; other++) {
            const struct candidate *twin = &o->candidates[other];
            if (!twin->read.superblock || !uuid_equal(&sb->volume_uuid, &twin->read.superblock->volume_uuid))
                continue;
            store_say(o->message, c->device.path, &sb->volume_uuid,
                      "is a copy of %s: take the one that is not in use away",
                      twin->device.path);
            return ERR_EXISTS;
        }
        uint64_t size = sb->members[sb->volume_index].size;
        if (c->device.size < size) {
            store_say(o->message, c->device.path, &sb->volume_uuid,
                      "has shrunk from %llu to %llu bytes: give it its size back, or start without it",
                          (unsigned long long)size,
                      (unsigned long long)c->device.size);
            return ERR_CORRUPT;
        }
    }
    if (first)
        return 0;
    say_absent(o, "no volume of the store can be read: see to their paths");
    return ERR_QUORUM;
}

static int choose(struct opening *o, struct generation_choice *choice, const struct superblock **ret_table)
{
    struct generation_seen seen[VOLUMES_MAX];
    uint32_t place[VOLUMES_MAX], count = 0, other = 0;
    for (uint32_t n = 0; n < o->count; n++)
        if (o->candidates[n].read.superblock) {
            place[count] = n;
            seen[count++] = (struct generation_seen){.superblock = o->candidates[n].read.superblock};
        }
    int err = generation_choose(seen, count, choice, &other);
    if (err == ERR_FORK) {
        const struct candidate *a = &o->candidates[place[choice->chosen]], *b = &o->candidates[place[other]];
        store_say(o->message, a->device.path, &a->read.superblock->volume_uuid,
                  "has another history (generation %llu) than %s (generation %llu): "
                  "start with the volumes of one history only",
                  (unsigned long long)a->read.superblock->generation, b->device.path,
                  (unsigned long long)b->read.superblock->generation);
        return err;
    }
    if (err == ERR_STALE) {
        const struct candidate *a = &o->candidates[place[choice->chosen]], *b = &o->candidates[place[other]];
        store_say(o->message, a->device.path, &a->read.superblock->volume_uuid,
                  "and too many others hold older copies than %s (generation %llu, not %llu): give the store its "
                  "current volumes", b->device.path, (unsigned long long)b->read.superblock->generation,
                  (unsigned long long)a->read.superblock->generation);
        return err;
    }
    if (err < 0) {
        char text[160];
        snprintf(text, sizeof text, "only %u of the store's volumes can be read, too few to know what is newest: "
                 "bring the others back", count);
        say_absent(o, text);
        return err;
    }
    *ret_table = seen[choice->chosen].superblock;
    for (uint32_t i = 0; i < count; i++) {
        struct candidate *c = &o->candidates[place[i]];
        c->verdict = seen[i].verdict;
        if (c->verdict == GENERATION_NOT_MEMBER) {
            store_say(o->message, c->device.path, &c->read.superblock->volume_uuid,
                      "was removed from the store: take it out of the configuration");
            return ERR_FOREIGN;
        }
        if (c->verdict == GENERATION_STALE)
            log_warning("%s: holds an older state of the store: it is brought level again", c->device.path ?
                        c->device.path : "a volume");
    }
    return 0;
}

/* The metadata chunks that count: a mirror one change behind may lack the last, which then nobody has used (rule
 * G5). */
static uint32_t meta_chunk_count(const struct opening *o, const struct superblock *table)
{
    uint32_t least = META_CHUNKS_MAX;
    for (uint32_t n = 0; n < o->count; n++) {
        const struct superblock *sb = o->candidates[n].read.superblock;
        if (sb && o->candidates[n].verdict == GENERATION_CURRENT &&
            table->members[sb->volume_index].mirror != MIRROR_NONE &&
            sb->meta_chunk_count < least)
            least = sb->meta_chunk_count;
    }
    return least;
}

/* Moves the devices into a new store. Members that are missing or behind are put out of service in members[].
 * *ret_uneven: some superblock is not as the table says, and has to be written again. */
static int build(struct opening *o, const struct superblock *table, struct member *members, struct store **ret,
                 bool *ret_uneven)
{
    struct store *s = store_new(table);
    if (!s)
        return ERR_NO_MEMORY;
    bool good[VOLUMES_MAX] = {false};
    uint32_t limit = meta_chunk_count(o, table);
    *ret_uneven = false;
    for (uint32_t n = 0; n < o->count; n++) {
        struct candidate *c = &o->candidates[n];
        const struct superblock *sb = c->read.superblock;
        if (!sb)
            continue;
        uint32_t i = sb->volume_index, count = sb->meta_chunk_count;
        good[i] = c->verdict == GENERATION_CURRENT;
        if (table->members[i].mirror != MIRROR_NONE && count > limit)
            count = limit;
        *ret_uneven |= !c->read.whole || sb->generation != table->generation || sb->attempt != table->attempt ||
                       count != sb->meta_chunk_count;
        atomic_store(&store_inside(s)->hung[i], c->read.hung);
        store_place(s, i, &c->device, sb->meta_chunks, count);
        c->open = false;
    }
    memcpy(members, table->members, sizeof table->members);
    for (uint32_t i = 0; i < VOLUMES_MAX; i++) {
        struct member *m = &members[i];
        bool in_service = m->state == VOLUME_IN || m->state == VOLUME_DRAINING;
        if (good[i] || (!in_service && m->mirror == MIRROR_NONE))
            continue;
        m->state = in_service ? VOLUME_OUT : m->state;
        m->mirror = MIRROR_NONE;
        *ret_uneven = true;
    }
    *ret = s;
    return 0;
}

static int take_sealing_key(struct opening *o, struct store *s)
{
    if (s->sealing_key_here)
        return 0;
    if (o->options->sealing_key) {
        s->sealing_key = *o->options->sealing_key;
        return 0;
    }
    if (o->options->read_only)
        return 0;
    store_say(o->message, NULL, NULL, "the store's sealing key is kept outside of it: give it as a credential");
    return ERR_ACCESS;
}

/* Read-only is decided here, and said. Writing needs N-m members and m+1 current mirrors; reading one current
 * mirror, and with fewer than N-m members somebody who asked for it: what they held cannot all be read. */
static int decide_writable(struct opening *o, struct store *s, const struct generation_choice *choice,
                           const struct member *members)
{
    uint32_t mirrors = 0;
    for (uint32_t i = 0; i < VOLUMES_MAX; i++)
        mirrors += members[i].state != VOLUME_FREE && members[i].mirror == MIRROR_CURRENT;
    if (!mirrors) {
        say_absent(o, "no volume with the current metadata can be read: bring the others back");
        return ERR_QUORUM;
    }
    if (!choice->quorum && !o->options->read_only) {
        say_absent(o, "more volumes are missing than the store can lose: bring them back, or serve what can still be "
                      "read with --read-only");
        return ERR_QUORUM;
    }
    const struct superblock *table = &store_inside(s)->table;
    bool flag = table->read_only_compatible & ~FORMAT_READ_ONLY_COMPATIBLE_KNOWN;
    bool few = !choice->quorum || mirrors < s->parity_count + 1u;
    s->read_only = o->options->read_only || flag || few;
    if (few)
        say_absent(o, "read-only: too few volumes to write safely, bring the others back");
    else if (flag && !o->options->read_only)
        store_say(o->message, NULL, NULL, "read-only: the store uses a feature of a newer Ingot");
    return 0;
}

static int enter_service(struct opening *o, struct store *s, const struct member *members, bool uneven)
{
    if (s->read_only) {
        for (uint32_t i = 0; i < VOLUMES_MAX; i++) {
            atomic_store(&s->volumes[i].mirror, members[i].mirror);
            atomic_store(&s->volumes[i].state, members[i].state);
        }
        return 0;
    }
    int err = lease_take(s, o->loop, o->options->lease_ms, o->options->boot_id, o->message);
    if (err < 0 || !uneven)
        return err;
    err = store_raise(s, o->loop, members);
    if (err < 0)
        store_say(o->message, NULL, NULL, "the new state of the store could not be written to enough volumes: %s",
                  err_text(err));
    return err;
}

static int open_store(struct opening *o, struct store **ret)
{
    struct generation_choice choice;
    const struct superblock *table = NULL;
    struct member members[VOLUMES_MAX];
    bool uneven = false;
    struct store *s = NULL;
    int err = open_all(o);
    if (err == 0)
        err = read_all(o);
    if (err == 0)
        err = compare_identities(o);
    if (err == 0)
        err = choose(o, &choice, &table);
    if (err == 0)
        err = build(o, table, members, &s, &uneven);
    if (err < 0)
        return err;
    s->generation = table->generation;
    s->hash = choice.hash;
    store_inside(s)->highest = choice.highest;
    store_inside(s)->in_force = choice.in_doubt ? table->in_force : table->generation;
    err = take_sealing_key(o, s);
    if (err == 0)
        err = decide_writable(o, s, &choice, members);
    if (err == 0)
        err = enter_service(o, s, members, uneven || choice.in_doubt);
    if (err < 0)
        store_close(s, o->loop);
    else
        *ret = s;
    return err;
}

int store_open(const struct store_options *options, struct loop *loop, struct store **ret,
               struct store_message *message)
{
    message->text[0] = '\0';
    struct opening o = {.options = options, .loop = loop, .message = message};
    int err = open_store(&o, ret);
    if (err == 0 && !o.absent_said)
        warn_absent(&o);
    for (uint32_t n = 0; n < o.count; n++) {
        struct candidate *c = &o.candidates[n];
        if (c->open)
            device_close(&c->device, c->read.hung);
        free(c->read.superblock);
    }
    free(o.candidates);
    if (err < 0 && !message->text[0])
        store_say(message, NULL, NULL, "the store cannot be opened: %s", err_text(err));
    return err;
}
