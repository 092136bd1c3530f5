/* See lock.h. */
#include "object/lock.h"

int lock_of_bucket(struct slice bucket_attributes, struct lock_configuration *ret)
{
    struct slice kept;
    int err = attribute_find(bucket_attributes, ATTRIBUTE_CONFIGURATION, LOCK_CONFIGURATION_NAME, &kept);
    return err == ERR_NOT_FOUND ? ERR_NO_OBJECT_LOCK : err ? err : lock_configuration_decode(kept, ret);
}

int lock_of_version(struct slice attributes, struct object_lock *ret)
{
    struct attribute a;
    size_t position = 0;
    int err = 0;
    *ret = (struct object_lock){0};
    while (!err && attribute_next(attributes, &position, &a, &err)) {
        if (a.kind != ATTRIBUTE_OBJECT_LOCK)
            continue;
        if (slice_equal_string(a.name, LOCK_RETENTION_NAME)) {
            err = lock_retention_decode(a.value, &ret->retention);
        } else if (slice_equal_string(a.name, LOCK_LEGAL_HOLD_NAME)) {
            ret->has_hold = true;
            ret->hold = slice_equal_string(a.value, "ON");
        } else {
            err = ERR_CORRUPT;
        }
    }
    return err;
}

void lock_append_configuration(struct text *attributes, const struct lock_configuration *configuration)
{
    uint8_t bytes[LOCK_CONFIGURATION_LEN];
    lock_configuration_encode(configuration, bytes);
    attribute_append(attributes, ATTRIBUTE_CONFIGURATION, slice_string(LOCK_CONFIGURATION_NAME), slice_of((const char *)bytes, sizeof bytes));
}

void lock_append_retention(struct text *attributes, const struct lock_retention *retention)
{
    uint8_t bytes[LOCK_RETENTION_LEN];
    lock_retention_encode(retention, bytes);
    attribute_append(attributes, ATTRIBUTE_OBJECT_LOCK, slice_string(LOCK_RETENTION_NAME), slice_of((const char *)bytes, sizeof bytes));
}

void lock_append_legal_hold(struct text *attributes, bool on)
{
    attribute_append(attributes, ATTRIBUTE_OBJECT_LOCK, slice_string(LOCK_LEGAL_HOLD_NAME), slice_string(on ? "ON" : "OFF"));
}

int lock_check_removal(struct meta_tx *tx, struct slice attributes, bool bypass_governance)
{
    static const struct lock_retention none;
    struct object_lock lock;
    int err = lock_of_version(attributes, &lock);
    if (err || lock.hold)
        return err ? err : ERR_OBJECT_LOCKED;
    if (lock.retention.mode == LOCK_NONE)
        return 0;
    return lock_retention_may_become(&lock.retention, &none, bypass_governance, meta_tx_clock(tx)) ? 0 : ERR_OBJECT_LOCKED;
}

int lock_check_new(struct slice bucket_attributes, struct slice attributes)
{
    struct object_lock lock;
    struct lock_configuration configuration;
    int err = lock_of_version(attributes, &lock);
    if (err || (lock.retention.mode == LOCK_NONE && !lock.has_hold))
        return err;
    return lock_of_bucket(bucket_attributes, &configuration);
}

int lock_apply_default(struct meta_tx *tx, struct slice bucket_attributes, struct slice attributes, struct text *ret, bool *ret_changed)
{
    struct object_lock lock;
    struct lock_configuration configuration;
    *ret_changed = false;
    int err = lock_check_new(bucket_attributes, attributes);
    if (err)
        return err;
    err = lock_of_bucket(bucket_attributes, &configuration);
    if (err || configuration.mode == LOCK_NONE)
        return err == ERR_NO_OBJECT_LOCK ? 0 : err;
    err = lock_of_version(attributes, &lock);
    if (err || lock.retention.mode != LOCK_NONE)
        return err;
    struct lock_retention retention = lock_configuration_retention(&configuration, meta_tx_clock(tx));
    text_append(ret, attributes.data, attributes.len);
    lock_append_retention(ret, &retention);
    *ret_changed = true;
    return ret->failed ? ERR_NO_MEMORY : 0;
}

int lock_check_configuration(const struct object_attribute_update *u, const struct bucket_row *bucket, struct slice standing, uint64_t now_us)
{
    (void)u;
    (void)standing;
    (void)now_us;
    return bucket->versioning == BUCKET_VERSIONING_ENABLED ? 0 : ERR_BUCKET_STATE;
}

int lock_check_retention(const struct object_attribute_update *u, const struct bucket_row *bucket, struct slice standing, uint64_t now_us)
{
    struct lock_configuration configuration;
    struct object_lock old, fresh;
    int err = lock_of_bucket(bucket->attributes, &configuration);
    if (!err)
        err = lock_of_version(standing, &old);
    if (!err)
        err = lock_of_version(u->replacement, &fresh);
    if (err)
        return err;
    return lock_retention_may_become(&old.retention, &fresh.retention, u->bypass_governance, now_us) ? 0 : ERR_OBJECT_LOCKED;
}

int lock_check_legal_hold(const struct object_attribute_update *u, const struct bucket_row *bucket, struct slice standing, uint64_t now_us)
{
    struct lock_configuration configuration;
    (void)u;
    (void)standing;
    (void)now_us;
    return lock_of_bucket(bucket->attributes, &configuration);
}
