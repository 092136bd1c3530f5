/* The tables: one row type and a few verbs each; SQL stays inside meta/. All are called inside run of a meta_read or
 * meta_write, with its meta_tx. Slices returned by reads point into the current row: valid until the next call on the same
 * table or cursor in this transaction. Outputs that must live longer are copied by the caller.
 * Every verb can return ERR_WOULD_BLOCK (cache-only reads), ERR_IO, ERR_CORRUPT, ERR_NO_MEMORY, and for writes ERR_NO_SPACE,
 * besides what it names. */
#ifndef META_TABLES_H
#define META_TABLES_H

#include "base/text.h"
#include "meta/meta.h"

/* --- setting.c --- */
int setting_get_u64(struct meta_tx *, const char *name, uint64_t *ret) MUST_CHECK; /* ERR_NOT_FOUND */
int setting_set_u64(struct meta_tx *, const char *name, uint64_t value) MUST_CHECK;

/* --- bucket.c --- */
enum bucket_versioning { BUCKET_UNVERSIONED = 0, BUCKET_VERSIONING_ENABLED = 1, BUCKET_VERSIONING_SUSPENDED = 2 };
struct bucket_row {
    int64_t id;
    struct slice name;
    int64_t owner_id;
    uint64_t created_us;
    struct slice region;
    enum bucket_versioning versioning;
    struct slice attributes;
};
int bucket_get(struct meta_tx *, struct slice name, struct bucket_row *ret) MUST_CHECK; /* ERR_NO_SUCH_BUCKET */
/* Without a transaction: the bucket as the newest commit left it, if the calling loop's connection remembers it, until that loop's next
 * read; else NULL. */
const struct bucket_row *bucket_known(struct meta *, struct loop *, struct slice name);
int bucket_get_by_id(struct meta_tx *, int64_t id, struct bucket_row *ret) MUST_CHECK; /* ERR_NO_SUCH_BUCKET */
int bucket_insert(struct meta_tx *, const struct bucket_row *, int64_t *ret_id) MUST_CHECK; /* ERR_EXISTS */
int bucket_update(struct meta_tx *, const struct bucket_row *) MUST_CHECK; /* versioning and attributes, by id */
int bucket_check_versions(struct meta_tx *, int64_t id) MUST_CHECK;        /* ERR_BUCKET_NOT_EMPTY: there are some */
int bucket_delete(struct meta_tx *, int64_t id) MUST_CHECK;                /* ERR_BUCKET_NOT_EMPTY: versions or uploads */
/* Buckets by name after `after` (exclusive, empty: from the start); stops when fn returns non-zero, which it returns. */
int bucket_list(struct meta_tx *, struct slice after, int (*fn)(void *, const struct bucket_row *), void *arg) MUST_CHECK;

/* --- usage.c: how much is in a bucket, kept by version_insert() and version_delete() --- */
struct bucket_usage { int64_t versions, bytes; }; /* delete markers and uploads do not count */
/* With what this transaction has changed so far. ERR_NO_SUCH_BUCKET. */
int usage_get(struct meta_tx *, int64_t bucket_id, struct bucket_usage *ret) MUST_CHECK;
/* What this request alone has changed so far: may be negative. */
struct bucket_usage usage_of_request(const struct meta_tx *, int64_t bucket_id);

/* --- version.c --- */
#define VERSION_DELETE_MARKER 1u
#define VERSION_ENCRYPTED 2u    /* its content is frames (base/frame.h); size says plain bytes */
struct version_row {
    int64_t bucket_id;
    struct slice key;
    int64_t rank;               /* INT64_MAX - clock */
    struct slice version_id;    /* 16 bytes, or empty: null */
    uint32_t flags;
    uint64_t size;
    struct slice etag;          /* 16 or 20 bytes; empty for markers */
    uint64_t modified_us;
    int64_t content_id;
    int64_t owner_id;
    uint32_t storage_class;     /* 0 STANDARD; see object/storage_class.h */
    struct slice attributes;
    uint64_t origin_clock;
    uint32_t origin_region;
    struct slice origin_version_id;
    uint32_t replication;
};
static inline int64_t version_rank(uint64_t clock) { return INT64_MAX - (int64_t)clock; }

