/* IAM's users, groups, roles and managed policies of accounts. Called inside run, as meta/tables.h says; ERR_NOT_FOUND where nothing is. */
#ifndef META_IDENTITY_H
#define META_IDENTITY_H

#include "meta/tables.h"

#define IDENTITY_NAME_MAX 128

enum identity_kind { IDENTITY_USER = 1, IDENTITY_GROUP = 2, IDENTITY_ROLE = 3, IDENTITY_POLICY = 4 };

struct identity_row {
    int64_t id, account_id;    /* insert: id from the store's clock */
    enum identity_kind kind;
    struct slice name;         /* unique in account and kind, whatever its case */
    struct slice path;         /* "/", "/a/b/" */
    struct slice unique_id;    /* AIDA..., AGPA..., AROA..., ANPA... */
    uint64_t created_us;
    struct slice document;     /* a role's trust policy; a managed policy's own */
    struct slice description;
    uint32_t session_s;        /* a role's longest session */
};

int identity_get(struct meta_tx *, int64_t account_id, enum identity_kind, struct slice name, struct identity_row *ret) MUST_CHECK;
int identity_get_id(struct meta_tx *, int64_t id, struct identity_row *ret) MUST_CHECK;
int identity_insert(struct meta_tx *, const struct identity_row *, int64_t *ret_id) MUST_CHECK; /* ERR_EXISTS */
int identity_update(struct meta_tx *, const struct identity_row *) MUST_CHECK; /* name, path, document, description, session_s; ERR_EXISTS */
/* With its inline policies, attachments and memberships. Access keys are the caller's to delete. */
int identity_delete(struct meta_tx *, int64_t id) MUST_CHECK;
int identity_delete_account(struct meta_tx *, int64_t account_id) MUST_CHECK;
/* By name, behind after. fn stops the walk with what is not 0, which is returned. All walks here are alike. */
int identity_list(struct meta_tx *, int64_t account_id, enum identity_kind, struct slice after, int (*fn)(void *, const struct identity_row *), void *arg) MUST_CHECK;

int identity_policy_put(struct meta_tx *, int64_t id, struct slice name, struct slice document) MUST_CHECK;
int identity_policy_get(struct meta_tx *, int64_t id, struct slice name, struct slice *ret_document) MUST_CHECK;
int identity_policy_delete(struct meta_tx *, int64_t id, struct slice name) MUST_CHECK;
int identity_policy_list(struct meta_tx *, int64_t id, struct slice after, int (*fn)(void *, struct slice name, struct slice document), void *arg) MUST_CHECK;

/* Managed policies, by ARN; attaching twice is once. */
int identity_attach(struct meta_tx *, int64_t id, struct slice arn) MUST_CHECK;
int identity_detach(struct meta_tx *, int64_t id, struct slice arn) MUST_CHECK;
int identity_attachments(struct meta_tx *, int64_t id, struct slice after, int (*fn)(void *, struct slice arn), void *arg) MUST_CHECK;
int identity_attached_count(struct meta_tx *, struct slice arn, uint64_t *ret) MUST_CHECK;

int identity_member_add(struct meta_tx *, int64_t group_id, int64_t user_id) MUST_CHECK;
int identity_member_remove(struct meta_tx *, int64_t group_id, int64_t user_id) MUST_CHECK;
int identity_members(struct meta_tx *, int64_t group_id, int64_t after, int (*fn)(void *, int64_t user_id), void *arg) MUST_CHECK;
int identity_groups(struct meta_tx *, int64_t user_id, int64_t after, int (*fn)(void *, int64_t group_id), void *arg) MUST_CHECK;

#endif
