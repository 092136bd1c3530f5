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

/* 2 to 3: users become accounts, which users, groups, roles and policies belong to. No program could add a user or a key to a
 * database before, but rows that somebody made are kept. */
#define MIGRATE_ACCOUNTS \
    "DROP VIEW buckets; DROP VIEW access_keys;" \
    "CREATE TABLE account(" \
    "id INTEGER PRIMARY KEY, number TEXT NOT NULL UNIQUE, name TEXT NOT NULL UNIQUE, display_name TEXT NOT NULL, email TEXT UNIQUE," \
    "canonical_id TEXT NOT NULL UNIQUE, enabled INTEGER NOT NULL, created_us INTEGER NOT NULL, attributes BLOB NOT NULL);" \
    "INSERT INTO account SELECT id, printf('%012d', 100000000000 + abs(random() % 899999999999)), name, display_name, NULL," \
    "canonical_id, 1, created_us, attributes FROM user;" \
    "ALTER TABLE access_key RENAME TO access_key_1;" \
    "CREATE TABLE access_key(" \
    "access_key TEXT PRIMARY KEY, account_id INTEGER NOT NULL, user_id INTEGER NOT NULL, secret BLOB NOT NULL, enabled INTEGER NOT NULL," \
    "bucket TEXT, prefix BLOB, policy TEXT, expires_us INTEGER, created_us INTEGER NOT NULL) WITHOUT ROWID;" \
    "INSERT INTO access_key SELECT access_key, user_id, 0, secret, enabled, bucket, prefix, policy, expires_us, created_us" \
    " FROM access_key_1;" \
    "DROP TABLE access_key_1; DROP TABLE user;" \
    "CREATE INDEX access_key_user ON access_key(account_id, user_id, access_key);" \
    "CREATE VIEW buckets AS SELECT b.name, a.name AS owner, datetime(b.created_us / 1000000, 'unixepoch') AS created, b.region," \
    "CASE b.versioning WHEN 0 THEN 'off' WHEN 1 THEN 'enabled' ELSE 'suspended' END AS versioning" \
    " FROM bucket b LEFT JOIN account a ON a.id = b.owner_id;" \
    "CREATE VIEW access_keys AS SELECT k.access_key, a.name AS account, k.enabled, k.bucket, CAST(k.prefix AS TEXT) AS prefix" \
    " FROM access_key k LEFT JOIN account a ON a.id = k.account_id;"

/* 3 to 4: access logs. */
#define MIGRATE_LOG \
    "CREATE TABLE log_stream(" \
    "id INTEGER PRIMARY KEY, target_id INTEGER NOT NULL, target TEXT NOT NULL, format INTEGER NOT NULL, head BLOB NOT NULL," \
    "size INTEGER NOT NULL, roll_us INTEGER NOT NULL);" \
    "CREATE UNIQUE INDEX log_stream_place ON log_stream(target_id, format, head);" \
    "CREATE TABLE log_record(" \
    "stream_id INTEGER NOT NULL, id INTEGER NOT NULL, time_us INTEGER NOT NULL, records BLOB NOT NULL," \
    "PRIMARY KEY(stream_id, id)) WITHOUT ROWID;"

/* 4 to 5: IAM. */
#define MIGRATE_IDENTITY \
    "CREATE TABLE identity(" \
    "id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL, kind INTEGER NOT NULL, folded TEXT NOT NULL, name TEXT NOT NULL," \
    "path TEXT NOT NULL, unique_id TEXT NOT NULL, created_us INTEGER NOT NULL, document BLOB NOT NULL, description TEXT NOT NULL," \
    "session_s INTEGER NOT NULL);" \
    "CREATE UNIQUE INDEX identity_name ON identity(account_id, kind, folded);" \
    "CREATE TABLE identity_policy(" \
    "identity_id INTEGER NOT NULL, name TEXT NOT NULL, document BLOB NOT NULL, PRIMARY KEY(identity_id, name)) WITHOUT ROWID;" \
    "CREATE TABLE identity_attachment(" \
    "identity_id INTEGER NOT NULL, arn TEXT NOT NULL, PRIMARY KEY(identity_id, arn)) WITHOUT ROWID;" \
    "CREATE INDEX identity_attachment_arn ON identity_attachment(arn, identity_id);" \
    "CREATE TABLE identity_member(" \
    "group_id INTEGER NOT NULL, user_id INTEGER NOT NULL, PRIMARY KEY(group_id, user_id)) WITHOUT ROWID;" \
    "CREATE INDEX identity_member_user ON identity_member(user_id, group_id);"

/* 5 to 6: how much is in each bucket. */
#define MIGRATE_USAGE \
    "CREATE TABLE bucket_usage(bucket_id INTEGER PRIMARY KEY, versions INTEGER NOT NULL, bytes INTEGER NOT NULL);" \
    "INSERT INTO bucket_usage SELECT b.id, COALESCE(SUM(v.flags & 1 = 0), 0), COALESCE(SUM(v.size), 0)" \
    " FROM bucket b LEFT JOIN version v ON v.bucket_id = b.id GROUP BY b.id;" \
    "DROP VIEW buckets;" \
    "CREATE VIEW buckets AS SELECT b.name, a.name AS owner, datetime(b.created_us / 1000000, 'unixepoch') AS created, b.region," \
    "CASE b.versioning WHEN 0 THEN 'off' WHEN 1 THEN 'enabled' ELSE 'suspended' END AS versioning," \
    "u.versions, u.bytes FROM bucket b LEFT JOIN account a ON a.id = b.owner_id LEFT JOIN bucket_usage u ON u.bucket_id = b.id;"

/* 6 to 7: inventories. */
#define MIGRATE_INVENTORY \
    "CREATE TABLE inventory(" \
    "bucket_id INTEGER NOT NULL, id TEXT NOT NULL, document BLOB NOT NULL, due_us INTEGER NOT NULL, PRIMARY KEY(bucket_id, id)) WITHOUT ROWID;" \
    "CREATE INDEX inventory_time ON inventory(due_us);"

#endif
