/* S3 objects over metadata and extents: what an S3 request means, without HTTP or XML.
 *
 * Every call is asynchronous on the calling reactor's loop: fill the request struct, call, get done on the same loop. Request
 * structs and the slices in them live until done. Nothing here blocks. Results' slices point into memory of the request,
 * freed by the matching _fini. Access control is the caller's (s3/authorise).
 *
 * One reactor: struct object_reactor, the loop with its buffer pool and MD5 engine. */
#ifndef OBJECT_OBJECT_H
#define OBJECT_OBJECT_H

#include "base/buffer.h"
#include "base/digest.h"
#include "meta/attribute.h"
#include "meta/meta.h"
#include "meta/tables.h"
#include "object/encryption.h"

struct object_reactor {
    struct loop *loop;
    struct meta *meta;
    struct placement *placement;
    struct buffer_pool *buffers;
    struct digest_engine *md5;
    const char *region;
    struct kms *kms;              /* keys of SSE-KMS, shared by all; NULL: none */
};
static inline struct encryption_keys object_keys(const struct object_reactor *r) { return (struct encryption_keys){r->meta, r->kms}; }

#define KEY_LEN_MAX 1024
#define PART_NUMBER_MAX 10000
#define PART_SIZE_MIN (5u << 20)
#define PUT_SIZE_MAX (5ull << 30)
#define OBJECT_SIZE_MAX (5ull << 40)
#define USER_METADATA_MAX 2048

/* If-Match and the like. Each is empty (data NULL) when absent. Lists of ETags as in RFC 9110, quotes optional. */
struct object_conditions {
    struct slice if_match, if_none_match;
    bool has_modified_since, has_unmodified_since;
    uint64_t modified_since_us, unmodified_since_us; /* whole seconds */
    bool has_match_size; uint64_t match_size;                      /* DELETE: x-amz-if-match-size */
    bool has_match_modified; uint64_t match_modified_us;           /* DELETE: x-amz-if-match-last-modified-time */
};

/* A version as requests see it. Owns its memory (one allocation); object_info_fini. Zero-initialised is empty. */
struct object_info {
    uint64_t size;
    uint8_t etag[20]; uint32_t etag_len; /* 16, or 20: + part count, big-endian */
    uint64_t modified_us;
    bool delete_marker;
    bool object_lock;                   /* of the bucket; told with about_only */
    bool encrypted;                     /* how: encryption_of(attributes) */
    bool null_version;                  /* version id "null" */
    uint8_t version_id[16];
    enum bucket_versioning versioning;  /* of the bucket: UNVERSIONED means no x-amz-version-id header */
    uint32_t storage_class;
    int64_t owner_id;
    struct slice attributes;            /* meta/attribute.h */
    uint32_t part_count;                /* 0 when not multipart */
    uint64_t expire_us;                 /* the newest version: when lifecycle rules delete it, 0: never; by the rule expire_rule */
    struct slice expire_rule;
    void *expire_rule_memory;
    void *memory;
};
void object_info_fini(struct object_info *);
/* "…" in lower-case hex, "-N" behind for multipart; without quotes. size ≥ 44. */
void object_etag_format(const uint8_t *etag, uint32_t etag_len, char *text);

/* --- bucket.c --- */
struct bucket_request {
    struct object_reactor *reactor;
    struct slice name;
    int64_t owner_id;             /* create */
    struct slice region;          /* create */
    bool object_lock;             /* create: enabled from the start, with versioning */
    struct slice settings;        /* create: encoded attributes that it has from the start */
    void (*done)(struct bucket_request *);
    int err;                      /* create: ERR_BUCKET_OWNED when it is there and yours, ERR_BUCKET_EXISTS when another's */
    int64_t id; int64_t found_owner_id; uint64_t created_us; enum bucket_versioning versioning;
    struct text found_region;     /* out */
    struct text attributes;       /* out of get; in of set_attributes */
    enum bucket_versioning set_versioning; /* in of set_versioning */
    bool more;                    /* private */
    union { struct meta_read read; struct meta_write write; };
};
void bucket_create(struct bucket_request *);
void bucket_find(struct bucket_request *);     /* ERR_NO_SUCH_BUCKET */
void bucket_remove(struct bucket_request *);   /* ERR_BUCKET_NOT_EMPTY */
void bucket_set_versioning(struct bucket_request *);
void bucket_request_fini(struct bucket_request *);

