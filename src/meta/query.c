/* See query.h. The authorizer is a list of what may be read; everything else is denied. */
#include "meta/query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "meta/connection.h"
#include "meta/job.h"
#include "meta/state.h"

#define PROGRESS_STEPS 2000 /* of SQLite's machine between two looks at the clock */
#define COLUMNS_MAX 200
#define PRESSED_TEXT "broken off, because writes fill the metadata log meanwhile: try again when less is " \
    "written, with a query that reads less, or ask a backup with sqlite3"

static const char *const readable[] = {
    "setting", "account", "access_key", "bucket", "bucket_usage", "inventory", "version", "segment", "content_part", "extent", "chunk_group", "upload",
    "part", "tombstone", "outbox", "cursor", "lifecycle_due", "lifecycle_walk", "inline_content", "sqlite_master", "sqlite_schema",
    "buckets", "objects", "uploads", "access_keys",
};
static const struct { const char *table, *column; } hidden[] = {
    {"access_key", "secret"},
    {"inline_content", "bytes"},
    {"outbox", "payload"},
};
static const char *const forbidden_functions[] = {"load_extension", "fts3_tokenizer"};

static bool may_read(const char *table, const char *column)
{
    if (column[0] == '\0')
        return true; /* no column of it is read: rows are counted, or it is the name of a WITH clause */
    for (size_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++) {
        if (strcasecmp(table, hidden[i].table) == 0 && strcasecmp(column, hidden[i].column) == 0)
            return false;
    }
    for (size_t i = 0; i < sizeof readable / sizeof readable[0]; i++) {
        if (strcasecmp(table, readable[i]) == 0)
            return true;
    }
    return false;
}

static bool may_call(const char *function)
{
    for (size_t i = 0; i < sizeof forbidden_functions / sizeof forbidden_functions[0]; i++) {
        if (strcasecmp(function, forbidden_functions[i]) == 0)
            return false;
    }
    return true;
}

struct limit { struct meta *meta; struct loop *loop; uint64_t until_us; bool denied, pressed; };

static int authorize(void *arg, int action, const char *first, const char *second, const char *database, const char *by)
{
    (void)database, (void)by;
    struct limit *limit = arg;
    bool allowed = false;
    switch (action) {
    case SQLITE_SELECT:
    case SQLITE_RECURSIVE: allowed = true; break;
    case SQLITE_READ: allowed = may_read(first, second); break;
    case SQLITE_FUNCTION: allowed = may_call(second); break;
    default: break;
    }
    limit->denied |= !allowed;
    return allowed ? SQLITE_OK : SQLITE_DENY;
}

static int over_limit(void *arg)
{
    struct limit *l = arg;
    l->pressed |= meta_job_pressed(l->meta);
    return l->pressed || meta_job_cancelled(l->meta) || loop_now_us(l->loop) >= l->until_us;
}

static void confine(sqlite3 *db, struct limit *limit)
{
    sqlite3_limit(db, SQLITE_LIMIT_LENGTH, QUERY_VALUE_LEN_MAX);
    sqlite3_limit(db, SQLITE_LIMIT_SQL_LENGTH, QUERY_SQL_LEN_MAX);
    sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
    sqlite3_limit(db, SQLITE_LIMIT_COLUMN, COLUMNS_MAX);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, (int *)NULL);
    sqlite3_set_authorizer(db, authorize, limit);
    sqlite3_progress_handler(db, PROGRESS_STEPS, over_limit, limit);
}

static int refuse(struct store_message *message, int err, const char *why)
{
    snprintf(message->text, sizeof message->text, "%s", why);
    return err;
}

static int explain(struct connection *c, int code, const struct limit *limit, struct store_message *message)
{
    int err = statement_error(c, code);
    if ((code & 0xff) == SQLITE_ERROR)
        err = limit->denied ? ERR_ACCESS : ERR_INVALID;
    if (err == ERR_TIMEOUT && meta_job_cancelled(limit->meta))
        err = ERR_CANCELLED;
    else if (err == ERR_TIMEOUT && limit->pressed)
        return refuse(message, ERR_BUSY, PRESSED_TEXT);
    return refuse(message, err, err == ERR_TIMEOUT ? "it took longer than a query may" : sqlite3_errmsg(c->db));
}

