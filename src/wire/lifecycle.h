/* A bucket's LifecycleConfiguration: from XML into a compact form, which is what is kept; from there back to XML; and what
 * its rules say of an object. Pure.
 *
 * The compact form (docs/FORMAT.md "Lifecycle rules") is read rule by rule without memory of its own, so that a write can ask it. */
#ifndef WIRE_LIFECYCLE_H
#define WIRE_LIFECYCLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

#define LIFECYCLE_RULES_MAX 1000
#define LIFECYCLE_ID_LEN_MAX 255
#define LIFECYCLE_TAGS_MAX 10        /* an object has no more */
#define LIFECYCLE_TRANSITIONS_MAX 6  /* one per class that S3 has transitions to */
#define LIFECYCLE_NEWER_MAX 100      /* of NewerNoncurrentVersions */
#define LIFECYCLE_SIZE_MAX (1u << 20) /* of the compact form */
#define LIFECYCLE_DAY_US 86400000000ull

/* x-amz-transition-default-minimum-object-size. */
enum lifecycle_minimum { LIFECYCLE_MINIMUM_NONE = 0, LIFECYCLE_MINIMUM_ALL = 1, LIFECYCLE_MINIMUM_VARIES = 2 };

enum lifecycle_when { LIFECYCLE_NEVER = 0, LIFECYCLE_DAYS = 1, LIFECYCLE_DATE = 2, LIFECYCLE_MARKER = 3 };

struct lifecycle_tag { struct slice key, value; };
struct lifecycle_transition { enum lifecycle_when when; uint32_t storage_class, days, newer; uint64_t date_us; };

/* Slices point into the compact form, or into the document while it is read. */
struct lifecycle_rule {
    struct slice id, prefix;
    bool enabled;
    bool filter;             /* a Filter, not the older Prefix of the rule itself */
    bool has_prefix;         /* filter: it names one */
    bool has_greater, has_less;
    uint64_t size_greater, size_less;
    uint32_t tag_count;
    struct lifecycle_tag tags[LIFECYCLE_TAGS_MAX];
    enum lifecycle_when expiration; /* MARKER: ExpiredObjectDeleteMarker, expired_marker is its value */
    uint32_t expiration_days;
    uint64_t expiration_date_us;
    bool expired_marker;
    uint32_t noncurrent_days, noncurrent_newer; /* days 0: no NoncurrentVersionExpiration; newer 0: no number */
    uint32_t abort_days;                        /* 0: none */
    uint32_t transition_count, noncurrent_transition_count;
    struct lifecycle_transition transitions[LIFECYCLE_TRANSITIONS_MAX], noncurrent_transitions[LIFECYCLE_TRANSITIONS_MAX];
};

/* Why a document is refused with another code than MalformedXML. */
struct lifecycle_refusal { const char *code; char message[256]; };

/* random: ids of rules without one come from it. ERR_MALFORMED; ERR_INVALID with *why; ERR_NO_MEMORY. */
int lifecycle_parse(const void *data, size_t len, enum lifecycle_minimum, uint64_t random, struct text *ret,
                    struct lifecycle_refusal *why) MUST_CHECK;
/* The document again, as S3 answers it. */
int lifecycle_format(struct slice compact, struct text *) MUST_CHECK; /* ERR_CORRUPT */

/* Behind the rules read so far; false at the end. *position begins at 0. */
bool lifecycle_next(struct slice compact, size_t *position, struct lifecycle_rule *ret, int *err);
enum lifecycle_minimum lifecycle_minimum_of(struct slice compact);
const char *lifecycle_minimum_name(enum lifecycle_minimum);
bool lifecycle_minimum_parse(struct slice, enum lifecycle_minimum *ret) MUST_CHECK;
void lifecycle_begin(struct text *, enum lifecycle_minimum); /* the compact form without rules */
void lifecycle_append(struct text *, const struct lifecycle_rule *);

/* --- lifecycle_judge.c --- */

/* A version, or a delete marker, as rules see it. */
struct lifecycle_object {
    struct slice key;
    uint64_t size;
    bool marker;
    bool current;            /* the newest of its key */
    bool alone;              /* there is no other version of the key */
    bool versioned;          /* expiring the current version makes a delete marker */
    uint64_t modified_us;
    uint64_t noncurrent_us;  /* not current: when the next newer version came */
    uint32_t newer;          /* not current: noncurrent object versions newer than it, counted to LIFECYCLE_NEWER_MAX */
    uint32_t storage_class;
    bool (*has_tag)(const void *arg, const struct lifecycle_tag *);
    const void *arg;
};

enum lifecycle_action {
    LIFECYCLE_NOTHING,
    LIFECYCLE_EXPIRE,        /* current, in a bucket without versioning: deleted; with it: a delete marker comes before it */
    LIFECYCLE_DELETE,        /* a noncurrent version, or a delete marker that is alone: deleted for good */
    LIFECYCLE_TRANSITION,
};

/* What is to be done now, and when there is something again: due_us is UINT64_MAX for never, and no later than now with an
 * action. expire_us: when the rules delete it, UINT64_MAX for never, by the rule expire_rule. */
struct lifecycle_verdict {
    enum lifecycle_action action;
    uint32_t storage_class;
    uint64_t due_us, expire_us;
    struct slice expire_rule;
};

/* day_us: how long a day is. A true day's end is rounded up to midnight UTC, as in S3; a shortened one's is not. ERR_CORRUPT. */
int lifecycle_judge(struct slice compact, const struct lifecycle_object *, uint64_t now_us, uint64_t day_us,
                    struct lifecycle_verdict *ret) MUST_CHECK;
/* When an upload of that key is aborted, and by which rule; UINT64_MAX: never. */
int lifecycle_judge_upload(struct slice compact, struct slice key, uint64_t initiated_us, uint64_t day_us, uint64_t *ret_us,
                           struct slice *ret_rule) MUST_CHECK;
/* Which numbers of NewerNoncurrentVersions the rules that may speak of the key have; *ret_max: the largest, 0: none has one. */
int lifecycle_newer(struct slice compact, struct slice key, bool ret[LIFECYCLE_NEWER_MAX + 1], uint32_t *ret_max) MUST_CHECK;

#endif