struct bucket_entry { char *name; uint64_t created_us; int64_t owner_id; char *region; };
struct bucket_list_request {
    struct object_reactor *reactor;
    struct slice prefix, after;   /* after: exclusive */
    uint32_t max;                 /* 1..10000 */
    void (*done)(struct bucket_list_request *);
    int err; struct bucket_entry *entries; uint32_t count; bool truncated;
    struct meta_read read;
};
void bucket_list_all(struct bucket_list_request *);
void bucket_list_request_fini(struct bucket_list_request *);

/* --- put.c: a body in, a version out --- */
struct object_put;
enum object_put_target { PUT_OBJECT, PUT_PART };
struct object_put_options {
    struct object_reactor *reactor;
    enum object_put_target target;
    struct slice bucket, key;      /* copied */
    struct slice attributes;       /* encoded; copied. PUT_OBJECT only */
    int64_t owner_id;
    uint32_t storage_class;
    uint64_t size;                 /* of the decoded body; UINT64_MAX when unknown (chunked transfer coding) */
    enum checksum_kind checksum;   /* computed and stored beside the ETag; NONE in PUT_PART: the upload's own */
    struct object_conditions conditions;
    struct slice upload_id;        /* PUT_PART: 16 bytes */
    uint32_t part_number;
    /* Copied. PUT_OBJECT: as asked; mode NONE: as the bucket's default is. PUT_PART: as the upload is; customer_key: what the
     * request brought (the other members mean nothing). */
    struct encryption encryption;
    bool append; uint64_t write_offset; /* PUT_OBJECT: x-amz-write-offset-bytes (append.h). checksum NONE: the object's, or CRC64NVME of a new one */
    int (*with)(struct meta_tx *, void *arg); /* PUT_OBJECT: what else is one with the commit; may be NULL */
    void (*ready)(void *arg);      /* room again */
    void (*done)(void *arg, int err);
    void *arg;
};
/* info.attributes: only what concerns the encryption is certain to be there. checksum: of the whole object. */
struct object_put_result { struct object_info info; enum checksum_kind checksum_kind; uint32_t checksum_type; uint8_t checksum[CHECKSUM_LEN_MAX]; };
/* Starts; looks up nothing yet that would make the client wait. ERR_NO_MEMORY, ERR_INVALID. */
int object_put_new(const struct object_put_options *, struct object_put **ret) MUST_CHECK;
/* Takes bytes of the body, returns how many; fewer: wait for ready. An error is kept and comes with done. */
size_t object_put_write(struct object_put *, const void *data, size_t len);
/* The whole body has come. md5 (16 bytes) and checksum: what the client claims, or NULL; ERR_BAD_DIGEST if they differ.
 * Then durable, conditions held at commit time, older null version replaced: done(0). */
void object_put_finish(struct object_put *, const uint8_t *md5, const uint8_t *checksum);
/* Gives up, whatever state; leaves nothing. done(ERR_CANCELLED) follows. */
void object_put_abort(struct object_put *);
const struct object_put_result *object_put_result(const struct object_put *);
void object_put_free(struct object_put *); /* after done */