int version_current(struct meta_tx *, int64_t bucket_id, struct slice key, struct version_row *ret) MUST_CHECK; /* newest, marker or not; ERR_NO_SUCH_KEY */
int version_get(struct meta_tx *, int64_t bucket_id, struct slice key, struct slice version_id, struct version_row *ret) MUST_CHECK; /* empty id: the null version; ERR_NO_SUCH_VERSION */
/* The one at that rank: where the caller knows it from the version id. ERR_NO_SUCH_VERSION. */
int version_at(struct meta_tx *, int64_t bucket_id, struct slice key, int64_t rank, struct version_row *ret) MUST_CHECK;
/* Versions and markers of the key that are newer (from rank_before to the newest) or older (to the oldest). fn stops as in
 * bucket_list. Rows got otherwise stay valid. */
int version_newer(struct meta_tx *, int64_t bucket_id, struct slice key, int64_t rank_before,
                  int (*fn)(void *, int64_t rank, uint32_t flags, uint64_t modified_us), void *arg) MUST_CHECK;
int version_older(struct meta_tx *, int64_t bucket_id, struct slice key, int64_t rank_after,
                  int (*fn)(void *, int64_t rank, uint32_t flags), void *arg) MUST_CHECK;
int version_insert(struct meta_tx *, const struct version_row *) MUST_CHECK;
int version_delete(struct meta_tx *, const struct version_row *) MUST_CHECK; /* by bucket, key and rank, of the flags and size it has; ERR_NO_SUCH_VERSION */

/* Walks rows of a bucket in order of (key, rank). At most one open per transaction. */
struct version_cursor { struct meta_tx *tx; void *statement; };
/* First row with key >= from (inclusive) or > from; with rank_after: rows of key `from` with rank greater than it come too. */
int version_seek(struct meta_tx *, int64_t bucket_id, struct slice from, bool inclusive, const int64_t *rank_after,
                 struct version_cursor *ret) MUST_CHECK;
int version_next(struct version_cursor *, struct version_row *ret) MUST_CHECK; /* ERR_NOT_FOUND at the end of the bucket */
void version_cursor_close(struct version_cursor *);

/* --- content.c: inline bytes, segments, part boundaries --- */
#define INLINE_CONTENT_MAX 8192
struct segment_row { int64_t content_id; uint64_t start, len; int64_t extent_id; uint64_t extent_off; };
int content_insert_inline(struct meta_tx *, int64_t content_id, struct slice bytes) MUST_CHECK;
int content_get_inline(struct meta_tx *, int64_t content_id, struct slice *ret) MUST_CHECK; /* ERR_NOT_FOUND */
int content_is_inline(struct meta_tx *, int64_t content_id, bool *ret) MUST_CHECK;
int content_insert_segment(struct meta_tx *, const struct segment_row *) MUST_CHECK;
/* Segments that overlap [from, from+len), in order. */
int content_segments(struct meta_tx *, int64_t content_id, uint64_t from, uint64_t len,
                     int (*fn)(void *, const struct segment_row *), void *arg) MUST_CHECK;
/* Deletes all rows of the content and drops the references: extents nobody names any more are deleted and freed. A content of
 * many rows is only forgotten here, and deleted soon after (trash.h). */
int content_delete(struct meta_tx *, int64_t content_id) MUST_CHECK;
/* The same bytes under a new id, no data copied: inline bytes are copied, extents gain references. The range
 * [from, from+len) of the source; part boundaries come along only when with_parts. */
int content_share(struct meta_tx *, int64_t source_id, uint64_t from, uint64_t len, bool with_parts, int64_t target_id, uint64_t target_start) MUST_CHECK;
/* Moves all segments of source behind start of target (CompleteMultipartUpload); inline bytes move only to
 * target_start 0 (ERR_INVALID otherwise): ask content_is_inline first. */
