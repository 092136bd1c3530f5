/* See authorise.h. Access keys found (and not found) are remembered per reactor until anything about who may use the store changes
 * (meta_identity_epoch). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "s3/access.h"
#include "s3/answer.h"
#include "s3/authorise.h"
#include "s3/caller.h"
#include "s3/explain.h"
#include "s3/session.h"
#include "s3/signature_answer.h"

#define ACCESS_KEY_MAX 128

struct s3_credential {
    uint64_t epoch; /* 0: good for one request */
    bool found, enabled;
    struct caller *caller;       /* a reference; NULL: the account itself */
    uint8_t token_hash[SHA256_LEN]; /* of a session's token; zero without one */
    int64_t account_id, user_id;
    uint64_t expires_us;
    uint32_t access_key_len, secret_len, bucket_len, prefix_len, policy_len;
    char access_key[ACCESS_KEY_MAX], secret[SIGV4_SECRET_LEN_MAX], bucket[64], prefix[KEY_LEN_MAX], policy[64];
};

struct lookup {
    struct meta_read read;
    struct s3_request *request;
    struct session *session; /* NULL: a key of the database */
    struct s3_credential credential;
};

static bool copy_into(char *buffer, size_t capacity, uint32_t *len, struct slice value)
{
    *len = (uint32_t)value.len;
    if (value.len > capacity)
        return false;
    if (value.len)
        memcpy(buffer, value.data, value.len);
    return true;
}

static int load_caller(struct meta_tx *tx, struct s3_credential *c, int64_t identity_id, const char *session)
{
    int err = caller_load(tx, identity_id, session, &c->caller);
    if (err == ERR_NOT_FOUND)
        c->found = false; /* the user or role is gone */
    return err == ERR_NOT_FOUND ? 0 : err;
}

/* What the token says was sealed by this store; whether its account and role are still there is in the database. */
static int run_session(struct meta_tx *tx, struct lookup *l)
{
    struct s3_credential *c = &l->credential;
    const struct session *s = l->session;
    struct account_row account;
    int err = account_get(tx, s->account_id, &account);
    if (err && err != ERR_NOT_FOUND)
        return err;
    c->found = !err;
    c->enabled = !err && account.enabled;
    c->account_id = s->account_id;
    c->user_id = s->identity_id;
    c->expires_us = s->expires_us;
    (void)copy_into(c->secret, sizeof c->secret, &c->secret_len, slice_string(s->secret));
    if (err || !s->identity_id)
        return 0;
    err = load_caller(tx, c, s->identity_id, *s->name ? s->name : NULL);
    return err || !c->caller || !s->policy.len ? err : session_policy_parse(s->policy, &c->caller->session_policy);
}

static int run_lookup(struct meta_tx *tx, struct meta_read *read)
{
    struct lookup *l = container_of(read, struct lookup, read);
    struct s3_credential *c = &l->credential;
    struct access_key_row row;
    caller_release(c->caller); /* of a run that is done again */
    c->caller = NULL;
    if (l->session)
        return run_session(tx, l);
    int err = access_key_get(tx, slice_of(c->access_key, c->access_key_len), &row);
    if (err == ERR_NOT_FOUND) {
        c->found = false;
        return 0;
    }
    if (err)
        return err;
    struct account_row account;
    err = account_get(tx, row.account_id, &account);
    if (err && err != ERR_NOT_FOUND)
        return err;
    c->found = !err;
    c->enabled = row.enabled && account.enabled;
    c->account_id = row.account_id;
    c->user_id = row.user_id;
    c->expires_us = row.expires_us;
    bool fits = copy_into(c->secret, sizeof c->secret, &c->secret_len, row.secret)
                && copy_into(c->bucket, sizeof c->bucket, &c->bucket_len, row.bucket)
                && copy_into(c->prefix, sizeof c->prefix, &c->prefix_len, row.prefix)
                && copy_into(c->policy, sizeof c->policy, &c->policy_len, row.policy);
    if (!fits)
        return ERR_CORRUPT;
    return c->found && row.user_id ? load_caller(tx, c, row.user_id, NULL) : 0;
}

