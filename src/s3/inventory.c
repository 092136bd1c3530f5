/* GetBucketInventoryConfiguration, ListBucketInventoryConfigurations, PutBucketInventoryConfiguration, DeleteBucketInventoryConfiguration.
 * The reports: inventory_report.h. */
#include "base/container.h"
#include "meta/inventory.h"
#include "s3/answer.h"
#include "s3/body.h"
#include "s3/operations.h"
#include "s3/parameters.h"
#include "s3/token.h"
#include "wire/inventory.h"
#include "wire/xml_write.h"

#define PAGE 100u
#define CONFIGURATIONS_MAX 1000u /* per bucket, S3's limit */

struct inventory_state {
    struct meta_read read;
    struct meta_write write;
    struct s3_request *request;
    struct slice id;
    struct inventory_configuration configuration;
    struct text document;    /* Get: as it is kept; Put: as it will be */
    /* List */
    char after[TOKEN_KEY_MAX];
    size_t after_len;
    struct text configurations, next;
    uint32_t count;
    bool truncated;
};

static void cleanup(struct s3_request *r)
{
    struct inventory_state *s = r->state;
    if (s->configuration.document)
        inventory_fini(&s->configuration);
    text_free(&s->document);
    text_free(&s->configurations);
    text_free(&s->next);
}

/* NULL: answered. */
static struct inventory_state *begin(struct s3_request *r, bool has_id)
{
    struct inventory_state *s = request_state(r, sizeof *s);
    if (!s)
        return NULL;
    s->request = r;
    r->cleanup = cleanup;
    s->id = query_value(&r->query, "id");
    if (!has_id || (s->id.data && inventory_id_valid(s->id)))
        return s;
    answer_bad_argument(r, "The id of a configuration has 1 to 64 letters, digits, periods, dashes and underscores.", "id",
                        s->id.data ? s->id : slice_of("", 0));
    return NULL;
}

static void answer_failed(struct s3_request *r, int err)
{
    if (err == ERR_NOT_FOUND)
        answer_error(r, S3_NoSuchConfiguration);
    else
        answer_err(r, err);
}

static void start_read(struct inventory_state *s, int (*run)(struct meta_tx *, struct meta_read *), void (*done)(struct meta_read *))
{
    s->read = (struct meta_read){.run = run, .done = done, .loop = request_objects(s->request)->loop};
    request_work_begin(s->request);
    meta_read(s->request->reactor->server->meta, &s->read);
}

static void start_write(struct inventory_state *s, int (*run)(struct meta_tx *, struct meta_write *), void (*done)(struct meta_write *))
{
    s->write = (struct meta_write){.run = run, .done = done, .loop = request_objects(s->request)->loop};
    request_work_begin(s->request);
    meta_write(s->request->reactor->server->meta, &s->write);
}

/* --- Get --- */

static int run_get(struct meta_tx *tx, struct meta_read *read)
{
    struct inventory_state *s = container_of(read, struct inventory_state, read);
    struct bucket_row bucket;
    struct inventory_row row;
    int err = bucket_get(tx, request_bucket(s->request), &bucket);
    if (!err)
        err = inventory_get(tx, bucket.id, s->id, &row);
    if (err)
        return err;
    text_clear(&s->document);
    text_append(&s->document, row.document.data, row.document.len);
    return s->document.failed ? ERR_NO_MEMORY : 0;
}

static void got(struct meta_read *read)
{
    struct inventory_state *s = container_of(read, struct inventory_state, read);
    struct s3_request *r = s->request;
    struct text t = {0};
    if (!request_work_end(r))
        return;
    int err = read->err;
    if (!err)
        err = inventory_parse(s->document.data, s->document.len, &s->configuration) ? ERR_CORRUPT : 0;
    if (err) {
        answer_failed(r, err);
        return;
    }
    xml_declaration(&t);
    inventory_format(&s->configuration, true, &t);
    answer_xml(r, 200, &t);
}

void get_bucket_inventory_start(struct s3_request *r)
{
    struct inventory_state *s = begin(r, true);
    if (s)
        start_read(s, run_get, got);
}

/* --- List --- */

static int take_row(void *arg, const struct inventory_row *row)
{
    struct inventory_state *s = arg;
    struct inventory_configuration c;
    if (s->count == PAGE) {
        s->truncated = true;
        return ERR_CANCELLED;
    }
    int err = inventory_parse(row->document.data, row->document.len, &c);
    if (err)
        return err == ERR_NO_MEMORY ? err : ERR_CORRUPT;
    inventory_format(&c, false, &s->configurations);
    inventory_fini(&c);
    text_clear(&s->next);
    text_append(&s->next, row->id.data, row->id.len);
    s->count++;
    return s->configurations.failed || s->next.failed ? ERR_NO_MEMORY : 0;
}

static int run_list(struct meta_tx *tx, struct meta_read *read)
{
    struct inventory_state *s = container_of(read, struct inventory_state, read);
    struct bucket_row bucket;
    text_clear(&s->configurations);
    s->count = 0;
    s->truncated = false;
    int err = bucket_get(tx, request_bucket(s->request), &bucket);
    if (!err)
        err = inventory_list(tx, bucket.id, slice_of(s->after, s->after_len), take_row, s);
    return err == ERR_CANCELLED ? 0 : err;
}

