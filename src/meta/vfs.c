/* See vfs.h. One file, DATABASE_NAME, is all this VFS knows; journals and temporary files stay in SQLite's memory.
 *
 * A file's life within a transaction:
 *   xLock(SHARED)     snapshot taken                                  lock_shared
 *   xWrite, xTruncate pages gathered (lock RESERVED or more)          file_write
 *   xSync             pages_commit, new snapshot                      commit_gathered
 *   a failed xSync    gathered pages dropped; SQLite writes the old pages back: ignored if nothing had been written (state
 *                     UNDOING), refused if what the mirrors hold is unknown (state FAILED)
 *   xUnlock(NONE)     snapshot ended, state READING */
#include "meta/vfs.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "meta/read_ahead.h"

#define DATABASE_NAME "ingot"
#define PATH_MAX_LEN 64
#define GATHERED_KEEP 1024u /* pages of buffer kept between commits */

struct vfs {
    sqlite3_vfs base;
    struct pages *pages;
    _Atomic(struct vfs_file *) reserved; /* holds the RESERVED lock */
    atomic_bool has_writer;
};

enum write_state { READING, GATHERING, UNDOING, FAILED };

/* A page that was written: its number, and which page of data holds it. */
struct gathered { uint32_t number, slot; };

struct vfs_file {
    sqlite3_file base;
    struct vfs *vfs;
    struct loop *loop; /* NULL until vfs_connect has it */
    bool writer, cache_only, would_block;
    int last_error;
    int lock;
    bool has_snapshot;
    struct pages_snapshot snapshot;
    enum write_state state;
    struct read_ahead ahead;
    uint32_t page_count;          /* of the database as the writer has made it */
    struct gathered *gathered;    /* by number */
    uint32_t gathered_count, slot_count, gathered_capacity;
    uint8_t *data;
};

/* --- snapshots and locks --- */

static void take_snapshot(struct vfs_file *f)
{
    if (!f->has_snapshot)
        pages_snapshot_begin(f->vfs->pages, &f->snapshot);
    f->has_snapshot = true;
}

static void drop_snapshot(struct vfs_file *f)
{
    if (f->has_snapshot)
        pages_snapshot_end(f->vfs->pages, &f->snapshot);
    f->has_snapshot = false;
}

static void end_writing(struct vfs_file *f)
{
    f->state = READING;
    f->gathered_count = f->slot_count = 0;
    if (f->gathered_capacity > GATHERED_KEEP) {
        free(f->data);
        free(f->gathered);
        f->data = NULL;
        f->gathered = NULL;
        f->gathered_capacity = 0;
    }
}

static int file_lock(sqlite3_file *file, int level)
{
    struct vfs_file *f = (struct vfs_file *)file;
    if (level <= f->lock)
        return SQLITE_OK;
    if (level >= SQLITE_LOCK_RESERVED && f->lock < SQLITE_LOCK_RESERVED) {
        struct vfs_file *none = NULL;
        if (!f->writer || !atomic_compare_exchange_strong(&f->vfs->reserved, &none, f))
            return SQLITE_BUSY;
    }
    take_snapshot(f);
    f->lock = level;
    return SQLITE_OK;
}

static int file_unlock(sqlite3_file *file, int level)
{
    struct vfs_file *f = (struct vfs_file *)file;
    if (level >= f->lock)
        return SQLITE_OK;
    if (f->lock >= SQLITE_LOCK_RESERVED && level < SQLITE_LOCK_RESERVED) {
        end_writing(f);
        atomic_store(&f->vfs->reserved, NULL);
    }
    if (level == SQLITE_LOCK_NONE)
        drop_snapshot(f);
    f->lock = level;
    return SQLITE_OK;
}

static int file_check_reserved_lock(sqlite3_file *file, int *ret)
{
    struct vfs_file *f = (struct vfs_file *)file;
    *ret = atomic_load(&f->vfs->reserved) != NULL;
    return SQLITE_OK;
}

/* --- reading --- */

