/* `ingot query`: one read-only SELECT of the operator's, over the tables and views of the schema, without secrets and user
 * data, within a time limit and while the metadata log has room (a long reader keeps the log from moving on).
 *
 * Synchronous, on a loop that may wait for devices: in the server, inside a meta_job. */
#ifndef META_QUERY_H
#define META_QUERY_H

#include "meta/meta.h"

#define QUERY_TIME_LIMIT_US 10000000ull
#define QUERY_SQL_LEN_MAX 65536
#define QUERY_VALUE_LEN_MAX (16 << 20)

enum query_kind { QUERY_NULL, QUERY_INTEGER, QUERY_REAL, QUERY_TEXT, QUERY_BLOB };
struct query_value { enum query_kind kind; int64_t integer; double real; struct slice bytes; };

struct query {
    const char *sql;
    uint64_t time_limit_us; /* 0: QUERY_TIME_LIMIT_US */
    /* On the calling thread; values live until it returns. A result other than 0 ends the query and is returned. */
    int (*columns)(void *arg, const char *const *names, int count);
    int (*row)(void *arg, const struct query_value *values, int count);
    void *arg;
};

/* ERR_INVALID: not one statement of SQL; ERR_ACCESS: not a SELECT, or of what it may not see; ERR_TIMEOUT;
 * ERR_BUSY: broken off, the log fills; ERR_CANCELLED; ERR_NO_MEMORY, ERR_IO, ERR_CORRUPT, ERR_TOO_LARGE. *message says what SQLite says. */
int query_run(struct meta *, struct loop *, const struct query *, struct store_message *message) MUST_CHECK;

#endif
