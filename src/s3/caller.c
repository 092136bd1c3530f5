/* See caller.h. */
#include "s3/caller.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#define AMAZON_ARN "arn:aws:iam::aws:policy/"
#define ALLOW(actions) "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[" actions "],\"Resource\":\"*\"}]}"

static const struct { const char *name, *document; } amazon[] = {
    {"AdministratorAccess", ALLOW("\"*\"")},
    {"AmazonS3FullAccess", ALLOW("\"s3:*\",\"s3-object-lambda:*\"")},
    {"AmazonS3ReadOnlyAccess", ALLOW("\"s3:Get*\",\"s3:List*\",\"s3:Describe*\",\"s3-object-lambda:Get*\",\"s3-object-lambda:List*\"")},
    {"AmazonSNSFullAccess", ALLOW("\"sns:*\"")},
    {"AmazonSNSReadOnlyAccess", ALLOW("\"sns:Get*\",\"sns:List*\"")},
    {"IAMFullAccess", ALLOW("\"iam:*\",\"organizations:Describe*\",\"organizations:List*\"")},
    {"IAMReadOnlyAccess", ALLOW("\"iam:GenerateCredentialReport\",\"iam:Get*\",\"iam:List*\",\"iam:SimulateCustomPolicy\",\"iam:SimulatePrincipalPolicy\"")},
    {"ReadOnlyAccess", ALLOW("\"s3:Get*\",\"s3:List*\",\"iam:Get*\",\"iam:List*\",\"sts:Get*\"")},
};
#define AMAZON_COUNT (sizeof amazon / sizeof *amazon)

const char *const caller_amazon_policies[AMAZON_COUNT + 1] = {
    "AdministratorAccess", "AmazonS3FullAccess", "AmazonS3ReadOnlyAccess", "AmazonSNSFullAccess", "AmazonSNSReadOnlyAccess",
    "IAMFullAccess", "IAMReadOnlyAccess", "ReadOnlyAccess", NULL};

int caller_managed_policy(struct meta_tx *tx, int64_t account_id, struct slice number, struct slice arn, struct slice *ret_document)
{
    char own[64];
    struct identity_row row;
    size_t len = strlen(AMAZON_ARN);
    if (slice_starts_with(arn, AMAZON_ARN)) {
        struct slice name = slice_of(arn.data + len, arn.len - len);
        for (unsigned i = 0; i < AMAZON_COUNT; i++)
            if (slice_equal_string(name, amazon[i].name)) {
                *ret_document = slice_string(amazon[i].document);
                return 0;
            }
        return ERR_NOT_FOUND;
    }
    snprintf(own, sizeof own, "arn:aws:iam::%.*s:policy/", (int)number.len, number.data);
    if (!slice_starts_with(arn, own))
        return ERR_NOT_FOUND;
    const char *slash = memrchr(arn.data, '/', arn.len);
    struct slice name = slice_of(slash + 1, (size_t)(arn.data + arn.len - slash - 1));
    int err = identity_get(tx, account_id, IDENTITY_POLICY, name, &row);
    if (!err)
        *ret_document = row.document;
    return err;
}

/* --- loading --- */

struct load {
    struct meta_tx *tx;
    struct caller *caller;
    int64_t account_id;
    int64_t groups[10]; /* IAM's limit of groups of a user */
    uint32_t group_count;
};

static int add_policy(struct load *l, struct slice document)
{
    struct caller *c = l->caller;
    char message[POLICY_MESSAGE_SIZE];
    if (c->policy_count == c->capacity) {
        uint32_t capacity = c->capacity ? 2 * c->capacity : 8;
        struct policy **grown = realloc(c->policies, capacity * sizeof *grown);
        if (!grown)
            return ERR_NO_MEMORY;
        c->policies = grown;
        c->capacity = capacity;
    }
    int err = policy_parse(document, POLICY_IDENTITY, slice_of("", 0), &c->policies[c->policy_count], message);
    if (!err)
        c->policy_count++;
    return err == ERR_MALFORMED ? ERR_CORRUPT : err; /* it was checked when it was put */
}

static int take_inline(void *arg, struct slice name, struct slice document)
{
    (void)name;
    return add_policy(arg, document);
}

