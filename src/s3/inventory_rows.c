/* See inventory_rows.h. Every value stands in quotes; keys are percent-encoded, so that no value has one inside. */
#include "s3/inventory_rows.h"

#include <stdio.h>

#include "meta/attribute.h"
#include "object/encryption.h"
#include "object/lifecycle_tx.h"
#include "object/lock.h"
#include "wire/acl.h"
#include "wire/http_date.h"
#include "wire/storage_class.h"
#include "wire/uri.h"
#include "wire/version_id.h"

/* What a row is made of. */
struct subject {
    struct meta_tx *tx;
    const struct bucket_row *bucket;
    const struct version_row *row;
    bool latest;
    struct text *csv;
    int64_t owner_id;  /* whose canonical id is known */
    char canonical_id[CANONICAL_ID_LEN + 1];
};

static void append(struct subject *s, const char *value)
{
    text_append_string(s->csv, ",\"");
    text_append_string(s->csv, value);
    text_append_string(s->csv, "\"");
}

static void append_bool(struct subject *s, bool value)
{
    append(s, value ? "true" : "false");
}

static void append_time(struct subject *s, uint64_t time_us)
{
    char date[ISO_DATE_SIZE];
    iso_date_format(time_us, date);
    append(s, date);
}

static const char *encryption_status(const struct encryption *e)
{
    static const char *const names[] = {[ENCRYPTION_NONE] = "NOT-SSE", [ENCRYPTION_S3] = "SSE-S3", [ENCRYPTION_KMS] = "SSE-KMS",
                                        [ENCRYPTION_CUSTOMER] = "SSE-C"};
    return names[e->mode];
}

static void append_checksum(struct subject *s)
{
    struct attribute a;
    size_t position = 0;
    int err = 0; /* damaged attributes were found before: by encryption_of */
    while (attribute_next(s->row->attributes, &position, &a, &err))
        if (a.kind == ATTRIBUTE_CHECKSUM && a.name.len == 2) {
            const char *name = checksum_name((enum checksum_kind)a.name.data[0]);
            append(s, name ? name : "");
            return;
        }
    append(s, "");
}

static int find_owner(struct subject *s, int64_t id)
{
    struct account_row account;
    if (s->owner_id == id)
        return 0;
    int err = account_get(s->tx, id, &account);
    if (err && err != ERR_NOT_FOUND)
        return err;
    s->owner_id = id;
    s->canonical_id[0] = '\0';
    if (!err && account.canonical_id.len < sizeof s->canonical_id) {
        memcpy(s->canonical_id, account.canonical_id.data, account.canonical_id.len);
        s->canonical_id[account.canonical_id.len] = '\0';
    }
    return 0;
}

static void append_grant(struct text *json, const struct acl_grant *grant, struct slice owner, bool first)
{
    const char *uri = acl_group_uri(grant->grantee);
    struct slice id = grant->grantee == ACL_CANONICAL_USER ? grant->id : owner;
    text_append_string(json, first ? "" : ",");
    if (uri)
        text_append_format(json, "{\"uri\":\"%s\",\"type\":\"Group\"", uri);
    else
        text_append_format(json, "{\"canonicalId\":\"%.*s\",\"type\":\"CanonicalUser\"", (int)id.len, id.data);
    text_append_format(json, ",\"permission\":\"%s\"}", acl_permission_name(grant->permission));
}

/* Base64 of S3's JSON for it. */
static int append_acl(struct subject *s)
{
    struct slice acl;
    struct acl_grant grant;
    struct text json = {0};
    size_t position = 0;
    bool first = true;
    int err = 0;
    if (attribute_find(s->row->attributes, ATTRIBUTE_CONFIGURATION, "acl", &acl))
        acl = slice_string("private");
    text_append_string(&json, "{\"version\":\"2022-11-10\",\"status\":\"AVAILABLE\",\"grants\":[");
    for (; acl_next(acl, &position, &grant, &err); first = false) {
        if (grant.grantee == ACL_BUCKET_OWNER)
            err = find_owner(s, s->bucket->owner_id);
        else
            err = find_owner(s, s->row->owner_id);
        if (err)
            break;
        append_grant(&json, &grant, slice_string(s->canonical_id), first);
    }
    text_append_string(&json, "]}");
    text_append_string(s->csv, ",\"");
    text_append_base64(s->csv, json.data, json.len);
    text_append_string(s->csv, "\"");
    text_free(&json);
    return err;
}

static int append_expiration(struct subject *s)
{
    struct object_info info = {0};
    int err = s->latest ? lifecycle_tx_describe(&info, s->bucket, s->row) : 0;
    if (info.expire_us)
        append_time(s, info.expire_us);
    else
        append(s, "");
    object_info_fini(&info);
    return err;
}

static void append_etag(struct subject *s)
{
    char text[44];
    object_etag_format((const uint8_t *)s->row->etag.data, (uint32_t)s->row->etag.len, text);
    append(s, text);
}

static void append_size(struct subject *s)
{
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)s->row->size);
    append(s, text);
}