/* The first gathered page of that number or a higher one. */
static uint32_t find_gathered(const struct vfs_file *f, uint32_t number)
{
    uint32_t low = 0, high = f->gathered_count;
    if (high == 0 || number > f->gathered[high - 1].number)
        return high; /* SQLite writes in ascending order */
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (f->gathered[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* NULL: not gathered. */
static uint8_t *gathered_data(const struct vfs_file *f, uint32_t number)
{
    uint32_t at = find_gathered(f, number);
    if (at == f->gathered_count || f->gathered[at].number != number)
        return NULL;
    return f->data + (size_t)f->gathered[at].slot * PAGE_SIZE;
}

/* Has the pages of a walk read together: one after the other they would cost a device's latency each. */
static void read_ahead(struct vfs_file *f, uint32_t number)
{
    const uint32_t *numbers;
    uint32_t count = read_ahead_plan(&f->ahead, number, &numbers);
    if (count > 1)
        pages_read_ahead(f->vfs->pages, f->loop, &f->snapshot, numbers, count);
}

/* Part of one page, as this connection sees it. */
static int read_part(struct vfs_file *f, uint32_t number, uint32_t off, void *to, uint32_t len)
{
    const uint8_t *gathered = gathered_data(f, number);
    if (gathered != NULL) {
        memcpy(to, gathered + off, len);
        return SQLITE_OK;
    }
    if (number > f->snapshot.page_count) {
        memset(to, 0, len);
        return SQLITE_IOERR_SHORT_READ;
    }
    if (!f->cache_only && len == PAGE_SIZE)
        read_ahead(f, number);
    int err = pages_read(f->vfs->pages, f->loop, &f->snapshot, number, off, to, len, f->cache_only);
    if (err == 0) {
        if (!f->cache_only && len == PAGE_SIZE)
            read_ahead_see(&f->ahead, number, to);
        return SQLITE_OK;
    }
    f->last_error = err;
    f->would_block = f->would_block || err == ERR_WOULD_BLOCK;
    return err == ERR_NO_MEMORY ? SQLITE_IOERR_NOMEM : SQLITE_IOERR_READ;
}

static int file_read(sqlite3_file *file, void *to, int amount, sqlite3_int64 off)
{
    struct vfs_file *f = (struct vfs_file *)file;
    if (f->loop == NULL) { /* sqlite3_open looks for a page size before it takes a lock: it is the default */
        memset(to, 0, (size_t)amount);
        return SQLITE_IOERR_SHORT_READ;
    }
    bool own = !f->has_snapshot;
    take_snapshot(f);
    int code = SQLITE_OK;
    for (uint8_t *at = to; code == SQLITE_OK && amount > 0;) {
        uint32_t within = (uint32_t)(off % PAGE_SIZE), part = PAGE_SIZE - within;
        if (part > (uint32_t)amount)
            part = (uint32_t)amount;
        code = read_part(f, (uint32_t)(off / PAGE_SIZE) + 1, within, at, part);
        if (code == SQLITE_IOERR_SHORT_READ)
            memset(at, 0, (size_t)amount);
        at += part;
        off += part;
        amount -= (int)part;
    }
    if (own)
        drop_snapshot(f);
    return code;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *ret)
{
    struct vfs_file *f = (struct vfs_file *)file;
    bool own = !f->has_snapshot;
    take_snapshot(f);
    *ret = (sqlite3_int64)(f->state == GATHERING ? f->page_count : f->snapshot.page_count) * PAGE_SIZE;
    if (own)
        drop_snapshot(f);
    return SQLITE_OK;
}

/* --- writing --- */

static bool gather_room(struct vfs_file *f)
{
    if (f->slot_count < f->gathered_capacity)
        return true;
    uint32_t capacity = f->gathered_capacity == 0 ? 64 : f->gathered_capacity * 2;
    uint8_t *data = realloc(f->data, (size_t)capacity * PAGE_SIZE);
    if (data != NULL)
        f->data = data;
    struct gathered *gathered = realloc(f->gathered, capacity * sizeof *gathered);
    if (gathered != NULL)
        f->gathered = gathered;
    if (data == NULL || gathered == NULL)
        return false;
    f->gathered_capacity = capacity;
    return true;
}

/* Room for one more page, in its order. NULL: no memory. */
static uint8_t *gather(struct vfs_file *f, uint32_t number)
{
    if (!gather_room(f))
        return NULL;
    uint32_t at = find_gathered(f, number), slot = f->slot_count++;
    memmove(&f->gathered[at + 1], &f->gathered[at], (f->gathered_count - at) * sizeof *f->gathered);
    f->gathered[at] = (struct gathered){number, slot};
    f->gathered_count++;
    return f->data + (size_t)slot * PAGE_SIZE;
}

/* Whether a change may be gathered now: SQLITE_OK with *ret_ignore when it is SQLite undoing what was never written. */
static int begin_change(struct vfs_file *f, bool *ret_ignore)
{
    *ret_ignore = f->state == UNDOING;
    if (f->state == UNDOING)
        return SQLITE_OK;
    if (f->lock < SQLITE_LOCK_RESERVED || f->state == FAILED)
        return SQLITE_IOERR_WRITE;
    if (f->state == READING) {
        f->state = GATHERING;
        f->page_count = f->snapshot.page_count;
    }
    return SQLITE_OK;
}

static int file_write(sqlite3_file *file, const void *from, int amount, sqlite3_int64 off)
{
    struct vfs_file *f = (struct vfs_file *)file;
    bool ignore;
    int code = begin_change(f, &ignore);
    if (code != SQLITE_OK || ignore)
        return code;
    if (amount != (int)PAGE_SIZE || off % PAGE_SIZE != 0)
        return SQLITE_IOERR_WRITE;
    uint32_t number = (uint32_t)(off / PAGE_SIZE) + 1;
    uint8_t *to = gathered_data(f, number);
    if (to == NULL && (to = gather(f, number)) == NULL)
        return SQLITE_IOERR_NOMEM;
    memcpy(to, from, PAGE_SIZE);
    if (number > f->page_count)
        f->page_count = number;
    return SQLITE_OK;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    struct vfs_file *f = (struct vfs_file *)file;
    bool ignore;
    int code = begin_change(f, &ignore);
    if (code != SQLITE_OK || ignore)
        return code;
    f->page_count = (uint32_t)((size + PAGE_SIZE - 1) / PAGE_SIZE);
    while (f->gathered_count > 0 && f->gathered[f->gathered_count - 1].number > f->page_count)
        f->gathered_count--;
    return SQLITE_OK;
}

static int commit_images(struct vfs_file *f)
{
    struct page_image *images = malloc((f->gathered_count + 1) * sizeof *images);
    if (images == NULL)
        return ERR_NO_MEMORY;
    for (uint32_t i = 0; i < f->gathered_count; i++)
        images[i] = (struct page_image){f->gathered[i].number, f->data + (size_t)f->gathered[i].slot * PAGE_SIZE};
    uint64_t sequence;
    int err = pages_commit(f->vfs->pages, f->loop, images, f->gathered_count, f->page_count, &sequence);
    free(images);
    return err;
}

static int commit_gathered(struct vfs_file *f)
{
    int err = commit_images(f);
    end_writing(f);
    if (err == 0) {
        drop_snapshot(f);
        take_snapshot(f);
        return SQLITE_OK;
    }
    f->last_error = err;
    f->state = FAILED;
    if (err == ERR_NO_SPACE || err == ERR_COMMIT_TOO_LARGE || err == ERR_BUSY || err == ERR_NO_MEMORY)
        f->state = UNDOING; /* pages.h: nothing was written */
    switch (err) {
    case ERR_NO_SPACE: return SQLITE_FULL;
    case ERR_NO_MEMORY: return SQLITE_IOERR_NOMEM;
    default: return SQLITE_IOERR_FSYNC;
    }
}

static int file_sync(sqlite3_file *file, int flags)
{
    struct vfs_file *f = (struct vfs_file *)file;
    (void)flags;
    if (f->state == FAILED)
        return SQLITE_IOERR_FSYNC;
    if (f->state != GATHERING)
        return SQLITE_OK;
    return commit_gathered(f);
}

/* --- the rest of a file --- */

static int file_close(sqlite3_file *file)
{
    struct vfs_file *f = (struct vfs_file *)file;
    (void)file_unlock(file, SQLITE_LOCK_NONE);
    drop_snapshot(f);
    if (f->writer)
        atomic_store(&f->vfs->has_writer, false);
    free(f->data);
    free(f->gathered);
    return SQLITE_OK;
}

static int file_control(sqlite3_file *file, int op, void *arg)
{
    (void)file, (void)op, (void)arg;
    return SQLITE_NOTFOUND;
}

static int file_sector_size(sqlite3_file *file)
{
    (void)file;
    return (int)PAGE_SIZE;
}

/* Nothing is claimed: neither atomic writes nor order. */
static int file_characteristics(sqlite3_file *file)
{
    (void)file;
    return 0;
}

static const sqlite3_io_methods methods = {
    .iVersion = 1, .xClose = file_close, .xRead = file_read, .xWrite = file_write, .xTruncate = file_truncate, .xSync = file_sync,
    .xFileSize = file_size, .xLock = file_lock, .xUnlock = file_unlock, .xCheckReservedLock = file_check_reserved_lock,
    .xFileControl = file_control, .xSectorSize = file_sector_size, .xDeviceCharacteristics = file_characteristics};

/* --- the VFS --- */

static int vfs_open(sqlite3_vfs *base, const char *path, sqlite3_file *file, int flags, int *ret_flags)
{
    struct vfs_file *f = (struct vfs_file *)file;
    f->base.pMethods = NULL;
    if (path == NULL || strcmp(path, DATABASE_NAME) != 0 || (flags & SQLITE_OPEN_MAIN_DB) == 0)
        return SQLITE_CANTOPEN;
    memset(f, 0, sizeof *f);
    f->base.pMethods = &methods;
    f->vfs = (struct vfs *)base;
    if (ret_flags != NULL)
        *ret_flags = flags;
    return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *base, const char *path, int sync)
{
    (void)base, (void)path, (void)sync;
    return SQLITE_IOERR_DELETE_NOENT;
}

static int vfs_access(sqlite3_vfs *base, const char *path, int flags, int *ret)
{
    (void)base, (void)flags;
    *ret = strcmp(path, DATABASE_NAME) == 0;
    return SQLITE_OK;
}

static int vfs_full_pathname(sqlite3_vfs *base, const char *path, int size, char *to)
{
    (void)base;
    size_t len = strlen(path);
    if (len >= (size_t)size)
        return SQLITE_CANTOPEN;
    memcpy(to, path, len + 1);
    return SQLITE_OK;
}

/* Randomness and the clock are the default VFS's: nothing that is stored depends on SQLite's own. */
static int vfs_randomness(sqlite3_vfs *base, int len, char *to)
{
    sqlite3_vfs *unix_vfs = base->pAppData;
    return unix_vfs->xRandomness(unix_vfs, len, to);
}

static int vfs_sleep(sqlite3_vfs *base, int us)
{
    sqlite3_vfs *unix_vfs = base->pAppData;
    return unix_vfs->xSleep(unix_vfs, us);
}

static int vfs_current_time(sqlite3_vfs *base, double *ret)
{
    sqlite3_vfs *unix_vfs = base->pAppData;
    return unix_vfs->xCurrentTime(unix_vfs, ret);
}

static int vfs_get_last_error(sqlite3_vfs *base, int len, char *to)
{
    (void)base, (void)len, (void)to;
    return 0;
}

int vfs_register(struct pages *pages, const char *name)
{
    sqlite3_vfs *unix_vfs = sqlite3_vfs_find(NULL);
    if (unix_vfs == NULL)
        return ERR_NO_MEMORY;
    if (sqlite3_vfs_find(name) != NULL)
        return ERR_EXISTS;
    struct vfs *v = calloc(1, sizeof *v);
    char *own_name = strdup(name);
    if (v == NULL || own_name == NULL) {
        free(v);
        free(own_name);
        return ERR_NO_MEMORY;
    }
    v->pages = pages;
    v->base = (sqlite3_vfs){
        .iVersion = 1, .szOsFile = sizeof(struct vfs_file), .mxPathname = PATH_MAX_LEN, .zName = own_name, .pAppData = unix_vfs,
        .xOpen = vfs_open, .xDelete = vfs_delete, .xAccess = vfs_access, .xFullPathname = vfs_full_pathname,
        .xRandomness = vfs_randomness, .xSleep = vfs_sleep, .xCurrentTime = vfs_current_time, .xGetLastError = vfs_get_last_error};
    if (sqlite3_vfs_register(&v->base, 0) != SQLITE_OK) {
        free(v);
        free(own_name);
        return ERR_NO_MEMORY;
    }
    return 0;
}

void vfs_unregister(const char *name)
{
    sqlite3_vfs *base = sqlite3_vfs_find(name);
    if (base == NULL)
        return;
    sqlite3_vfs_unregister(base);
    free((char *)(uintptr_t)base->zName);
    free((struct vfs *)base);
}

/* --- connections --- */

static struct vfs_file *file_of(sqlite3 *db)
{
    struct vfs_file *f = NULL;
    if (sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &f) != SQLITE_OK)
        return NULL;
    return f;
}

static const char pragmas[] =
    "PRAGMA page_size=4096; PRAGMA auto_vacuum=NONE; PRAGMA journal_mode=MEMORY; PRAGMA synchronous=FULL; PRAGMA cache_spill=OFF;"
    "PRAGMA secure_delete=OFF; PRAGMA temp_store=MEMORY; PRAGMA locking_mode=NORMAL; PRAGMA foreign_keys=OFF;"
    "PRAGMA trusted_schema=OFF; PRAGMA mmap_size=0;";
static const char writer_cache[] = "PRAGMA cache_size=1000";
static const char reader_cache[] = "PRAGMA cache_size=128";

static int err_of(struct vfs_file *f, int code)
{
    switch (code & 0xff) {
    case SQLITE_OK: return 0;
    case SQLITE_NOMEM: return ERR_NO_MEMORY;
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT: return ERR_CORRUPT;
    default: return f != NULL && f->last_error != 0 ? f->last_error : ERR_IO;
    }
}

int vfs_connect(const char *name, struct loop *loop, bool writer, sqlite3 **ret)
{
    sqlite3 *db = NULL;
    int flags = SQLITE_OPEN_NOMUTEX | (writer ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY);
    int code = sqlite3_open_v2(DATABASE_NAME, &db, flags, name);
    struct vfs_file *f = code == SQLITE_OK ? file_of(db) : NULL;
    int err = err_of(f, code);
    if (err == 0 && f == NULL)
        err = ERR_IO;
    if (err == 0 && writer && atomic_exchange(&f->vfs->has_writer, true))
        err = ERR_BUSY;
    if (err == 0) {
        f->loop = loop;
        f->writer = writer;
        code = sqlite3_exec(db, pragmas, NULL, NULL, NULL);
        if (code == SQLITE_OK)
            code = sqlite3_exec(db, writer ? writer_cache : reader_cache, NULL, NULL, NULL);
        sqlite3_extended_result_codes(db, 1);
        err = err_of(f, code);
    }
    if (err != 0) {
        sqlite3_close(db);
        return err;
    }
    *ret = db;
    return 0;
}

void vfs_set_cache_only(sqlite3 *db, bool cache_only)
{
    struct vfs_file *f = file_of(db);
    f->cache_only = cache_only;
    f->would_block = false;
}

bool vfs_would_block(sqlite3 *db)
{
    return file_of(db)->would_block;
}

int vfs_last_error(sqlite3 *db)
{
    return file_of(db)->last_error;
}