static bool is_blank(const char *sql)
{
    return sql[strspn(sql, " \t\r\n;")] == '\0';
}

static int prepare(struct connection *c, const char *sql, const struct limit *limit, sqlite3_stmt **ret,
                   struct store_message *message)
{
    sqlite3_stmt *statement;
    const char *rest;
    int code = sqlite3_prepare_v2(c->db, sql, -1, &statement, &rest);
    if (code != SQLITE_OK)
        return explain(c, code, limit, message);
    int err = 0;
    if (statement == NULL)
        err = refuse(message, ERR_INVALID, "no statement");
    else if (!is_blank(rest))
        err = refuse(message, ERR_INVALID, "one statement at a time");
    else if (!sqlite3_stmt_readonly(statement) || sqlite3_column_count(statement) == 0)
        err = refuse(message, ERR_ACCESS, "only SELECT is allowed");
    if (err != 0) {
        sqlite3_finalize(statement);
        return err;
    }
    *ret = statement;
    return 0;
}

static struct query_value read_value(sqlite3_stmt *statement, int column)
{
    struct query_value v = {.kind = QUERY_NULL};
    switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
        v.kind = QUERY_INTEGER;
        v.integer = sqlite3_column_int64(statement, column);
        break;
    case SQLITE_FLOAT:
        v.kind = QUERY_REAL;
        v.real = sqlite3_column_double(statement, column);
        break;
    case SQLITE_TEXT:
        v.kind = QUERY_TEXT;
        v.bytes.data = (const char *)sqlite3_column_text(statement, column);
        break;
    case SQLITE_BLOB:
        v.kind = QUERY_BLOB;
        v.bytes.data = sqlite3_column_blob(statement, column);
        break;
    default: break;
    }
    if (v.bytes.data != NULL)
        v.bytes.len = (size_t)sqlite3_column_bytes(statement, column);
    return v;
}

static int send_columns(sqlite3_stmt *statement, const struct query *q)
{
    const char *names[COLUMNS_MAX];
    int count = sqlite3_column_count(statement);
    for (int i = 0; i < count; i++) {
        names[i] = sqlite3_column_name(statement, i);
        if (names[i] == NULL)
            return ERR_NO_MEMORY;
    }
    return q->columns != NULL ? q->columns(q->arg, names, count) : 0;
}

static int send_rows(struct connection *c, sqlite3_stmt *statement, const struct query *q, struct limit *limit,
                     struct store_message *message)
{
    int count = sqlite3_column_count(statement), code;
    struct query_value values[COLUMNS_MAX];
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
        if (over_limit(limit)) /* rows may come slowly because the callback is slow */
            return explain(c, SQLITE_INTERRUPT, limit, message);
        for (int i = 0; i < count; i++)
            values[i] = read_value(statement, i);
        int err = q->row(q->arg, values, count);
        if (err != 0)
            return err;
    }
    return code == SQLITE_DONE ? 0 : explain(c, code, limit, message);
}

int query_run(struct meta *meta, struct loop *loop, const struct query *q, struct store_message *message)
{
    struct connection *c;
    message->text[0] = '\0';
    int err = connection_open(&meta->source, loop, false, &c);
    if (err != 0)
        return refuse(message, err, err_text(err));
    struct limit limit = {.meta = meta, .loop = loop};
    limit.until_us = loop_now_us(loop) + (q->time_limit_us != 0 ? q->time_limit_us : QUERY_TIME_LIMIT_US);
    confine(c->db, &limit);
    sqlite3_stmt *statement = NULL;
    err = prepare(c, q->sql, &limit, &statement, message);
    if (err == 0) {
        err = send_columns(statement, q);
        if (err == 0)
            err = send_rows(c, statement, q, &limit, message);
        sqlite3_finalize(statement);
    }
    connection_close(c);
    return err;
}
