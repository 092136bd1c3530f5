/* The schema: made from schema.sql, checked at every start. */
#ifndef META_MIGRATE_H
#define META_MIGRATE_H

#include "base/uuid.h"
#include "meta/connection.h"

#define SCHEMA_VERSION 1u

struct migrate_origin {
    struct uuid store_uuid;
    uint64_t wall_us;
    const char *canonical_id; /* of the first user: 64 hex digits */
};

/* In an empty database, in one transaction: the schema, the root settings and the first user ("root", without keys). */
int migrate_create(struct connection *, const struct migrate_origin *) MUST_CHECK;

/* ERR_UNSUPPORTED: the database is of a newer version than this binary knows; *ret_version says which.
 * ERR_CORRUPT: it has none. */
int migrate_check(struct connection *, uint64_t *ret_version) MUST_CHECK;

/* Of which store the database is. ERR_CORRUPT: it does not say. */
int migrate_store_uuid(struct connection *, struct uuid *ret) MUST_CHECK;

#endif
