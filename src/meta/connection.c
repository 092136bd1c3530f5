/* See connection.h. */
#include "meta/connection.h"

#include <stdlib.h>
#include <string.h>

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

int connection_script(struct connection *c, const char *sql)
{
    return statement_error(c, sqlite3_exec(c->db, sql, NULL, NULL, NULL));
}
