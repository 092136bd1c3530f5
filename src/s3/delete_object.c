/* DeleteObject and DeleteObjects. */
#include <string.h>

#include "base/container.h"
#include "s3/access.h"
#include "s3/access_log.h"
#include "s3/answer.h"
#include "s3/authorise.h"
#include "s3/body.h"
#include "s3/object_headers.h"
#include "s3/object_lock.h"
#include "s3/operations.h"
#include "wire/version_id.h"
#include "wire/xml_request.h"
#include "wire/xml_write.h"

struct delete_state {
    struct object_delete delete;
    struct s3_request *request;
    struct object_delete_item single;
    struct delete_document document;
    bool has_document;
    struct object_delete_item *items; /* those that reach object/, in the order of the document */
    enum s3_error *refused;           /* per object of the document */
};

static void start(struct s3_request *r, struct delete_state *s, void (*done)(struct object_delete *))
{
    s->request = r;
    s->delete.reactor = request_objects(r);
    s->delete.bucket = request_bucket(r);
    s->delete.owner_id = r->identity.account_id;
    s->delete.done = done;
    request_work_begin(r);
    object_delete_start(&s->delete);
}

static void result_version(const struct object_delete_item *item, char text[VERSION_ID_TEXT_SIZE])
{
    strcpy(text, "null");
    if (!item->result_null_version)
        version_id_format(item->result_version_id, text);
}

static void single_done(struct object_delete *d)
{
    struct delete_state *s = container_of(d, struct delete_state, delete);
    struct s3_request *r = s->request;
    const struct object_delete_item *item = &s->single;
    if (!request_work_end(r))
        return;
    int err = d->err ? d->err : item->err;
    if (err == ERR_NO_SUCH_VERSION)
        err = 0;
    if (err) {
        answer_err(r, err);
        return;
    }
    if (item->delete_marker || item->marker_created)
        answer_header(r, "x-amz-delete-marker", "true");
    if (item->has_result_version && item->has_version_id) {
        answer_header_slice(r, "x-amz-version-id", query_value(&r->query, "versionId"));
    } else if (item->has_result_version) {
        char text[VERSION_ID_TEXT_SIZE];
        result_version(item, text);
        answer_header(r, "x-amz-version-id", text);
    }
    answer_empty(r, 204);
}

void delete_object_start(struct s3_request *r)
{
    struct delete_state *s = request_state(r, sizeof *s);
    if (!s)
        return;
    struct object_delete_item *item = &s->single;
    item->key = request_key(r);
    if (!object_headers_version(r, &item->has_version_id, &item->null_version_id, item->version_id))
        return;
    object_headers_conditions(r, "", &item->conditions);
    item->bypass_governance = object_lock_bypass(r, item->key);
    s->delete.operation = "REST.DELETE.OBJECT";
    s->delete.items = item;
    s->delete.count = 1;
    start(r, s, single_done);
}

/* --- DeleteObjects --- */

static void cleanup(struct s3_request *r)
{
    struct delete_state *s = r->state;
    if (s->has_document)
        delete_document_fini(&s->document);
}

static void write_deleted(struct text *t, const struct delete_object *asked, const struct object_delete_item *item)
{
    char text[VERSION_ID_TEXT_SIZE];
    xml_open(t, "Deleted");
    xml_element(t, "Key", asked->key);
    if (asked->version_id.data)
        xml_element(t, "VersionId", asked->version_id);
    if (item->delete_marker || item->marker_created) {
        xml_element_bool(t, "DeleteMarker", true);
        if (item->has_result_version) {
            result_version(item, text); /* none of another store is a marker */
            xml_element_string(t, "DeleteMarkerVersionId", text);
        }
    }
    xml_close(t, "Deleted");
}

static void write_error(struct text *t, const struct delete_object *asked, enum s3_error e)
{
    xml_open(t, "Error");
    xml_element(t, "Key", asked->key);
    if (asked->version_id.data)
        xml_element(t, "VersionId", asked->version_id);
    xml_element_string(t, "Code", s3_error_code(e));
    xml_element_string(t, "Message", s3_error_text(e));
    xml_close(t, "Error");
}

