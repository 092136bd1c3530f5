/* See inventory_report.h. One object after the other: the data files take pages of rows as long as there are some, the others are ready
 * texts. */
#include "s3/inventory_report.h"

#include <stdio.h>
#include <stdlib.h>

#include <isa-l/igzip_lib.h>

#include "base/container.h"
#include "base/uuid.h"
#include "meta/attribute.h"
#include "meta/inventory.h"
#include "s3/service_access.h"
#include "wire/http_date.h"

#define SERVICE "s3.amazonaws.com"
#define DEFLATE_STEP 65536

enum stage { STAGE_DATA, STAGE_SYMLINK, STAGE_MANIFEST, STAGE_CHECKSUM };

struct inventory_deflate { struct isal_zstream stream; uint8_t level_buffer[ISAL_DEF_LVL1_DEFAULT]; };

static void begin_object(struct inventory_report *r);
static void read_page(struct inventory_report *r);

static void finish(struct inventory_report *r, int err)
{
    object_put_free(r->put);
    r->put = NULL;
    r->err = err;
    r->done(r);
}

/* --- the configuration, and whether its destination takes reports --- */

static int look_at_destination(struct meta_tx *tx, struct inventory_report *r, int64_t source_owner_id)
{
    struct bucket_row destination;
    const struct service_source source = {slice_of(r->source.data, r->source.len), source_owner_id};
    bool allowed;
    int err = bucket_get(tx, r->configuration.bucket, &destination);
    if (err) {
        r->why = err == ERR_NO_SUCH_BUCKET ? "its destination does not exist" : NULL;
        return err;
    }
    r->destination_owner_id = destination.owner_id;
    struct slice prefix = r->configuration.destination_prefix.data ? r->configuration.destination_prefix : slice_of("", 0);
    err = service_may_put(tx, &destination, r->configuration.bucket, prefix, SERVICE, &source, &allowed);
    if (err || allowed)
        return err;
    r->why = "the policy of its destination does not allow s3:PutObject to " SERVICE;
    return ERR_ACCESS;
}

static int run_look(struct meta_tx *tx, struct meta_read *read)
{
    struct inventory_report *r = container_of(read, struct inventory_report, read);
    struct inventory_row row;
    struct bucket_row bucket;
    r->why = NULL;
    if (r->configuration.document)
        inventory_fini(&r->configuration);
    int err = inventory_get(tx, r->bucket_id, slice_of(r->id.data, r->id.len), &row);
    if (!err)
        err = inventory_parse(row.document.data, row.document.len, &r->configuration) ? ERR_CORRUPT : 0;
    if (!err)
        err = bucket_get_by_id(tx, r->bucket_id, &bucket);
    if (err)
        return err;
    int64_t owner_id = bucket.owner_id;
    text_clear(&r->source);
    text_append(&r->source, bucket.name.data, bucket.name.len);
    return r->source.failed ? ERR_NO_MEMORY : look_at_destination(tx, r, owner_id);
}

/* PREFIX/SOURCE/ID/ */
static void append_folder(const struct inventory_report *r, struct text *t)
{
    const struct inventory_configuration *c = &r->configuration;
    text_append(t, c->destination_prefix.data ? c->destination_prefix.data : "", c->destination_prefix.len);
    text_append_format(t, "%s%s/%s/", c->destination_prefix.len ? "/" : "", r->source.data, r->id.data);
}

static void look_done(struct meta_read *read)
{
    struct inventory_report *r = container_of(read, struct inventory_report, read);
    char date[ISO_DATE_SIZE];
    r->read.loop = NULL;
    if (read->err || r->stopping) {
        finish(r, read->err ? read->err : ERR_CANCELLED);
        return;
    }
    r->begun_us = loop_wall_us(r->reactor->loop);
    iso_date_format(r->begun_us, date); /* 2026-01-02T03:04:05.000Z */
    text_append_format(&r->stamp, "%.13s-%.2s", date, date + 14);
    begin_object(r);
}

/* --- an object --- */

static void name_data(struct inventory_report *r)
{
    uint64_t random[2] = {loop_random(r->reactor->loop), loop_random(r->reactor->loop)};
    struct uuid uuid = uuid_from_random((const uint8_t *)random);
    char text[UUID_TEXT_SIZE];
    uuid_format(&uuid, text);
    append_folder(r, &r->key);
    text_append_format(&r->key, "data/%s.csv.gz", text);
}

/* For Hive: dt=2026-01-02-03-04. */
static void name_symlink(struct inventory_report *r)
{
    append_folder(r, &r->key);
    text_append_format(&r->key, "hive/dt=%.10s-%s/symlink.txt", r->stamp.data, r->stamp.data + 11);
}

static void name_manifest(struct inventory_report *r, const char *what)
{
    append_folder(r, &r->key);
    text_append_format(&r->key, "%sZ/manifest.%s", r->stamp.data, what);
}

