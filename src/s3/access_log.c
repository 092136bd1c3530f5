/* See access_log.h. */
#include "s3/access_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "s3/answer.h"
#include "s3/log_buffer.h"
#include "s3/log_target.h"
#include "s3/owner.h"
#include "wire/access_log.h"

/* --- what the bucket says --- */

struct load {
    struct meta_read read;
    struct s3_request *request;
    void (*then)(struct s3_request *);
    struct s3_logging *found;
};

void access_log_release(struct s3_logging *l)
{
    if (!l || --l->references > 0)
        return;
    logging_fini(&l->configuration);
    free(l);
}

static struct s3_logging **slot(struct s3_reactor *reactor, struct slice bucket)
{
    return &reactor->loggings[crc32c(0, bucket.data, bucket.len) % S3_LOGGING_CACHE_SIZE];
}

void access_log_forget(struct s3_reactor *reactor)
{
    for (unsigned i = 0; i < S3_LOGGING_CACHE_SIZE; i++) {
        access_log_release(reactor->loggings[i]);
        reactor->loggings[i] = NULL;
    }
}

static int find_target(struct meta_tx *tx, struct s3_logging *l)
{
    struct log_target target;
    const struct service_source source = {slice_string(l->bucket), l->owner_id};
    int err = log_target_find(tx, l->configuration.bucket, l->configuration.prefix, &source, &target);
    l->refusal = err == ERR_NO_SUCH_BUCKET ? LOGGING_NO_TARGET : target.allowed && !target.unusable ? LOGGING_ALLOWED : LOGGING_DENIED;
    l->target_id = target.id;
    return err == ERR_NO_SUCH_BUCKET ? 0 : err;
}

static void copy_name(char *name, size_t size, struct slice from)
{
    snprintf(name, size, "%.*s", (int)from.len, from.data);
}

static int run_load(struct meta_tx *tx, struct meta_read *read)
{
    struct s3_logging *l = container_of(read, struct load, read)->found;
    struct bucket_row row;
    struct account_row account;
    struct slice value;
    logging_fini(&l->configuration);
    l->epoch = meta_tx_read_epoch(tx);
    int err = bucket_get(tx, slice_string(l->bucket), &row);
    if (err || attribute_find(row.attributes, ATTRIBUTE_CONFIGURATION, LOGGING_ATTRIBUTE, &value))
        return err == ERR_NO_SUCH_BUCKET ? 0 : err;
    err = logging_decode(value, &l->configuration, &l->modified_us);
    if (err || !l->configuration.enabled)
        return err;
    l->owner_id = row.owner_id;
    copy_name(l->region, sizeof l->region, row.region);
    err = account_get(tx, l->owner_id, &account);
    if (!err) {
        copy_name(l->owner, sizeof l->owner, account.canonical_id);
        copy_name(l->account, sizeof l->account, account.number);
    }
    return err && err != ERR_NOT_FOUND ? err : find_target(tx, l);
}

static void use(struct s3_request *r, struct s3_logging *l)
{
    if (!l->configuration.enabled)
        return;
    l->references++;
    r->logging = l;
}

static void load_done(struct meta_read *read)
{
    struct load *load = container_of(read, struct load, read);
    struct s3_request *r = load->request;
    struct s3_logging *l = load->found;
    int err = read->err;
    if (!err) {
        struct s3_logging **place = slot(r->reactor, slice_string(l->bucket));
        access_log_release(*place);
        *place = l;
        use(r, l);
    } else {
        access_log_release(l);
    }
    if (!request_work_end(r))
        return;
    if (err)
        answer_err(r, err);
    else
        load->then(r);
}

void access_log_load(struct s3_request *r, void (*then)(struct s3_request *))
{
    struct slice bucket = request_bucket(r);
    struct meta *meta = r->reactor->server->meta;
    if (!bucket.len || bucket.len >= sizeof((struct s3_logging *)0)->bucket || !meta) {
        then(r);
        return;
    }
    struct s3_logging *kept = *slot(r->reactor, bucket);
    if (kept && kept->epoch && kept->epoch == meta_bucket_epoch(meta) && slice_equal_string(bucket, kept->bucket)) {
        use(r, kept);
        then(r);
        return;
    }
    struct load *load = arena_take(&r->arena, sizeof *load);
    struct s3_logging *fresh = calloc(1, sizeof *fresh);
    if (!load || !fresh) {
        free(fresh);
        answer_error(r, S3_SlowDown);
        return;
    }
    fresh->references = 1;
    copy_name(fresh->bucket, sizeof fresh->bucket, bucket);
    *load = (struct load){.read = {.run = run_load, .done = load_done, .loop = request_objects(r)->loop}, .request = r, .then = then,
                          .found = fresh};
    request_work_begin(r);
    meta_read(meta, &load->read);
}