/* A managed policy that is gone allows nothing, and cannot go while it is attached. */
static int take_attached(void *arg, struct slice arn)
{
    struct load *l = arg;
    struct slice document;
    int err = caller_managed_policy(l->tx, l->account_id, slice_string(l->caller->number), arn, &document);
    return err ? (err == ERR_NOT_FOUND ? ERR_CORRUPT : err) : add_policy(l, document);
}

static int take_policies(struct load *l, int64_t id)
{
    int err = identity_policy_list(l->tx, id, slice_of("", 0), take_inline, l);
    return err ? err : identity_attachments(l->tx, id, slice_of("", 0), take_attached, l);
}

static int take_group(void *arg, int64_t group_id)
{
    struct load *l = arg;
    if (l->group_count == sizeof l->groups / sizeof *l->groups)
        return ERR_CORRUPT;
    l->groups[l->group_count++] = group_id;
    return 0;
}

static void copy(char *to, size_t size, struct slice from)
{
    snprintf(to, size, "%.*s", (int)from.len, from.data);
}

/* Who it is, as policies name it. */
static int describe(struct load *l, const struct identity_row *row, const char *session)
{
    struct caller *c = l->caller;
    struct account_row account;
    int err = account_get(l->tx, row->account_id, &account);
    if (err)
        return err;
    copy(c->number, sizeof c->number, account.number);
    copy(c->account_name, sizeof c->account_name, account.name);
    copy(c->canonical_id, sizeof c->canonical_id, account.canonical_id);
    copy(c->name, sizeof c->name, row->name);
    if (!session) {
        copy(c->unique_id, sizeof c->unique_id, row->unique_id);
        snprintf(c->arn, sizeof c->arn, "arn:aws:iam::%s:user%.*s%s", c->number, (int)row->path.len, row->path.data, c->name);
        return 0;
    }
    snprintf(c->unique_id, sizeof c->unique_id, "%.*s:%s", (int)row->unique_id.len, row->unique_id.data, session);
    snprintf(c->role_arn, sizeof c->role_arn, "arn:aws:iam::%s:role%.*s%s", c->number, (int)row->path.len, row->path.data, c->name);
    snprintf(c->arn, sizeof c->arn, "arn:aws:sts::%s:assumed-role/%s/%s", c->number, c->name, session);
    return 0;
}

int caller_load(struct meta_tx *tx, int64_t identity_id, const char *session, struct caller **ret)
{
    struct identity_row row;
    struct caller *c = calloc(1, sizeof *c);
    if (!c)
        return ERR_NO_MEMORY;
    c->references = 1;
    struct load l = {.tx = tx, .caller = c};
    int err = identity_get_id(tx, identity_id, &row);
    l.account_id = err ? 0 : row.account_id;
    bool user = !err && row.kind == IDENTITY_USER;
    if (!err)
        err = describe(&l, &row, session);
    if (!err)
        err = take_policies(&l, identity_id);
    if (!err && user)
        err = identity_groups(tx, identity_id, 0, take_group, &l);
    for (uint32_t i = 0; !err && i < l.group_count; i++)
        err = take_policies(&l, l.groups[i]);
    if (err)
        caller_release(c);
    else
        *ret = c;
    return err;
}

void caller_release(struct caller *c)
{
    if (!c || --c->references)
        return;
    for (uint32_t i = 0; i < c->policy_count; i++)
        policy_free(c->policies[i]);
    policy_free(c->session_policy);
    free(c->policies);
    free(c);
}

void caller_use(struct s3_request *r, struct caller *c)
{
    struct s3_identity *i = &r->identity;
    c->references++;
    r->caller = c;
    i->iam_user = true;
    i->user_name = *c->role_arn ? slice_of("", 0) : slice_string(c->name);
    i->unique_id = slice_string(c->unique_id);
    i->principal = (struct policy_principal){.account = slice_string(c->number), .account_name = slice_string(c->account_name),
                                             .canonical_id = slice_string(c->canonical_id), .arn = slice_string(c->arn),
                                             .role_arn = slice_string(c->role_arn)};
    i->policies = (const struct policy *const *)c->policies;
    i->policy_count = c->policy_count;
    i->session_policies = (const struct policy *const *)&c->session_policy;
    i->session_policy_count = c->session_policy != NULL;
}