static uint32_t cache_slot(struct slice access_key)
{
    return crc32c(0, access_key.data, access_key.len) % S3_CREDENTIAL_CACHE_SIZE;
}

static int hash_token(const struct s3_request *r, uint8_t hash[SHA256_LEN])
{
    struct slice token = r->signature.security_token;
    memset(hash, 0, SHA256_LEN);
    return token.data ? sha256_of(token.data, token.len, hash) : 0;
}

static const struct s3_credential *cached(struct s3_request *r, struct slice access_key)
{
    const struct s3_credential *c = r->reactor->credentials[cache_slot(access_key)];
    uint8_t hash[SHA256_LEN];
    if (!c || !slice_equal(slice_of(c->access_key, c->access_key_len), access_key)
        || !c->epoch || c->epoch != meta_identity_epoch(r->reactor->server->meta) || hash_token(r, hash))
        return NULL;
    return memcmp(hash, c->token_hash, sizeof hash) == 0 ? c : NULL;
}

static void remember(struct s3_request *r, const struct s3_credential *c)
{
    struct s3_credential **slot = &r->reactor->credentials[cache_slot(slice_of(c->access_key, c->access_key_len))];
    if (!*slot)
        *slot = calloc(1, sizeof **slot);
    if (!*slot)
        return;
    caller_release((*slot)->caller);
    **slot = *c;
    if (c->caller)
        c->caller->references++;
}

void authorise_forget(struct s3_reactor *reactor)
{
    for (unsigned i = 0; i < S3_CREDENTIAL_CACHE_SIZE; i++) {
        if (reactor->credentials[i]) {
            caller_release(reactor->credentials[i]->caller);
            explicit_bzero(reactor->credentials[i], sizeof *reactor->credentials[i]);
        }
        free(reactor->credentials[i]);
        reactor->credentials[i] = NULL;
    }
}

/* --- what the identity may do --- */

static bool has_prefix(struct slice value, struct slice prefix)
{
    return value.len >= prefix.len && (prefix.len == 0 || memcmp(value.data, prefix.data, prefix.len) == 0);
}

bool authorise_key(const struct s3_request *r, struct slice bucket, struct slice key)
{
    const struct s3_identity *i = &r->identity;
    return (!i->bucket.len || slice_equal(i->bucket, bucket)) && has_prefix(key, i->prefix);
}

static bool in_scope(const struct s3_request *r)
{
    const struct s3_identity *i = &r->identity;
    if ((!i->bucket.len && !i->prefix.len) || r->operation == operation_get(OPERATION_ListBuckets))
        return true; /* the list shows the key's bucket alone */
    if (i->bucket.len && !slice_equal(i->bucket, request_bucket(r)))
        return false;
    if (!i->prefix.len)
        return true;
    if (r->address.key_len)
        return has_prefix(request_key(r), i->prefix);
    const struct operation *o = r->operation;
    if (o == operation_get(OPERATION_ListObjects) || o == operation_get(OPERATION_ListObjectsV2)
        || o == operation_get(OPERATION_ListObjectVersions) || o == operation_get(OPERATION_ListMultipartUploads))
        return has_prefix(query_value(&r->query, "prefix"), i->prefix);
    return o == operation_get(OPERATION_HeadBucket) || o == operation_get(OPERATION_GetBucketLocation)
           || o == operation_get(OPERATION_DeleteObjects);
}

/* Whoever sent the request may do what it asks for. */
static void allow(struct s3_request *r)
{
    if (r->explain)
        explain_allowed(r);
    else if (r->form)
        r->form->then(r);
    else
        request_admit(r);
}

/* --- the signature --- */

/* What is no header there: the signature's own fields; and checksums of the content, which S3 does not take from a query (SDKs put
 * those of an empty body there: none was known when they presigned). X-Amz-Content-Sha256 must hold. */