static int append_field(struct subject *s, enum inventory_field field, const struct encryption *e, const struct object_lock *lock)
{
    const char *mode = lock_mode_name(lock->retention.mode);
    switch (field) {
    case INVENTORY_Size: append_size(s); break;
    case INVENTORY_LastModifiedDate: append_time(s, s->row->modified_us); break;
    case INVENTORY_ETag: append_etag(s); break;
    case INVENTORY_StorageClass: append(s, storage_class_name(s->row->storage_class)); break;
    case INVENTORY_IsMultipartUploaded: append_bool(s, s->row->etag.len > 16); break;
    case INVENTORY_EncryptionStatus: append(s, encryption_status(e)); break;
    case INVENTORY_ObjectLockRetainUntilDate: mode ? append_time(s, lock->retention.until_us) : append(s, ""); break;
    case INVENTORY_ObjectLockMode: append(s, mode ? mode : ""); break;
    case INVENTORY_ObjectLockLegalHoldStatus: append(s, lock->has_hold ? (lock->hold ? "ON" : "OFF") : ""); break;
    case INVENTORY_BucketKeyStatus: append(s, e->mode == ENCRYPTION_KMS ? (e->bucket_key ? "ENABLED" : "DISABLED") : ""); break;
    case INVENTORY_ChecksumAlgorithm: append_checksum(s); break;
    case INVENTORY_ObjectAccessControlList: return append_acl(s);
    case INVENTORY_LifecycleExpirationDate: return append_expiration(s);
    case INVENTORY_ObjectOwner: {
        int err = find_owner(s, s->row->owner_id);
        append(s, s->canonical_id);
        return err;
    }
    case INVENTORY_ReplicationStatus: case INVENTORY_IntelligentTieringAccessTier: case INVENTORY_FIELD_COUNT:
        append(s, ""); /* there is none of it here */
    }
    return 0;
}

static void append_version_id(struct subject *s)
{
    char id[VERSION_ID_TEXT_SIZE] = ""; /* the null version's is empty */
    if (s->row->version_id.len == VERSION_ID_LEN)
        version_id_format((const uint8_t *)s->row->version_id.data, id);
    append(s, id);
}

/* Of a delete marker only what it is, and when and whose. */
static bool marker_has(enum inventory_field field)
{
    return field == INVENTORY_LastModifiedDate || field == INVENTORY_ObjectOwner;
}

static int append_row(struct subject *s, const struct inventory_configuration *c)
{
    struct encryption e;
    struct object_lock lock;
    bool marker = s->row->flags & VERSION_DELETE_MARKER;
    int err = encryption_of(s->row->attributes, &e);
    if (!err)
        err = lock_of_version(s->row->attributes, &lock);
    if (err)
        return err;
    text_append_string(s->csv, "\"");
    text_append(s->csv, s->bucket->name.data, s->bucket->name.len);
    text_append_string(s->csv, "\",\"");
    uri_encode(s->csv, s->row->key, true);
    text_append_string(s->csv, "\"");
    if (c->all_versions) {
        append_version_id(s);
        append_bool(s, s->latest);
        append_bool(s, marker);
    }
    for (unsigned i = 0; i < INVENTORY_FIELD_COUNT && !err; i++) {
        if (!(c->fields >> i & 1))
            continue;
        if (marker && !marker_has((enum inventory_field)i))
            append(s, "");
        else
            err = append_field(s, (enum inventory_field)i, &e, &lock);
    }
    text_append_string(s->csv, "\n");
    return err;
}

static bool key_wanted(const struct inventory_configuration *c, struct slice key)
{
    return key.len >= c->prefix.len && (c->prefix.len == 0 || memcmp(key.data, c->prefix.data, c->prefix.len) == 0);
}

static int take_row(struct subject *s, const struct inventory_configuration *c, struct inventory_page *page)
{
    struct inventory_place *place = &page->next;
    s->latest = !place->begun || !slice_equal(s->row->key, slice_of(place->key.data ? place->key.data : "", place->key.len));
    if (s->latest) {
        text_clear(&place->key);
        text_append(&place->key, s->row->key.data, s->row->key.len);
    }
    place->rank = s->row->rank;
    place->begun = true;
    if (!c->all_versions && (!s->latest || s->row->flags & VERSION_DELETE_MARKER))
        return 0;
    page->count++;
    return append_row(s, c);
}

static int walk(struct meta_tx *tx, const struct inventory_configuration *c, const struct bucket_row *bucket, struct inventory_page *page)
{
    struct inventory_place *place = &page->next;
    struct slice from = place->begun ? slice_of(place->key.data ? place->key.data : "", place->key.len) : c->prefix.data ? c->prefix : slice_of("", 0);
    struct version_cursor cursor;
    struct version_row row;
    struct subject s = {.tx = tx, .bucket = bucket, .row = &row, .csv = &page->csv};
    int64_t rank = place->rank;
    int err = version_seek(tx, bucket->id, from, true, place->begun ? &rank : NULL, &cursor);
    if (err)
        return err;
    for (uint32_t i = 0; i < INVENTORY_PAGE_ROWS && page->csv.len < INVENTORY_PAGE_BYTES && !err && !page->last; i++) {
        err = version_next(&cursor, &row);
        page->last = err == ERR_NOT_FOUND || (!err && !key_wanted(c, row.key));
        if (!err && !page->last)
            err = take_row(&s, c, page);
    }
    version_cursor_close(&cursor);
    err = err == ERR_NOT_FOUND ? 0 : err;
    return err ? err : page->csv.failed || place->key.failed ? ERR_NO_MEMORY : 0;
}

int inventory_page_read(struct meta_tx *tx, const struct inventory_configuration *c, int64_t bucket_id, const struct inventory_place *place,
                        struct inventory_page *page)
{
    struct bucket_row bucket;
    text_clear(&page->csv);
    text_clear(&page->next.key);
    text_append(&page->next.key, place->key.data ? place->key.data : "", place->key.len);
    page->next.rank = place->rank;
    page->next.begun = place->begun;
    page->count = 0;
    page->last = false;
    int err = bucket_get_by_id(tx, bucket_id, &bucket);
    return err ? err : walk(tx, c, &bucket, page);
}

void inventory_page_fini(struct inventory_page *page)
{
    text_free(&page->csv);
    text_free(&page->next.key);
}