/* --- get.c --- */
struct object_get {
    struct object_reactor *reactor;
    struct slice bucket, key;
    bool has_version_id, null_version_id; uint8_t version_id[16];
    struct object_conditions conditions;
    bool has_range; bool range_is_suffix; uint64_t range_first, range_last; /* last UINT64_MAX: open; suffix: last N bytes in range_first */
    uint32_t part_number;          /* 0: none */
    bool head_only;
    const uint8_t *customer_key;   /* the key of SSE-C that the request brought, or NULL */
    bool about_only;               /* with head_only: for what needs no key: tags, ACLs and the like */
    void (*done)(struct object_get *); /* found, conditions and range checked; for GET the first window has been read */
    /* out */
    int err;  /* ERR_NO_SUCH_BUCKET, ERR_NO_SUCH_KEY, ERR_NO_SUCH_VERSION, ERR_DELETE_MARKER (info set), ERR_PRECONDITION, ERR_NOT_MODIFIED (info set), ERR_INVALID_RANGE (info.size set), ERR_INVALID_PART; ERR_KEY_*, ERR_KMS_* */
    struct object_info info;
    uint64_t first, len;           /* bytes that will come: [first, first+len) of info.size */
    uint8_t part_checksum[CHECKSUM_LEN_MAX]; uint32_t part_checksum_len; /* of the part asked for; 0 when it has none */
    struct object_get_state *state;
};
void object_get_start(struct object_get *);
/* Next bytes of the answer, copied into data; 0 and err ERR_WOULD_BLOCK: ready(arg) will be called when there are some. */
size_t object_get_read(struct object_get *, void *data, size_t capacity, int *ret_err);
void object_get_on_ready(struct object_get *, void (*ready)(void *arg), void *arg);
/* Any time after done; pins and buffers are given back when their I/O has ended. */
void object_get_fini(struct object_get *);

/* --- delete.c --- */
struct object_delete_item {
    struct slice key; bool has_version_id, null_version_id; uint8_t version_id[16];
    struct object_conditions conditions;
    bool bypass_governance;        /* of Object Lock; the caller has checked who asks */
    /* out */
    int err; bool delete_marker; bool marker_created; bool has_result_version; bool result_null_version; uint8_t result_version_id[16];
    bool removed; uint64_t removed_size; /* a version went */
};
struct object_delete {
    struct object_reactor *reactor;
    struct slice bucket;
    struct object_delete_item *items; uint32_t count; /* 1..1000; deleting what is not there succeeds */
    int64_t owner_id;
    const char *operation;         /* what journals call it */
    void (*done)(struct object_delete *);
    int err;                       /* of the whole: ERR_NO_SUCH_BUCKET, or of the commit; then nothing was deleted */
    uint64_t random;               /* private */
    uint32_t deleted, reached;     /* private: items whose outcome is durable; the same once the transaction under way is */
    struct meta_write write;
};
void object_delete_start(struct object_delete *);

/* --- attribute_update.c: tags and ACLs in place, of a version or (key empty) of a bucket --- */
struct object_attribute_update {
    struct object_reactor *reactor;
    struct slice bucket, key; bool has_version_id, null_version_id; uint8_t version_id[16];
    enum attribute_kind kind; struct slice name; /* what goes: entries of the kind, with that name unless its data is NULL */
    struct slice replacement;                    /* encoded entries that come */
    /* NULL, or whether it may be: called inside the transaction with the attributes as they stand (of the version, or of the bucket). */
    int (*check)(const struct object_attribute_update *, const struct bucket_row *, struct slice standing, uint64_t now_us);
    bool bypass_governance;                      /* for check */
    int64_t bucket_owner_id;                     /* ERR_CONFLICT when it has become another's; 0: not asked */
    bool owned; int64_t owner_id;                /* ERR_CONFLICT when the version is not of that account */
    void (*done)(struct object_attribute_update *);
    int err; /* ERR_NO_SUCH_BUCKET, ERR_NO_SUCH_KEY, ERR_NO_SUCH_VERSION, ERR_DELETE_MARKER, and what check finds */
    struct object_info info; /* of the version changed: what it is called (versioning, null_version, version_id), no more */
    struct meta_write write;
};
void object_attribute_update_start(struct object_attribute_update *);