/* --- records --- */

/* What S3 calls a request's target: by the sub-resource that its query names, of buckets and of objects. */
static const struct { const char *query, *of_bucket, *of_object; } resources[] = {
    {"acl", "ACL", "ACL"},
    {"tagging", "TAGGING", "OBJECT_TAGGING"},
    {"delete", "MULTI_OBJECT_DELETE", NULL},
    {"uploads", "UPLOADS", "UPLOADS"},
    {"versions", "BUCKETVERSIONS", NULL},
    {"location", "LOCATION", NULL},
    {"versioning", "VERSIONING", NULL},
    {"logging", "LOGGING_STATUS", NULL},
    {"lifecycle", "LIFECYCLE", NULL},
    {"policy", "BUCKETPOLICY", NULL},
    {"policyStatus", "POLICY_STATUS", NULL},
    {"cors", "CORS", NULL},
    {"encryption", "ENCRYPTION", NULL},
    {"object-lock", "OBJECT_LOCK_CONFIGURATION", NULL},
    {"replication", "REPLICATION", NULL},
    {"website", "WEBSITE", NULL},
    {"publicAccessBlock", "PUBLIC_ACCESS_BLOCK", NULL},
    {"ownershipControls", "OWNERSHIP_CONTROLS", NULL},
    {"notification", "NOTIFICATION", NULL},
    {"requestPayment", "REQUEST_PAYMENT", NULL},
    {"accelerate", "ACCELERATE", NULL},
    {"inventory", "INVENTORY", NULL},
    {"analytics", "ANALYTICS", NULL},
    {"metrics", "METRICS", NULL},
    {"intelligent-tiering", "INTELLIGENT_TIERING", NULL},
    {"retention", NULL, "OBJECT_LOCK_RETENTION"},
    {"legal-hold", NULL, "OBJECT_LOCK_LEGALHOLD"},
    {"attributes", NULL, "OBJECT_ATTRIBUTES"},
    {"torrent", NULL, "OBJECT_TORRENT"},
    {"restore", NULL, "OBJECT_RESTORE"},
};

static const char *resource_of(const struct s3_request *r, bool is_put)
{
    bool of_object = r->address.key_len > 0;
    for (unsigned i = 0; i < sizeof resources / sizeof *resources; i++) {
        const char *name = of_object ? resources[i].of_object : resources[i].of_bucket;
        if (name && query_has(&r->query, resources[i].query))
            return name;
    }
    if (of_object && query_has(&r->query, "uploadId"))
        return is_put ? "PART" : "UPLOAD";
    return of_object || slice_equal_string(r->method, "POST") ? "OBJECT" : "BUCKET";
}

static void operation_of(const struct s3_request *r, char operation[64])
{
    bool is_put = slice_equal_string(r->method, "PUT");
    if (slice_equal_string(r->method, "OPTIONS"))
        snprintf(operation, 64, "REST.OPTIONS.PREFLIGHT");
    else if (is_put && request_header(r, "x-amz-copy-source").data)
        snprintf(operation, 64, "REST.COPY.%s", resource_of(r, true));
    else
        snprintf(operation, 64, "REST.%.*s.%s", (int)(r->method.len < 16 ? r->method.len : 16), r->method.data, resource_of(r, is_put));
}

/* "192.0.2.3:1234", "[2001:db8::1]:1234" */
static struct slice address_of(const char *peer)
{
    const char *end = strrchr(peer, ':');
    if (*peer == '[')
        return slice_of(peer + 1, strcspn(peer + 1, "]"));
    return end ? slice_of(peer, (size_t)(end - peer)) : slice_string(peer);
}

static struct slice present(struct slice value)
{
    return value.data ? value : slice_of("", 0);
}

