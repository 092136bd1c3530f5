/* See lifecycle_tx.h. */
#include "object/lifecycle_tx.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "object/install.h"
#include "object/lock.h"

#define STOP 1

/* What judging needs besides the version. */
struct judge {
    struct meta_tx *tx;
    const struct bucket_row *bucket;
    struct slice rules;
    uint64_t now_us, day_us;
};

bool lifecycle_tx_rules(const struct bucket_row *bucket, struct slice *ret)
{
    return bucket->attributes.len && attribute_find(bucket->attributes, ATTRIBUTE_CONFIGURATION, LIFECYCLE_NAME, ret) == 0;
}

static int day_length(struct meta_tx *tx, uint64_t *ret)
{
    int err = setting_get_u64(tx, LIFECYCLE_DAY_SETTING, ret);
    if (err == ERR_NOT_FOUND)
        *ret = LIFECYCLE_DAY_US;
    return err == ERR_NOT_FOUND ? 0 : err;
}

/* False: the bucket has no rules. */
static bool begin(struct meta_tx *tx, const struct bucket_row *bucket, struct judge *j, int *err)
{
    *j = (struct judge){.tx = tx, .bucket = bucket};
    *err = 0;
    if (!lifecycle_tx_rules(bucket, &j->rules))
        return false;
    *err = day_length(tx, &j->day_us);
    return *err == 0;
}

/* --- what a version is to the rules --- */

static bool has_tag(const void *arg, const struct lifecycle_tag *tag)
{
    const struct version_row *row = arg;
    struct attribute a;
    size_t position = 0;
    int err;
    while (attribute_next(row->attributes, &position, &a, &err))
        if (a.kind == ATTRIBUTE_TAG && slice_equal(a.name, tag->key))
            return slice_equal(a.value, tag->value);
    return false;
}

/* The newest one of all is not noncurrent: each is counted when the one after it comes. */
struct newer { bool some, counts; uint64_t next_us; uint32_t count, max; };

static int note_newer(void *arg, int64_t rank, uint32_t flags, uint64_t modified_us)
{
    struct newer *n = arg;
    (void)rank;
    if (!n->some)
        n->next_us = modified_us;
    n->count += n->some && n->counts;
    n->some = true;
    n->counts = !(flags & VERSION_DELETE_MARKER);
    return n->count >= n->max ? STOP : 0;
}

static int stop(void *arg, int64_t rank, uint32_t flags)
{
    (void)flags;
    *(int64_t *)arg = rank;
    return STOP;
}

static int see_version(const struct judge *j, const struct version_row *row, struct lifecycle_object *ret)
{
    struct newer newer = {0};
    bool wanted[LIFECYCLE_NEWER_MAX + 1];
    int64_t older;
    int err = lifecycle_newer(j->rules, row->key, wanted, &newer.max);
    if (!err)
        err = version_newer(j->tx, j->bucket->id, row->key, row->rank, note_newer, &newer);
    if (err && err != STOP)
        return err;
    *ret = (struct lifecycle_object){
        .key = row->key,
        .size = row->size,
        .marker = row->flags & VERSION_DELETE_MARKER,
        .current = !newer.some,
        .versioned = j->bucket->versioning != BUCKET_UNVERSIONED,
        .modified_us = row->modified_us,
        .noncurrent_us = newer.next_us,
        .newer = newer.count,
        .storage_class = row->storage_class,
        .has_tag = has_tag,
        .arg = row,
    };
    if (!ret->marker || !ret->current)
        return 0;
    err = version_older(j->tx, j->bucket->id, row->key, row->rank, stop, &older);
    ret->alone = err == 0;
    return err == STOP ? 0 : err;
}

static int judge_version(const struct judge *j, const struct version_row *row, struct lifecycle_object *object, struct lifecycle_verdict *ret)
{
    int err = see_version(j, row, object);
    return err ? err : lifecycle_judge(j->rules, object, j->now_us, j->day_us, ret);
}

/* --- the index --- */

static int advance(const struct judge *j, struct slice key, int64_t rank, uint64_t due_us)
{
    struct lifecycle_due_row row = {j->bucket->id, key, rank, due_us};
    return due_us == UINT64_MAX ? 0 : lifecycle_due_advance(j->tx, &row);
}