/* --- copy.c: CopyObject (no data copied unless the encryption asks for it), also onto itself, and UploadPartCopy --- */
struct object_copy {
    struct object_reactor *reactor;
    struct slice source_bucket, source_key; bool has_version_id, null_version_id; uint8_t version_id[16];
    struct object_conditions source_conditions;
    struct slice bucket, key; struct object_conditions conditions;
    bool replace_attributes; struct slice attributes; /* encoded; user metadata and headers when replacing */
    bool replace_tags; struct slice tags;             /* encoded ATTRIBUTE_TAG entries */
    struct slice own;                                 /* encoded entries of the copy alone: lock, ACL; the source's never come along */
    uint32_t storage_class; int64_t owner_id;
    enum checksum_kind checksum;
    struct encryption encryption; /* as in object_put_options; of a copy of what is encrypted, mode NONE means no less than SSE-S3 */
    const uint8_t *source_customer_key;
    bool to_part; struct slice upload_id; uint32_t part_number; bool has_range; uint64_t range_first, range_last;
    void (*done)(struct object_copy *);
    int err; bool at_source; /* the key that is missing or wrong is the source's */
    struct object_info info; struct object_info source_info;
    uint8_t checksum_value[CHECKSUM_LEN_MAX];
    struct object_copy_state *state;
};
void object_copy_start(struct object_copy *);
void object_copy_fini(struct object_copy *);

/* --- rename.c: RenameObject, within a bucket --- */
struct object_rename {
    struct object_reactor *reactor;
    struct slice bucket, source_key, key; /* the keys differ */
    struct object_conditions source_conditions, conditions;
    struct slice client_token;     /* empty: none */
    int64_t deleter_id;            /* whose the delete marker is that takes the source's place, in a bucket with versions */
    void (*done)(struct object_rename *);
    int err; /* ERR_NO_SUCH_BUCKET, ERR_NO_SUCH_KEY, ERR_PRECONDITION; ERR_EXISTS: the token was used for another source */
    struct object_info info;       /* of the new version */
    uint64_t random; struct meta_write write;
};
void object_rename_start(struct object_rename *);
void object_rename_fini(struct object_rename *);

/* --- list.c --- */
struct object_list_entry {
    struct slice key;              /* or the common prefix */
    bool is_prefix;
    bool is_latest, delete_marker, null_version; uint8_t version_id[16];
    uint64_t size, modified_us; uint8_t etag[20]; uint32_t etag_len; uint32_t storage_class; int64_t owner_id;
    uint8_t checksum_kind, checksum_type; /* for ChecksumAlgorithm / ChecksumType, 0 none */
};
struct object_list {
    struct object_reactor *reactor;
    struct slice bucket, prefix, delimiter;
    struct slice after;            /* exclusive: start-after, marker, or where the last page ended */
    bool after_is_prefix;          /* after is a common prefix already returned: skip everything under it */
    bool versions;                 /* ListObjectVersions */
    bool has_rank_after; int64_t rank_after; /* versions: go on inside key `after`, behind this rank */
    bool null_after;               /* the same, behind the null version; with all of the key when it is gone */
    uint32_t max;                  /* 0..1000 keys and prefixes together */
    void (*done)(struct object_list *);
    int err;
    struct object_list_entry *entries; uint32_t count;
    bool truncated;
    struct slice next_after; bool next_after_is_prefix; int64_t next_rank; uint8_t next_version_id[16]; bool next_null_version; /* last entry returned, when truncated */
    void *memory;
    struct meta_read read;
};
void object_list_start(struct object_list *);
void object_list_fini(struct object_list *);
/* The rank of a version id of ours; ERR_INVALID for another's. The null version's is found by the list itself. */
int object_version_rank(const uint8_t version_id[16], int64_t *ret_rank) MUST_CHECK;

