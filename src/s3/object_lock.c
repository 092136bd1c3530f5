/* GET and PUT ?object-lock of buckets, ?retention and ?legal-hold of versions, and the headers of Object Lock. */
#include "s3/object_lock.h"

#include "object/lock.h"
#include "s3/access.h"
#include "s3/answer.h"
#include "s3/attribute_write.h"
#include "s3/body.h"
#include "s3/lookup.h"
#include "s3/object_headers.h"
#include "s3/operations.h"
#include "wire/http_date.h"

#define MODE_HEADER "x-amz-object-lock-mode"
#define UNTIL_HEADER "x-amz-object-lock-retain-until-date"
#define HOLD_HEADER "x-amz-object-lock-legal-hold"

static bool is_future(struct s3_request *r, uint64_t until_us)
{
    return until_us > loop_wall_us(request_objects(r)->loop);
}

/* --- headers --- */

static bool take_retention(struct s3_request *r, struct text *attributes)
{
    struct slice mode = request_header(r, MODE_HEADER), until = request_header(r, UNTIL_HEADER);
    struct lock_retention retention;
    if (!mode.data && !until.data)
        return true;
    if (!mode.data || !until.data) {
        answer_bad_argument(r, UNTIL_HEADER " and " MODE_HEADER " must both be supplied", mode.data ? UNTIL_HEADER : MODE_HEADER, slice_of("", 0));
    } else if (lock_mode_parse(mode, &retention.mode)) {
        answer_bad_argument(r, "Unknown wormMode directive.", MODE_HEADER, mode);
    } else if (iso_date_parse(until, &retention.until_us)) {
        answer_bad_argument(r, "The retain until date must be provided in ISO 8601 format", UNTIL_HEADER, until);
    } else if (!is_future(r, retention.until_us)) {
        answer_bad_argument(r, "The retain until date must be in the future!", UNTIL_HEADER, until);
    } else {
        lock_append_retention(attributes, &retention);
        return true;
    }
    return false;
}

bool object_lock_headers(struct s3_request *r, struct text *attributes)
{
    struct slice hold = request_header(r, HOLD_HEADER);
    bool on = hold.data && slice_equal_string(hold, "ON");
    if (!take_retention(r, attributes))
        return false;
    if (hold.data && !on && !slice_equal_string(hold, "OFF")) {
        answer_bad_argument(r, "Legal hold must be either of 'ON' or 'OFF'", HOLD_HEADER, hold);
        return false;
    }
    if (hold.data)
        lock_append_legal_hold(attributes, on);
    if (attributes->failed)
        answer_error(r, S3_SlowDown);
    return !attributes->failed;
}

static bool is_true(struct s3_request *r, const char *name)
{
    struct slice value = request_header(r, name);
    return value.data && slice_equal_string_nocase(value, "true");
}

bool object_lock_wanted(struct s3_request *r, bool *ret)
{
    struct slice value = request_header(r, "x-amz-bucket-object-lock-enabled");
    *ret = is_true(r, "x-amz-bucket-object-lock-enabled");
    if (!value.data || *ret || slice_equal_string_nocase(value, "false"))
        return true;
    answer_bad_argument(r, "The value is neither true nor false.", "x-amz-bucket-object-lock-enabled", value);
    return false;
}

bool object_lock_bypass(struct s3_request *r, struct slice key)
{
    return is_true(r, "x-amz-bypass-governance-retention") && access_allows(r, ACTION_BypassGovernanceRetention, key, NULL);
}

void object_lock_answer(struct s3_request *r, struct slice attributes)
{
    struct object_lock lock;
    char until[ISO_DATE_SIZE];
    if (lock_of_version(attributes, &lock))
        return; /* such a version cannot go: deleting it says what is wrong */
    if (lock.retention.mode != LOCK_NONE) {
        iso_date_format(lock.retention.until_us, until);
        answer_header(r, MODE_HEADER, lock_mode_name(lock.retention.mode));
        answer_header(r, UNTIL_HEADER, until);
    }
    if (lock.has_hold)
        answer_header(r, HOLD_HEADER, lock.hold ? "ON" : "OFF");
}

bool object_lock_answer_err(struct s3_request *r, int err)
{
    switch (err) {
    case ERR_OBJECT_LOCKED: answer_error_text(r, S3_AccessDenied, "Access Denied because object protected by object lock."); break;
    case ERR_NO_OBJECT_LOCK: answer_error_text(r, S3_InvalidRequest, "Bucket is missing Object Lock Configuration"); break;
    default: return false;
    }
    return true;
}

/* --- ?object-lock --- */

