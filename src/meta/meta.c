/* The metadata store over the volumes: mirror, pages, VFS and connections below, start.c above. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "meta/checkpoint.h"
#include "meta/migrate.h"
#include "meta/state.h"
#include "meta/tables.h"
#include "meta/vfs.h"
#include "meta/writer.h"

#define MIRROR_DEADLINE_US 700000ull

static int fail(struct store_message *message, int err, const char *what)
{
    if (message->text[0] == '\0')
        snprintf(message->text, sizeof message->text, "%s: %s", what, err_text(err));
    return err;
}

static int take_chunks(void *arg, uint32_t chunks[VOLUMES_MAX])
{
    const struct meta *meta = arg;
    return placement_take_meta_chunks(meta->placement, chunks);
}

/* Brings up what the connections stand on. */
static int open_pages(struct meta *meta, struct loop *loop, struct store_message *message)
{
    struct pages_options options = {
        .cache_size = meta->options.page_cache_size,
        .read_only = meta->options.read_only,
        .take_chunks = meta->placement != NULL ? take_chunks : NULL,
        .take_chunks_arg = meta,
    };
    int err = pages_open(meta->mirror, meta->store, &options, loop, &meta->pages, message);
    if (err != 0)
        return fail(message, err, "recovering the metadata");
    snprintf(meta->vfs_name, sizeof meta->vfs_name, "ingot-%016llx", (unsigned long long)(uintptr_t)meta);
    err = vfs_register(meta->pages, meta->vfs_name);
    if (err != 0) {
        meta->vfs_name[0] = '\0';
        return fail(message, err, "registering the metadata");
    }
    meta->source = connection_source_vfs(meta->vfs_name);
    return 0;
}

static void close_pages(struct meta *meta)
{
    if (meta->vfs_name[0] != '\0')
        vfs_unregister(meta->vfs_name);
    if (meta->pages != NULL)
        pages_close(meta->pages);
    if (meta->mirror != NULL)
        mirror_close(meta->mirror);
    free(meta);
}

static int new_meta(struct store *store, struct placement *placement, struct store_message *message, struct meta **ret)
{
    message->text[0] = '\0';
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); /* saves a lock per allocation; refused once SQLite runs, which is fine */
    struct meta *meta = calloc(1, sizeof *meta);
    if (meta == NULL)
        return fail(message, ERR_NO_MEMORY, "opening the metadata");
    meta->store = store;
    meta->placement = placement;
    int err = mirror_open(store, MIRROR_DEADLINE_US, &meta->mirror);
    if (err != 0) {
        free(meta);
        return fail(message, err, "opening the metadata space");
    }
    *ret = meta;
    return 0;
}

/* --- format --- */

static void make_canonical_id(struct loop *loop, char text[65])
{
    for (int i = 0; i < 4; i++)
        snprintf(text + i * 16, 17, "%016llx", (unsigned long long)loop_random(loop));
}

static int make_database(struct meta *meta, struct loop *loop)
{
    struct connection *c;
    int err = connection_open(&meta->source, loop, true, &c);
    if (err != 0)
        return err;
    char canonical_id[65], number[ACCOUNT_NUMBER_LEN + 1];
    make_canonical_id(loop, canonical_id);
    snprintf(number, sizeof number, "%012llu", 100000000000ull + (unsigned long long)loop_random(loop) % 899999999999ull);
    struct migrate_origin origin = {.store_uuid = meta->store->uuid, .wall_us = loop_wall_us(loop),
                                    .canonical_id = canonical_id, .account_number = number};
    err = migrate_create(c, &origin);
    connection_close(c);
    return err;
}

int meta_format(struct store *store, struct loop *loop, struct store_message *message)
{
    struct meta *meta;
    int err = new_meta(store, NULL, message, &meta);
    if (err != 0)
        return err;
    err = pages_format(meta->mirror, store, loop);
    if (err != 0)
        err = fail(message, err, "formatting the metadata space");
    else
        err = open_pages(meta, loop, message);
    if (err == 0) {
        err = make_database(meta, loop);
        if (err == 0)
            err = pages_checkpoint(meta->pages, loop);
        if (err != 0)
            err = fail(message, err, "making the database");
    }
    close_pages(meta);
    return err;
}