static bool stays_in_query(struct slice name)
{
    static const char *const names[] = {
        "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-expires", "x-amz-security-token", "x-amz-signature",
        "x-amz-signedheaders", "x-amz-sdk-checksum-algorithm", "x-amz-trailer"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (slice_equal_string_nocase(name, names[i]))
            return true;
    size_t prefix = sizeof "x-amz-checksum-" - 1;
    return header_name_starts_with(name, "x-amz-checksum-")
           && checksum_kind_parse(slice_of(name.data + prefix, name.len - prefix)) != CHECKSUM_NONE;
}

/* As fields of a head are by the time they are here: the name a token, no controls in the value. */
static bool is_field(struct slice name, struct slice value)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i] | 0x20;
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || name.data[i] == '-' || name.data[i] == '_' || name.data[i] == '.'))
            return false;
    }
    for (size_t i = 0; i < value.len; i++)
        if (((uint8_t)value.data[i] < ' ' && value.data[i] != '\t') || value.data[i] == 0x7f)
            return false;
    return true;
}

static bool has_header(const struct s3_request *r, struct slice name)
{
    for (uint32_t i = 0; i < r->header_count; i++)
        if (slice_equal_nocase(r->headers[i].name, name))
            return true;
    return false;
}

/* SDKs move headers into the queries that they presign: there x-amz-… counts as a header does, and one sent as a header, too, counts
 * as sent. False: answered. */
static bool take_headers_of_query(struct s3_request *r)
{
    for (uint32_t i = 0; i < r->query.count; i++) {
        struct slice name = r->query.items[i].name, value = r->query.items[i].value;
        if (!header_name_starts_with(name, "x-amz-") || stays_in_query(name) || has_header(r, name))
            continue;
        if (!is_field(name, value)) {
            answer_error_text(r, S3_InvalidArgument, "A parameter of the presigned query cannot be a header.");
            return false;
        }
        if (r->header_count == HEADERS_MAX) {
            answer_error_text(r, S3_BadRequest, "Too many header fields.");
            return false;
        }
        r->headers[r->header_count++] = (struct header){name, value.data ? value : slice_of("", 0)};
    }
    return true;
}

static enum sigv4_result verify_form(const struct s3_request *r, struct slice secret)
{
    const struct authorise_form *form = r->form;
    uint8_t expected[SHA256_LEN];
    if (form->access_key.data)
        return sigv2_check(form->signature, form->policy, secret);
    if (sigv4_policy_signature(secret, r->signature.scope, form->policy, expected))
        return SIGV4_INTERNAL;
    return constant_time_equal(expected, r->signature.signature, SHA256_LEN) ? SIGV4_OK : SIGV4_MISMATCH;
}

static enum sigv4_result verify_request(struct s3_request *r, struct slice secret)
{
    struct sigv4_request request = signature_request(r);
    struct sigv2_request request_v2 = signature_request_v2(r, &request);
    if (r->signature_v2)
        return sigv2_verify(r->signature_v2, &request_v2, secret);
    enum sigv4_result result = sigv4_verify(&r->signature, &request, secret, &r->reactor->keys, &r->chain);
    r->has_chain = result == SIGV4_OK;
    return result;
}

static void verify(struct s3_request *r, struct slice secret)
{
    enum sigv4_result result = r->explain ? SIGV4_OK : r->form ? verify_form(r, secret) : verify_request(r, secret);
    if (result != SIGV4_OK) {
        signature_answer(r, result);
        return;
    }
    if (r->signature.kind == SIGV4_PRESIGNED && !take_headers_of_query(r))
        return;
    if (r->identity.refused)
        access_deny(r, "the access key is for %s only", r->operation->writes ? "reading" : "writing");
    else if (!r->identified && !in_scope(r))
        access_deny(r, "it is outside of the bucket or the prefix that the access key is for");
    else if (r->identified)
        r->identified(r);
    else
        access_check(r, allow);
}