static void append_json_text(struct text *t, const char *text)
{
    text_append_string(t, "\"");
    for (const char *c = text; *c; c++) {
        if (*c == '"' || *c == '\\')
            text_append_format(t, "\\%c", *c);
        else if ((unsigned char)*c < 0x20)
            text_append_format(t, "\\u%04x", *c);
        else
            text_append(t, c, 1);
    }
    text_append_string(t, "\"");
}

static void write_manifest(struct inventory_report *r)
{
    struct text *t = &r->manifest;
    text_append_string(t, "{\"sourceBucket\":");
    append_json_text(t, r->source.data);
    text_append_format(t, ",\"destinationBucket\":\"arn:aws:s3:::%.*s\",\"version\":\"2016-11-30\",\"creationTimestamp\":\"%llu\",\"fileFormat\":\"CSV\","
                       "\"fileSchema\":\"", (int)r->configuration.bucket.len, r->configuration.bucket.data, (unsigned long long)(r->begun_us / 1000));
    inventory_schema(&r->configuration, t);
    text_append_string(t, "\",\"files\":[");
    text_append(t, r->files.data ? r->files.data : "", r->files.len);
    text_append_string(t, "]}");
}

static void write_checksum(struct inventory_report *r)
{
    uint8_t md5[MD5_LEN];
    md5_of(r->manifest.data, r->manifest.len, md5);
    text_append_hex(&r->out, md5, sizeof md5);
}

static int start_deflate(struct inventory_report *r)
{
    if (!r->deflate && !(r->deflate = malloc(sizeof *r->deflate)))
        return ERR_NO_MEMORY;
    isal_deflate_init(&r->deflate->stream);
    r->deflate->stream.gzip_flag = IGZIP_GZIP;
    r->deflate->stream.level = 1;
    r->deflate->stream.level_buf = r->deflate->level_buffer;
    r->deflate->stream.level_buf_size = sizeof r->deflate->level_buffer;
    r->file_rows = r->file_size = 0;
    return r->md5 ? 0 : digest_stream_new(r->reactor->md5, &r->md5);
}

/* Appends to out what becomes of the bytes; of the last ones all that is left. */
static int deflate(struct inventory_report *r, struct text *csv, bool last)
{
    struct isal_zstream *z = &r->deflate->stream;
    z->next_in = (uint8_t *)csv->data;
    z->avail_in = (uint32_t)csv->len;
    z->end_of_stream = last;
    z->flush = NO_FLUSH;
    do {
        if (!text_reserve(&r->out, DEFLATE_STEP))
            return ERR_NO_MEMORY;
        z->next_out = (uint8_t *)r->out.data + r->out.len;
        z->avail_out = DEFLATE_STEP;
        if (isal_deflate(z) != COMP_OK)
            return ERR_IO;
        r->out.len += DEFLATE_STEP - z->avail_out;
    } while (z->avail_out == 0 || z->avail_in);
    return 0;
}

/* --- what is put --- */

static void put_ready(void *arg)
{
    struct inventory_report *r = arg;
    if (r->stopping)
        return;
    while (r->written < r->out.len) {
        size_t taken = object_put_write(r->put, r->out.data + r->written, r->out.len - r->written);
        r->written += taken;
        if (!taken)
            return;
    }
    if (r->finishing)
        return;
    if (r->stage != STAGE_DATA || r->ended) {
        r->finishing = true;
        object_put_finish(r->put, NULL, NULL);
    } else if (!r->read.loop) {
        read_page(r);
    }
}

static void note_file(struct inventory_report *r)
{
    uint8_t md5[MD5_LEN];
    digest_stream_final(r->md5, md5);
    text_append_string(&r->files, r->files.len ? ",{\"key\":" : "{\"key\":");
    append_json_text(&r->files, r->key.data);
    text_append_format(&r->files, ",\"size\":%llu,\"MD5checksum\":\"", (unsigned long long)r->file_size);
    text_append_hex(&r->files, md5, sizeof md5);
    text_append_string(&r->files, "\"}");
    text_append_format(&r->symlink, "s3://%.*s/%s\n", (int)r->configuration.bucket.len, r->configuration.bucket.data, r->key.data);
}

static void put_done(void *arg, int err)
{
    struct inventory_report *r = arg;
    if (err || r->stopping) {
        finish(r, r->err ? r->err : err ? err : ERR_CANCELLED);
        return;
    }
    if (r->stage == STAGE_CHECKSUM) {
        finish(r, 0);
        return;
    }
    if (r->stage == STAGE_DATA)
        note_file(r);
    if (r->stage != STAGE_DATA || r->page.last)
        r->stage++;
    begin_object(r);
}

static int with_checksum(struct meta_tx *tx, void *arg)
{
    const struct inventory_report *r = arg;
    uint64_t period = r->day_us * (r->configuration.weekly ? 7 : 1);
    return inventory_set_due(tx, r->bucket_id, slice_of(r->id.data, r->id.len), r->begun_us + period);
}

