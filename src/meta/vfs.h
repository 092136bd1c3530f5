/* Ingot's SQLite VFS: a database whose pages live in the metadata space, versioned, checksummed and logged by pages.h.
 *
 * SQLite runs in its rollback-journal mode with the journal in memory; the VFS makes that durable and concurrent:
 *  - xLock(SHARED) takes a snapshot: xRead and xFileSize answer from it until xUnlock(NONE), whatever commits meanwhile.
 *  - The writer's xWrite gathers pages; xSync is the commit: one log record, durable on every current mirror, then published.
 *  - Pages are 4096 bytes; the connection uses journal_mode=MEMORY, synchronous=FULL, cache_spill=OFF, locking_mode=NORMAL.
 * Why not SQLite's own WAL: docs/decisions/0001-page-versions-instead-of-wal.md. */
#ifndef META_VFS_H
#define META_VFS_H

#include <sqlite3.h>

#include "meta/pages.h"

/* Registers a VFS of that name over pages (which outlives it). Not the default. ERR_NO_MEMORY, ERR_EXISTS. */
int vfs_register(struct pages *, const char *name) MUST_CHECK;
void vfs_unregister(const char *name);

/* Opens a connection with its pragmas set, on VFS name. loop: where its device reads and (the writer's) commits wait.
 * writer: at most one. The connection is used on one thread at a time (SQLITE_OPEN_NOMUTEX). */
int vfs_connect(const char *name, struct loop *, bool writer, sqlite3 **ret) MUST_CHECK;

/* While set, a page that is not in the page cache makes the statement fail instead of waiting for a device: then
 * vfs_would_block() is true until the next call of this. */
void vfs_set_cache_only(sqlite3 *, bool);
bool vfs_would_block(sqlite3 *);
/* The err behind the last SQLITE_IOERR on this connection; 0 if none. */
int vfs_last_error(sqlite3 *);

#endif
