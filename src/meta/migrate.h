/* The schema: made from schema.sql, checked at every start. */
#ifndef META_MIGRATE_H
#define META_MIGRATE_H

#include "meta/connection.h"

#define SCHEMA_VERSION 1u

/* In an empty database, in one transaction: the schema, the root settings and the first user ("root", without keys).
 * canonical_id: 64 hex digits. */
int migrate_create(struct connection *, uint64_t wall_us, const char *canonical_id) MUST_CHECK;

/* ERR_UNSUPPORTED: the database is of a newer version than this binary knows; *ret_version says which.
 * ERR_CORRUPT: it has none. */
int migrate_check(struct connection *, uint64_t *ret_version) MUST_CHECK;

#endif
