/* backup_restore; see backup.h.
 *
 * Page 1 is written empty first and for real last: a restore that was cut short leaves a database that no one opens. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "meta/backup.h"
#include "meta/backup_digest.h"
#include "meta/connection.h"
#include "meta/migrate.h"
#include "meta/pages.h"
#include "meta/tables.h"
#include "meta/transaction.h"

#define PAGES_PER_COMMIT 256u
#define MIRROR_DEADLINE_US 700000ull

static int fail(struct store_message *message, int err, const char *what, const char *why)
{
    if (message->text[0] == '\0')
        snprintf(message->text, sizeof message->text, "%.300s: %.200s", what, why);
    return err;
}

/* --- the file --- */

static int open_file(void *arg, struct loop *loop, bool writer, sqlite3 **ret)
{
    (void)loop, (void)writer;
    sqlite3 *db = NULL;
    int code = sqlite3_open_v2(arg, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
    if (code != SQLITE_OK) {
        sqlite3_close(db);
        return (code & 0xff) == SQLITE_NOMEM ? ERR_NO_MEMORY : ERR_IO;
    }
    *ret = db;
    return 0;
}

static void no_cache_only(sqlite3 *db, bool on) { (void)db, (void)on; }
static bool never_blocks(sqlite3 *db) { (void)db; return false; }
static int no_error(sqlite3 *db) { (void)db; return 0; }

static int read_word(void *arg, int count, char **values, char **names)
{
    (void)names;
    char *word = arg; /* 64 bytes */
    if (count == 1 && values[0] != NULL && word[0] == '\0')
        snprintf(word, 64, "%s", values[0]);
    return 0;
}

static int expect(struct connection *c, const char *sql, const char *expected)
{
    char word[64] = "";
    int code = sqlite3_exec(c->db, sql, read_word, word, NULL);
    if (code != SQLITE_OK)
        return (code & 0xff) == SQLITE_ERROR ? ERR_CORRUPT : statement_error(c, code);
    return strcmp(word, expected) == 0 ? 0 : ERR_CORRUPT;
}

/* Before anything reads it as a database. */
static int check_digest(FILE *file, const char *path, uint32_t *page_count, struct store_message *message)
{
    uint8_t right[SHA256_LEN], found[SHA256_LEN];
    if (fseeko(file, 0, SEEK_END) != 0)
        return fail(message, err_from_errno(errno), path, strerror(errno));
    off_t len = ftello(file) - SHA256_LEN;
    if (len < (off_t)PAGE_SIZE || len % PAGE_SIZE != 0 || len / PAGE_SIZE > UINT32_MAX)
        return fail(message, ERR_CORRUPT, path, "not a whole backup: its length is not that of one");
    int err = backup_digest(fileno(file), (uint64_t)len, right);
    if (err == 0 && (fseeko(file, len, SEEK_SET) != 0 || fread(found, sizeof found, 1, file) != 1))
        err = ERR_IO;
    if (err != 0)
        return fail(message, err, path, err_text(err));
    if (memcmp(right, found, sizeof right) != 0)
        return fail(message, ERR_CORRUPT, path, "damaged, or changed since it was written: its checksum is wrong");
    *page_count = (uint32_t)(len / PAGE_SIZE);
    return 0;
}

/* The file is whole, of this store, and of a schema this program knows. */
static int verify(struct connection *c, const struct store *store, const char *path, struct store_message *message)
{
    char page_size[16];
    snprintf(page_size, sizeof page_size, "%u", PAGE_SIZE);
    int err = expect(c, "PRAGMA page_size", page_size);
    if (err == 0)
        err = expect(c, "PRAGMA integrity_check(1)", "ok");
    if (err != 0)
        return fail(message, err, path, "not a sound database file");
    uint64_t version;
    err = migrate_check(c, &version);
    if (err != 0)
        return fail(message, err, path, "its schema version is not one this program knows");
    struct uuid uuid;
    err = migrate_store_uuid(c, &uuid);
    if (err != 0)
        return fail(message, err, path, "it does not say which store it is of");
    return uuid_equal(&uuid, &store->uuid) ? 0 : fail(message, ERR_FOREIGN, path, "a backup of another store");
}

static int load_group(void *arg, const struct group *group)
{
    return placement_load_group(arg, group);
}

/* --- pages --- */

struct restore {
    struct loop *loop;
    struct mirror *mirror;
    struct pages *pages;
    struct placement *placement; /* knows which chunks the restored groups use */
    FILE *file;
    uint32_t page_count;
    const struct backup_options *options;
};

static int take_chunks(void *arg, uint32_t chunks[VOLUMES_MAX])
{
    const struct restore *r = arg;
    return placement_take_meta_chunks(r->placement, chunks);
}

static int commit(struct restore *r, uint32_t first, uint32_t count, const uint8_t *data)
{
    struct page_image images[PAGES_PER_COMMIT];
    for (uint32_t i = 0; i < count; i++)
        images[i] = (struct page_image){.number = first + i, .data = data + (size_t)i * PAGE_SIZE};
    uint64_t sequence;
    int err = pages_commit(r->pages, r->loop, images, count, r->page_count, &sequence);
    if (err == 0 && pages_checkpoint_due(r->pages))
        err = pages_checkpoint(r->pages, r->loop);
    return err;
}

static int read_pages(struct restore *r, uint32_t first, uint32_t count, uint8_t *data)
{
    if (fseeko(r->file, (off_t)(first - 1) * PAGE_SIZE, SEEK_SET) != 0)
        return ERR_IO;
    return fread(data, PAGE_SIZE, count, r->file) == count ? 0 : ERR_IO;
}

static int write_pages(struct restore *r, uint8_t *data)
{
    memset(data, 0, PAGE_SIZE);
    int err = commit(r, 1, 1, data);
    for (uint32_t first = 2; err == 0 && first <= r->page_count; first += PAGES_PER_COMMIT) {
        uint32_t count = r->page_count - first + 1;
        if (count > PAGES_PER_COMMIT)
            count = PAGES_PER_COMMIT;
        err = read_pages(r, first, count, data);
        if (err == 0)
            err = commit(r, first, count, data);
        if (err == 0 && r->options->progress != NULL)
            r->options->progress(r->options->arg, first + count - 2, r->page_count);
    }
    if (err == 0)
        err = read_pages(r, 1, 1, data);
    if (err == 0)
        err = commit(r, 1, 1, data);
    if (err == 0 && r->options->progress != NULL)
        r->options->progress(r->options->arg, r->page_count, r->page_count);
    return err;
}

static int write_into(struct store *store, struct restore *r, struct store_message *message)
{
    int err = mirror_open(store, MIRROR_DEADLINE_US, &r->mirror);
    if (err != 0)
        return fail(message, err, "opening the metadata space", err_text(err));
    struct pages_options options = {.take_chunks = take_chunks, .take_chunks_arg = r};
    err = pages_open(r->mirror, store, &options, r->loop, &r->pages, message);
    if (err != 0)
        return fail(message, err, "opening the metadata space", err_text(err));
    uint8_t *data = malloc((size_t)PAGES_PER_COMMIT * PAGE_SIZE);
    err = data != NULL ? write_pages(r, data) : ERR_NO_MEMORY;
    free(data);
    if (err == 0)
        err = pages_checkpoint(r->pages, r->loop);
    return err != 0 ? fail(message, err, "writing the restored database", err_text(err)) : 0;
}

static void close_all(struct restore *r)
{
    if (r->pages != NULL)
        pages_close(r->pages);
    if (r->mirror != NULL)
        mirror_close(r->mirror);
    if (r->placement != NULL)
        placement_close(r->placement);
    if (r->file != NULL)
        fclose(r->file);
}

static int restore_from(struct store *store, struct connection *c, struct restore *r, struct store_message *message)
{
    const char *path = r->options->path;
    int err = verify(c, store, path, message);
    if (err == 0)
        err = placement_open(store, &r->placement);
    if (err == 0) {
        struct meta_tx tx = {.connection = c};
        err = group_list(&tx, INT64_MIN, load_group, r->placement);
        if (err == ERR_CORRUPT)
            return fail(message, err, path, "older than the store's volumes: it names chunks that they no longer have");
    }
    return err != 0 ? fail(message, err, path, err_text(err)) : write_into(store, r, message);
}

int backup_restore(struct store *store, struct loop *loop, const struct backup_options *options,
                   struct store_message *message)
{
    message->text[0] = '\0';
    struct connection_source source = {.open = open_file, .set_cache_only = no_cache_only, .would_block = never_blocks,
                                       .last_error = no_error, .arg = (void *)(uintptr_t)options->path};
    struct connection *c = NULL;
    struct restore r = {.loop = loop, .options = options, .file = fopen(options->path, "rbe")};
    if (r.file == NULL)
        return fail(message, err_from_errno(errno), options->path, strerror(errno));
    int err = check_digest(r.file, options->path, &r.page_count, message);
    if (err == 0) {
        err = connection_open(&source, loop, false, &c);
        err = err != 0 ? fail(message, err, options->path, err_text(err)) : restore_from(store, c, &r, message);
    }
    close_all(&r);
    connection_close(c);
    return err;
}
