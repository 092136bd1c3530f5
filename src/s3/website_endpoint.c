/* The website endpoint: GET and HEAD for browsers.
 *
 * In order: where the configuration sends everything, or keys of that beginning; the object, or the index document of a key that is
 * empty or ends with a slash; where that is missing, the way to the folder of that name, if its index is there; where the
 * configuration sends such an error; the error document; a page that says what is wrong. Every object is read as by somebody without
 * credentials. */
#include "s3/website.h"

#include <stdio.h>
#include <string.h>

#include "base/container.h"
#include "meta/attribute.h"
#include "s3/access.h"
#include "s3/answer.h"
#include "s3/get_object.h"
#include "s3/operations.h"
#include "wire/website.h"
#include "wire/xml_write.h"

enum stage { STAGE_OBJECT, STAGE_FOLDER, STAGE_ERROR_DOCUMENT };

struct website_state {
    struct object_get get; /* first: get_object.h */
    struct s3_request *request;
    struct bucket_request bucket;
    struct xml_document *website;
    enum stage stage;
    bool looking;          /* get is to be ended */
    enum s3_error error;   /* once there is one */
    struct text key;       /* that is looked for */
};

static void cleanup(struct s3_request *r)
{
    struct website_state *s = r->state;
    if (s->looking)
        object_get_fini(&s->get);
    bucket_request_fini(&s->bucket);
    xml_document_free(s->website);
    text_free(&s->key);
}

/* --- pages and redirects --- */

void website_error_page(const struct s3_request *r, unsigned status, const char *code, const char *message, struct text *t)
{
    char head[32];
    snprintf(head, sizeof head, "%u %s", status, http_status_text(status));
    text_append_string(t, "<!DOCTYPE html>\n<html>\n<head><title>");
    text_append_string(t, head);
    text_append_string(t, "</title></head>\n<body>\n<h1>");
    text_append_string(t, head);
    text_append_string(t, "</h1>\n<ul>\n<li>Code: ");
    xml_escape(t, slice_string(code));
    text_append_string(t, "</li>\n<li>Message: ");
    xml_escape(t, slice_string(message));
    text_append_string(t, "</li>\n");
    if (r->address.bucket_len) {
        text_append_string(t, "<li>BucketName: ");
        xml_escape(t, request_bucket(r));
        text_append_string(t, "</li>\n");
    }
    if (r->address.key_len) {
        text_append_string(t, "<li>Key: ");
        xml_escape(t, request_key(r));
        text_append_string(t, "</li>\n");
    }
    text_append_string(t, "<li>RequestId: ");
    text_append_string(t, r->id);
    text_append_string(t, "</li>\n</ul>\n</body>\n</html>\n");
}

bool website_location_valid(struct slice location)
{
    for (size_t i = 0; i < location.len; i++)
        if ((uint8_t)location.data[i] < ' ' || location.data[i] == 0x7f)
            return false;
    return slice_starts_with(location, "/") || slice_starts_with(location, "http://") || slice_starts_with(location, "https://");
}

static void answer_location(struct s3_request *r, unsigned status, struct text *location)
{
    if (location->failed) {
        answer_error(r, S3_SlowDown);
    } else {
        answer_header_slice(r, "Location", slice_of(location->data, location->len));
        answer_empty(r, status);
    }
    text_free(location);
}

static void redirect(struct s3_request *r, const struct website_redirect *to)
{
    struct text t = {0};
    struct slice host = to->host.data ? to->host : request_header(r, "host");
    if (to->protocol.data)
        text_append(&t, to->protocol.data, to->protocol.len);
    else
        text_append_string(&t, http_is_tls(r->http) ? "https" : "http");
    text_append_string(&t, "://");
    text_append(&t, host.data, host.len);
    text_append_string(&t, "/");
    uri_encode(&t, to->before, true);
    uri_encode(&t, to->key, true);
    answer_location(r, to->status, &t);
}

static void redirect_to_folder(struct s3_request *r)
{
    struct text t = {0};
    text_append_string(&t, "/");
    uri_encode(&t, request_key(r), true);
    text_append_string(&t, "/");
    answer_location(r, 302, &t);
}

/* --- looking --- */

static void found(struct object_get *g);

static void look(struct s3_request *r, enum stage stage, struct slice key, struct slice suffix)
{
    struct website_state *s = r->state;
    if (s->looking)
        object_get_fini(&s->get);
    s->looking = true;
    s->stage = stage;
    text_clear(&s->key);
    text_append(&s->key, key.data, key.len);
    if (stage == STAGE_FOLDER)
        text_append_string(&s->key, "/");
    text_append(&s->key, suffix.data, suffix.len);
    s->get = (struct object_get){.reactor = request_objects(r), .bucket = request_bucket(r), .key = slice_of(s->key.data, s->key.len), .done = found,
                                 .head_only = r->is_head || stage == STAGE_FOLDER};
    if (stage == STAGE_OBJECT)
        get_object_take_range(r, &s->get);
    if (s->key.failed) {
        s->looking = false;
        answer_error(r, S3_SlowDown);
        return;
    }
    request_work_begin(r);
    object_get_start(&s->get);
}

