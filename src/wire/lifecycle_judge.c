/* What rules say of an object (declared in lifecycle.h). Where several rules speak of it: what deletes for good comes before a
 * transition, a transition before a delete marker, of transitions the one furthest down, and of times the earliest. */
#include <string.h>

#include "wire/lifecycle.h"
#include "wire/storage_class.h"

#define MINIMUM_SIZE (128u << 10)

/* Past what a clock can hold is never. */
static uint64_t after_days(uint64_t from_us, uint32_t days, uint64_t day_us)
{
    if (days > (INT64_MAX - LIFECYCLE_DAY_US - from_us) / day_us)
        return UINT64_MAX;
    uint64_t end = from_us + days * day_us;
    if (day_us != LIFECYCLE_DAY_US || end % LIFECYCLE_DAY_US == 0)
        return end;
    return end + LIFECYCLE_DAY_US - end % LIFECYCLE_DAY_US;
}

static bool starts_with(struct slice key, struct slice prefix)
{
    return key.len >= prefix.len && memcmp(key.data, prefix.data, prefix.len) == 0;
}

/* A delete marker has neither tags nor a size. */
static bool matches(const struct lifecycle_rule *rule, const struct lifecycle_object *o)
{
    if (!rule->enabled || !starts_with(o->key, rule->prefix))
        return false;
    if (o->marker)
        return rule->tag_count == 0 && !rule->has_greater && !rule->has_less;
    if ((rule->has_greater && o->size <= rule->size_greater) || (rule->has_less && o->size >= rule->size_less))
        return false;
    for (uint32_t i = 0; i < rule->tag_count; i++)
        if (!o->has_tag(o->arg, &rule->tags[i]))
            return false;
    return true;
}

/* When the rule deletes it; UINT64_MAX: never. */
static uint64_t expires(const struct lifecycle_rule *rule, const struct lifecycle_object *o, uint64_t day_us)
{
    if (!o->current)
        return rule->noncurrent_days && o->newer >= rule->noncurrent_newer
                   ? after_days(o->noncurrent_us, rule->noncurrent_days, day_us)
                   : UINT64_MAX;
    if (o->marker && !o->alone)
        return UINT64_MAX;
    switch (rule->expiration) {
    case LIFECYCLE_DAYS: return after_days(o->modified_us, rule->expiration_days, day_us);
    case LIFECYCLE_DATE: return rule->expiration_date_us;
    case LIFECYCLE_MARKER: return o->marker && rule->expired_marker ? o->modified_us : UINT64_MAX;
    default: return UINT64_MAX;
    }
}

static bool large_enough(const struct lifecycle_rule *rule, const struct lifecycle_object *o, uint32_t class, enum lifecycle_minimum minimum)
{
    if (minimum == LIFECYCLE_MINIMUM_NONE || rule->has_greater || rule->has_less || o->size >= MINIMUM_SIZE)
        return true;
    const char *name = storage_class_name(class);
    return minimum == LIFECYCLE_MINIMUM_VARIES && (strcmp(name, "GLACIER") == 0 || strcmp(name, "DEEP_ARCHIVE") == 0);
}

struct judgement {
    const struct lifecycle_object *object;
    uint64_t now_us, day_us;
    enum lifecycle_minimum minimum;
    struct lifecycle_verdict *verdict;
    bool transition;        /* one is due, to verdict->storage_class */
    uint64_t transition_us; /* when the next is */
};

static void judge_transitions(struct judgement *j, const struct lifecycle_rule *rule)
{
    const struct lifecycle_object *o = j->object;
    uint32_t count = o->current ? rule->transition_count : rule->noncurrent_transition_count;
    uint32_t from = storage_class_depth(o->storage_class);
    if (o->marker || from == UINT32_MAX)
        return;
    for (uint32_t i = 0; i < count; i++) {
        const struct lifecycle_transition *x = o->current ? &rule->transitions[i] : &rule->noncurrent_transitions[i];
        uint32_t to = storage_class_depth(x->storage_class);
        if (to == UINT32_MAX || to <= from || !large_enough(rule, o, x->storage_class, j->minimum) || (!o->current && o->newer < x->newer))
            continue;
        uint64_t when = x->when == LIFECYCLE_DATE ? x->date_us : after_days(o->current ? o->modified_us : o->noncurrent_us, x->days, j->day_us);
        if (when < j->transition_us)
            j->transition_us = when;
        if (when <= j->now_us && (!j->transition || to > storage_class_depth(j->verdict->storage_class))) {
            j->transition = true;
            j->verdict->storage_class = x->storage_class;
        }
    }
}

