/* See migrate.h. */
#include "meta/migrate.h"

#include "meta/migrate_steps.h"
#include "meta/tables.h"
#include "meta/transaction.h"

static const char schema[] =
#include "meta/schema.inc"
    ;

static int set_store_uuid(struct meta_tx *tx, const struct uuid *uuid)
{
    char text[UUID_TEXT_SIZE];
    uuid_format(uuid, text);
    struct statement s = statement_begin(tx, STATEMENT_SETTING_SET);
    statement_bind_text(&s, slice_string("store_uuid"));
    statement_bind_text(&s, slice_string(text));
    return statement_execute(&s);
}

int migrate_store_uuid(struct connection *c, struct uuid *ret)
{
    struct statement s = statement_begin_on(c, STATEMENT_SETTING_GET);
    statement_bind_text(&s, slice_string("store_uuid"));
    int err = statement_row(&s);
    if (err != 0)
        return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
    err = uuid_parse(statement_string(&s, 0), ret);
    statement_end(&s);
    return err != 0 ? ERR_CORRUPT : 0;
}

static int fill(struct meta_tx *tx, const struct migrate_origin *origin)
{
    struct account_row root = {
        .id = ACCOUNT_ROOT_ID,
        .number = slice_string(origin->account_number),
        .name = slice_string("root"),
        .display_name = slice_string("root"),
        .canonical_id = slice_string(origin->canonical_id),
        .enabled = true,
        .created_us = origin->wall_us,
    };
    int64_t id;
    int err = setting_set_u64(tx, "schema_version", SCHEMA_VERSION);
    if (err == 0)
        err = setting_set_u64(tx, "clock_ceiling", origin->wall_us);
    if (err == 0)
        err = set_store_uuid(tx, &origin->store_uuid);
    return err != 0 ? err : account_insert(tx, &root, &id);
}

/* Commits what went well, takes back what did not. */
static int end_transaction(struct connection *c, int err)
{
    connection_reset(c);
    if (err == 0)
        err = connection_run(c, STATEMENT_COMMIT);
    if (err != 0 && !sqlite3_get_autocommit(c->db)) {
        int ignored = connection_run(c, STATEMENT_ROLLBACK); /* the first error says what happened */
        (void)ignored;
    }
    return err;
}

int migrate_create(struct connection *c, const struct migrate_origin *origin)
{
    struct meta_tx tx = {.connection = c};
    int err = connection_run(c, STATEMENT_BEGIN_WRITE);
    if (err != 0)
        return err;
    err = connection_script(c, schema);
    if (err == 0)
        err = fill(&tx, origin);
    return end_transaction(c, err);
}

/* steps[v] leads from version v to v + 1, and what stands then in the database is what schema.sql makes. */
static const char *const steps[SCHEMA_VERSION] = {
    [1] = MIGRATE_LIFECYCLE,
    [2] = MIGRATE_ACCOUNTS,
    [3] = MIGRATE_LOG,
    [4] = MIGRATE_IDENTITY,
    [5] = MIGRATE_USAGE,
    [6] = MIGRATE_INVENTORY,
};

int migrate_run(struct connection *c, uint64_t from_version)
{
    struct meta_tx tx = {.connection = c};
    int err = connection_run(c, STATEMENT_BEGIN_WRITE);
    if (err != 0)
        return err;
    for (uint64_t v = from_version; v < SCHEMA_VERSION && err == 0; v++)
        err = connection_script(c, steps[v]);
    if (err == 0)
        err = setting_set_u64(&tx, "schema_version", SCHEMA_VERSION);
    return end_transaction(c, err);
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
    return version > SCHEMA_VERSION ? ERR_UNSUPPORTED : version == 0 ? ERR_CORRUPT : 0;
}
