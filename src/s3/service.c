/* See service.h. */
#include "s3/service.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "s3/access.h"
#include "s3/answer.h"
#include "s3/authorise.h"
#include "s3/body.h"
#include "s3/caller.h"
#include "wire/xml_write.h"

#define IAM_NAMESPACE "https://iam.amazonaws.com/doc/2010-05-08/"
#define STS_NAMESPACE "https://sts.amazonaws.com/doc/2011-06-15/"

/* --- the form --- */

struct slice service_field(const struct service_call *c, const char *name)
{
    return query_value(&c->form, name);
}

int service_need(struct service_call *c, const char *name, struct slice *ret)
{
    *ret = service_field(c, name);
    return ret->len ? 0 : service_fail(c, 400, "ValidationError", "%s must be given", name);
}

int service_number(struct service_call *c, const char *name, uint64_t least, uint64_t most, uint64_t otherwise, uint64_t *ret)
{
    struct slice value = service_field(c, name);
    *ret = otherwise;
    if (!value.data)
        return 0;
    if (slice_parse_u64(value, ret) || *ret < least || *ret > most)
        return service_fail(c, 400, "ValidationError", "%s must be a number from %llu to %llu", name, (unsigned long long)least, (unsigned long long)most);
    return 0;
}

struct slice service_copy(struct service_call *c, struct slice value)
{
    return arena_copy(&c->arena, value);
}

int service_fail(struct service_call *c, unsigned status, const char *code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(c->message, sizeof c->message, format, arguments);
    va_end(arguments);
    c->status = status;
    c->code = code;
    return ERR_INVALID;
}

/* --- pages --- */

int service_page_begin(struct service_call *c, struct service_page *p)
{
    memset(p, 0, sizeof *p);
    p->marker = service_field(c, "Marker");
    if (!p->marker.data)
        p->marker = slice_of("", 0);
    return service_number(c, "MaxItems", 1, 1000, 100, &p->max);
}

int service_page_next(struct service_page *p, struct slice name)
{
    if (p->count == p->max || name.len > sizeof p->last) {
        p->truncated = true;
        return 1;
    }
    p->count++;
    memcpy(p->last, name.data, name.len);
    p->last_len = name.len;
    return 0;
}

void service_page_end(struct service_call *c, const struct service_page *p)
{
    xml_element_bool(&c->result, "IsTruncated", p->truncated);
    if (p->truncated)
        xml_element(&c->result, "Marker", slice_of(p->last, p->last_len));
}

/* --- whether the caller may --- */

bool service_policies_allow(struct service_call *c, const char *action, struct slice resource, bool *ret_denied)
{
    const struct s3_identity *i = &c->request->identity;
    struct access_question question = {.request = c->request, .key = slice_of("", 0)};
    const struct policy_request request = {slice_string(action), resource, &i->principal, access_values, &question};
    bool allowed = false, session = i->session_policy_count == 0;
    *ret_denied = false;
    for (uint32_t n = 0; n < i->policy_count + i->session_policy_count; n++) {
        bool of_session = n >= i->policy_count;
        enum policy_effect effect = policy_evaluate(of_session ? i->session_policies[n - i->policy_count] : i->policies[n], &request).effect;
        *ret_denied = *ret_denied || effect == POLICY_DENY;
        session = session || (of_session && effect == POLICY_ALLOW);
        allowed = allowed || (!of_session && effect == POLICY_ALLOW);
    }
    return allowed && session && !*ret_denied;
}

int service_ask(struct service_call *c, struct slice resource)
{
    const struct s3_identity *i = &c->request->identity;
    char action[96];
    bool denied;
    snprintf(action, sizeof action, "%s:%s", c->action->sts ? "sts" : "iam", c->action->name);
    if (!i->iam_user || service_policies_allow(c, action, resource, &denied))
        return 0;
    return service_fail(c, 403, "AccessDenied", "User: %.*s is not authorized to perform: %s on resource: %.*s", (int)i->principal.arn.len,
                        i->principal.arn.data, action, (int)resource.len, resource.data);
}

/* --- the answer --- */

static void cleanup(struct s3_request *r)
{
    struct service_call *c = r->state;
    if (c->has_form)
        query_fini(&c->form);
    if (c->secret && c->result.data)
        explicit_bzero(c->result.data, c->result.capacity);
    text_free(&c->result);
    arena_free(&c->arena);
}

static void answer(struct service_call *c, int err)
{
    struct s3_request *r = c->request;
    struct text t = {0};
    if (c->status) {
        if (c->status == 403) {
            snprintf(r->access.reason, sizeof r->access.reason, "%.150s", c->message);
            for (char *p = r->access.reason; *p; p++)
                *p = (unsigned char)*p < ' ' || *p == '"' ? '?' : *p;
        }
        answer_failure(r, c->status, c->code, c->message, NULL, 0);
        return;
    }
    if (err) {
        answer_err(r, err);
        return;
    }
    xml_declaration(&t);
    text_append_format(&t, "<%sResponse xmlns=\"%s\">", c->action->name, c->action->sts ? STS_NAMESPACE : IAM_NAMESPACE);
    text_append_format(&t, "<%sResult>", c->action->name);
    text_append(&t, c->result.data, c->result.len);
    text_append_format(&t, "</%sResult>", c->action->name);
    xml_open(&t, "ResponseMetadata");
    xml_element_string(&t, "RequestId", r->id);
    xml_close(&t, "ResponseMetadata");
    text_append_format(&t, "</%sResponse>", c->action->name);
    t.failed = t.failed || c->result.failed;
    answer_xml(r, 200, &t);
}