/* A copy can be made public, or lie where others may read. */
static bool reads_source(const struct operation *o)
{
    return o == operation_get(OPERATION_CopyObject) || o == operation_get(OPERATION_UploadPartCopy);
}

static void use_credential(struct s3_request *r, const struct s3_credential *c)
{
    uint64_t now = loop_wall_us(request_objects(r)->loop);
    bool session = r->signature.security_token.data != NULL;
    if (session && c->expires_us <= now) {
        signature_answer(r, SIGV4_EXPIRED_TOKEN);
        return;
    }
    if (!c->found || !c->enabled || (c->expires_us && c->expires_us <= now)) {
        signature_answer(r, session ? SIGV4_INVALID_TOKEN : SIGV4_UNKNOWN_ACCESS_KEY);
        return;
    }
    r->identity.account_id = c->account_id;
    if (c->caller)
        caller_use(r, c->caller);
    r->identity.bucket = arena_copy(&r->arena, slice_of(c->bucket, c->bucket_len));
    r->identity.prefix = arena_copy(&r->arena, slice_of(c->prefix, c->prefix_len));
    struct slice policy = slice_of(c->policy, c->policy_len);
    bool may = !policy.len || slice_equal_string(policy, "readwrite")
               || (slice_equal_string(policy, "readonly") && !r->operation->writes)
               || (slice_equal_string(policy, "writeonly") && r->operation->writes && !reads_source(r->operation));
    r->identity.refused = !may;
    r->identity.scoped = c->bucket_len || c->prefix_len || (policy.len && !slice_equal_string(policy, "readwrite"));
    if (!r->identity.bucket.data || !r->identity.prefix.data)
        answer_error(r, S3_SlowDown);
    else
        verify(r, slice_of(c->secret, c->secret_len));
}

static void lookup_done(struct meta_read *read)
{
    struct lookup *l = container_of(read, struct lookup, read);
    struct s3_request *r = l->request;
    struct s3_credential credential = l->credential; /* the request, and l with it, may end before it is used */
    explicit_bzero(&l->credential, sizeof l->credential);
    session_free(l->session);
    if (!read->err)
        remember(r, &credential);
    if (request_work_end(r)) {
        if (read->err)
            answer_err(r, read->err);
        else
            use_credential(r, &credential);
    }
    caller_release(credential.caller);
    explicit_bzero(&credential, sizeof credential);
}

static void look_up(struct s3_request *r)
{
    struct slice key = r->signature.access_key;
    const struct s3_credential *c = cached(r, key);
    if (c) {
        use_credential(r, c);
        return;
    }
    struct lookup *l = key.len <= ACCESS_KEY_MAX && r->reactor->server->meta ? arena_take(&r->arena, sizeof *l) : NULL;
    if (!l) {
        signature_answer(r, SIGV4_UNKNOWN_ACCESS_KEY);
        return;
    }
    memset(l, 0, sizeof *l);
    l->request = r;
    l->credential.epoch = meta_identity_epoch(r->reactor->server->meta);
    if (r->signature.security_token.data) {
        int err = session_open(r->reactor->server->meta, r->signature.security_token, key, &l->session);
        if (!err)
            err = hash_token(r, l->credential.token_hash);
        if (err) {
            signature_answer(r, err == ERR_NO_MEMORY ? SIGV4_INTERNAL : SIGV4_INVALID_TOKEN);
            return;
        }
    }
    (void)copy_into(l->credential.access_key, ACCESS_KEY_MAX, &l->credential.access_key_len, key);
    l->read = (struct meta_read){.run = run_lookup, .done = lookup_done, .loop = request_objects(r)->loop};
    request_work_begin(r);
    meta_read(r->reactor->server->meta, &l->read);
}

