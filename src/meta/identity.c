/* What IAM keeps of an account: users, groups, roles and managed policies, and what hangs on them. */
#include "meta/identity.h"

#include <string.h>

#include "meta/statement.h"
#include "meta/transaction.h"

/* Names are unique whatever their case. */
static struct slice fold(struct slice name, char folded[IDENTITY_NAME_MAX])
{
    size_t len = name.len < IDENTITY_NAME_MAX ? name.len : IDENTITY_NAME_MAX;
    for (size_t i = 0; i < len; i++)
        folded[i] = (char)(name.data[i] >= 'A' && name.data[i] <= 'Z' ? name.data[i] | 0x20 : name.data[i]);
    return slice_of(folded, len);
}

static struct identity_row read_row(const struct statement *s)
{
    return (struct identity_row){
        .id = statement_int(s, 0),
        .account_id = statement_int(s, 1),
        .kind = (enum identity_kind)statement_int(s, 2),
        .name = statement_string(s, 3),
        .path = statement_string(s, 4),
        .unique_id = statement_string(s, 5),
        .created_us = (uint64_t)statement_int(s, 6),
        .document = statement_blob(s, 7),
        .description = statement_string(s, 8),
        .session_s = (uint32_t)statement_int(s, 9),
    };
}

int identity_get(struct meta_tx *tx, int64_t account_id, enum identity_kind kind, struct slice name, struct identity_row *ret)
{
    char folded[IDENTITY_NAME_MAX];
    struct statement s = statement_begin(tx, STATEMENT_IDENTITY_GET);
    statement_bind_int(&s, account_id);
    statement_bind_int(&s, kind);
    statement_bind_text(&s, fold(name, folded));
    int err = name.len > IDENTITY_NAME_MAX ? ERR_NOT_FOUND : statement_row(&s);
    if (err == 0)
        *ret = read_row(&s);
    return err;
}

int identity_get_id(struct meta_tx *tx, int64_t id, struct identity_row *ret)
{
    struct statement s = statement_begin(tx, STATEMENT_IDENTITY_GET_ID);
    statement_bind_int(&s, id);
    int err = statement_row(&s);
    if (err == 0)
        *ret = read_row(&s);
    return err;
}

int identity_insert(struct meta_tx *tx, const struct identity_row *row, int64_t *ret_id)
{
    tx->identities_changed = true;
    char folded[IDENTITY_NAME_MAX];
    *ret_id = (int64_t)meta_tx_clock(tx);
    struct statement s = statement_begin(tx, STATEMENT_IDENTITY_INSERT);
    statement_bind_int(&s, *ret_id);
    statement_bind_int(&s, row->account_id);
    statement_bind_int(&s, row->kind);
    statement_bind_text(&s, row->name);
    statement_bind_text(&s, row->path);
    statement_bind_text(&s, row->unique_id);
    statement_bind_int(&s, (int64_t)row->created_us);
    statement_bind_blob(&s, row->document);
    statement_bind_text(&s, row->description);
    statement_bind_int(&s, row->session_s);
    statement_bind_text(&s, fold(row->name, folded));
    return statement_execute(&s);
}

int identity_update(struct meta_tx *tx, const struct identity_row *row)
{
    tx->identities_changed = true;
    char folded[IDENTITY_NAME_MAX];
    struct statement s = statement_begin(tx, STATEMENT_IDENTITY_UPDATE);
    statement_bind_int(&s, row->id);
    statement_bind_text(&s, row->name);
    statement_bind_text(&s, row->path);
    statement_bind_blob(&s, row->document);
    statement_bind_text(&s, row->description);
    statement_bind_int(&s, row->session_s);
    statement_bind_text(&s, fold(row->name, folded));
    return statement_execute(&s);
}

static int delete_of(struct meta_tx *tx, enum statement_id statement, int64_t id)
{
    tx->identities_changed = true;
    struct statement s = statement_begin(tx, statement);
    statement_bind_int(&s, id);
    return statement_execute(&s);
}

int identity_delete(struct meta_tx *tx, int64_t id)
{
    static const enum statement_id statements[] = {
        STATEMENT_IDENTITY_POLICY_DELETE_ALL, STATEMENT_IDENTITY_ATTACHMENT_DELETE_ALL, STATEMENT_IDENTITY_MEMBER_DELETE_GROUP,
        STATEMENT_IDENTITY_MEMBER_DELETE_USER, STATEMENT_IDENTITY_DELETE};
    int err = 0;
    for (unsigned i = 0; i < sizeof statements / sizeof *statements && err == 0; i++)
        err = delete_of(tx, statements[i], id);
    return err;
}

int identity_list(struct meta_tx *tx, int64_t account_id, enum identity_kind kind, struct slice after,
                  int (*fn)(void *, const struct identity_row *), void *arg)
{
    char folded[IDENTITY_NAME_MAX];
    struct statement s = statement_begin(tx, STATEMENT_IDENTITY_LIST);
    statement_bind_int(&s, account_id);
    statement_bind_int(&s, kind);
    statement_bind_text(&s, fold(after, folded));
    int err;
    while ((err = statement_row(&s)) == 0) {
        struct identity_row row = read_row(&s);
        err = fn(arg, &row);
        if (err != 0)
            break;
    }
    return statement_end_walk(&s, err);
}

struct first { int64_t id; };

static int take_first(void *arg, const struct identity_row *row)
{
    ((struct first *)arg)->id = row->id;
    return ERR_EXISTS;
}

