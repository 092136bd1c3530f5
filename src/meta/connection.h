/* One connection to the database: SQLite's handle, its prepared statements, and what they left open. One thread at a time. */
#ifndef META_CONNECTION_H
#define META_CONNECTION_H

#include "base/loop.h"
#include "meta/bucket_cache.h"
#include "meta/statement.h"

#define SECRET_LEN_MAX 256

/* How connections come about: over the volumes (connection_vfs.c); tests may put an ordinary file below. */
struct connection_source {
    int (*open)(void *arg, struct loop *, bool writer, sqlite3 **ret);
    void (*set_cache_only)(sqlite3 *, bool);
    bool (*would_block)(sqlite3 *);
    int (*last_error)(sqlite3 *); /* the err behind SQLITE_IOERR, or 0 */
    void *arg;
};

/* The source over a VFS registered under that name, which outlives the source. */
struct connection_source connection_source_vfs(const char *vfs_name);

struct connection {
    const struct connection_source *source;
    struct loop *loop;
    sqlite3 *db;
    bool cache_only;
    uint64_t changed;                 /* rows written since it was opened */
    sqlite3_stmt *statements[STATEMENT_COUNT];
    uint64_t busy[(STATEMENT_COUNT + 63) / 64]; /* statements to be reset */
    struct bucket_cache buckets;
    bool secret_used;
    uint8_t secret[SECRET_LEN_MAX];   /* of the access key read last */
};

int connection_open(const struct connection_source *, struct loop *, bool writer, struct connection **ret) MUST_CHECK;
void connection_close(struct connection *); /* NULL is fine */

/* Resets every statement that was left on a row and wipes the secret. */
void connection_reset(struct connection *);

/* While set, reads fail with ERR_WOULD_BLOCK instead of waiting for a device. */
void connection_set_cache_only(struct connection *, bool);

/* Runs one of the statements without parameters (BEGIN, COMMIT, ...). */
int connection_run(struct connection *, enum statement_id) MUST_CHECK;
/* Pages of the database, and how many of them are free, as the open transaction has made them. */
struct connection_pages { int64_t count, free; };
int connection_pages(struct connection *, struct connection_pages *ret) MUST_CHECK;
/* Pages whose old content the journal of the open transaction keeps. */
int connection_journaled(struct connection *, int64_t *ret) MUST_CHECK;
/* Runs a script; for the schema. */
int connection_script(struct connection *, const char *sql) MUST_CHECK;

#endif
