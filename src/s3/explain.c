/* See explain.h. */
#include "s3/explain.h"

#include <stdio.h>
#include <string.h>

#include "base/container.h"
#include "s3/access.h"
#include "s3/answer.h"
#include "s3/authorise.h"
#include "s3/object_headers.h"

/* The request ends from the loop: whoever called may still look at it. */
static void run_end(struct task *task)
{
    struct s3_explain *e = container_of(task, struct s3_explain, task);
    if (e->looked)
        object_get_fini(&e->get);
    if (e->request)
        request_leave(e->request);
    e->done(e);
}

static void finish(struct s3_request *r)
{
    struct s3_explain *e = r->explain;
    if (r->access.action != ACTION_UNKNOWN && r->access.action != ACTION_NONE)
        snprintf(e->action, sizeof e->action, "%s", access_action_name(r->access.action));
    r->answered = true;
    e->task.run = run_end;
    loop_post(request_objects(r)->loop, &e->task);
}

void explain_refused(struct s3_request *r, unsigned status, const char *code, const char *message)
{
    struct s3_explain *e = r->explain;
    e->status = status;
    snprintf(e->code, sizeof e->code, "%s", code);
    snprintf(e->reason, sizeof e->reason, "%s", r->access.reason[0] ? r->access.reason : message);
    finish(r);
}

static void conclude(struct s3_request *r, const char *otherwise)
{
    r->explain->allowed = true;
    snprintf(r->explain->reason, sizeof r->explain->reason, "%s", r->access.reason[0] ? r->access.reason : otherwise);
    finish(r);
}

static void object_found(struct object_get *get)
{
    struct s3_explain *e = container_of(get, struct s3_explain, get);
    struct s3_request *r = e->request;
    if (!request_work_end(r))
        return;
    bool missing = get->err == ERR_NO_SUCH_KEY || get->err == ERR_NO_SUCH_VERSION || get->err == ERR_DELETE_MARKER;
    if (get->err && !missing)
        answer_err(r, get->err);
    else if (missing ? access_missing(r) : access_object(r, &get->info))
        conclude(r, missing ? "there is no such object, and the caller may list the bucket" : "nothing denies it");
}

/* The operation itself would ask, with the version that it answers from. */
static void look_at_object(struct s3_request *r)
{
    struct object_get *get = &r->explain->get;
    get->reactor = request_objects(r);
    get->bucket = request_bucket(r);
    get->key = request_key(r);
    if (!object_headers_version(r, &get->has_version_id, &get->null_version_id, get->version_id))
        return;
    get->head_only = get->about_only = true;
    get->done = object_found;
    r->explain->looked = true;
    request_work_begin(r);
    object_get_start(get);
}

void explain_allowed(struct s3_request *r)
{
    if (r->access.by_object)
        look_at_object(r);
    else
        conclude(r, r->access.action == ACTION_NONE ? "it is decided for each key, or by what the body says" : "nothing denies it");
}

void s3_explain_start(struct s3_explain *e)
{
    struct s3_request *r = e->request = request_made(e->reactor, e->method);
    if (!r) {
        e->status = 503;
        snprintf(e->reason, sizeof e->reason, "%s", err_text(ERR_NO_MEMORY));
        e->task.run = run_end;
        loop_post(e->reactor->object->loop, &e->task);
        return;
    }
    r->explain = e;
    for (uint32_t i = 0; i < e->header_count && i < HEADERS_MAX; i++)
        r->headers[r->header_count++] = e->headers[i];
    enum s3_error error = request_parse(r, e->target);
    if (error != S3_OK)
        answer_error(r, error);
    else
        authorise_as(r, e->access_key);
}