static void listed(struct meta_read *read)
{
    struct inventory_state *s = container_of(read, struct inventory_state, read);
    struct s3_request *r = s->request;
    struct text t = {0};
    if (!request_work_end(r))
        return;
    if (read->err) {
        answer_err(r, read->err);
        return;
    }
    xml_declaration(&t);
    xml_open_root(&t, "ListInventoryConfigurationsResult");
    text_append(&t, s->configurations.data ? s->configurations.data : "", s->configurations.len);
    xml_element_bool(&t, "IsTruncated", s->truncated);
    struct slice token = query_value(&r->query, "continuation-token");
    if (token.data)
        xml_element(&t, "ContinuationToken", token);
    if (s->truncated) {
        xml_open(&t, "NextContinuationToken");
        token_format(&t, slice_of(s->next.data, s->next.len), false);
        xml_close(&t, "NextContinuationToken");
    }
    xml_close(&t, "ListInventoryConfigurationsResult");
    answer_xml(r, 200, &t);
}

void list_bucket_inventories_start(struct s3_request *r)
{
    struct inventory_state *s = begin(r, false);
    if (!s)
        return;
    struct slice token = query_value(&r->query, "continuation-token");
    bool is_prefix;
    if (token.data && token_parse(token, s->after, &s->after_len, &is_prefix)) {
        answer_bad_argument(r, "The continuation token provided is incorrect", "continuation-token", token);
        return;
    }
    start_read(s, run_list, listed);
}

/* --- Put --- */

/* At most as many as S3 has, and to a bucket that is there. */
static int run_put(struct meta_tx *tx, struct meta_write *write)
{
    struct inventory_state *s = container_of(write, struct inventory_state, write);
    const struct s3_request *r = s->request;
    struct bucket_row bucket, destination;
    struct inventory_row row;
    uint64_t count = 0;
    int err = bucket_get(tx, s->configuration.bucket, &destination);
    if (err)
        return err == ERR_NO_SUCH_BUCKET ? ERR_NOT_FOUND : err;
    err = bucket_get(tx, request_bucket(r), &bucket);
    if (err)
        return err;
    int64_t bucket_id = bucket.id;
    err = inventory_get(tx, bucket_id, s->id, &row);
    bool there = !err;
    if (err && err != ERR_NOT_FOUND)
        return err;
    err = there ? 0 : inventory_count(tx, bucket_id, &count);
    if (err || count >= CONFIGURATIONS_MAX)
        return err ? err : ERR_TOO_LARGE;
    row = (struct inventory_row){.bucket_id = bucket_id, .id = s->id, .document = slice_of(s->document.data, s->document.len),
                                 .due_us = s->configuration.enabled ? meta_tx_clock(tx) : INT64_MAX};
    return inventory_put(tx, &row);
}

static void put_done(struct meta_write *write)
{
    struct inventory_state *s = container_of(write, struct inventory_state, write);
    struct s3_request *r = s->request;
    if (!request_work_end(r))
        return;
    if (write->err == ERR_NOT_FOUND)
        answer_error(r, S3_InvalidS3DestinationBucket);
    else if (write->err == ERR_TOO_LARGE)
        answer_error(r, S3_TooManyConfigurations);
    else if (write->err)
        answer_err(r, write->err);
    else
        answer_empty(r, 200);
}

static void refuse(struct s3_request *r, int err)
{
    if (err == ERR_INVALID)
        answer_error(r, S3_InvalidS3DestinationBucket);
    else if (err == ERR_UNSUPPORTED)
        answer_error_text(r, S3_NotImplemented, "Inventories are written as CSV.");
    else
        answer_error(r, err == ERR_NO_MEMORY ? S3_SlowDown : S3_MalformedXML);
}

void put_bucket_inventory_start(struct s3_request *r)
{
    struct inventory_state *s = begin(r, true);
    if (!s)
        return;
    struct slice body = body_document(r);
    int err = inventory_parse(body.data, body.len, &s->configuration);
    if (err) {
        refuse(r, err);
        return;
    }
    if (!slice_equal(s->configuration.id, s->id)) {
        answer_bad_argument(r, "The Id of the configuration is not the one in the query.", "id", s->id);
        return;
    }
    inventory_format(&s->configuration, true, &s->document);
    if (s->document.failed)
        answer_error(r, S3_SlowDown);
    else
        start_write(s, run_put, put_done);
}

/* --- Delete --- */

static int run_delete(struct meta_tx *tx, struct meta_write *write)
{
    struct inventory_state *s = container_of(write, struct inventory_state, write);
    struct bucket_row bucket;
    int err = bucket_get(tx, request_bucket(s->request), &bucket);
    return err ? err : inventory_delete(tx, bucket.id, s->id);
}

static void deleted(struct meta_write *write)
{
    struct inventory_state *s = container_of(write, struct inventory_state, write);
    struct s3_request *r = s->request;
    if (!request_work_end(r))
        return;
    if (write->err)
        answer_failed(r, write->err);
    else
        answer_empty(r, 204);
}

void delete_bucket_inventory_start(struct s3_request *r)
{
    struct inventory_state *s = begin(r, true);
    if (s)
        start_write(s, run_delete, deleted);
}