static int prepare(struct inventory_report *r, const char **ret_type)
{
    text_clear(&r->key);
    text_clear(&r->out);
    r->written = 0;
    r->finishing = false;
    switch ((enum stage)r->stage) {
    case STAGE_DATA:
        *ret_type = "application/gzip";
        name_data(r);
        r->ended = false;
        return start_deflate(r);
    case STAGE_SYMLINK:
        *ret_type = "text/plain";
        name_symlink(r);
        text_append(&r->out, r->symlink.data, r->symlink.len);
        break;
    case STAGE_MANIFEST:
        *ret_type = "application/json";
        name_manifest(r, "json");
        write_manifest(r);
        text_append(&r->out, r->manifest.data, r->manifest.len);
        break;
    case STAGE_CHECKSUM:
        *ret_type = "text/plain";
        name_manifest(r, "checksum");
        write_checksum(r);
    }
    return 0;
}

static struct encryption asked_encryption(const struct inventory_configuration *c)
{
    static const enum encryption_mode modes[] = {[INVENTORY_NOT_ENCRYPTED] = ENCRYPTION_NONE, [INVENTORY_SSE_S3] = ENCRYPTION_S3,
                                                 [INVENTORY_SSE_KMS] = ENCRYPTION_KMS};
    return (struct encryption){.mode = modes[c->encryption], .key_id = c->encryption == INVENTORY_SSE_KMS ? c->key_id : slice_of("", 0)};
}

static int open_put(struct inventory_report *r, const char *type)
{
    struct text attributes = {0};
    attribute_append(&attributes, ATTRIBUTE_HEADER, slice_string("content-type"), slice_string(type));
    struct object_put_options options = {
        .reactor = r->reactor,
        .target = PUT_OBJECT,
        .bucket = r->configuration.bucket,
        .key = slice_of(r->key.data, r->key.len),
        .attributes = slice_of(attributes.data, attributes.len),
        .owner_id = r->destination_owner_id,
        .size = r->stage == STAGE_DATA ? UINT64_MAX : r->out.len,
        .checksum = CHECKSUM_CRC64NVME,
        .encryption = asked_encryption(&r->configuration),
        .with = r->stage == STAGE_CHECKSUM ? with_checksum : NULL,
        .ready = put_ready,
        .done = put_done,
        .arg = r,
    };
    object_put_free(r->put);
    r->put = NULL;
    bool failed = attributes.failed || r->key.failed || r->out.failed || r->files.failed || r->symlink.failed || r->manifest.failed;
    int err = failed ? ERR_NO_MEMORY : object_put_new(&options, &r->put);
    text_free(&attributes);
    return err;
}

static void begin_object(struct inventory_report *r)
{
    const char *type = NULL;
    int err = prepare(r, &type);
    if (!err)
        err = open_put(r, type);
    if (err)
        finish(r, err);
    else
        put_ready(r);
}

/* --- pages of a data file --- */

static int run_page(struct meta_tx *tx, struct meta_read *read)
{
    struct inventory_report *r = container_of(read, struct inventory_report, read);
    return inventory_page_read(tx, &r->configuration, r->bucket_id, &r->place, &r->page);
}

/* Leaves the put without its last bytes: nothing of it stays. */
static void give_up(struct inventory_report *r, int err)
{
    r->stopping = true;
    r->err = err;
    object_put_abort(r->put);
}

static void page_done(struct meta_read *read)
{
    struct inventory_report *r = container_of(read, struct inventory_report, read);
    int err = read->err;
    r->read.loop = NULL;
    if (!err && !r->stopping) {
        struct text passed = r->place.key;
        r->place = r->page.next;
        r->page.next = (struct inventory_place){.key = passed};
        r->file_rows += r->page.count;
        r->ended = r->page.last || r->file_rows >= INVENTORY_FILE_ROWS;
        text_clear(&r->out);
        r->written = 0;
        err = deflate(r, &r->page.csv, r->ended);
    }
    if (err || r->stopping) {
        give_up(r, err ? err : ERR_CANCELLED);
        return;
    }
    digest_stream_update(r->md5, r->out.data, r->out.len);
    r->file_size += r->out.len;
    put_ready(r);
}

static void read_page(struct inventory_report *r)
{
    r->read = (struct meta_read){.run = run_page, .done = page_done, .loop = r->reactor->loop};
    meta_read(r->reactor->meta, &r->read);
}

/* --- its life --- */

void inventory_report_start(struct inventory_report *r)
{
    r->read = (struct meta_read){.run = run_look, .done = look_done, .loop = r->reactor->loop};
    meta_read(r->reactor->meta, &r->read);
}

void inventory_report_stop(struct inventory_report *r)
{
    if (r->stopping)
        return;
    r->stopping = true;
    if (r->put && !r->read.loop) /* a read under way ends it */
        object_put_abort(r->put);
}

void inventory_report_fini(struct inventory_report *r)
{
    object_put_free(r->put);
    digest_stream_free(r->md5);
    free(r->deflate);
    if (r->configuration.document)
        inventory_fini(&r->configuration);
    inventory_page_fini(&r->page);
    struct text *const texts[] = {&r->id, &r->source, &r->key, &r->stamp, &r->out, &r->files, &r->symlink, &r->manifest, &r->place.key};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        text_free(texts[i]);
}
