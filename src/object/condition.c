#include "object/condition.h"

#include <string.h>

/* Whether a list of entity tags names this one; "*" names any. Quotes may be missing, as S3 clients send them; W/ is ignored. */
static bool list_names(struct slice list, const char *etag)
{
    list = slice_trim(list);
    if (slice_equal_string(list, "*"))
        return true;
    while (list.len) {
        const char *comma = memchr(list.data, ',', list.len);
        size_t len = comma ? (size_t)(comma - list.data) : list.len;
        struct slice one = slice_trim(slice_of(list.data, len));
        if (slice_starts_with(one, "W/"))
            one = slice_of(one.data + 2, one.len - 2);
        if (one.len >= 2 && one.data[0] == '"' && one.data[one.len - 1] == '"')
            one = slice_of(one.data + 1, one.len - 2);
        if (slice_equal_string_nocase(one, etag))
            return true;
        size_t skip = comma ? len + 1 : len;
        list = slice_of(list.data + skip, list.len - skip);
    }
    return false;
}

static bool subject_named(struct slice list, const struct condition_subject *subject)
{
    char etag[48];
    object_etag_format(subject->etag, subject->etag_len, etag);
    return list_names(list, etag);
}

/* Dates in conditions have whole seconds. */
static uint64_t whole_seconds(uint64_t us)
{
    return us / 1000000;
}

int condition_check_read(const struct object_conditions *c, const struct condition_subject *subject)
{
    uint64_t modified = whole_seconds(subject->modified_us);
    if (c->if_match.data) {
        if (!subject_named(c->if_match, subject))
            return ERR_PRECONDITION;
    } else if (c->has_unmodified_since && modified > whole_seconds(c->unmodified_since_us)) {
        return ERR_PRECONDITION;
    }
    if (c->if_none_match.data) {
        if (subject_named(c->if_none_match, subject))
            return ERR_NOT_MODIFIED;
    } else if (c->has_modified_since && modified <= whole_seconds(c->modified_since_us)) {
        return ERR_NOT_MODIFIED;
    }
    return 0;
}

bool condition_is_any(const struct object_conditions *c)
{
    return c->if_match.data || c->if_none_match.data || c->has_unmodified_since || c->has_match_size || c->has_match_modified;
}

int condition_check_write(const struct object_conditions *c, const struct condition_subject *subject)
{
    bool wants_existing = c->if_match.data || c->has_match_size || c->has_match_modified || c->has_unmodified_since;
    if (wants_existing && !subject->exists)
        return c->if_match.data ? ERR_NO_SUCH_KEY : ERR_PRECONDITION;
    if (c->if_match.data && !subject_named(c->if_match, subject))
        return ERR_PRECONDITION;
    if (c->has_match_size && c->match_size != subject->size)
        return ERR_PRECONDITION;
    if (c->has_match_modified && whole_seconds(c->match_modified_us) != whole_seconds(subject->modified_us))
        return ERR_PRECONDITION;
    if (c->has_unmodified_since && whole_seconds(subject->modified_us) > whole_seconds(c->unmodified_since_us))
        return ERR_PRECONDITION;
    if (c->if_none_match.data && subject->exists && subject_named(c->if_none_match, subject))
        return ERR_PRECONDITION;
    return 0;
}
