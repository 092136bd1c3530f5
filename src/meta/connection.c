/* See connection.h. */
#include "meta/connection.h"

#include <stdlib.h>
#include <string.h>

#include "meta/pages.h"

#define JOURNAL_RECORD_LEN (PAGE_SIZE + 8) /* page, number, checksum: SQLite's file format */

int connection_open(const struct connection_source *source, struct loop *loop, bool writer, struct connection **ret)
{
    struct connection *c = calloc(1, sizeof *c);
    if (c == NULL)
        return ERR_NO_MEMORY;
    c->source = source;
    c->loop = loop;
    int err = source->open(source->arg, loop, writer, &c->db);
    if (err != 0) {
        free(c);
        return err;
    }
    sqlite3_extended_result_codes(c->db, 1);
    *ret = c;
    return 0;
}

void connection_close(struct connection *c)
{
    if (c == NULL)
        return;
    connection_reset(c);
    for (size_t i = 0; i < STATEMENT_COUNT; i++)
        sqlite3_finalize(c->statements[i]);
    bucket_cache_fini(&c->buckets);
    sqlite3_close(c->db);
    free(c);
}

void connection_reset(struct connection *c)
{
    for (size_t word = 0; word < sizeof c->busy / sizeof c->busy[0]; word++) {
        for (uint64_t left = c->busy[word]; left != 0; left &= left - 1)
            sqlite3_reset(c->statements[word * 64 + (size_t)__builtin_ctzll(left)]);
        c->busy[word] = 0;
    }
    if (c->secret_used)
        explicit_bzero(c->secret, sizeof c->secret);
    c->secret_used = false;
}

void connection_set_cache_only(struct connection *c, bool on)
{
    c->cache_only = on;
    c->source->set_cache_only(c->db, on);
}

int connection_run(struct connection *c, enum statement_id id)
{
    struct statement s = statement_begin_on(c, id);
    return statement_execute(&s);
}

static int read_count(struct connection *c, enum statement_id id, int64_t *ret)
{
    struct statement s = statement_begin_on(c, id);
    int err = statement_row(&s);
    if (err != 0)
        return err;
    *ret = statement_int(&s, 0);
    statement_end(&s);
    return 0;
}

int connection_pages(struct connection *c, struct connection_pages *ret)
{
    int err = read_count(c, STATEMENT_PAGE_COUNT, &ret->count);
    return err != 0 ? err : read_count(c, STATEMENT_FREELIST_COUNT, &ret->free);
}

int connection_journaled(struct connection *c, int64_t *ret)
{
    sqlite3_file *journal = NULL;
    sqlite3_int64 size = 0;
    int code = sqlite3_file_control(c->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &journal);
    if (code == SQLITE_OK && journal != NULL && journal->pMethods != NULL) /* else nothing has been changed yet */
        code = journal->pMethods->xFileSize(journal, &size);
    if (code != SQLITE_OK)
        return statement_error(c, code);
    *ret = size / JOURNAL_RECORD_LEN;
    return 0;
}

int connection_script(struct connection *c, const char *sql)
{
    return statement_error(c, sqlite3_exec(c->db, sql, NULL, NULL, NULL));
}