/* The signature is parsed and may count; whose is it? */
static void identify(struct s3_request *r)
{
    const struct s3_server *server = r->reactor->server;
    struct slice key = r->signature.access_key;
    snprintf(r->identity.access_key, sizeof r->identity.access_key, "%.*s", (int)key.len, key.data);
    if (server->root_access_key.len && slice_equal(key, server->root_access_key)) {
        r->identity.is_root = true;
        r->identity.account_id = server->root_account_id;
        verify(r, server->root_secret);
    } else {
        look_up(r);
    }
}

void authorise_form(struct s3_request *r, const struct authorise_form *form)
{
    enum sigv4_result result = SIGV4_OK;
    r->form = form;
    if (!form->policy.data) {
        r->identity.anonymous = true;
        access_check(r, allow);
        return;
    }
    if (form->access_key.data && !r->reactor->server->allow_signature_v2)
        result = SIGV4_VERSION_2;
    else if (form->access_key.data)
        r->signature.access_key = form->access_key;
    else
        result = sigv4_parse_form(form->algorithm, form->credential, form->date, form->signature, &r->signature);
    if (result == SIGV4_OK && !form->access_key.data)
        result = sigv4_check_scope(&r->signature, r->reactor->server->region, loop_wall_us(request_objects(r)->loop));
    if (result == SIGV4_OK)
        identify(r);
    else
        signature_answer(r, result);
}

/* What is known of the sender stands in r->signature, as with version 4. */
static enum sigv4_result parse_v2(struct s3_request *r)
{
    struct sigv4_request sent = signature_request(r);
    struct sigv2_request request = signature_request_v2(r, &sent);
    if (!r->reactor->server->allow_signature_v2)
        return SIGV4_VERSION_2;
    struct sigv2 *s = arena_take(&r->arena, sizeof *s);
    if (!s)
        return SIGV4_INTERNAL;
    enum sigv4_result result = sigv2_parse(&request, loop_wall_us(request_objects(r)->loop), s);
    r->signature = (struct sigv4){.access_key = s->access_key, .security_token = s->security_token};
    r->signature_v2 = s;
    return result;
}

void authorise(struct s3_request *r)
{
    if (r->operation == operation_get(OPERATION_PostObject) || r->operation == operation_get(OPERATION_CallService)) {
        request_admit(r);
        return;
    }
    const struct s3_server *server = r->reactor->server;
    struct sigv4_request request = signature_request(r);
    enum sigv4_result result = r->website ? SIGV4_ANONYMOUS : sigv4_parse(&request, &r->query, &r->signature);
    if (result == SIGV4_ANONYMOUS && r->address.bucket_len && r->operation != operation_get(OPERATION_CreateBucket)) {
        r->identity.anonymous = true;
        access_check(r, allow);
        return;
    }
    if (result == SIGV4_OK)
        result = sigv4_check_scope(&r->signature, server->region, loop_wall_us(request_objects(r)->loop));
    else if (result == SIGV4_VERSION_2)
        result = parse_v2(r);
    if (result != SIGV4_OK) {
        signature_answer(r, result);
        return;
    }
    identify(r);
}

void authorise_as(struct s3_request *r, struct slice access_key)
{
    if (access_key.len) {
        r->signature.access_key = access_key;
        identify(r);
    } else if (r->address.bucket_len && r->operation != operation_get(OPERATION_CreateBucket)) {
        r->identity.anonymous = true;
        access_check(r, allow);
    } else {
        access_deny(r, "it needs credentials");
    }
}

void authorise_service(struct s3_request *r, struct slice payload_hash, void (*then)(struct s3_request *))
{
    struct sigv4_request request = signature_request(r);
    enum sigv4_result result = sigv4_parse(&request, &r->query, &r->signature);
    if (result == SIGV4_OK)
        result = sigv4_check_service_scope(&r->signature, loop_wall_us(request_objects(r)->loop));
    if (result != SIGV4_OK) {
        signature_answer(r, result);
        return;
    }
    r->signature.payload_hash = payload_hash;
    r->identified = then;
    identify(r);
}
