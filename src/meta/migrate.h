/* The schema: made from schema.sql, checked at every start; a database of an older one is brought here by steps. */
#ifndef META_MIGRATE_H
#define META_MIGRATE_H

#include "base/uuid.h"
#include "meta/connection.h"

#define SCHEMA_VERSION 7u

struct migrate_origin {
    struct uuid store_uuid;
    uint64_t wall_us;
    const char *canonical_id;   /* of the store's own account: 64 hex digits */
    const char *account_number; /* 12 digits */
};

/* In an empty database, in one transaction: the schema, the root settings and the store's own account ("root", without keys). */
int migrate_create(struct connection *, const struct migrate_origin *) MUST_CHECK;

/* *ret_version: the database's, SCHEMA_VERSION or an older one. ERR_UNSUPPORTED: it is newer than this binary knows; *ret_version is
 * set all the same. ERR_CORRUPT: it has none. */
int migrate_check(struct connection *, uint64_t *ret_version) MUST_CHECK;
/* From an older version to SCHEMA_VERSION, in one transaction. */
int migrate_run(struct connection *, uint64_t from_version) MUST_CHECK;

/* Of which store the database is. ERR_CORRUPT: it does not say. */
int migrate_store_uuid(struct connection *, struct uuid *ret) MUST_CHECK;

#endif