static int set(const struct judge *j, struct slice key, int64_t rank, uint64_t due_us)
{
    struct lifecycle_due_row row = {j->bucket->id, key, rank, due_us};
    return due_us == UINT64_MAX ? lifecycle_due_delete(j->tx, j->bucket->id, key, rank) : lifecycle_due_put(j->tx, &row);
}

static int touch(const struct judge *j, struct slice key, int64_t rank)
{
    struct version_row row;
    struct lifecycle_object object;
    struct lifecycle_verdict verdict;
    int err = version_at(j->tx, j->bucket->id, key, rank, &row);
    row.key = key;
    if (!err)
        err = judge_version(j, &row, &object, &verdict);
    return err ? err : advance(j, key, rank, verdict.due_us);
}

int lifecycle_tx_installed(struct meta_tx *tx, const struct bucket_row *bucket, struct slice key, int64_t rank)
{
    struct judge j;
    int64_t previous;
    int err;
    if (!begin(tx, bucket, &j, &err))
        return err;
    err = touch(&j, key, rank);
    if (err || bucket->versioning == BUCKET_UNVERSIONED)
        return err;
    err = version_older(tx, bucket->id, key, rank, stop, &previous);
    if (err != STOP)
        return err;
    bool wanted[LIFECYCLE_NEWER_MAX + 1];
    uint32_t max;
    err = lifecycle_newer(j.rules, key, wanted, &max);
    if (err)
        return err;
    return max ? advance(&j, key, previous, 0) : touch(&j, key, previous);
}

int lifecycle_tx_removed(struct meta_tx *tx, const struct bucket_row *bucket, struct slice key, int64_t rank)
{
    struct judge j;
    struct version_row row;
    int err;
    if (!begin(tx, bucket, &j, &err))
        return err;
    err = lifecycle_due_delete(tx, bucket->id, key, rank);
    if (err || bucket->versioning == BUCKET_UNVERSIONED)
        return err;
    /* Another may be the current one now, or a delete marker alone. */
    err = version_current(tx, bucket->id, key, &row);
    return err == ERR_NO_SUCH_KEY ? 0 : err ? err : touch(&j, key, row.rank);
}

int lifecycle_tx_changed(struct meta_tx *tx, const struct bucket_row *bucket, struct slice key, int64_t rank)
{
    struct judge j;
    int err;
    return begin(tx, bucket, &j, &err) ? touch(&j, key, rank) : err;
}

int lifecycle_tx_upload_created(struct meta_tx *tx, const struct bucket_row *bucket, struct slice key, int64_t id, uint64_t initiated_us)
{
    struct judge j;
    uint64_t due_us;
    struct slice rule;
    int err;
    if (!begin(tx, bucket, &j, &err))
        return err;
    err = lifecycle_judge_upload(j.rules, key, initiated_us, j.day_us, &due_us, &rule);
    return err ? err : advance(&j, key, -id, due_us);
}

int lifecycle_tx_upload_gone(struct meta_tx *tx, const struct bucket_row *bucket, struct slice key, int64_t id)
{
    struct slice rules;
    return lifecycle_tx_rules(bucket, &rules) ? lifecycle_due_delete(tx, bucket->id, key, -id) : 0;
}

int lifecycle_tx_rules_changed(struct meta_tx *tx, int64_t bucket_id)
{
    struct lifecycle_walk_row row = {.bucket_id = bucket_id, .begun = meta_tx_clock(tx), .key = slice_of("", 0), .rank = -1};
    return lifecycle_walk_put(tx, &row);
}

int lifecycle_tx_due(struct meta_tx *tx, const struct bucket_row *bucket, const struct version_row *row, uint64_t *ret)
{
    struct judge j;
    struct lifecycle_object object;
    struct lifecycle_verdict verdict;
    int err;
    *ret = UINT64_MAX;
    if (!begin(tx, bucket, &j, &err))
        return err;
    err = judge_version(&j, row, &object, &verdict);
    if (!err)
        *ret = verdict.due_us;
    return err;
}

int lifecycle_tx_upload_due(struct meta_tx *tx, const struct bucket_row *bucket, struct slice key, uint64_t initiated_us, uint64_t *ret)
{
    struct judge j;
    struct slice rule;
    int err;
    *ret = UINT64_MAX;
    return begin(tx, bucket, &j, &err) ? lifecycle_judge_upload(j.rules, key, initiated_us, j.day_us, ret, &rule) : err;
}