int content_append(struct meta_tx *, int64_t source_id, int64_t target_id, uint64_t target_start) MUST_CHECK;
struct content_part_row { int64_t content_id; uint32_t part_number; uint64_t start, size; struct slice checksum; };
int content_insert_part(struct meta_tx *, const struct content_part_row *) MUST_CHECK;
int content_get_part(struct meta_tx *, int64_t content_id, uint32_t part_number, struct content_part_row *ret) MUST_CHECK; /* ERR_INVALID_PART */
int content_last_part(struct meta_tx *, int64_t content_id, uint32_t *ret_part_number) MUST_CHECK; /* ERR_CORRUPT: it has none */
int content_parts(struct meta_tx *, int64_t content_id, uint32_t after, int (*fn)(void *, const struct content_part_row *), void *arg) MUST_CHECK;

/* --- extent.c --- */
int extent_insert(struct meta_tx *, const struct extent *, uint32_t refs) MUST_CHECK; /* id set by the caller (meta_tx_clock); accounts its space */
/* *ret_crcs is malloc'd and belongs to ret->crcs. */
int extent_get(struct meta_tx *, int64_t id, struct extent *ret) MUST_CHECK; /* ERR_CORRUPT when absent: a segment names it */
/* The extent lies elsewhere now: group, block, block_count, missing and crcs of to; the old space is freed. ERR_NOT_FOUND when
 * it is not at from any more. */
int extent_move(struct meta_tx *, const struct extent *from, const struct extent *to) MUST_CHECK;
int extent_set_missing(struct meta_tx *, int64_t id, uint32_t missing) MUST_CHECK; /* ERR_NOT_FOUND when deleted meanwhile */
/* Extents with id > after, all or only those with missing slots; extents of one group by block. fn's extent has crcs NULL. */
int extent_list(struct meta_tx *, int64_t after, bool only_missing, int (*fn)(void *, const struct extent *), void *arg) MUST_CHECK;
int extent_count_missing(struct meta_tx *, uint64_t *ret) MUST_CHECK; /* those with missing slots */
int extent_list_group(struct meta_tx *, int64_t group_id, uint32_t from_block, int (*fn)(void *, const struct extent *), void *arg) MUST_CHECK;

/* --- group.c --- */
int group_insert(struct meta_tx *, const struct group *) MUST_CHECK;
int group_update(struct meta_tx *, const struct group *) MUST_CHECK; /* slots, closed */
int group_delete(struct meta_tx *, int64_t id) MUST_CHECK;
int group_list(struct meta_tx *, int64_t after, int (*fn)(void *, const struct group *), void *arg) MUST_CHECK;

/* --- upload.c --- */
struct upload_row {
    int64_t id;                 /* from meta_tx_clock */
    struct slice upload_id;     /* 16 random bytes */
    int64_t bucket_id;
    struct slice key;
    uint64_t initiated_us;
    int64_t owner_id;
    uint32_t storage_class;
    uint32_t checksum_kind, checksum_type; /* type: 0 FULL_OBJECT, 1 COMPOSITE */
    struct slice attributes;
};
int upload_insert(struct meta_tx *, const struct upload_row *) MUST_CHECK;
int upload_get(struct meta_tx *, int64_t bucket_id, struct slice key, struct slice upload_id, struct upload_row *ret) MUST_CHECK; /* ERR_NO_SUCH_UPLOAD */
int upload_at(struct meta_tx *, int64_t id, struct upload_row *ret) MUST_CHECK; /* ERR_NO_SUCH_UPLOAD */
int upload_set_attributes(struct meta_tx *, int64_t id, struct slice attributes) MUST_CHECK; /* ERR_NO_SUCH_UPLOAD */
/* With its parts and their contents; those of many parts soon after (trash.h). ERR_NO_SUCH_UPLOAD. */
int upload_delete(struct meta_tx *, int64_t id) MUST_CHECK;
/* Uploads of a bucket in order of (key, id), after (key, id) exclusive; id INT64_MAX: after the whole key. */
int upload_list(struct meta_tx *, int64_t bucket_id, struct slice key_after, int64_t id_after, int (*fn)(void *, const struct upload_row *), void *arg) MUST_CHECK;
struct part_row { int64_t upload_row; uint32_t part_number; int64_t content_id; uint64_t size; struct slice etag; struct slice checksum; uint64_t modified_us; };
int part_put(struct meta_tx *, const struct part_row *, int64_t *ret_replaced_content_id) MUST_CHECK; /* 0: none was there */
int part_get(struct meta_tx *, int64_t upload_row, uint32_t part_number, struct part_row *ret) MUST_CHECK; /* ERR_INVALID_PART */
int part_list(struct meta_tx *, int64_t upload_row, uint32_t after, int (*fn)(void *, const struct part_row *), void *arg) MUST_CHECK;

