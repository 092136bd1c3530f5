/* Policy documents of AWS (bucket, identity, session and trust policies): read, checked, evaluated. Pure.
 *
 * A policy is compiled once; it is then read-only and may be evaluated from any thread. Time of an evaluation is bounded: patterns
 * are matched without recursion, in at most (bytes of the pattern x bytes of the value) steps. */
#ifndef WIRE_POLICY_H
#define WIRE_POLICY_H

#include "base/text.h"

#define POLICY_SIZE_MAX 20480       /* bytes of a bucket policy */
#define POLICY_MESSAGE_SIZE 160
#define POLICY_VALUES_MAX 64        /* values that one condition key may have in a request */

enum policy_kind {
    POLICY_BUCKET,   /* Principal and Resource must be there, and S3's actions in them */
    POLICY_IDENTITY, /* of users, groups, roles, sessions: no Principal; actions of any service */
    POLICY_TRUST,    /* of roles: Principal must be there, Resource must not */
};

struct policy;

/* bucket: of a POLICY_BUCKET, its name; every resource must lie in it. ERR_MALFORMED with message, S3's words for what is
 * wrong; ERR_TOO_LARGE; ERR_NO_MEMORY. */
int policy_parse(struct slice document, enum policy_kind, struct slice bucket, struct policy **ret,
                 char message[POLICY_MESSAGE_SIZE]) MUST_CHECK;
void policy_free(struct policy *);
/* The document it was parsed from. */
struct slice policy_text(const struct policy *);

/* Who asks. Slices are empty of what it is not. */
struct policy_principal {
    bool anonymous;
    struct slice account;       /* its number */
    struct slice account_name;  /* also taken for the number in ARNs */
    struct slice canonical_id;
    struct slice arn;           /* user, session, or arn:aws:iam::ACCOUNT:root */
    struct slice role_arn;      /* of a session */
    struct slice federated;     /* the identity provider of a web identity session */
    struct slice service;
};

struct policy_request {
    struct slice action;   /* "s3:GetObject" */
    struct slice resource; /* "arn:aws:s3:::BUCKET/KEY"; empty for trust policies */
    const struct policy_principal *principal;
    /* Values of a condition key, such as aws:SourceIp or s3:ExistingObjectTag/color: into values, at most POLICY_VALUES_MAX;
     * returns how many, -1: the key is not in the request. They must stay until the evaluation is over. Names of keys have any
     * case, but behind a slash. */
    int (*values)(void *arg, struct slice key, struct slice *values);
    void *arg;
};

enum policy_effect { POLICY_NONE, POLICY_ALLOW, POLICY_DENY };
struct policy_result {
    enum policy_effect effect;
    uint32_t statement;  /* counted from 0: the one that decided */
    struct slice sid;    /* its Sid, may be empty; lives as long as the policy */
    /* Of an Allow of a policy with principals: it names everybody or the caller itself (its user, role, session). An account as
     * principal leaves it to that account what its users may do. */
    bool names_caller;
};
/* Deny before allow. */
struct policy_result policy_evaluate(const struct policy *, const struct policy_request *);

/* Whether a condition or a variable has a key that begins so; lower case. */
bool policy_uses_key(const struct policy *, const char *prefix);
/* S3's meaning of public: a statement that allows something to everybody, unless its conditions fix who that is. */
bool policy_is_public(const struct policy *);

#endif