int lifecycle_tx_describe(struct object_info *info, const struct bucket_row *bucket, const struct version_row *current)
{
    struct slice rules;
    struct lifecycle_verdict verdict;
    info->expire_us = 0;
    struct lifecycle_object object = {
        .key = current->key,
        .size = current->size,
        .marker = current->flags & VERSION_DELETE_MARKER,
        .current = true,
        .modified_us = current->modified_us,
        .storage_class = current->storage_class,
        .has_tag = has_tag,
        .arg = current,
    };
    if (object.marker || !lifecycle_tx_rules(bucket, &rules))
        return 0;
    int err = lifecycle_judge(rules, &object, 0, LIFECYCLE_DAY_US, &verdict);
    if (err || verdict.expire_us == UINT64_MAX)
        return err;
    char *copy = malloc(verdict.expire_rule.len + 1);
    if (!copy)
        return ERR_NO_MEMORY;
    memcpy(copy, verdict.expire_rule.data, verdict.expire_rule.len);
    free(info->expire_rule_memory);
    info->expire_rule_memory = copy;
    info->expire_rule = slice_of(copy, verdict.expire_rule.len);
    info->expire_us = verdict.expire_us;
    return 0;
}

int lifecycle_tx_describe_upload(const struct bucket_row *bucket, struct slice key, uint64_t initiated_us, struct upload_abortion *ret)
{
    struct slice rules, rule;
    *ret = (struct upload_abortion){.at_us = 0};
    if (!lifecycle_tx_rules(bucket, &rules))
        return 0;
    int err = lifecycle_judge_upload(rules, key, initiated_us, LIFECYCLE_DAY_US, &ret->at_us, &rule);
    if (err || ret->at_us == UINT64_MAX || rule.len >= sizeof ret->rule) {
        ret->at_us = 0;
        return err;
    }
    memcpy(ret->rule, rule.data, rule.len);
    return 0;
}

/* --- what is due --- */

static int copy_row(struct version_row *row, struct arena *arena)
{
    struct slice *slices[] = {&row->key, &row->version_id, &row->etag, &row->origin_version_id, &row->attributes};
    for (unsigned i = 0; i < sizeof slices / sizeof *slices; i++) {
        struct slice copy = arena_copy(arena, *slices[i]);
        if (!copy.data)
            return ERR_NO_MEMORY;
        *slices[i] = copy;
    }
    return 0;
}

/* Only the class of the version becomes another. */
static int transition(struct meta_tx *tx, struct version_row *row, uint32_t class)
{
    struct arena arena = {0};
    int err = copy_row(row, &arena);
    row->storage_class = class;
    if (!err)
        err = version_delete(tx, row);
    if (!err)
        err = version_insert(tx, row);
    arena_free(&arena);
    return err;
}

static int expire(const struct judge *j, struct version_row *row, uint64_t random)
{
    static const struct object_conditions none;
    struct version_row marker = {
        .key = row->key,
        .flags = VERSION_DELETE_MARKER,
        .etag = slice_of("", 0),
        .owner_id = j->bucket->owner_id,
        .attributes = slice_of("", 0),
        .origin_version_id = slice_of("", 0),
    };
    uint8_t id[16];
    return j->bucket->versioning == BUCKET_UNVERSIONED ? install_remove(j->tx, j->bucket, row, false)
                                                       : install_version(j->tx, j->bucket, &none, random, &marker, id);
}

static int counted(uint64_t *count, int err)
{
    *count += err == 0;
    return err;
}

static int take_action(const struct judge *j, struct version_row *row, const struct lifecycle_object *object,
                       const struct lifecycle_verdict *verdict, uint64_t random, struct lifecycle_counts *counts)
{
    switch (verdict->action) {
    case LIFECYCLE_EXPIRE: return counted(&counts->expired, expire(j, row, random));
    case LIFECYCLE_DELETE:
        return counted(object->current ? &counts->markers : &counts->noncurrent, install_remove(j->tx, j->bucket, row, false));
    case LIFECYCLE_TRANSITION: return counted(&counts->transitions, transition(j->tx, row, verdict->storage_class));
    default:
        return 0;
    }
}

/* Object Lock is stronger than rules: the version is looked at again when its retention ends, or, held, tomorrow. */
static uint64_t locked_until(const struct judge *j, const struct object_lock *lock)
{
    uint64_t tomorrow_us = j->now_us + j->day_us;
    return !lock->hold && lock->retention.mode != LOCK_NONE ? lock->retention.until_us : tomorrow_us;
}

