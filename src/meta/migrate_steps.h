/* What leads from one schema version to the next: SQL, the tables as they were then. */
#ifndef META_MIGRATE_STEPS_H
#define META_MIGRATE_STEPS_H

/* 1 to 2: lifecycle rules. */
#define MIGRATE_LIFECYCLE \
    "CREATE TABLE lifecycle_due(" \
    "bucket_id INTEGER NOT NULL, key BLOB NOT NULL, rank INTEGER NOT NULL, due_us INTEGER NOT NULL," \
    "PRIMARY KEY(bucket_id, key, rank)) WITHOUT ROWID;" \
    "CREATE INDEX lifecycle_due_time ON lifecycle_due(due_us);" \
    "CREATE TABLE lifecycle_walk(" \
    "bucket_id INTEGER PRIMARY KEY, begun INTEGER NOT NULL, stage INTEGER NOT NULL, key BLOB NOT NULL, rank INTEGER NOT NULL," \
    "looked INTEGER NOT NULL);"

#endif