/* Who, from where, how authenticated: the same in every record of a request. */
static void describe(struct s3_request *r, struct access_log_record *record)
{
    const struct s3_logging *l = r->logging;
    static const char *const kinds[] = {[SIGV4_HEADER] = "AuthHeader", [SIGV4_PRESIGNED] = "QueryString"};
    *record = (struct access_log_record){
        .bucket_owner = slice_string(l->owner),
        .bucket = slice_string(l->bucket),
        .time_us = loop_wall_us(request_objects(r)->loop),
        .remote_ip = address_of(http_peer(r->http)),
        .requester = present(r->requester),
        .request_id = slice_string(r->id),
        .object_size = ACCESS_LOG_UNKNOWN,
        .total_ms = ACCESS_LOG_UNKNOWN,
        .turnaround_ms = ACCESS_LOG_UNKNOWN,
        .host_id = slice_string(r->id),
        .host = present(request_header(r, "host")),
        .acl_required = r->acl_required,
    };
    if (r->signature_v2) {
        record->signature_version = slice_string("SigV2");
        record->auth_type = slice_string(kinds[r->signature_v2->presigned ? SIGV4_PRESIGNED : SIGV4_HEADER]);
    } else if (r->signature.kind) {
        record->signature_version = slice_string("SigV4");
        record->auth_type = slice_string(kinds[r->signature.kind]);
    }
}

void access_log_stream(const struct s3_request *r, const struct s3_logging *l, uint64_t event_us, struct text *head,
                       struct log_stream_row *ret)
{
    struct access_log_source source = {slice_string(l->account), *l->region ? slice_string(l->region) : r->reactor->server->region,
                                       slice_string(l->bucket)};
    access_log_head(head, &l->configuration, &source, event_us);
    *ret = (struct log_stream_row){
        .target_id = l->target_id,
        .target = l->configuration.bucket,
        .format = (uint32_t)l->configuration.format | (l->configuration.type == LOGGING_JOURNAL ? LOG_STREAM_JOURNAL : 0),
        .head = slice_of(head->data ? head->data : "", head->len),
        .roll_us = l->configuration.roll_time_s * 1000000ull,
    };
}

static bool wanted(const struct s3_request *r)
{
    const struct s3_logging *l = r->logging;
    return l && l->configuration.type == LOGGING_STANDARD && l->refusal == LOGGING_ALLOWED && r->reactor->server->log_buffer;
}

static void keep(struct s3_request *r, const struct access_log_record *record)
{
    struct text line = {0}, head = {0};
    struct log_stream_row stream;
    access_log_stream(r, r->logging, record->time_us, &head, &stream);
    access_log_format(record, &line);
    if (!line.failed && !head.failed)
        log_buffer_append(r->reactor->server->log_buffer, &stream, record->time_us, slice_of(line.data, line.len));
    else
        log_buffer_lost(r->reactor->server->log_buffer);
    text_free(&line);
    text_free(&head);
}

void access_log_write(struct s3_request *r)
{
    char operation[64], cipher[HTTP_TLS_NAME_SIZE], version[HTTP_TLS_NAME_SIZE];
    struct access_log_record record;
    if (!wanted(r))
        return;
    uint64_t now = loop_now_us(request_objects(r)->loop), total = now - r->started_us;
    describe(r, &record);
    operation_of(r, operation);
    http_tls_names(r->http, cipher, version);
    record.time_us -= total; /* when it came */
    record.operation = slice_string(operation);
    record.key = request_key(r);
    record.method = r->method;
    record.target = http_target(r->http);
    record.status = r->status;
    record.error_code = slice_string(r->error_code ? r->error_code : "");
    record.bytes_sent = r->bytes_out;
    record.object_size = r->has_object_size ? r->object_size : ACCESS_LOG_UNKNOWN;
    record.total_ms = total / 1000;
    if (r->answered_us)
        record.turnaround_ms = (r->answered_us - (r->ended_us ? r->ended_us : r->answered_us)) / 1000;
    record.referrer = present(request_header(r, "referer"));
    record.user_agent = present(request_header(r, "user-agent"));
    record.version_id = r->query_parsed ? present(query_value(&r->query, "versionId")) : slice_of("", 0);
    record.cipher_suite = slice_string(cipher);
    record.tls_version = slice_string(version);
    keep(r, &record);
}

void access_log_write_deleted(struct s3_request *r, struct slice key, struct slice version_id, unsigned status, const char *code)
{
    struct access_log_record record;
    if (!wanted(r))
        return;
    describe(r, &record);
    record.operation = slice_string("BATCH.DELETE.OBJECT");
    record.key = key;
    record.status = status;
    record.error_code = slice_string(code ? code : "");
    record.version_id = present(version_id);
    keep(r, &record);
}