static void conclude(const struct judgement *j)
{
    const struct lifecycle_object *o = j->object;
    struct lifecycle_verdict *v = j->verdict;
    bool expired = v->expire_us <= j->now_us, for_good = !o->current || o->marker || !o->versioned;
    v->due_us = v->expire_us < j->transition_us ? v->expire_us : j->transition_us;
    if (expired && for_good)
        v->action = o->current && !o->marker ? LIFECYCLE_EXPIRE : LIFECYCLE_DELETE;
    else if (j->transition)
        v->action = LIFECYCLE_TRANSITION;
    else if (expired)
        v->action = LIFECYCLE_EXPIRE;
}

int lifecycle_judge(struct slice compact, const struct lifecycle_object *object, uint64_t now_us, uint64_t day_us,
                    struct lifecycle_verdict *ret)
{
    struct judgement j = {object, now_us, day_us, lifecycle_minimum_of(compact), ret, false, UINT64_MAX};
    struct lifecycle_rule rule;
    size_t position = 0;
    int err;
    *ret = (struct lifecycle_verdict){.action = LIFECYCLE_NOTHING, .due_us = UINT64_MAX, .expire_us = UINT64_MAX,
                                      .expire_rule = slice_of("", 0)};
    while (lifecycle_next(compact, &position, &rule, &err)) {
        if (!matches(&rule, object))
            continue;
        uint64_t when = expires(&rule, object, day_us);
        if (when < ret->expire_us) {
            ret->expire_us = when;
            ret->expire_rule = rule.id;
        }
        judge_transitions(&j, &rule);
    }
    if (!err)
        conclude(&j);
    return err;
}

int lifecycle_judge_upload(struct slice compact, struct slice key, uint64_t initiated_us, uint64_t day_us, uint64_t *ret_us,
                           struct slice *ret_rule)
{
    struct lifecycle_rule rule;
    size_t position = 0;
    int err;
    *ret_us = UINT64_MAX;
    *ret_rule = slice_of("", 0);
    while (lifecycle_next(compact, &position, &rule, &err)) {
        if (!rule.enabled || !rule.abort_days || !starts_with(key, rule.prefix))
            continue;
        uint64_t when = after_days(initiated_us, rule.abort_days, day_us);
        if (when < *ret_us) {
            *ret_us = when;
            *ret_rule = rule.id;
        }
    }
    return err;
}

static void note_newer(uint32_t newer, bool ret[LIFECYCLE_NEWER_MAX + 1], uint32_t *max)
{
    if (newer == 0 || newer > LIFECYCLE_NEWER_MAX)
        return;
    ret[newer] = true;
    if (newer > *max)
        *max = newer;
}

int lifecycle_newer(struct slice compact, struct slice key, bool ret[LIFECYCLE_NEWER_MAX + 1], uint32_t *ret_max)
{
    struct lifecycle_rule rule;
    size_t position = 0;
    int err;
    memset(ret, 0, sizeof(bool) * (LIFECYCLE_NEWER_MAX + 1));
    *ret_max = 0;
    while (lifecycle_next(compact, &position, &rule, &err)) {
        if (!rule.enabled || !starts_with(key, rule.prefix))
            continue;
        note_newer(rule.noncurrent_newer, ret, ret_max);
        for (uint32_t i = 0; i < rule.noncurrent_transition_count; i++)
            note_newer(rule.noncurrent_transitions[i].newer, ret, ret_max);
    }
    return err;
}