/* Down to the versions that have now as many newer ones as a rule keeps. */
struct descent { const bool *wanted; uint32_t max, count, some; int64_t ranks[LIFECYCLE_NEWER_MAX]; };

static int note_older(void *arg, int64_t rank, uint32_t flags)
{
    struct descent *d = arg;
    if (d->count > d->max || d->some == LIFECYCLE_NEWER_MAX)
        return STOP;
    if (d->wanted[d->count])
        d->ranks[d->some++] = rank;
    d->count += !(flags & VERSION_DELETE_MARKER);
    return 0;
}

static int look_down(const struct judge *j, struct slice key, int64_t rank, bool marker)
{
    bool wanted[LIFECYCLE_NEWER_MAX + 1];
    struct descent d = {.wanted = wanted, .count = marker ? 0 : 1};
    int err = lifecycle_newer(j->rules, key, wanted, &d.max);
    if (err || !d.max)
        return err;
    err = version_older(j->tx, j->bucket->id, key, rank, note_older, &d);
    err = err == STOP ? 0 : err;
    for (uint32_t i = 0; i < d.some && !err; i++)
        err = touch(j, key, d.ranks[i]);
    return err;
}

static int act_on_version(const struct judge *j, const struct lifecycle_due_row *due, uint64_t random, struct lifecycle_counts *counts)
{
    struct version_row row;
    struct lifecycle_object object;
    struct lifecycle_verdict verdict;
    int err = version_at(j->tx, due->bucket_id, due->key, due->rank, &row);
    if (err)
        return err == ERR_NO_SUCH_VERSION ? set(j, due->key, due->rank, UINT64_MAX) : err;
    row.key = due->key;
    err = judge_version(j, &row, &object, &verdict);
    if (!err && !object.current)
        err = look_down(j, due->key, due->rank, object.marker);
    if (!err) /* the row may have been read again */
        err = version_at(j->tx, due->bucket_id, due->key, due->rank, &row);
    row.key = due->key;
    struct object_lock lock;
    if (!err)
        err = lock_of_version(row.attributes, &lock);
    if (!err)
        err = take_action(j, &row, &object, &verdict, random, counts);
    if (err == ERR_OBJECT_LOCKED)
        return set(j, due->key, due->rank, locked_until(j, &lock));
    if (err || verdict.action == LIFECYCLE_NOTHING)
        return err ? err : set(j, due->key, due->rank, verdict.due_us);
    err = version_at(j->tx, due->bucket_id, due->key, due->rank, &row);
    if (err)
        return err == ERR_NO_SUCH_VERSION ? 0 : err;
    row.key = due->key;
    err = judge_version(j, &row, &object, &verdict);
    return err ? err : set(j, due->key, due->rank, verdict.due_us);
}

static int act_on_upload(const struct judge *j, const struct lifecycle_due_row *due, struct lifecycle_counts *counts)
{
    struct upload_row row;
    struct slice rule;
    uint64_t due_us;
    int err = upload_at(j->tx, -due->rank, &row);
    if (err)
        return err == ERR_NO_SUCH_UPLOAD ? set(j, due->key, due->rank, UINT64_MAX) : err;
    err = lifecycle_judge_upload(j->rules, due->key, row.initiated_us, j->day_us, &due_us, &rule);
    if (err || due_us > j->now_us)
        return err ? err : set(j, due->key, due->rank, due_us);
    counts->uploads++;
    err = upload_delete(j->tx, -due->rank);
    return err ? err : set(j, due->key, due->rank, UINT64_MAX);
}

int lifecycle_tx_act(struct meta_tx *tx, const struct lifecycle_due_row *due, uint64_t random, struct lifecycle_counts *counts)
{
    struct bucket_row bucket;
    struct judge j;
    int err = bucket_get_by_id(tx, due->bucket_id, &bucket);
    if (err && err != ERR_NO_SUCH_BUCKET)
        return err;
    if (err || !begin(tx, &bucket, &j, &err))
        return err && err != ERR_NO_SUCH_BUCKET ? err : lifecycle_due_delete(tx, due->bucket_id, due->key, due->rank);
    j.now_us = meta_tx_clock(tx);
    return due->rank < 0 ? act_on_upload(&j, due, counts) : act_on_version(&j, due, random, counts);
}