/* --- upload.c: multipart --- */
struct upload_abortion { uint64_t at_us; char rule[256]; }; /* by lifecycle rules; 0: never */
struct upload_create {
    struct object_reactor *reactor;
    struct slice bucket, key, attributes; int64_t owner_id; uint32_t storage_class; enum checksum_kind checksum; uint32_t checksum_type;
    struct encryption encryption; /* as in object_put_options */
    void (*done)(struct upload_create *);
    int err; uint8_t upload_id[16]; struct upload_abortion abortion;
    struct text row_attributes;   /* out: with what became of the encryption */
    struct meta_write write; int64_t row; uint64_t random;
};
void upload_create_start(struct upload_create *);
void upload_create_fini(struct upload_create *);
/* The checksum that the upload was created with, as its id carries it; type: 0 FULL_OBJECT, 1 COMPOSITE. */
enum checksum_kind object_upload_checksum(const uint8_t upload_id[16], uint32_t *ret_type);
bool object_upload_encrypted(const uint8_t upload_id[16]); /* likewise */
struct upload_complete_part { uint32_t part_number; uint8_t etag[16]; bool has_checksum; uint8_t checksum[CHECKSUM_LEN_MAX]; };
struct upload_complete {
    struct object_reactor *reactor;
    struct slice bucket, key; uint8_t upload_id[16];
    struct upload_complete_part *parts; uint32_t part_count;
    struct object_conditions conditions;
    bool has_checksum; uint8_t checksum[CHECKSUM_LEN_MAX]; /* FULL_OBJECT value the client claims */
    bool has_size; uint64_t size;                          /* x-amz-mp-object-size */
    const uint8_t *customer_key;  /* of SSE-C, if the upload is encrypted with one */
    void (*done)(struct upload_complete *);
    int err; struct object_info info; enum checksum_kind checksum_kind; uint32_t checksum_type; uint8_t checksum_value[CHECKSUM_LEN_MAX];
    struct meta_write write;
};
/* Completing what was completed before, with the same parts, answers again as the first time while the version is current. */
void upload_complete_start(struct upload_complete *);
void upload_complete_fini(struct upload_complete *);
struct upload_abort {
    struct object_reactor *reactor; struct slice bucket, key; uint8_t upload_id[16];
    void (*done)(struct upload_abort *); int err; struct meta_write write;
};
void upload_abort_start(struct upload_abort *);
struct upload_part_entry { uint32_t part_number; uint64_t size, modified_us; uint8_t etag[16]; uint8_t checksum[CHECKSUM_LEN_MAX]; bool has_checksum; };
struct upload_parts { /* ListParts */
    struct object_reactor *reactor; struct slice bucket, key; uint8_t upload_id[16]; uint32_t after, max;
    void (*done)(struct upload_parts *); int err; struct upload_part_entry *entries; uint32_t count; bool truncated;
    int64_t owner_id; uint32_t storage_class; enum checksum_kind checksum_kind; uint32_t checksum_type; struct upload_abortion abortion;
    struct meta_read read;
};
void upload_parts_start(struct upload_parts *);
void upload_parts_fini(struct upload_parts *);
struct upload_list_entry { struct slice key; bool is_prefix; uint8_t upload_id[16]; uint64_t initiated_us; int64_t owner_id; uint32_t storage_class; uint32_t checksum_kind, checksum_type; };
struct upload_list_request { /* ListMultipartUploads */
    struct object_reactor *reactor; struct slice bucket, prefix, delimiter, key_marker; bool has_upload_id_marker; uint8_t upload_id_marker[16]; uint32_t max;
    void (*done)(struct upload_list_request *); int err; struct upload_list_entry *entries; uint32_t count; bool truncated; void *memory; struct meta_read read;
};
void upload_list_start(struct upload_list_request *);
void upload_list_fini(struct upload_list_request *);

/* --- attributes.c: GetObjectAttributes' parts of a completed multipart object --- */
struct object_part_entry { uint32_t part_number; uint64_t size; uint8_t checksum[CHECKSUM_LEN_MAX]; bool has_checksum; };
struct object_parts {
    struct object_reactor *reactor; struct slice bucket, key; bool has_version_id, null_version_id; uint8_t version_id[16]; uint32_t after, max;
    const uint8_t *customer_key;  /* as in object_get */
    void (*done)(struct object_parts *); int err; struct object_info info; struct object_part_entry *entries; uint32_t count; bool truncated; struct meta_read read;
};
void object_parts_start(struct object_parts *);
void object_parts_fini(struct object_parts *);

#endif