/* --- account.c --- */
#define ACCOUNT_ROOT_ID 1       /* the store's own account: the credential of the configuration, default buckets */
#define ACCOUNT_NAME_MAX 64     /* letters, digits and +=,.@_- */
#define ACCOUNT_NUMBER_LEN 12
struct account_row {
    int64_t id;                 /* insert: 0, taken from meta_tx_clock so that none is used twice */
    struct slice number, name, display_name;
    struct slice email;         /* empty: none */
    struct slice canonical_id;
    bool enabled;
    uint64_t created_us;
    struct slice attributes;
};
#define CANONICAL_ID_LEN 64
bool account_name_valid(struct slice);
/* Random ones, NUL-terminated: 12 digits, 64 hex digits. */
int account_make(char number[ACCOUNT_NUMBER_LEN + 1], char canonical_id[CANONICAL_ID_LEN + 1]) MUST_CHECK;
int account_get(struct meta_tx *, int64_t id, struct account_row *ret) MUST_CHECK; /* these: ERR_NOT_FOUND */
int account_get_by_name(struct meta_tx *, struct slice name, struct account_row *ret) MUST_CHECK;
int account_get_by_number(struct meta_tx *, struct slice number, struct account_row *ret) MUST_CHECK;
int account_get_by_canonical_id(struct meta_tx *, struct slice canonical_id, struct account_row *ret) MUST_CHECK;
int account_get_by_email(struct meta_tx *, struct slice email, struct account_row *ret) MUST_CHECK;
int account_list(struct meta_tx *, int (*fn)(void *, const struct account_row *), void *arg) MUST_CHECK; /* by name */
int account_insert(struct meta_tx *, const struct account_row *, int64_t *ret_id) MUST_CHECK; /* ERR_EXISTS */
int account_set_enabled(struct meta_tx *, int64_t id, bool enabled) MUST_CHECK;
/* With its access keys. ERR_BUSY: it owns buckets. */
int account_delete(struct meta_tx *, int64_t id) MUST_CHECK;

/* --- access_key.c --- */
#define ACCESS_KEY_LEN_MAX 128
#define ACCESS_KEY_MADE_LEN 20
#define SECRET_MADE_LEN 40
struct access_key_row {
    struct slice access_key;
    int64_t account_id, user_id; /* user_id 0: the account's root */
    struct slice secret;         /* sealed in the row, plain here */
    bool enabled;
    struct slice bucket, prefix, policy;
    uint64_t expires_us;
    uint64_t created_us;
};
/* A new pair from random bytes, NUL-terminated. prefix: 4 letters, "AKIA" for keys that stay, "ASIA" for sessions. */
int access_key_make(const char *prefix, char access_key[ACCESS_KEY_MADE_LEN + 1], char secret[SECRET_MADE_LEN + 1]) MUST_CHECK;
int access_key_get(struct meta_tx *, struct slice access_key, struct access_key_row *ret) MUST_CHECK; /* ERR_NOT_FOUND */
int access_key_insert(struct meta_tx *, const struct access_key_row *) MUST_CHECK; /* ERR_EXISTS */
int access_key_set_enabled(struct meta_tx *, struct slice access_key, bool enabled) MUST_CHECK; /* ERR_NOT_FOUND */
int access_key_delete(struct meta_tx *, struct slice access_key) MUST_CHECK; /* ERR_NOT_FOUND */
int access_key_delete_user(struct meta_tx *, int64_t account_id, int64_t user_id) MUST_CHECK; /* all of that user */
/* Behind `after`, all, or those of one user; secret empty. */
int access_key_list(struct meta_tx *, struct slice after, int (*fn)(void *, const struct access_key_row *), void *arg) MUST_CHECK;
int access_key_list_user(struct meta_tx *, int64_t account_id, int64_t user_id, struct slice after,
                         int (*fn)(void *, const struct access_key_row *), void *arg) MUST_CHECK;

