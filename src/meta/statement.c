/* See statement.h. */
#include "meta/statement.h"

#include "meta/connection.h"
#include "meta/transaction.h"

static const char *const texts[STATEMENT_COUNT] = {
#define X(name, sql) sql,
#include "meta/statements.def"
#undef X
};

const char *statement_text(enum statement_id id)
{
    return texts[id];
}

static int io_error(struct connection *c, int code)
{
    if (code == SQLITE_IOERR_NOMEM)
        return ERR_NO_MEMORY;
    int err = c->source->last_error(c->db);
    return err != 0 ? err : ERR_IO;
}

static int constraint_error(int code)
{
    switch (code) {
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_ROWID: return ERR_EXISTS;
    default: return ERR_INVALID;
    }
}

int statement_error(struct connection *c, int code)
{
    int primary = code & 0xff;
    if (primary == SQLITE_OK || primary == SQLITE_ROW || primary == SQLITE_DONE)
        return 0;
    if (c->cache_only && c->source->would_block(c->db))
        return ERR_WOULD_BLOCK;
    switch (primary) {
    case SQLITE_NOMEM: return ERR_NO_MEMORY;
    case SQLITE_FULL: return ERR_NO_SPACE;
    case SQLITE_IOERR: return io_error(c, code);
    case SQLITE_CONSTRAINT: return constraint_error(code);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return ERR_CORRUPT;
    case SQLITE_READONLY: return ERR_READ_ONLY;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return ERR_BUSY;
    case SQLITE_TOOBIG: return ERR_TOO_LARGE;
    case SQLITE_INTERRUPT: return ERR_TIMEOUT;
    case SQLITE_AUTH: return ERR_ACCESS;
    default: return ERR_IO;
    }
}

static bool is_busy(const struct connection *c, enum statement_id id)
{
    return (c->busy[id / 64] >> (id % 64)) & 1;
}

struct statement statement_begin_on(struct connection *c, enum statement_id id)
{
    struct statement s = {.connection = c, .id = id};
    s.raw = c->statements[id];
    if (s.raw == NULL) {
        int code = sqlite3_prepare_v3(c->db, texts[id], -1, SQLITE_PREPARE_PERSISTENT, &s.raw, NULL);
        if (code != SQLITE_OK) {
            s.raw = NULL;
            s.err = statement_error(c, code);
            return s;
        }
        c->statements[id] = s.raw;
    } else if (is_busy(c, id)) {
        sqlite3_reset(s.raw);
    }
    c->busy[id / 64] |= 1ull << (id % 64);
    return s;
}

struct statement statement_begin(struct meta_tx *tx, enum statement_id id)
{
    return statement_begin_on(tx->connection, id);
}

static void bound(struct statement *s, int code)
{
    if (code != SQLITE_OK)
        s->err = statement_error(s->connection, code);
}

void statement_bind_int(struct statement *s, int64_t value)
{
    if (s->err == 0)
        bound(s, sqlite3_bind_int64(s->raw, ++s->parameter, value));
}

void statement_bind_blob(struct statement *s, struct slice bytes)
{
    if (s->err == 0)
        bound(s, sqlite3_bind_blob64(s->raw, ++s->parameter, bytes.len > 0 ? bytes.data : "", bytes.len, SQLITE_STATIC));
}

void statement_bind_text(struct statement *s, struct slice text)
{
    if (s->err == 0)
        bound(s, sqlite3_bind_text64(s->raw, ++s->parameter, text.len > 0 ? text.data : "", text.len, SQLITE_STATIC,
                                     SQLITE_UTF8));
}

void statement_bind_copy(struct statement *s, struct slice bytes)
{
    if (s->err == 0)
        bound(s, sqlite3_bind_blob64(s->raw, ++s->parameter, bytes.len > 0 ? bytes.data : "", bytes.len,
                                     SQLITE_TRANSIENT));
}

struct statement statement_resume(struct meta_tx *tx, enum statement_id id, sqlite3_stmt *raw)
{
    return (struct statement){.connection = tx->connection, .raw = raw, .id = id};
}

void statement_bind_null(struct statement *s)
{
    if (s->err == 0)
        bound(s, sqlite3_bind_null(s->raw, ++s->parameter));
}

void statement_end(struct statement *s)
{
    if (s->raw == NULL)
        return;
    sqlite3_reset(s->raw);
    s->connection->busy[s->id / 64] &= ~(1ull << (s->id % 64));
}

int statement_end_walk(struct statement *s, int err)
{
    bool at_end = s->err == ERR_NOT_FOUND;
    statement_end(s);
    return at_end ? 0 : err;
}

int64_t statement_changes(const struct statement *s)
{
    return sqlite3_changes64(s->connection->db);
}

int64_t statement_last_id(const struct statement *s)
{
    return sqlite3_last_insert_rowid(s->connection->db);
}

int statement_row(struct statement *s)
{
    if (s->err == 0) {
        int code = sqlite3_step(s->raw);
        if (code == SQLITE_ROW)
            return 0;
        s->err = code == SQLITE_DONE ? ERR_NOT_FOUND : statement_error(s->connection, code);
    }
    statement_end(s);
    return s->err;
}

int statement_execute(struct statement *s)
{
    if (s->err == 0) {
        int code = sqlite3_step(s->raw);
        s->err = code == SQLITE_ROW ? ERR_INVALID : statement_error(s->connection, code);
    }
    statement_end(s);
    return s->err;
}

int64_t statement_int(const struct statement *s, int column)
{
    return sqlite3_column_int64(s->raw, column);
}

struct slice statement_blob(const struct statement *s, int column)
{
    const void *data = sqlite3_column_blob(s->raw, column);
    return slice_of(data != NULL ? data : "", data != NULL ? (size_t)sqlite3_column_bytes(s->raw, column) : 0);
}

struct slice statement_string(const struct statement *s, int column)
{
    const char *data = (const char *)sqlite3_column_text(s->raw, column);
    return slice_of(data != NULL ? data : "", data != NULL ? (size_t)sqlite3_column_bytes(s->raw, column) : 0);
}

bool statement_is_null(const struct statement *s, int column)
{
    return sqlite3_column_type(s->raw, column) == SQLITE_NULL;
}
