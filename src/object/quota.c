/* See quota.h. */
#include "object/quota.h"

#include "meta/attribute.h"

#define ENCODED_LEN 16

static void put_number(uint8_t *bytes, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(value >> 8 * i);
}

static uint64_t get_number(const uint8_t *bytes)
{
    uint64_t value = 0;
    for (int i = 7; i >= 0; i--)
        value = value << 8 | bytes[i];
    return value;
}

int quota_of_bucket(struct slice bucket_attributes, struct quota *ret)
{
    struct slice kept;
    *ret = (struct quota){0};
    int err = attribute_find(bucket_attributes, ATTRIBUTE_CONFIGURATION, QUOTA_NAME, &kept);
    if (err)
        return err == ERR_NOT_FOUND ? 0 : err;
    if (kept.len != ENCODED_LEN)
        return ERR_CORRUPT;
    const uint8_t *bytes = (const uint8_t *)kept.data;
    *ret = (struct quota){get_number(bytes), get_number(bytes + 8)};
    return 0;
}

/* What stands, without the quota that was, and with the one that comes. */
static int rebuild(struct slice standing, const struct quota *quota, struct text *ret)
{
    struct attribute a;
    size_t position = 0;
    uint8_t encoded[ENCODED_LEN];
    int err = 0;
    while (attribute_next(standing, &position, &a, &err))
        if (a.kind != ATTRIBUTE_CONFIGURATION || !slice_equal_string(a.name, QUOTA_NAME))
            attribute_append(ret, a.kind, a.name, a.value);
    put_number(encoded, quota->bytes);
    put_number(encoded + 8, quota->objects);
    if (quota->bytes || quota->objects)
        attribute_append(ret, ATTRIBUTE_CONFIGURATION, slice_string(QUOTA_NAME), slice_of((const char *)encoded, sizeof(encoded)));
    return err ? err : ret->failed ? ERR_NO_MEMORY : 0;
}

int quota_set(struct meta_tx *tx, struct slice bucket, const struct quota *quota)
{
    struct bucket_row row;
    struct text attributes = {0};
    int err = bucket_get(tx, bucket, &row);
    if (!err)
        err = rebuild(row.attributes, quota, &attributes);
    if (!err) {
        row.attributes = slice_of(attributes.data ? attributes.data : "", attributes.len);
        err = bucket_update(tx, &row);
    }
    text_free(&attributes);
    return err;
}

int quota_check(struct meta_tx *tx, const struct bucket_row *bucket, uint64_t part_size)
{
    struct quota quota;
    struct bucket_usage usage, grown;
    int err = quota_of_bucket(bucket->attributes, &quota);
    if (err || (!quota.bytes && !quota.objects))
        return err;
    grown = usage_of_request(tx, bucket->id);
    grown.bytes += (int64_t)part_size;
    err = usage_get(tx, bucket->id, &usage);
    if (err)
        return err;
    bool too_many = quota.objects && grown.versions > 0 && (uint64_t)usage.versions > quota.objects;
    bool too_much = quota.bytes && grown.bytes > 0 && (uint64_t)usage.bytes + part_size > quota.bytes;
    return too_many || too_much ? ERR_QUOTA_EXCEEDED : 0;
}