/* --- lifecycle_due.c: what is due by lifecycle rules (object/lifecycle_tx.h) --- */
struct lifecycle_due_row { int64_t bucket_id; struct slice key; int64_t rank; uint64_t due_us; }; /* rank: a version's, or minus an upload's id */
int lifecycle_due_put(struct meta_tx *, const struct lifecycle_due_row *) MUST_CHECK;
int lifecycle_due_advance(struct meta_tx *, const struct lifecycle_due_row *) MUST_CHECK; /* only if that is earlier */
int lifecycle_due_delete(struct meta_tx *, int64_t bucket_id, struct slice key, int64_t rank) MUST_CHECK; /* what is not there is deleted */
/* In order of due_us, up to until_us; those of a bucket. fn stops as in bucket_list. */
int lifecycle_due_list(struct meta_tx *, uint64_t until_us, int (*fn)(void *, const struct lifecycle_due_row *), void *arg) MUST_CHECK;
int lifecycle_due_list_bucket(struct meta_tx *, int64_t bucket_id, int (*fn)(void *, const struct lifecycle_due_row *), void *arg) MUST_CHECK;
struct lifecycle_walk_row { int64_t bucket_id; uint64_t begun; uint32_t stage; struct slice key; int64_t rank; uint64_t looked; };
int lifecycle_walk_put(struct meta_tx *, const struct lifecycle_walk_row *) MUST_CHECK;
int lifecycle_walk_get(struct meta_tx *, int64_t bucket_id, struct lifecycle_walk_row *ret) MUST_CHECK; /* ERR_NOT_FOUND */
int lifecycle_walk_first(struct meta_tx *, int64_t bucket_after, struct lifecycle_walk_row *ret) MUST_CHECK; /* ERR_NOT_FOUND */
int lifecycle_walk_delete(struct meta_tx *, int64_t bucket_id) MUST_CHECK;

/* --- tombstone.c, outbox.c, cursor.c --- */
int tombstone_put(struct meta_tx *, int64_t bucket_id, struct slice key, uint64_t origin_clock, uint32_t origin_region) MUST_CHECK;
int tombstone_get(struct meta_tx *, int64_t bucket_id, struct slice key, uint64_t *ret_origin_clock,
                  uint32_t *ret_origin_region) MUST_CHECK; /* ERR_NOT_FOUND */
int tombstone_delete(struct meta_tx *, int64_t bucket_id, struct slice key) MUST_CHECK; /* ERR_NOT_FOUND */
enum outbox_kind {
    OUTBOX_DELETE_CONTENT = 1, /* target: content; see trash.h */
    OUTBOX_DELETE_PARTS = 2,   /* target: row of a deleted upload */
};
struct outbox_row {
    int64_t id; /* from meta_tx_clock */
    uint32_t kind;
    int64_t target, bucket_id;
    struct slice key;
    int64_t rank;
    uint32_t attempts;
    uint64_t due_us;
    struct slice payload;
};
int outbox_put(struct meta_tx *, const struct outbox_row *) MUST_CHECK;
int outbox_list(struct meta_tx *, int64_t after, int (*fn)(void *, const struct outbox_row *), void *arg) MUST_CHECK;
int outbox_postpone(struct meta_tx *, int64_t id, uint64_t due_us) MUST_CHECK; /* one attempt more; ERR_NOT_FOUND */
int outbox_delete(struct meta_tx *, int64_t id) MUST_CHECK; /* ERR_NOT_FOUND */
int cursor_get(struct meta_tx *, const char *name, int64_t *ret_position, int64_t *ret_total) MUST_CHECK; /* ERR_NOT_FOUND */
int cursor_set(struct meta_tx *, const char *name, int64_t position, int64_t total) MUST_CHECK;
int cursor_delete(struct meta_tx *, const char *name) MUST_CHECK;

#endif
