/* See form_data.h. */
#include "wire/form_data.h"

#include <string.h>

/* FIRST (a boundary without the line's end before it) -> AFTER -> HEAD (lines until an empty one) -> FIELD or FILE --boundary-->
 * AFTER …; the second "-" behind a boundary, and whatever follows the file's boundary, leads to DONE. */
enum state { STATE_FIRST, STATE_AFTER, STATE_AFTER_CR, STATE_AFTER_DASH, STATE_HEAD, STATE_FIELD, STATE_FILE, STATE_DONE };

static bool is_boundary_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c && strchr("'()+_,-./:=? ", c));
}

int form_data_init(struct form_data *f, struct slice boundary)
{
    if (!boundary.len || boundary.len > FORM_DATA_BOUNDARY_MAX || boundary.data[boundary.len - 1] == ' ')
        return ERR_INVALID;
    for (size_t i = 0; i < boundary.len; i++)
        if (!is_boundary_char(boundary.data[i]))
            return ERR_INVALID;
    memset(f, 0, offsetof(struct form_data, line));
    memcpy(f->delimiter, "\r\n--", 4);
    memcpy(f->delimiter + 4, boundary.data, boundary.len);
    f->delimiter_len = (uint32_t)boundary.len + 4;
    f->matched = 2;
    f->state = STATE_FIRST;
    return 0;
}

void form_data_fini(struct form_data *f)
{
    text_free(&f->bytes);
}

/* --- parameters of header fields --- */

/* Takes "; name=value" off the front of *rest. The value goes, without quotes and their backslashes, to value, which has room for
 * all of rest. A backslash counts only before a quote or another one: some browsers send paths with bare ones. */
static bool take_parameter(struct slice *rest, struct slice *ret_name, char *value, size_t *ret_len)
{
    struct slice s = slice_trim(*rest);
    if (!s.len || s.data[0] != ';')
        return false;
    s = slice_trim(slice_of(s.data + 1, s.len - 1));
    const char *equals = s.len ? memchr(s.data, '=', s.len) : NULL;
    if (!equals)
        return false;
    *ret_name = slice_trim(slice_of(s.data, (size_t)(equals - s.data)));
    size_t at = (size_t)(equals - s.data) + 1, len = 0;
    while (at < s.len && (s.data[at] == ' ' || s.data[at] == '\t'))
        at++;
    bool quoted = at < s.len && s.data[at] == '"';
    for (at += quoted; at < s.len && s.data[at] != (quoted ? '"' : ';'); at++) {
        if (quoted && s.data[at] == '\\' && at + 1 < s.len && (s.data[at + 1] == '"' || s.data[at + 1] == '\\'))
            at++;
        value[len++] = s.data[at];
    }
    if (quoted && at == s.len)
        return false;
    at += quoted;
    *rest = slice_of(s.data + at, s.len - at);
    *ret_len = quoted ? len : slice_trim(slice_of(value, len)).len;
    return true;
}

struct slice form_data_boundary(struct slice content_type)
{
    static const char type[] = "multipart/form-data";
    struct slice none = {NULL, 0};
    if (content_type.len > FORM_DATA_LINE_MAX || !header_name_starts_with(content_type, type))
        return none;
    struct slice rest = slice_of(content_type.data + sizeof type - 1, content_type.len - sizeof type + 1), name;
    char value[FORM_DATA_LINE_MAX];
    size_t len;
    while (take_parameter(&rest, &name, value, &len)) {
        if (!slice_equal_string_nocase(name, "boundary"))
            continue;
        /* No boundary has a character that is escaped: the value stands in the header as it is. */
        const char *found = len ? memmem(name.data, (size_t)(rest.data - name.data), value, len) : NULL;
        return found ? slice_of(found, len) : none;
    }
    return none;
}

/* --- heads of parts --- */

static int keep(struct form_data *f, const char *bytes, size_t len, uint32_t *ret_off)
{
    *ret_off = (uint32_t)f->bytes.len;
    text_append(&f->bytes, bytes, len);
    return f->bytes.failed ? ERR_NO_MEMORY : 0;
}

static int take_disposition(struct form_data *f, struct slice value)
{
    static const char type[] = "form-data";
    struct form_data_place *place = &f->places[f->field_count];
    if (!header_name_starts_with(value, type) || f->part_has_name)
        return ERR_MALFORMED;
    struct slice rest = slice_of(value.data + sizeof type - 1, value.len - sizeof type + 1), name;
    char text[FORM_DATA_LINE_MAX];
    size_t len;
    while (take_parameter(&rest, &name, text, &len)) {
        int err = 0;
        if (slice_equal_string_nocase(name, "name") && !f->part_has_name) {
            err = keep(f, text, len, &place->name_off);
            place->name_len = (uint32_t)len;
            f->part_has_name = true;
        } else if (slice_equal_string_nocase(name, "filename")) {
            err = keep(f, text, len, &f->filename_off);
            f->filename_len = (uint32_t)len;
        }
        if (err)
            return err;
    }
    return f->part_has_name && place->name_len && !slice_trim(rest).len ? 0 : ERR_MALFORMED;
}

