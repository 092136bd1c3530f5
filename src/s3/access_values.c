/* Values of condition keys, of one request. They lie in the request's arena or in what it was made of. */
#include <stdio.h>
#include <string.h>

#include "meta/attribute.h"
#include "s3/access.h"
#include "s3/authorise.h"
#include "s3/body.h"
#include "s3/explain.h"
#include "wire/http_date.h"
#include "wire/xml_request.h"

static int one(struct slice *values, struct slice value)
{
    if (!value.data)
        return -1;
    values[0] = value;
    return 1;
}

static int one_copy(struct s3_request *r, struct slice *values, const char *text)
{
    return one(values, arena_copy(&r->arena, slice_string(text)));
}

static int number(struct s3_request *r, struct slice *values, uint64_t n)
{
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)n);
    return one_copy(r, values, text);
}

static int source_ip(struct s3_request *r, struct slice *values)
{
    if (r->explain)
        return r->explain->source_ip.len ? one(values, r->explain->source_ip) : -1;
    if (!r->http)
        return -1;
    const char *peer = http_peer(r->http), *colon = strrchr(peer, ':');
    size_t len = colon ? (size_t)(colon - peer) : strlen(peer);
    if (len > 2 && peer[0] == '[')
        return one(values, arena_copy(&r->arena, slice_of(peer + 1, len - 2)));
    return one(values, arena_copy(&r->arena, slice_of(peer, len)));
}

static bool is_tls(const struct s3_request *r)
{
    return r->explain ? r->explain->tls : r->http && http_is_tls(r->http);
}

static int current_time(struct s3_request *r, struct slice *values, bool epoch)
{
    uint64_t now = loop_wall_us(request_objects(r)->loop);
    char text[ISO_DATE_SIZE];
    if (epoch)
        return number(r, values, now / 1000000);
    iso_date_format(now, text);
    return one_copy(r, values, text);
}

static bool presigned(const struct s3_request *r)
{
    return r->signature_v2 ? r->signature_v2->presigned : r->signature.kind == SIGV4_PRESIGNED;
}

static int authentication(struct s3_request *r, struct slice *values)
{
    return one(values, slice_string(r->form ? "POST" : presigned(r) ? "REST-QUERY-STRING" : "REST-HEADER"));
}

static int signature_age(struct s3_request *r, struct slice *values)
{
    uint64_t now = loop_wall_us(request_objects(r)->loop);
    if (r->signature_v2 || !presigned(r))
        return -1;
    return number(r, values, now > r->signature.time_us ? (now - r->signature.time_us) / 1000 : 0);
}

static int copy_source(struct s3_request *r, struct slice *values)
{
    struct slice source = request_header(r, "x-amz-copy-source");
    if (source.len && source.data[0] == '/')
        source = slice_of(source.data + 1, source.len - 1);
    return one(values, source);
}

/* Days from now until the retention that the request asks for ends. */
static int retention_days(struct s3_request *r, struct slice *values)
{
    uint64_t until, now = loop_wall_us(request_objects(r)->loop);
    struct slice date = request_header(r, "x-amz-object-lock-retain-until-date");
    if (!date.data || iso_date_parse(date, &until))
        return -1;
    return number(r, values, until > now ? (until - now + 86399999999ull) / 86400000000ull : 0);
}

static struct slice behind(struct slice key, size_t len)
{
    return slice_of(key.data + len, key.len - len);
}

static bool is(struct slice key, const char *name)
{
    return slice_equal_string_nocase(key, name);
}

static bool begins(struct slice key, const char *prefix)
{
    return key.len > strlen(prefix) && slice_equal_string_nocase(slice_of(key.data, strlen(prefix)), prefix);
}

static int existing_tag(const struct access_question *q, struct slice name, struct slice *values)
{
    struct attribute a;
    size_t position = 0;
    int err;
    while (q->info && attribute_next(q->info->attributes, &position, &a, &err))
        if (a.kind == ATTRIBUTE_TAG && slice_equal(a.name, name))
            return one(values, a.value);
    return -1;
}

/* Of x-amz-tagging, or of the document of PutObjectTagging, copied; *ret_count of them. NULL: none, or they are malformed, which
 * the operation refuses. */
static const struct tag *sent_tags(struct s3_request *r, uint32_t *ret_count)
{
    struct slice header = request_header(r, "x-amz-tagging");
    bool document = r->operation == operation_get(OPERATION_PutObjectTagging);
    if (!document && (!header.data || !header.len))
        return NULL;
    struct tagging_document *parsed = arena_take(&r->arena, sizeof *parsed);
    struct slice body = document ? body_document(r) : slice_of("", 0);
    if (!parsed || (document ? tagging_document_parse(body.data, body.len, parsed) : tagging_header_parse(header, parsed)))
        return NULL;
    struct tag *tags = arena_take(&r->arena, sizeof parsed->tags);
    for (uint32_t i = 0; tags && i < parsed->tag_count; i++)
        tags[i] = (struct tag){arena_copy(&r->arena, parsed->tags[i].key), arena_copy(&r->arena, parsed->tags[i].value)};
    *ret_count = parsed->tag_count;
    tagging_document_fini(parsed);
    return tags;
}