static void got_configuration(struct s3_request *r, const struct object_info *info)
{
    struct lock_configuration configuration;
    struct text t = {0};
    int err = lock_of_bucket(info->attributes, &configuration);
    if (err == ERR_NO_OBJECT_LOCK) {
        answer_error(r, S3_ObjectLockConfigurationNotFoundError);
    } else if (err) {
        answer_err(r, err);
    } else {
        lock_configuration_format(&configuration, &t);
        answer_xml(r, 200, &t);
    }
}

void get_object_lock_configuration_start(struct s3_request *r)
{
    lookup(r, got_configuration);
}

static void put_done(struct s3_request *r)
{
    answer_empty(r, 200);
}

static void malformed(struct s3_request *r, int err)
{
    answer_error(r, err == ERR_NO_MEMORY ? S3_SlowDown : err == ERR_INVALID ? S3_InvalidRetentionPeriod : S3_MalformedXML);
}

/* Writes the entry that text holds. */
static void put_entry(struct s3_request *r, enum attribute_kind kind, const char *name, struct text *entry,
                      int (*check)(const struct object_attribute_update *, const struct bucket_row *, struct slice, uint64_t))
{
    if (entry->failed)
        answer_error(r, S3_SlowDown);
    else
        attribute_write_checked(r, kind, name, slice_of(entry->data ? entry->data : "", entry->len), check,
                                kind == ATTRIBUTE_OBJECT_LOCK && object_lock_bypass(r, request_key(r)), put_done);
    text_free(entry);
}

void put_object_lock_configuration_start(struct s3_request *r)
{
    struct slice body = body_document(r);
    struct lock_configuration configuration;
    struct text entry = {0};
    int err = lock_configuration_parse(body.data, body.len, &configuration);
    if (err) {
        malformed(r, err);
        return;
    }
    lock_append_configuration(&entry, &configuration);
    put_entry(r, ATTRIBUTE_CONFIGURATION, LOCK_CONFIGURATION_NAME, &entry, lock_check_configuration);
}

/* --- ?retention and ?legal-hold --- */

static bool take_lock(struct s3_request *r, const struct object_info *info, struct object_lock *ret)
{
    int err = info->object_lock ? lock_of_version(info->attributes, ret) : ERR_NO_OBJECT_LOCK;
    if (err)
        answer_err(r, err);
    return !err;
}

static void got_retention(struct s3_request *r, const struct object_info *info)
{
    struct object_lock lock;
    struct text t = {0};
    if (!take_lock(r, info, &lock))
        return;
    if (lock.retention.mode == LOCK_NONE) {
        answer_error(r, S3_NoSuchObjectLockConfiguration);
        return;
    }
    lock_retention_format(&lock.retention, &t);
    answer_xml(r, 200, &t);
}

void get_object_retention_start(struct s3_request *r)
{
    lookup(r, got_retention);
}

void put_object_retention_start(struct s3_request *r)
{
    struct slice body = body_document(r);
    struct lock_retention retention;
    struct text entry = {0};
    int err = lock_retention_parse(body.data, body.len, &retention);
    if (err) {
        malformed(r, err);
    } else if (retention.mode != LOCK_NONE && !is_future(r, retention.until_us)) {
        answer_bad_argument(r, "The retain until date must be in the future!", "RetainUntilDate", slice_of("", 0));
    } else {
        if (retention.mode != LOCK_NONE)
            lock_append_retention(&entry, &retention);
        put_entry(r, ATTRIBUTE_OBJECT_LOCK, LOCK_RETENTION_NAME, &entry, lock_check_retention);
    }
}

static void got_legal_hold(struct s3_request *r, const struct object_info *info)
{
    struct object_lock lock;
    struct text t = {0};
    if (!take_lock(r, info, &lock))
        return;
    if (!lock.has_hold) {
        answer_error(r, S3_NoSuchObjectLockConfiguration);
        return;
    }
    lock_legal_hold_format(lock.hold, &t);
    answer_xml(r, 200, &t);
}

void get_object_legal_hold_start(struct s3_request *r)
{
    lookup(r, got_legal_hold);
}

void put_object_legal_hold_start(struct s3_request *r)
{
    struct slice body = body_document(r);
    struct text entry = {0};
    bool on;
    int err = lock_legal_hold_parse(body.data, body.len, &on);
    if (err) {
        malformed(r, err);
        return;
    }
    lock_append_legal_hold(&entry, on);
    put_entry(r, ATTRIBUTE_OBJECT_LOCK, LOCK_LEGAL_HOLD_NAME, &entry, lock_check_legal_hold);
}
