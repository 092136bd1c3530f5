/* RenameObject. S3 has it in directory buckets only; here every bucket has it. */
#include "base/container.h"
#include "s3/access.h"
#include "s3/answer.h"
#include "s3/authorise.h"
#include "s3/object_headers.h"
#include "s3/operations.h"
#include "wire/copy_source.h"

#define CLIENT_TOKEN_LEN_MAX 64

struct rename_state {
    struct object_rename rename;
    struct s3_request *request;
    struct copy_source source;
    struct access_source checked;
};

static void cleanup(struct s3_request *r)
{
    struct rename_state *s = r->state;
    object_rename_fini(&s->rename);
}

static void done(struct object_rename *rename)
{
    struct rename_state *s = container_of(rename, struct rename_state, rename);
    struct s3_request *r = s->request;
    if (!request_work_end(r))
        return;
    if (rename->err == ERR_EXISTS) {
        answer_error(r, S3_IdempotencyParameterMismatch);
        return;
    }
    if (rename->err) {
        answer_err(r, rename->err);
        return;
    }
    object_answer_etag(r, &rename->info);
    object_answer_new_version(r, &rename->info);
    answer_empty(r, 200);
}

/* The old key is read and deleted. */
static void source_readable(struct s3_request *r)
{
    struct rename_state *s = r->state;
    if (!access_allows(r, ACTION_DeleteObject, s->rename.source_key, NULL)) {
        access_deny(r, "RenameObject deletes its source, which s3:DeleteObject does not allow");
        return;
    }
    request_work_begin(r);
    object_rename_start(&s->rename);
}

static bool take_source(struct s3_request *r, struct rename_state *s)
{
    struct slice value = request_header(r, "x-amz-rename-source");
    if (!value.data || rename_source_parse(value, request_bucket(r), &s->source)) {
        answer_bad_argument(r, "x-amz-rename-source must name an object of this bucket: /key, or /bucket/key", "x-amz-rename-source", value);
        return false;
    }
    s->rename.source_key = slice_of(s->source.key, s->source.key_len);
    if (!slice_equal(s->rename.source_key, request_key(r)))
        return true;
    answer_error_text(r, S3_InvalidRequest, "The source and the target of RenameObject are the same key.");
    return false;
}

static bool take_client_token(struct s3_request *r, struct slice *ret)
{
    struct slice value = request_header(r, "x-amz-client-token");
    *ret = value.data ? value : slice_of("", 0);
    bool valid = !value.data || (value.len && value.len <= CLIENT_TOKEN_LEN_MAX);
    for (size_t i = 0; valid && i < value.len; i++)
        valid = value.data[i] > ' ' && value.data[i] < 0x7f;
    if (!valid)
        answer_bad_argument(r, "x-amz-client-token must be of 1 to 64 visible ASCII characters", "x-amz-client-token", value);
    return valid;
}

void rename_object_start(struct s3_request *r)
{
    struct rename_state *s = request_state(r, sizeof *s);
    if (!s || !take_source(r, s) || !take_client_token(r, &s->rename.client_token))
        return;
    struct object_rename *rename = &s->rename;
    if (!authorise_key(r, request_bucket(r), rename->source_key)) {
        access_deny(r, "the access key is not for the source of the rename");
        return;
    }
    s->request = r;
    r->cleanup = cleanup;
    rename->reactor = request_objects(r);
    rename->bucket = request_bucket(r);
    rename->key = request_key(r);
    rename->deleter_id = r->identity.account_id;
    rename->done = done;
    object_headers_conditions(r, "x-amz-rename-source-", &rename->source_conditions);
    object_headers_conditions(r, "", &rename->conditions);
    s->checked = (struct access_source){.bucket = rename->bucket, .key = rename->source_key};
    access_source(r, &s->checked, source_readable);
}
