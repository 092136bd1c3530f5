/* The SQL of the tables: one list of texts (statements.def), prepared on first use per connection and kept.
 *
 * Use: statement_begin, one bind per parameter in order, then statement_row (again and again) or statement_execute. Errors
 * gather in the struct: binds after an error do nothing, the last call returns it. A statement left on a row stays there, its
 * slices valid, until it begins again, statement_end, or the end of the request (connection_reset).
 * Errors of SQLite become errors of base/error.def in one place, statement_error(): a failed read is never "not found". */
#ifndef META_STATEMENT_H
#define META_STATEMENT_H

#include <sqlite3.h>

#include "base/text.h"

struct connection;
struct meta_tx;

enum statement_id {
#define X(name, sql) STATEMENT_##name,
#include "meta/statements.def"
#undef X
    STATEMENT_COUNT
};

/* The text of a statement; for tests. */
const char *statement_text(enum statement_id);

struct statement {
    struct connection *connection;
    sqlite3_stmt *raw;
    enum statement_id id;
    int parameter; /* last one bound */
    int err;
};

struct statement statement_begin(struct meta_tx *, enum statement_id);
struct statement statement_begin_on(struct connection *, enum statement_id);
void statement_bind_int(struct statement *, int64_t);
/* The bytes stay valid until the statement ends. Empty slices are empty blobs or texts, never NULL. */
void statement_bind_blob(struct statement *, struct slice);
void statement_bind_text(struct statement *, struct slice);
void statement_bind_copy(struct statement *, struct slice); /* a blob, copied */
void statement_bind_null(struct statement *);
/* A statement left on a row, found again. */
struct statement statement_resume(struct meta_tx *, enum statement_id, sqlite3_stmt *);

/* Goes to the next row: 0; ERR_NOT_FOUND at the end (the statement is ended then). */
int statement_row(struct statement *) MUST_CHECK;
/* Runs to its end; rows are not expected. */
int statement_execute(struct statement *) MUST_CHECK;
void statement_end(struct statement *);
/* After a walk of statement_row that ended with err: ends the statement; the end of the rows is no error. A callback's own
 * result comes through as it is: only ERR_NOT_FOUND of statement_row itself becomes 0. */
int statement_end_walk(struct statement *, int err) MUST_CHECK;
/* Rows that the last statement_execute wrote. */
int64_t statement_changes(const struct statement *);
int64_t statement_last_id(const struct statement *); /* rowid of the row inserted last */

int64_t statement_int(const struct statement *, int column);
struct slice statement_blob(const struct statement *, int column); /* empty for NULL */
struct slice statement_string(const struct statement *, int column);
bool statement_is_null(const struct statement *, int column);

/* The err for a result code of SQLite on this connection; 0 for SQLITE_OK, SQLITE_ROW and SQLITE_DONE. */
int statement_error(struct connection *, int code);

#endif