static void fail(struct s3_request *r, enum s3_error error)
{
    struct website_state *s = r->state;
    struct website_redirect to;
    struct slice document = website_error_document(s->website);
    s->error = error;
    if (website_route(s->website, request_key(r), s3_error_status(error), &to))
        redirect(r, &to);
    else if (document.data)
        look(r, STAGE_ERROR_DOCUMENT, document, slice_of("", 0));
    else
        answer_error(r, error);
}

static bool is_missing(const struct object_get *g)
{
    return g->err == ERR_NO_SUCH_KEY || g->err == ERR_DELETE_MARKER;
}

static bool readable(struct s3_request *r, const struct object_get *g)
{
    return access_allows(r, ACTION_GetObject, g->key, is_missing(g) ? NULL : &g->info);
}

/* Who may not list the bucket must not learn what is missing in it. */
static enum s3_error missing(struct s3_request *r)
{
    return access_allows(r, ACTION_ListBucket, slice_of("", 0), NULL) ? S3_NoSuchKey : S3_AccessDenied;
}

static bool is_folder(struct slice key)
{
    return !key.len || key.data[key.len - 1] == '/';
}

static void object_found(struct s3_request *r, struct object_get *g)
{
    struct website_state *s = r->state;
    struct slice location;
    bool about = !g->err || g->err == ERR_NOT_MODIFIED || g->err == ERR_PRECONDITION || g->err == ERR_INVALID_RANGE;
    if (is_missing(g) && !is_folder(request_key(r))) {
        look(r, STAGE_FOLDER, request_key(r), website_index(s->website));
    } else if (is_missing(g)) {
        fail(r, missing(r));
    } else if (about && !readable(r, g)) {
        fail(r, S3_AccessDenied);
    } else if (about && !attribute_find(g->info.attributes, ATTRIBUTE_WEBSITE_REDIRECT, "", &location)) {
        answer_header_slice(r, "Location", location);
        answer_empty(r, 301);
    } else if (g->err) {
        get_object_answer_failed(r, g);
    } else {
        get_object_answer(r, g, 200);
    }
}

static void found(struct object_get *g)
{
    struct website_state *s = container_of(g, struct website_state, get);
    struct s3_request *r = s->request;
    if (!request_work_end(r))
        return;
    if (s->stage == STAGE_OBJECT)
        object_found(r, g);
    else if (s->stage == STAGE_FOLDER && !g->err && readable(r, g))
        redirect_to_folder(r);
    else if (s->stage == STAGE_FOLDER)
        fail(r, missing(r));
    else if (!g->err && readable(r, g))
        get_object_answer(r, g, s3_error_status(s->error));
    else
        answer_error(r, s->error); /* a page of ours, where theirs cannot be shown */
}

/* --- the configuration --- */

static int take_website(struct website_state *s)
{
    const struct bucket_request *b = &s->bucket;
    struct slice text;
    const char *message;
    bool argument;
    int err = attribute_find(slice_of(b->attributes.data ? b->attributes.data : "", b->attributes.len), ATTRIBUTE_CONFIGURATION, WEBSITE_NAME, &text);
    if (err)
        return err;
    err = website_parse(text.data, text.len, &s->website, &message, &argument);
    return err && err != ERR_NO_MEMORY ? ERR_CORRUPT : err; /* it was checked when it was put */
}

static void bucket_found(struct bucket_request *b)
{
    struct website_state *s = container_of(b, struct website_state, bucket);
    struct s3_request *r = s->request;
    struct website_redirect to;
    struct slice key = request_key(r);
    if (!request_work_end(r))
        return;
    int err = b->err ? b->err : take_website(s);
    if (err == ERR_NOT_FOUND)
        answer_error(r, S3_NoSuchWebsiteConfiguration);
    else if (err)
        answer_err(r, err);
    else if (website_redirects_all(s->website, key, &to) || website_route(s->website, key, 0, &to))
        redirect(r, &to);
    else
        look(r, STAGE_OBJECT, key, is_folder(key) ? website_index(s->website) : slice_of("", 0));
}

void website_start(struct s3_request *r)
{
    struct website_state *s = request_state(r, sizeof *s);
    if (!s)
        return;
    s->request = r;
    r->cleanup = cleanup;
    s->bucket.reactor = request_objects(r);
    s->bucket.name = request_bucket(r);
    s->bucket.done = bucket_found;
    request_work_begin(r);
    bucket_find(&s->bucket);
}
