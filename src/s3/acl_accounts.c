/* The accounts that grants name by canonical id or e-mail address: one transaction for all of them, none when there are none. */
#include <stdio.h>
#include <string.h>

#include "base/container.h"
#include "meta/tables.h"
#include "s3/acl.h"
#include "s3/answer.h"

struct search {
    struct meta_read read;
    struct s3_request *request;
    const struct acl_list *list;
    void (*then)(struct s3_request *, const struct acl_account *);
    struct acl_account accounts[ACL_GRANTS_MAX];
};

static bool names_account(const struct acl_grant *grant)
{
    return grant->grantee == ACL_CANONICAL_USER || grant->grantee == ACL_EMAIL;
}

static void keep(const struct account_row *row, struct acl_account *ret)
{
    struct slice name = row->display_name.len ? row->display_name : row->name;
    ret->found = true;
    ret->id = row->id;
    snprintf(ret->canonical_id, sizeof ret->canonical_id, "%.*s", (int)row->canonical_id.len, row->canonical_id.data);
    snprintf(ret->display_name, sizeof ret->display_name, "%.*s", (int)name.len, name.data);
}

static int run(struct meta_tx *tx, struct meta_read *read)
{
    struct search *s = container_of(read, struct search, read);
    for (uint32_t i = 0; i < s->list->count; i++) {
        const struct acl_grant *grant = &s->list->grants[i];
        struct account_row row;
        s->accounts[i].found = false;
        if (!names_account(grant) || !grant->id.len)
            continue;
        int err = grant->grantee == ACL_EMAIL ? account_get_by_email(tx, grant->id, &row) : account_get_by_canonical_id(tx, grant->id, &row);
        if (!err)
            keep(&row, &s->accounts[i]);
        else if (err != ERR_NOT_FOUND)
            return err;
    }
    return 0;
}

static void done(struct meta_read *read)
{
    struct search *s = container_of(read, struct search, read);
    struct s3_request *r = s->request;
    if (!request_work_end(r))
        return;
    if (read->err)
        answer_err(r, read->err);
    else
        s->then(r, s->accounts);
}

void acl_accounts(struct s3_request *r, const struct acl_list *list, void (*then)(struct s3_request *, const struct acl_account *))
{
    struct search *s = arena_take(&r->arena, sizeof *s);
    bool any = false;
    if (!s) {
        answer_error(r, S3_SlowDown);
        return;
    }
    *s = (struct search){.request = r, .list = list, .then = then};
    for (uint32_t i = 0; i < list->count; i++)
        any |= names_account(&list->grants[i]);
    if (!any) {
        then(r, s->accounts);
        return;
    }
    s->read = (struct meta_read){.run = run, .done = done, .loop = request_objects(r)->loop};
    request_work_begin(r);
    meta_read(r->reactor->server->meta, &s->read);
}
