#include "object/info.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void object_info_fini(struct object_info *info)
{
    free(info->memory);
    free(info->expire_rule_memory);
    *info = (struct object_info){0};
}

int object_info_set(struct object_info *info, const struct version_row *row, enum bucket_versioning versioning)
{
    object_info_fini(info);
    if (row->etag.len > sizeof(info->etag) || (row->version_id.len && row->version_id.len != sizeof(info->version_id)))
        return ERR_CORRUPT;
    char *memory = malloc(row->attributes.len + 1);
    if (!memory)
        return ERR_NO_MEMORY;
    if (row->attributes.len)
        memcpy(memory, row->attributes.data, row->attributes.len);
    info->memory = memory;
    info->attributes = slice_of(memory, row->attributes.len);
    info->size = row->size;
    info->etag_len = (uint32_t)row->etag.len;
    if (row->etag.len)
        memcpy(info->etag, row->etag.data, row->etag.len);
    if (row->etag.len == 20)
        info->part_count = (uint32_t)info->etag[16] << 24 | (uint32_t)info->etag[17] << 16 | (uint32_t)info->etag[18] << 8 | info->etag[19];
    info->modified_us = row->modified_us;
    info->delete_marker = row->flags & VERSION_DELETE_MARKER;
    info->encrypted = row->flags & VERSION_ENCRYPTED;
    info->null_version = row->version_id.len == 0;
    if (row->version_id.len)
        memcpy(info->version_id, row->version_id.data, sizeof(info->version_id));
    info->versioning = versioning;
    info->storage_class = row->storage_class;
    info->owner_id = row->owner_id;
    return 0;
}

void object_etag_format(const uint8_t *etag, uint32_t etag_len, char *text)
{
    static const char digits[] = "0123456789abcdef";
    char *end = text;
    for (uint32_t i = 0; i < 16 && i < etag_len; i++) {
        *end++ = digits[etag[i] >> 4];
        *end++ = digits[etag[i] & 15];
    }
    *end = '\0';
    if (etag_len == 20) {
        uint32_t count = (uint32_t)etag[16] << 24 | (uint32_t)etag[17] << 16 | (uint32_t)etag[18] << 8 | etag[19];
        snprintf(end, 12, "-%u", count);
    }
}

void object_id_make(uint8_t id[16], uint64_t clock, uint64_t random)
{
    for (int i = 0; i < 8; i++) {
        id[i] = (uint8_t)(clock >> (56 - 8 * i));
        id[8 + i] = (uint8_t)(random >> (56 - 8 * i));
    }
}

uint64_t object_id_clock(const uint8_t id[16])
{
    uint64_t clock = 0;
    for (int i = 0; i < 8; i++)
        clock = clock << 8 | id[i];
    return clock;
}

int object_version_rank(const uint8_t version_id[16], int64_t *ret_rank)
{
    uint64_t clock = object_id_clock(version_id);
    if (clock == 0 || clock > INT64_MAX)
        return ERR_INVALID;
    *ret_rank = version_rank(clock);
    return 0;
}

struct condition_subject object_subject(const struct version_row *row)
{
    if (!row || (row->flags & VERSION_DELETE_MARKER))
        return (struct condition_subject){0};
    return (struct condition_subject){true, row->size, row->modified_us, (const uint8_t *)row->etag.data, (uint32_t)row->etag.len};
}

int object_find_version(struct meta_tx *tx, int64_t bucket_id, struct slice key, bool has_version_id, bool null_version_id,
                        const uint8_t version_id[16], struct version_row *ret)
{
    if (!has_version_id)
        return version_current(tx, bucket_id, key, ret);
    if (null_version_id)
        return version_get(tx, bucket_id, key, slice_of("", 0), ret);
    int64_t rank; /* a version's id carries its rank */
    if (object_version_rank(version_id, &rank))
        return ERR_NO_SUCH_VERSION;
    int err = version_at(tx, bucket_id, key, rank, ret);
    if (!err && !slice_equal(ret->version_id, slice_of((const char *)version_id, 16)))
        return ERR_NO_SUCH_VERSION;
    return err;
}

enum checksum_kind object_upload_checksum(const uint8_t upload_id[16], uint32_t *ret_type)
{
    *ret_type = upload_id[15] >> 4 & 7;
    return (enum checksum_kind)(upload_id[15] & 15);
}

bool object_upload_encrypted(const uint8_t upload_id[16])
{
    return upload_id[15] & OBJECT_UPLOAD_ENCRYPTED;
}
