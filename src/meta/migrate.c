/* See migrate.h. */
#include "meta/migrate.h"

#include "meta/tables.h"
#include "meta/transaction.h"

static const char schema[] =
#include "meta/schema.inc"
    ;

static int fill(struct meta_tx *tx, uint64_t wall_us, const char *canonical_id)
{
    struct user_row root = {
        .id = 1,
        .name = slice_string("root"),
        .display_name = slice_string("root"),
        .canonical_id = slice_string(canonical_id),
        .is_root = true,
        .created_us = wall_us,
    };
    int64_t id;
    int err = setting_set_u64(tx, "schema_version", SCHEMA_VERSION);
    if (err == 0)
        err = setting_set_u64(tx, "clock_ceiling", wall_us);
    return err != 0 ? err : user_insert(tx, &root, &id);
}

int migrate_create(struct connection *c, uint64_t wall_us, const char *canonical_id)
{
    struct meta_tx tx = {.connection = c};
    int err = connection_run(c, STATEMENT_BEGIN_WRITE);
    if (err != 0)
        return err;
    err = connection_script(c, schema);
    if (err == 0)
        err = fill(&tx, wall_us, canonical_id);
    connection_reset(c);
    if (err == 0)
        err = connection_run(c, STATEMENT_COMMIT);
    if (err != 0 && !sqlite3_get_autocommit(c->db)) {
        int ignored = connection_run(c, STATEMENT_ROLLBACK); /* the first error says what happened */
        (void)ignored;
    }
    return err;
}

int migrate_check(struct connection *c, uint64_t *ret_version)
{
    struct meta_tx tx = {.connection = c};
    uint64_t version;
    int err = setting_get_u64(&tx, "schema_version", &version);
    connection_reset(c);
    if (err == ERR_NOT_FOUND)
        return ERR_CORRUPT;
    if (err != 0)
        return err;
    *ret_version = version;
    return version == SCHEMA_VERSION ? 0 : ERR_UNSUPPORTED;
}
