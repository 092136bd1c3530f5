/* See journal.h. */
#include "object/journal.h"

#include <stdio.h>
#include <string.h>

#include "meta/attribute.h"
#include "meta/log.h"
#include "object/object.h"
#include "wire/access_log.h"
#include "wire/version_id.h"

static void copy_name(char *name, size_t size, struct slice from)
{
    snprintf(name, size, "%.*s", (int)from.len, from.data);
}

static int find_owner(struct meta_tx *tx, struct journal *j)
{
    struct account_row account;
    int err = account_get(tx, j->owner_id, &account);
    if (err)
        return err == ERR_NOT_FOUND ? 0 : err;
    copy_name(j->owner, sizeof j->owner, account.canonical_id);
    copy_name(j->account, sizeof j->account, account.number);
    return 0;
}

int journal_open(struct meta_tx *tx, const struct bucket_row *source, struct journal *j)
{
    struct slice value;
    uint64_t modified_us;
    memset(j, 0, sizeof *j);
    if (attribute_find(source->attributes, ATTRIBUTE_CONFIGURATION, LOGGING_ATTRIBUTE, &value))
        return 0;
    int err = logging_decode(value, &j->configuration, &modified_us);
    if (err)
        return err;
    j->on = j->configuration.type == LOGGING_JOURNAL;
    j->owner_id = source->owner_id;
    copy_name(j->source, sizeof j->source, source->name);
    copy_name(j->region, sizeof j->region, source->region);
    if (j->on) {
        j->time_us = meta_tx_clock(tx);
        err = find_owner(tx, j);
    }
    if (err)
        logging_fini(&j->configuration);
    return err;
}

void journal_add(struct journal *j, const char *operation, struct slice key, const struct version_row *version)
{
    char id[VERSION_ID_TEXT_SIZE] = "", etag[64] = "";
    if (!j->on || !logging_wants_key(&j->configuration, key))
        return;
    if (version->version_id.len == VERSION_ID_LEN)
        version_id_format((const uint8_t *)version->version_id.data, id);
    if (version->etag.len)
        object_etag_format((const uint8_t *)version->etag.data, (uint32_t)version->etag.len, etag);
    struct access_log_change change = {slice_string(j->owner), slice_string(j->source), j->time_us, slice_string(operation), key,
                                       version->size, slice_string(id), slice_string(etag)};
    access_log_format_change(&change, &j->records);
}

/* A target that is gone takes no records: there is nobody to read them. */
static int append(struct meta_tx *tx, struct journal *j)
{
    struct access_log_source source = {slice_string(j->account), slice_string(j->region), slice_string(j->source)};
    struct bucket_row target;
    struct text head = {0};
    int err = bucket_get(tx, j->configuration.bucket, &target);
    if (err)
        return err == ERR_NO_SUCH_BUCKET ? 0 : err;
    access_log_head(&head, &j->configuration, &source, j->time_us);
    struct log_stream_row stream = {
        .target_id = target.id,
        .target = j->configuration.bucket,
        .format = (uint32_t)j->configuration.format | LOG_STREAM_JOURNAL,
        .head = slice_of(head.data ? head.data : "", head.len),
        .roll_us = j->configuration.roll_time_s * 1000000ull,
    };
    err = head.failed ? ERR_NO_MEMORY : log_append(tx, &stream, j->time_us, slice_of(j->records.data, j->records.len));
    text_free(&head);
    return err;
}

int journal_close(struct meta_tx *tx, struct journal *j, int err)
{
    if (!err && j->records.failed)
        err = ERR_NO_MEMORY;
    if (!err && j->records.len)
        err = append(tx, j);
    logging_fini(&j->configuration);
    text_free(&j->records);
    return err;
}