/* --- the transaction --- */

/* Who an account is to policies; an IAM user or role was described with its policies (caller.c). */
static int take_account(struct service_call *c)
{
    struct s3_request *r = c->request;
    struct account_row *a = &c->account;
    int err = account_get(c->tx, r->identity.account_id, a);
    if (err)
        return err;
    struct slice *slices[] = {&a->number, &a->name, &a->display_name, &a->email, &a->canonical_id};
    for (unsigned i = 0; i < sizeof slices / sizeof *slices; i++) {
        *slices[i] = service_copy(c, *slices[i]);
        if (!slices[i]->data)
            return ERR_NO_MEMORY;
    }
    c->principal = r->identity.principal;
    if (r->identity.iam_user)
        return 0;
    struct text arn = {0};
    text_append_format(&arn, "arn:aws:iam::%.*s:root", (int)a->number.len, a->number.data);
    c->principal = (struct policy_principal){.account = a->number, .account_name = a->name, .canonical_id = a->canonical_id};
    c->principal.arn = arn.failed ? slice_of(NULL, 0) : service_copy(c, slice_of(arn.data, arn.len));
    text_free(&arn);
    return c->principal.arn.data ? 0 : ERR_NO_MEMORY;
}

static int run(struct service_call *c, struct meta_tx *tx)
{
    c->tx = tx;
    c->status = 0;
    c->code = NULL;
    arena_free(&c->arena);
    c->arena = (struct arena){0};
    text_clear(&c->result);
    int err = take_account(c);
    return err ? err : c->action->run(c);
}

static int run_read(struct meta_tx *tx, struct meta_read *read) { return run(container_of(read, struct service_call, read), tx); }
static int run_write(struct meta_tx *tx, struct meta_write *write) { return run(container_of(write, struct service_call, write), tx); }

static void read_done(struct meta_read *read)
{
    struct service_call *c = container_of(read, struct service_call, read);
    if (request_work_end(c->request))
        answer(c, read->err);
}

static void write_done(struct meta_write *write)
{
    struct service_call *c = container_of(write, struct service_call, write);
    if (request_work_end(c->request))
        answer(c, write->err);
}

static void identified(struct s3_request *r)
{
    struct service_call *c = r->state;
    struct meta *meta = r->reactor->server->meta;
    struct loop *loop = request_objects(r)->loop;
    if (r->identity.scoped) {
        access_deny(r, "a key with a scope is for objects alone");
        return;
    }
    request_work_begin(r);
    if (c->action->writes) {
        c->write = (struct meta_write){.run = run_write, .done = write_done, .loop = loop};
        meta_write(meta, &c->write);
    } else {
        c->read = (struct meta_read){.run = run_read, .done = read_done, .loop = loop};
        meta_read(meta, &c->read);
    }
}

static const struct service_action *find_action(struct slice name, bool sts)
{
    static const struct service_action *const tables[] = {service_entity_actions, service_key_actions, service_policy_actions,
                                                          service_session_actions};
    for (unsigned t = 0; t < sizeof tables / sizeof *tables; t++)
        for (const struct service_action *a = tables[t]; a->name; a++)
            if (a->sts == sts && slice_equal_string(name, a->name))
                return a;
    return NULL;
}

void call_service_start(struct s3_request *r)
{
    struct slice body = body_document(r);
    struct service_call *c = request_state(r, sizeof *c);
    uint8_t hash[SHA256_LEN];
    struct text hex = {0};
    if (!c)
        return;
    r->cleanup = cleanup;
    c->request = r;
    if (body.len > SERVICE_BODY_MAX || query_parse(body, &c->form)) {
        answer_failure(r, 400, "MalformedInput", "The body is no form of an action", NULL, 0);
        return;
    }
    c->has_form = true;
    c->action = find_action(service_field(c, "Action"), slice_equal_string(service_field(c, "Version"), "2011-06-15"));
    if (!c->action) {
        answer_failure(r, 400, "InvalidAction", "The action or operation requested is invalid. Verify that the action is typed correctly.", NULL, 0);
        return;
    }
    if (!sha256_of(body.data, body.len, hash))
        text_append_hex(&hex, hash, sizeof hash);
    struct slice payload_hash = hex.len ? arena_copy(&r->arena, slice_of(hex.data, hex.len)) : slice_of(NULL, 0);
    text_free(&hex);
    if (!payload_hash.data)
        answer_error(r, S3_SlowDown);
    else
        authorise_service(r, payload_hash, identified);
}