int identity_delete_account(struct meta_tx *tx, int64_t account_id)
{
    static const enum identity_kind kinds[] = {IDENTITY_USER, IDENTITY_GROUP, IDENTITY_ROLE, IDENTITY_POLICY};
    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct first first;
        int err;
        while ((err = identity_list(tx, account_id, kinds[i], slice_of("", 0), take_first, &first)) == ERR_EXISTS) {
            err = access_key_delete_user(tx, account_id, first.id);
            if (err == 0)
                err = identity_delete(tx, first.id);
            if (err != 0)
                return err;
        }
        if (err != 0)
            return err;
    }
    return 0;
}

/* --- inline policies --- */

int identity_policy_put(struct meta_tx *tx, int64_t id, struct slice name, struct slice document)
{
    tx->identities_changed = true;
    struct statement s = statement_begin(tx, STATEMENT_IDENTITY_POLICY_PUT);
    statement_bind_int(&s, id);
    statement_bind_text(&s, name);
    statement_bind_blob(&s, document);
    return statement_execute(&s);
}

int identity_policy_get(struct meta_tx *tx, int64_t id, struct slice name, struct slice *ret)
{
    struct statement s = statement_begin(tx, STATEMENT_IDENTITY_POLICY_GET);
    statement_bind_int(&s, id);
    statement_bind_text(&s, name);
    int err = statement_row(&s);
    if (err == 0)
        *ret = statement_blob(&s, 0);
    return err;
}

int identity_policy_delete(struct meta_tx *tx, int64_t id, struct slice name)
{
    tx->identities_changed = true;
    struct statement s = statement_begin(tx, STATEMENT_IDENTITY_POLICY_DELETE);
    statement_bind_int(&s, id);
    statement_bind_text(&s, name);
    int err = statement_execute(&s);
    return err == 0 && statement_changes(&s) == 0 ? ERR_NOT_FOUND : err;
}

int identity_policy_list(struct meta_tx *tx, int64_t id, struct slice after, int (*fn)(void *, struct slice name, struct slice document), void *arg)
{
    struct statement s = statement_begin(tx, STATEMENT_IDENTITY_POLICY_LIST);
    statement_bind_int(&s, id);
    statement_bind_text(&s, after);
    int err;
    while ((err = statement_row(&s)) == 0) {
        err = fn(arg, statement_string(&s, 0), statement_blob(&s, 1));
        if (err != 0)
            break;
    }
    return statement_end_walk(&s, err);
}

/* --- attachments --- */

static int change_attachment(struct meta_tx *tx, enum statement_id statement, int64_t id, struct slice arn, int64_t *ret_changes)
{
    tx->identities_changed = true;
    struct statement s = statement_begin(tx, statement);
    statement_bind_int(&s, id);
    statement_bind_text(&s, arn);
    int err = statement_execute(&s);
    *ret_changes = statement_changes(&s);
    return err;
}

int identity_attach(struct meta_tx *tx, int64_t id, struct slice arn)
{
    int64_t changes;
    return change_attachment(tx, STATEMENT_IDENTITY_ATTACH, id, arn, &changes);
}

int identity_detach(struct meta_tx *tx, int64_t id, struct slice arn)
{
    int64_t changes;
    int err = change_attachment(tx, STATEMENT_IDENTITY_DETACH, id, arn, &changes);
    return err == 0 && changes == 0 ? ERR_NOT_FOUND : err;
}

int identity_attachments(struct meta_tx *tx, int64_t id, struct slice after, int (*fn)(void *, struct slice arn), void *arg)
{
    struct statement s = statement_begin(tx, STATEMENT_IDENTITY_ATTACHMENTS);
    statement_bind_int(&s, id);
    statement_bind_text(&s, after);
    int err;
    while ((err = statement_row(&s)) == 0) {
        err = fn(arg, statement_string(&s, 0));
        if (err != 0)
            break;
    }
    return statement_end_walk(&s, err);
}

int identity_attached_count(struct meta_tx *tx, struct slice arn, uint64_t *ret)
{
    struct statement s = statement_begin(tx, STATEMENT_IDENTITY_ATTACHED_COUNT);
    statement_bind_text(&s, arn);
    int err = statement_row(&s);
    if (err == 0)
        *ret = (uint64_t)statement_int(&s, 0);
    statement_end(&s);
    return err;
}

/* --- members of groups --- */

static int change_member(struct meta_tx *tx, enum statement_id statement, int64_t group_id, int64_t user_id)
{
    tx->identities_changed = true;
    struct statement s = statement_begin(tx, statement);
    statement_bind_int(&s, group_id);
    statement_bind_int(&s, user_id);
    return statement_execute(&s);
}

int identity_member_add(struct meta_tx *tx, int64_t group_id, int64_t user_id)
{
    return change_member(tx, STATEMENT_IDENTITY_MEMBER_ADD, group_id, user_id);
}

int identity_member_remove(struct meta_tx *tx, int64_t group_id, int64_t user_id)
{
    return change_member(tx, STATEMENT_IDENTITY_MEMBER_REMOVE, group_id, user_id);
}

static int walk_members(struct meta_tx *tx, enum statement_id statement, int64_t id, int64_t after, int (*fn)(void *, int64_t), void *arg)
{
    struct statement s = statement_begin(tx, statement);
    statement_bind_int(&s, id);
    statement_bind_int(&s, after);
    int err;
    while ((err = statement_row(&s)) == 0) {
        err = fn(arg, statement_int(&s, 0));
        if (err != 0)
            break;
    }
    return statement_end_walk(&s, err);
}

int identity_members(struct meta_tx *tx, int64_t group_id, int64_t after, int (*fn)(void *, int64_t user_id), void *arg)
{
    return walk_members(tx, STATEMENT_IDENTITY_MEMBERS, group_id, after, fn, arg);
}

int identity_groups(struct meta_tx *tx, int64_t user_id, int64_t after, int (*fn)(void *, int64_t group_id), void *arg)
{
    return walk_members(tx, STATEMENT_IDENTITY_GROUPS, user_id, after, fn, arg);
}