/* --- open and close --- */

static int migrate(struct meta *meta, struct loop *loop, uint64_t from_version)
{
    struct connection *c;
    int err = connection_open(&meta->source, loop, true, &c);
    if (err != 0)
        return err;
    err = migrate_run(c, from_version);
    connection_close(c);
    return err;
}

static int check_schema(struct meta *meta, struct loop *loop, struct store_message *message)
{
    struct connection *c;
    int err = connection_open(&meta->source, loop, false, &c);
    if (err != 0)
        return fail(message, err, "opening the database");
    uint64_t version = 0;
    err = migrate_check(c, &version);
    connection_close(c);
    if (err == ERR_UNSUPPORTED)
        snprintf(message->text, sizeof message->text,
                 "the database has schema version %llu, this program knows %u: use a newer one", (unsigned long long)version,
                 SCHEMA_VERSION);
    if (err != 0)
        return fail(message, err, "reading the database's schema version");
    if (version == SCHEMA_VERSION)
        return 0;
    if (meta->options.read_only) {
        snprintf(message->text, sizeof message->text,
                 "the database has schema version %llu, this program makes %u of it: open it once for writing",
                 (unsigned long long)version, SCHEMA_VERSION);
        return ERR_UNSUPPORTED;
    }
    err = migrate(meta, loop, version);
    return err != 0 ? fail(message, err, "bringing the database to this program's schema") : 0;
}

static int open_all(struct meta *meta, struct loop *loop, struct store_message *message)
{
    int err = open_pages(meta, loop, message);
    if (err == 0)
        err = check_schema(meta, loop, message);
    if (err == 0 && !meta->options.read_only) {
        err = checkpointer_open(meta, &meta->checkpointer);
        if (err != 0)
            return fail(message, err, "starting the checkpoint thread");
    }
    if (err == 0) {
        err = meta_start(meta, loop);
        if (err != 0)
            return fail(message, err, "starting the metadata store");
    }
    return err;
}

int meta_open(struct store *store, struct placement *placement, const struct meta_options *options, struct loop *loop,
              struct meta **ret, struct store_message *message)
{
    struct meta *meta;
    int err = new_meta(store, placement, message, &meta);
    if (err != 0)
        return err;
    meta->options = *options;
    meta->options.read_only |= store->read_only;
    err = options->threads && options->new_loop == NULL ? fail(message, ERR_INVALID, "threads need loops")
                                                        : open_all(meta, loop, message);
    if (err != 0) {
        checkpointer_close(meta->checkpointer);
        close_pages(meta);
        return err;
    }
    *ret = meta;
    return 0;
}

void meta_close(struct meta *meta)
{
    bool was_writable = meta_stop(meta);
    checkpointer_close(meta->checkpointer);
    if (was_writable) {
        int err = pages_checkpoint(meta->pages, meta->home_loop);
        if (err != 0)
            log_warning("the last checkpoint of the metadata: %s", err_text(err));
    }
    close_pages(meta);
}

void meta_status(struct meta *meta, struct meta_status *ret)
{
    struct pages_status p = {0};
    struct writer_status w = {0};
    if (meta->pages != NULL)
        pages_status(meta->pages, &p);
    if (meta->writer != NULL)
        writer_status(meta->writer, &w);
    *ret = (struct meta_status){
        .commit_sequence = p.sequence,
        .checkpoint_sequence = p.checkpoint_sequence,
        .database_size = p.database_pages * PAGE_SIZE,
        .space_size = p.space_size,
        .log_used = p.log_used,
        .log_size = p.log_size,
        .cache_size = p.cache_size,
        .cache_used = p.cache_used,
        .cache_hits = p.hits,
        .cache_misses = p.misses,
        .write_queue = w.queued,
        .commits = w.commits,
        .rows_written = w.rows,
        .log_bytes = p.log_bytes,
        .checkpoint_bytes = p.checkpoint_bytes,
    };
}