static struct slice kept(const struct form_data *f, uint32_t off, uint32_t len)
{
    return slice_of(f->bytes.data ? f->bytes.data + off : "", len);
}

/* From here on bytes does not grow: slices of it may be handed out. */
static void begin_file(struct form_data *f)
{
    for (uint32_t i = 0; i < f->field_count; i++) {
        const struct form_data_place *p = &f->places[i];
        f->fields[i] = (struct header){kept(f, p->name_off, p->name_len), kept(f, p->value_off, p->value_len)};
    }
    f->filename = kept(f, f->filename_off, f->filename_len);
    for (size_t i = f->filename.len; i > 0; i--)
        if (f->filename.data[i - 1] == '/' || f->filename.data[i - 1] == '\\') {
            f->filename = slice_of(f->filename.data + i, f->filename.len - i);
            break;
        }
    f->has_file = true;
    f->state = STATE_FILE;
}

static int begin_part(struct form_data *f)
{
    struct form_data_place *place = &f->places[f->field_count];
    if (!f->part_has_name)
        return ERR_MALFORMED;
    f->matched = 0;
    if (slice_equal_string_nocase(kept(f, place->name_off, place->name_len), "file")) {
        begin_file(f);
        return 0;
    }
    if (f->field_count == FORM_DATA_FIELDS_MAX)
        return ERR_TOO_LARGE;
    place->value_off = (uint32_t)f->bytes.len;
    f->state = STATE_FIELD;
    return 0;
}

static int take_line(struct form_data *f)
{
    struct slice line = slice_of(f->line, f->line_len);
    f->line_len = 0;
    if (!line.len || line.data[line.len - 1] != '\r')
        return ERR_MALFORMED;
    line.len--;
    if (!line.len)
        return begin_part(f);
    const char *colon = memchr(line.data, ':', line.len);
    if (!colon)
        return ERR_MALFORMED;
    size_t len = (size_t)(colon - line.data);
    if (slice_equal_string_nocase(slice_of(line.data, len), "content-disposition"))
        return take_disposition(f, slice_trim(slice_of(colon + 1, line.len - len - 1)));
    return 0;
}

/* Gathers bytes of a line; takes it when its end is there. Returns how many bytes were eaten. */
static size_t gather_line(struct form_data *f, const char *data, size_t len)
{
    const char *end = memchr(data, '\n', len);
    size_t part = end ? (size_t)(end - data) : len;
    if (part > sizeof f->line - f->line_len) {
        f->err = ERR_TOO_LARGE;
        return 0;
    }
    memcpy(f->line + f->line_len, data, part);
    f->line_len += (uint32_t)part;
    if (!end)
        return part;
    f->err = take_line(f);
    return part + 1;
}

/* --- boundaries --- */

static void begin_head(struct form_data *f)
{
    f->state = STATE_HEAD;
    f->part_has_name = false;
    f->filename_len = 0;
}

static int take_after(struct form_data *f, char c)
{
    static const struct { enum state from; char c; enum state to; } steps[] = {
        {STATE_AFTER, '\r', STATE_AFTER_CR}, {STATE_AFTER_CR, '\n', STATE_HEAD}, {STATE_AFTER, '-', STATE_AFTER_DASH},
        {STATE_AFTER_DASH, '-', STATE_DONE}};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        if (f->state != (uint32_t)steps[i].from || c != steps[i].c)
            continue;
        f->state = f->has_file && steps[i].to == STATE_HEAD ? STATE_DONE : steps[i].to;
        if (f->state == STATE_HEAD)
            begin_head(f);
        return 0;
    }
    return ERR_MALFORMED;
}

/* How many bytes of data are certainly not a delimiter's: up to one, or up to what may be its beginning. A delimiter begins with
 * the one CR that it has. */
static size_t plain_len(const struct form_data *f, const char *data, size_t len)
{
    const char *at = data, *end = data + len;
    while ((at = memchr(at, '\r', (size_t)(end - at)))) {
        size_t left = (size_t)(end - at);
        if (memcmp(at, f->delimiter, left < f->delimiter_len ? left : f->delimiter_len) == 0)
            return (size_t)(at - data);
        at++;
    }
    return len;
}