static int sent_tag(struct s3_request *r, struct slice name, struct slice *values)
{
    uint32_t count;
    const struct tag *tags = sent_tags(r, &count);
    for (uint32_t i = 0; tags && i < count; i++)
        if (tags[i].key.data && slice_equal(tags[i].key, name))
            return one(values, tags[i].value);
    return -1;
}

static int sent_tag_keys(struct s3_request *r, struct slice *values)
{
    uint32_t sent;
    const struct tag *tags = sent_tags(r, &sent);
    int count = 0;
    for (uint32_t i = 0; tags && i < sent && count < POLICY_VALUES_MAX; i++)
        if (tags[i].key.data)
            values[count++] = tags[i].key;
    return tags ? count : -1;
}

static int global_value(struct s3_request *r, struct slice key, struct slice *values)
{
    const struct s3_identity *i = &r->identity;
    if (is(key, "aws:SourceIp"))
        return source_ip(r, values);
    if (is(key, "aws:SecureTransport"))
        return one(values, slice_string(is_tls(r) ? "true" : "false"));
    if (is(key, "aws:Referer"))
        return one(values, request_header(r, "referer"));
    if (is(key, "aws:UserAgent"))
        return one(values, request_header(r, "user-agent"));
    if (is(key, "aws:CurrentTime") || is(key, "aws:EpochTime"))
        return current_time(r, values, is(key, "aws:EpochTime"));
    if (is(key, "aws:RequestedRegion"))
        return one(values, r->reactor->server->region);
    if (is(key, "aws:PrincipalType"))
        return one(values, slice_string(i->anonymous ? "Anonymous" : i->principal.role_arn.len ? "AssumedRole"
                                        : i->iam_user ? "User" : "Account"));
    if (is(key, "aws:PrincipalIsAWSService") || is(key, "aws:ViaAWSService"))
        return one(values, slice_string("false"));
    if (i->anonymous)
        return -1;
    if (is(key, "aws:username"))
        return i->user_name.len ? one(values, i->user_name) : -1;
    if (is(key, "aws:userid"))
        return one(values, i->unique_id.len ? i->unique_id : i->principal.account);
    if (is(key, "aws:PrincipalArn")) /* of a session its role */
        return one(values, i->principal.role_arn.len ? i->principal.role_arn : i->principal.arn);
    if (is(key, "aws:PrincipalAccount"))
        return one(values, i->principal.account);
    return -1;
}

static int signature_value(struct s3_request *r, struct slice key, struct slice *values)
{
    if (r->identity.anonymous)
        return -1;
    if (is(key, "s3:authType"))
        return authentication(r, values);
    if (is(key, "s3:signatureversion"))
        return one(values, slice_string(r->signature_v2 || (r->form && r->form->access_key.data) ? "AWS" : "AWS4-HMAC-SHA256"));
    return is(key, "s3:signatureAge") ? signature_age(r, values) : -1;
}

int access_values(void *question, struct slice key, struct slice *values)
{
    const struct access_question *q = question;
    struct s3_request *r = q->request;
    static const char *const queries[] = {"prefix", "delimiter", "max-keys"};
    if (begins(key, "aws:"))
        return global_value(r, key, values);
    if (!begins(key, "s3:"))
        return -1;
    if (begins(key, "s3:ExistingObjectTag/"))
        return existing_tag(q, behind(key, strlen("s3:ExistingObjectTag/")), values);
    if (begins(key, "s3:RequestObjectTag/"))
        return sent_tag(r, behind(key, strlen("s3:RequestObjectTag/")), values);
    if (is(key, "s3:RequestObjectTagKeys"))
        return sent_tag_keys(r, values);
    if (is(key, "s3:x-amz-copy-source"))
        return copy_source(r, values);
    if (begins(key, "s3:x-amz-") || is(key, "s3:if-match") || is(key, "s3:if-none-match"))
        return one(values, request_header(r, key.data + strlen("s3:")));
    if (is(key, "s3:object-lock-remaining-retention-days"))
        return retention_days(r, values);
    if (begins(key, "s3:object-lock-")) {
        char name[96];
        snprintf(name, sizeof name, "x-amz-%.*s", (int)(key.len - 3), key.data + 3);
        return one(values, request_header(r, name));
    }
    if (is(key, "s3:prefix") && q->prefix.data)
        return one(values, q->prefix);
    for (unsigned i = 0; i < sizeof queries / sizeof *queries; i++)
        if (is(behind(key, strlen("s3:")), queries[i]))
            return one(values, query_value(&r->query, queries[i]));
    if (is(key, "s3:VersionId"))
        return one(values, query_value(&r->query, "versionId"));
    return signature_value(r, key, values);
}
