/* Patterns of policies: compiled to pieces, matched greedily with one point to come back to (the last '*'), never by recursion. */
#include "wire/policy_inside.h"

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static bool starts_with(struct slice value, size_t at, struct slice literal, bool ignore_case)
{
    if (value.len - at < literal.len)
        return false;
    if (!ignore_case)
        return literal.len == 0 || memcmp(value.data + at, literal.data, literal.len) == 0;
    for (size_t i = 0; i < literal.len; i++)
        if (lower(value.data[at + i]) != lower(literal.data[i]))
            return false;
    return true;
}

/* Bytes of the character at that place: UTF-8, and single bytes of what is not. */
static size_t character_len(struct slice value, size_t at)
{
    size_t len = 1;
    if (((unsigned char)value.data[at] & 0xc0) == 0xc0)
        while (len < 4 && at + len < value.len && ((unsigned char)value.data[at + len] & 0xc0) == 0x80)
            len++;
    return len;
}

/* The matcher's view of a pattern: its pieces with variables put in. */
struct matcher {
    const struct piece *pieces;
    uint32_t count;
    bool ignore_case;
    struct slice values[POLICY_VARIABLES_MAX];
};

static bool run(const struct matcher *m, struct slice value)
{
    uint32_t at = 0, variable = 0, star = UINT32_MAX, star_variable = 0;
    size_t position = 0, star_position = 0;
    for (;;) {
        const struct piece *p = at < m->count ? &m->pieces[at] : NULL;
        if (p && p->kind == PIECE_ANY) {
            if (at + 1 == m->count)
                return true;
            star = ++at;
            star_variable = variable;
            star_position = position;
            continue;
        }
        struct slice literal = p && p->kind == PIECE_VARIABLE ? m->values[variable] : p ? p->text : slice_of("", 0);
        if (p && p->kind == PIECE_ONE && position < value.len) {
            position += character_len(value, position);
            at++;
            continue;
        }
        if (p && p->kind != PIECE_ONE && starts_with(value, position, literal, m->ignore_case)) {
            position += literal.len;
            variable += p->kind == PIECE_VARIABLE;
            at++;
            continue;
        }
        if (!p && position == value.len)
            return true;
        if (star == UINT32_MAX || star_position >= value.len)
            return false;
        star_position += character_len(value, star_position); /* '*' takes one character more */
        position = star_position;
        at = star;
        variable = star_variable;
    }
}

/* ${key} or ${key, 'default'}; ${*}, ${?} and ${$} are the characters themselves. */
static int take_variable(struct arena *arena, struct slice inside, struct piece *p)
{
    if (inside.len == 1 && (inside.data[0] == '*' || inside.data[0] == '?' || inside.data[0] == '$')) {
        *p = (struct piece){.kind = PIECE_LITERAL, .text = arena_copy(arena, inside)};
        return p->text.data ? 0 : ERR_NO_MEMORY;
    }
    *p = (struct piece){.kind = PIECE_VARIABLE};
    const char *comma = inside.len ? memchr(inside.data, ',', inside.len) : NULL;
    size_t key_len = comma ? (size_t)(comma - inside.data) : inside.len;
    struct slice key = slice_trim(slice_of(inside.data, key_len));
    if (!key.len)
        return ERR_MALFORMED;
    if (comma) {
        struct slice quoted = slice_trim(slice_of(comma + 1, inside.len - key_len - 1));
        if (quoted.len < 2 || quoted.data[0] != '\'' || quoted.data[quoted.len - 1] != '\'')
            return ERR_MALFORMED;
        p->has_fallback = true;
        p->fallback = arena_copy(arena, slice_of(quoted.data + 1, quoted.len - 2));
        if (!p->fallback.data)
            return ERR_NO_MEMORY;
    }
    p->text = arena_copy(arena, key);
    return p->text.data ? 0 : ERR_NO_MEMORY;
}

static size_t literal_len(struct slice rest, bool wildcards, bool variables)
{
    size_t len = 0;
    while (len < rest.len) {
        char c = rest.data[len];
        if (wildcards && (c == '*' || c == '?'))
            break;
        if (variables && c == '$' && len + 1 < rest.len && rest.data[len + 1] == '{')
            break;
        len++;
    }
    return len;
}

/* One piece at the start of rest; *ret_len bytes of it. */
static int take_piece(struct arena *arena, struct slice rest, bool wildcards, bool variables, struct piece *p, size_t *ret_len)
{
    size_t len = literal_len(rest, wildcards, variables);
    if (len) {
        *p = (struct piece){.kind = PIECE_LITERAL, .text = arena_copy(arena, slice_of(rest.data, len))};
        *ret_len = len;
        return p->text.data ? 0 : ERR_NO_MEMORY;
    }
    if (rest.data[0] != '$') {
        *p = (struct piece){.kind = rest.data[0] == '*' ? PIECE_ANY : PIECE_ONE};
        *ret_len = 1;
        return 0;
    }
    const char *end = memchr(rest.data, '}', rest.len);
    if (!end)
        return ERR_MALFORMED;
    *ret_len = (size_t)(end - rest.data) + 1;
    return take_variable(arena, slice_of(rest.data + 2, *ret_len - 3), p);
}

int pattern_compile(struct arena *arena, struct slice source, bool wildcards, bool variables, struct pattern *ret)
{
    struct pattern p = {.source = arena_copy(arena, source)};
    uint32_t capacity = 1;
    for (size_t i = 0; i < source.len; i++) /* a special character is a piece, and ends one */
        capacity += source.data[i] == '*' || source.data[i] == '?' || source.data[i] == '$' ? 2 : 0;
    p.pieces = arena_take(arena, capacity * sizeof *p.pieces);
    if (!p.source.data || !p.pieces)
        return ERR_NO_MEMORY;
    struct slice rest = p.source;
    while (rest.len) {
        size_t len;
        struct piece *piece = &p.pieces[p.count];
        int err = take_piece(arena, rest, wildcards, variables, piece, &len);
        if (err)
            return err;
        p.variables += piece->kind == PIECE_VARIABLE;
        if (p.variables > POLICY_VARIABLES_MAX)
            return ERR_MALFORMED;
        if (piece->kind != PIECE_ANY || !p.count || p.pieces[p.count - 1].kind != PIECE_ANY)
            p.count++;
        rest = slice_of(rest.data + len, rest.len - len);
    }
    *ret = p;
    return 0;
}

/* The value of a variable: the key's only one, or the default. */
static bool resolve(const struct piece *piece, const struct policy_request *request, struct slice *ret)
{
    struct slice values[POLICY_VALUES_MAX];
    int count = request && request->values ? request->values(request->arg, piece->text, values) : -1;
    if (count == 1)
        *ret = values[0];
    else if (piece->has_fallback)
        *ret = piece->fallback;
    return count == 1 || piece->has_fallback;
}

bool pattern_match(const struct pattern *p, struct slice value, bool ignore_case, const struct policy_request *request)
{
    struct matcher m = {.pieces = p->pieces, .count = p->count, .ignore_case = ignore_case};
    uint32_t variable = 0;
    for (uint32_t i = 0; i < p->count && p->variables; i++)
        if (p->pieces[i].kind == PIECE_VARIABLE && !resolve(&p->pieces[i], request, &m.values[variable++]))
            return false;
    return run(&m, value);
}