/* Goes on with a delimiter that may have begun; what proves to be none is released. Returns how many bytes were eaten. */
static size_t match(struct form_data *f, const char *data, size_t len)
{
    size_t at = 0;
    while (at < len && f->matched < f->delimiter_len && data[at] == f->delimiter[f->matched]) {
        f->matched++;
        at++;
    }
    if (f->matched < f->delimiter_len && at < len) {
        f->released = f->matched;
        f->released_off = 0;
        f->matched = 0;
    }
    return at;
}

static void end_part(struct form_data *f)
{
    if (f->state == STATE_FIELD) {
        struct form_data_place *place = &f->places[f->field_count++];
        place->value_len = (uint32_t)f->bytes.len - place->value_off;
    }
    f->matched = 0;
    f->state = STATE_AFTER;
}

static void add_to_field(struct form_data *f, const char *bytes, size_t len)
{
    if (f->bytes.len - f->places[f->field_count].value_off + len > FORM_DATA_FIELD_MAX) {
        f->err = ERR_TOO_LARGE;
        return;
    }
    text_append(&f->bytes, bytes, len);
    if (f->bytes.failed)
        f->err = ERR_NO_MEMORY;
}

/* A part's bytes, up to what its boundary needs. Returns how many bytes were eaten. */
static size_t take_field(struct form_data *f, const char *data, size_t len)
{
    size_t n = f->matched ? 0 : plain_len(f, data, len);
    add_to_field(f, data, n);
    if (n == len || f->err)
        return n;
    n += match(f, data + n, len - n);
    add_to_field(f, f->delimiter, f->released);
    f->released = 0;
    if (f->matched == f->delimiter_len)
        end_part(f);
    return n;
}

/* Shows bytes of the file, or eats what may be its boundary. Returns how many bytes were eaten. */
static size_t show_file(struct form_data *f, const char *data, size_t len)
{
    size_t n = 0;
    if (!f->released && !f->matched) {
        size_t plain = plain_len(f, data, len);
        if (plain) {
            f->span = slice_of(data, plain);
            f->span_inside = false;
            return 0;
        }
    }
    if (!f->released)
        n = match(f, data, len);
    if (f->released) {
        f->span = slice_of(f->delimiter + f->released_off, f->released - f->released_off);
        f->span_inside = true;
    } else if (f->matched == f->delimiter_len) {
        end_part(f);
    }
    return n;
}

/* --- the whole --- */

static size_t step(struct form_data *f, const char *data, size_t len)
{
    size_t n;
    switch ((enum state)f->state) {
    case STATE_FIRST:
        n = match(f, data, len);
        if (f->matched == f->delimiter_len)
            end_part(f);
        else if (n < len)
            f->err = ERR_MALFORMED;
        return n;
    case STATE_AFTER:
    case STATE_AFTER_CR:
    case STATE_AFTER_DASH:
        f->err = take_after(f, *data);
        return 1;
    case STATE_HEAD: return gather_line(f, data, len);
    case STATE_FIELD: return take_field(f, data, len);
    case STATE_FILE: return show_file(f, data, len);
    case STATE_DONE: break;
    }
    return len;
}

int form_data_frame(struct form_data *f, const void *data, size_t len, size_t *ret_used, struct slice *ret_span)
{
    const char *bytes = data;
    size_t at = 0;
    bool had_file = f->has_file;
    f->span = slice_of(bytes, 0);
    while (!f->err && at < len && !f->span.len && f->has_file == had_file) {
        size_t n = step(f, bytes + at, len - at);
        at += n;
        if (had_file)
            continue;
        f->seen_len += n < FORM_DATA_FIELDS_LEN_MAX ? (uint32_t)n : FORM_DATA_FIELDS_LEN_MAX;
        if (f->seen_len > FORM_DATA_FIELDS_LEN_MAX && !f->err && f->state != STATE_DONE)
            f->err = ERR_TOO_LARGE;
        if (f->state == STATE_DONE)
            f->seen_len = 0; /* what stands behind the last boundary is nobody's */
    }
    if (f->err)
        return f->err;
    *ret_used = at;
    *ret_span = f->span;
    return 0;
}

size_t form_data_take(struct form_data *f, size_t len)
{
    if (!f->span_inside)
        return len;
    f->released_off += (uint32_t)len;
    if (f->released_off == f->released)
        f->released = f->released_off = 0;
    f->span_inside = f->released > 0;
    return 0;
}

bool form_data_has_file(const struct form_data *f)
{
    return f->has_file;
}

bool form_data_done(const struct form_data *f)
{
    return f->state == STATE_DONE && !f->err;
}

struct headers form_data_fields(const struct form_data *f)
{
    return (struct headers){f->fields, f->has_file ? f->field_count : 0};
}

struct slice form_data_filename(const struct form_data *f)
{
    return f->filename;
}