static void answer_results(struct s3_request *r, const struct delete_state *s)
{
    struct text t = {0};
    xml_declaration(&t);
    xml_open_root(&t, "DeleteResult");
    uint32_t next = 0;
    for (uint32_t i = 0; i < s->document.object_count; i++) {
        const struct delete_object *asked = &s->document.objects[i];
        const struct object_delete_item *item = s->refused[i] == S3_OK ? &s->items[next++] : NULL;
        enum s3_error e = item ? s3_error_of(item->err == ERR_NO_SUCH_VERSION ? 0 : item->err) : s->refused[i];
        if (r->logging)
            access_log_write_deleted(r, asked->key, asked->version_id, e == S3_OK ? 204 : s3_error_status(e), e == S3_OK ? NULL : s3_error_code(e));
        if (e != S3_OK)
            write_error(&t, asked, e);
        else if (!s->document.quiet)
            write_deleted(&t, asked, item);
    }
    xml_close(&t, "DeleteResult");
    answer_xml(r, 200, &t);
}

static void many_done(struct object_delete *d)
{
    struct delete_state *s = container_of(d, struct delete_state, delete);
    struct s3_request *r = s->request;
    if (!request_work_end(r))
        return;
    if (d->err)
        answer_err(r, d->err);
    else
        answer_results(r, s);
}

static enum s3_error take_item(struct s3_request *r, const struct delete_object *asked, struct object_delete_item *item)
{
    *item = (struct object_delete_item){.key = asked->key};
    if (!uri_key_valid(asked->key))
        return asked->key.len > KEY_LEN_MAX ? S3_KeyTooLongError : S3_InvalidArgument;
    if (!authorise_key(r, request_bucket(r), asked->key))
        return S3_AccessDenied;
    if (asked->version_id.data && asked->version_id.len) {
        item->has_version_id = true;
        item->null_version_id = version_id_is_null(asked->version_id);
        if (!item->null_version_id && version_id_parse_any(asked->version_id, item->version_id))
            return S3_NoSuchVersion;
    }
    if (!access_allows(r, item->has_version_id ? ACTION_DeleteObjectVersion : ACTION_DeleteObject, asked->key, NULL))
        return S3_AccessDenied;
    item->bypass_governance = object_lock_bypass(r, asked->key);
    item->conditions.if_match = asked->etag;
    item->conditions.has_match_size = asked->has_size;
    item->conditions.match_size = asked->size;
    item->conditions.has_match_modified = asked->has_modified;
    item->conditions.match_modified_us = asked->modified_us;
    return S3_OK;
}

void delete_objects_start(struct s3_request *r)
{
    struct delete_state *s = request_state(r, sizeof *s);
    if (!s)
        return;
    if (!r->body.payload.has_md5 && !r->body.payload.has_checksum) {
        answer_error_text(r, S3_InvalidRequest, "Missing required header for this request: Content-MD5 OR x-amz-checksum-*");
        return;
    }
    struct slice body = body_document(r);
    int err = delete_document_parse(body.data, body.len, &s->document);
    if (err) {
        answer_error(r, err == ERR_NO_MEMORY ? S3_SlowDown : S3_MalformedXML);
        return;
    }
    s->has_document = true;
    r->cleanup = cleanup;
    uint32_t count = s->document.object_count;
    s->items = arena_take(&r->arena, count * sizeof *s->items);
    s->refused = arena_take(&r->arena, count * sizeof *s->refused);
    if (!s->items || !s->refused) {
        answer_error(r, S3_SlowDown);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        s->refused[i] = take_item(r, &s->document.objects[i], &s->items[s->delete.count]);
        s->delete.count += s->refused[i] == S3_OK;
    }
    s->delete.operation = "REST.POST.DELETE_MULTI_OBJECT"; /* Ceph's name */
    s->delete.items = s->items;
    if (s->delete.count)
        start(r, s, many_done);
    else
        answer_results(r, s);
}
