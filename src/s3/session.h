/* Sessions of STS: what the token of temporary credentials holds, sealed by the store's key. Nothing is kept of a session: who has
 * the token and the secret in it is the caller until it expires, or its role or account goes.
 *
 * Format: docs/FORMAT.md, "Session token". */
#ifndef S3_SESSION_H
#define S3_SESSION_H

#include "meta/meta.h"
#include "wire/policy.h"

#define SESSION_NAME_MAX 64
#define SESSION_POLICY_MAX 2048

struct session {
    char access_key[32], secret[64];
    int64_t account_id, identity_id; /* a role, or a user; 0: the account itself */
    char name[SESSION_NAME_MAX + 1]; /* of a role's session; empty for a user's or an account's */
    uint64_t expires_us;
    struct slice policy;             /* session policy; empty: none */
    struct text document;            /* private */
};

/* Appends the token. */
int session_seal(struct meta *, const struct session *, struct text *token) MUST_CHECK;
/* ERR_CORRUPT: no token of this store, or of another access key. session_free. */
int session_open(struct meta *, struct slice token, struct slice access_key, struct session **ret) MUST_CHECK;
void session_free(struct session *); /* wipes */
/* ERR_CORRUPT when it is none: it was checked when the session was made. */
int session_policy_parse(struct slice document, struct policy **ret) MUST_CHECK;

#endif
