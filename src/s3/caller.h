/* IAM users and roles as callers: who they are to policies, and the policies that say what they may do. Read in one transaction, then
 * read-only and counted: a reactor's remembered credential and the requests that use it share one. */
#ifndef S3_CALLER_H
#define S3_CALLER_H

#include "meta/identity.h"
#include "s3/request.h"

struct caller {
    uint32_t references;
    char number[ACCOUNT_NUMBER_LEN + 1], account_name[ACCOUNT_NAME_MAX + 1], canonical_id[CANONICAL_ID_LEN + 1];
    char name[IDENTITY_NAME_MAX + 1], unique_id[192];
    char arn[1024], role_arn[1024];      /* of a session: its own, and its role's; else role_arn is empty */
    struct policy **policies;            /* its own, then those of its groups */
    uint32_t policy_count, capacity;
    struct policy *session_policy;       /* NULL: none */
};

/* In run of a read. session: a role's session name, NULL for a user. ERR_NOT_FOUND: the user, role or account is gone. */
int caller_load(struct meta_tx *, int64_t identity_id, const char *session, struct caller **ret) MUST_CHECK;
void caller_release(struct caller *);
/* Fills in r->identity, and keeps a reference for as long as the request. */
void caller_use(struct s3_request *, struct caller *);

/* The document of a managed policy: one of Amazon's (arn:aws:iam::aws:policy/...) that Ingot knows, or one of the account. ERR_NOT_FOUND. */
int caller_managed_policy(struct meta_tx *, int64_t account_id, struct slice number, struct slice arn, struct slice *ret_document) MUST_CHECK;
/* Names of Amazon's, in order; NULL ends them. */
extern const char *const caller_amazon_policies[];

#endif
