-- The schema of Ingot's database, version 7. docs/FORMAT.md describes every table; meta/migrate.c brings older ones here.
-- Identifiers (content, extent, upload, version rank) come from the store's clock and are never used twice.

-- Single values: schema_version, clock_ceiling, region, leaving_volumes (bit per index: drained, not to come back).
CREATE TABLE setting(name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;

-- Who owns buckets and objects: the store's own account (id 1) and those that operators add. number: the 12 digits of ARNs.
CREATE TABLE account(
  id INTEGER PRIMARY KEY, number TEXT NOT NULL UNIQUE, name TEXT NOT NULL UNIQUE, display_name TEXT NOT NULL, email TEXT UNIQUE,
  canonical_id TEXT NOT NULL UNIQUE, enabled INTEGER NOT NULL, created_us INTEGER NOT NULL, attributes BLOB NOT NULL);
-- user_id: an iam_entity of the account; 0: the account's root. secret is sealed (base/seal.h) with the access key as its context.
CREATE TABLE access_key(
  access_key TEXT PRIMARY KEY, account_id INTEGER NOT NULL, user_id INTEGER NOT NULL, secret BLOB NOT NULL, enabled INTEGER NOT NULL,
  bucket TEXT, prefix BLOB, policy TEXT, expires_us INTEGER, created_us INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX access_key_user ON access_key(account_id, user_id, access_key);

-- versioning: 0 never enabled, 1 enabled, 2 suspended. attributes: encoded list (meta/attribute.h), for configurations.
CREATE TABLE bucket(
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, owner_id INTEGER NOT NULL, created_us INTEGER NOT NULL,
  region TEXT NOT NULL, versioning INTEGER NOT NULL, attributes BLOB NOT NULL);

-- How much is in each bucket: its versions, delete markers apart, and their bytes. Kept with every commit (meta/usage.c).
CREATE TABLE bucket_usage(bucket_id INTEGER PRIMARY KEY, versions INTEGER NOT NULL, bytes INTEGER NOT NULL);

-- A version, or a delete marker. rank = INT64_MAX - clock: the newest of a key comes first. version_id: 16 bytes, empty for
-- the null version. flags: 1 delete marker, 2 encrypted (FORMAT.md). etag: 16 bytes of MD5, and behind them, for multipart, the part count (4, big-endian).
-- content_id: 0 for no bytes. origin_*: where and when it was first written. replication: 0 none, 1 pending, 2 done, 3 failed, 4 replica.
CREATE TABLE version(
  bucket_id INTEGER NOT NULL, key BLOB NOT NULL, rank INTEGER NOT NULL,
  version_id BLOB NOT NULL, flags INTEGER NOT NULL, size INTEGER NOT NULL, etag BLOB NOT NULL, modified_us INTEGER NOT NULL,
  content_id INTEGER NOT NULL, owner_id INTEGER NOT NULL, storage_class INTEGER NOT NULL, attributes BLOB NOT NULL,
  origin_clock INTEGER NOT NULL, origin_region INTEGER NOT NULL, origin_version_id BLOB, replication INTEGER NOT NULL,
  PRIMARY KEY(bucket_id, key, rank)) WITHOUT ROWID;

-- The bytes of a content: inline, or segments of extents in order of start.
CREATE TABLE inline_content(content_id INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
CREATE TABLE segment(
  content_id INTEGER NOT NULL, start INTEGER NOT NULL, len INTEGER NOT NULL, extent_id INTEGER NOT NULL,
  extent_off INTEGER NOT NULL, PRIMARY KEY(content_id, start)) WITHOUT ROWID;
-- Boundaries of the parts of a content made by CompleteMultipartUpload.
CREATE TABLE content_part(
  content_id INTEGER NOT NULL, part_number INTEGER NOT NULL, start INTEGER NOT NULL, size INTEGER NOT NULL, checksum BLOB NOT NULL,
  PRIMARY KEY(content_id, part_number)) WITHOUT ROWID;

-- refs: how many segments name it. missing: bit per slot whose shard is not there yet. crcs: little-endian CRC32C of each unit.
CREATE TABLE extent(
  id INTEGER PRIMARY KEY, group_id INTEGER NOT NULL, block INTEGER NOT NULL, block_count INTEGER NOT NULL, len INTEGER NOT NULL,
  unit_shift INTEGER NOT NULL, refs INTEGER NOT NULL, missing INTEGER NOT NULL, crcs BLOB NOT NULL);
CREATE UNIQUE INDEX extent_place ON extent(group_id, block);
CREATE INDEX extent_missing ON extent(id) WHERE missing <> 0;

-- slots: per slot volume index (4 bytes) and chunk (4), little-endian. free_blocks: per slot; kept with every extent.
CREATE TABLE chunk_group(
  id INTEGER PRIMARY KEY, data_count INTEGER NOT NULL, parity_count INTEGER NOT NULL, matrix INTEGER NOT NULL,
  closed INTEGER NOT NULL, free_blocks INTEGER NOT NULL, slots BLOB NOT NULL);

CREATE TABLE upload(
  id INTEGER PRIMARY KEY, upload_id BLOB NOT NULL UNIQUE, bucket_id INTEGER NOT NULL, key BLOB NOT NULL, initiated_us INTEGER NOT NULL,
  owner_id INTEGER NOT NULL, storage_class INTEGER NOT NULL, checksum_kind INTEGER NOT NULL, checksum_type INTEGER NOT NULL,
  attributes BLOB NOT NULL);
CREATE UNIQUE INDEX upload_place ON upload(bucket_id, key, id);
CREATE TABLE part(
  upload_row INTEGER NOT NULL, part_number INTEGER NOT NULL, content_id INTEGER NOT NULL, size INTEGER NOT NULL, etag BLOB NOT NULL,
  checksum BLOB NOT NULL, modified_us INTEGER NOT NULL, PRIMARY KEY(upload_row, part_number)) WITHOUT ROWID;

-- Deletions in buckets without versioning, remembered for replication.
CREATE TABLE tombstone(
  bucket_id INTEGER NOT NULL, key BLOB NOT NULL, origin_clock INTEGER NOT NULL, origin_region INTEGER NOT NULL,
  PRIMARY KEY(bucket_id, key)) WITHOUT ROWID;
-- What is owed; done at least once, idempotently, in order of id. kind 1: the rows of content target are to be deleted; 2: the parts
-- of the deleted upload target, with their contents (meta/trash.h).
CREATE TABLE outbox(
  id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, target INTEGER NOT NULL, bucket_id INTEGER NOT NULL, key BLOB NOT NULL,
  rank INTEGER NOT NULL, attempts INTEGER NOT NULL, due_us INTEGER NOT NULL, payload BLOB NOT NULL);
-- IAM: users (kind 1), groups (2), roles (3) and managed policies (4) of accounts. folded: the name in small letters. document: a
-- role's trust policy, a managed policy's own. Inline policies; managed policies attached, by ARN; members of groups.
CREATE TABLE identity(
  id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL, kind INTEGER NOT NULL, folded TEXT NOT NULL, name TEXT NOT NULL,
  path TEXT NOT NULL, unique_id TEXT NOT NULL, created_us INTEGER NOT NULL, document BLOB NOT NULL, description TEXT NOT NULL,
  session_s INTEGER NOT NULL);
CREATE UNIQUE INDEX identity_name ON identity(account_id, kind, folded);
CREATE TABLE identity_policy(
  identity_id INTEGER NOT NULL, name TEXT NOT NULL, document BLOB NOT NULL, PRIMARY KEY(identity_id, name)) WITHOUT ROWID;
CREATE TABLE identity_attachment(
  identity_id INTEGER NOT NULL, arn TEXT NOT NULL, PRIMARY KEY(identity_id, arn)) WITHOUT ROWID;
CREATE INDEX identity_attachment_arn ON identity_attachment(arn, identity_id);
CREATE TABLE identity_member(
  group_id INTEGER NOT NULL, user_id INTEGER NOT NULL, PRIMARY KEY(group_id, user_id)) WITHOUT ROWID;
CREATE INDEX identity_member_user ON identity_member(user_id, group_id);
-- Access log records not delivered yet. target_id: the bucket their objects go to; negative once it is gone. format: how the
-- objects' keys go on behind head (wire/logging.h), and 16 for journal records. size: bytes of the stream's records. time_us: when
-- the first line of a record was logged.
CREATE TABLE log_stream(
  id INTEGER PRIMARY KEY, target_id INTEGER NOT NULL, target TEXT NOT NULL, format INTEGER NOT NULL, head BLOB NOT NULL,
  size INTEGER NOT NULL, roll_us INTEGER NOT NULL);
CREATE UNIQUE INDEX log_stream_place ON log_stream(target_id, format, head);
CREATE TABLE log_record(
  stream_id INTEGER NOT NULL, id INTEGER NOT NULL, time_us INTEGER NOT NULL, records BLOB NOT NULL,
  PRIMARY KEY(stream_id, id)) WITHOUT ROWID;
-- How far a long job has come (scrub, drain of a volume), to go on after a restart.
CREATE TABLE cursor(name TEXT PRIMARY KEY, position INTEGER NOT NULL, total INTEGER NOT NULL, attributes BLOB NOT NULL) WITHOUT ROWID;

-- When lifecycle rules have to look at something again, in buckets that have rules: one row at most per version or delete marker
-- (rank) or upload (rank: minus its id). due_us is never later than the truth; a row too early costs one look.
CREATE TABLE lifecycle_due(
  bucket_id INTEGER NOT NULL, key BLOB NOT NULL, rank INTEGER NOT NULL, due_us INTEGER NOT NULL,
  PRIMARY KEY(bucket_id, key, rank)) WITHOUT ROWID;
CREATE INDEX lifecycle_due_time ON lifecycle_due(due_us);
-- Buckets whose rules changed: all they hold is looked at once, up to (key, rank) so far. stage 0 versions, 1 uploads. looked: how
-- many so far. begun: from the clock; another one stands for other rules.
CREATE TABLE lifecycle_walk(
  bucket_id INTEGER PRIMARY KEY, begun INTEGER NOT NULL, stage INTEGER NOT NULL, key BLOB NOT NULL, rank INTEGER NOT NULL,
  looked INTEGER NOT NULL);

-- Inventory configurations of buckets (document: wire/inventory.h), and when the next report of each is due; the last number there is: never.
CREATE TABLE inventory(
  bucket_id INTEGER NOT NULL, id TEXT NOT NULL, document BLOB NOT NULL, due_us INTEGER NOT NULL, PRIMARY KEY(bucket_id, id)) WITHOUT ROWID;
CREATE INDEX inventory_time ON inventory(due_us);

-- For people (`ingot query`).
CREATE VIEW buckets AS SELECT b.name, a.name AS owner, datetime(b.created_us / 1000000, 'unixepoch') AS created, b.region,
  CASE b.versioning WHEN 0 THEN 'off' WHEN 1 THEN 'enabled' ELSE 'suspended' END AS versioning,
  u.versions, u.bytes FROM bucket b LEFT JOIN account a ON a.id = b.owner_id LEFT JOIN bucket_usage u ON u.bucket_id = b.id;
CREATE VIEW objects AS SELECT b.name AS bucket, CAST(v.key AS TEXT) AS key, lower(hex(v.version_id)) AS version_id,
  v.flags & 1 AS delete_marker, v.size, lower(hex(v.etag)) AS etag, datetime(v.modified_us / 1000000, 'unixepoch') AS modified,
  v.content_id FROM version v JOIN bucket b ON b.id = v.bucket_id;
CREATE VIEW uploads AS SELECT b.name AS bucket, CAST(p.key AS TEXT) AS key, lower(hex(p.upload_id)) AS upload_id,
  datetime(p.initiated_us / 1000000, 'unixepoch') AS initiated FROM upload p JOIN bucket b ON b.id = p.bucket_id;
CREATE VIEW access_keys AS SELECT k.access_key, a.name AS account, k.enabled, k.bucket, CAST(k.prefix AS TEXT) AS prefix
  FROM access_key k LEFT JOIN account a ON a.id = k.account_id;
