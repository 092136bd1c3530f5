/* One request inside s3/: what was sent, who sent it, what is under way for it, and its answer.
 *
 * Life: made by http's begin, freed when http's gone has come and no work is pending. Work is counted by
 * request_work_begin/_end; a handler's callback starts with request_work_end and stops when that says so. */
#ifndef S3_REQUEST_H
#define S3_REQUEST_H

#include "s3/error.h"
#include "s3/router.h"
#include "s3/server.h"
#include "wire/aws_chunked.h"
#include "wire/header.h"
#include "wire/payload.h"
#include "wire/policy.h"
#include "wire/sigv2.h"
#include "wire/uri.h"

struct s3_explain;

#define S3_DOCUMENT_MAX (8u << 20) /* bytes of a request document */

struct s3_identity {
    int64_t account_id; /* owns what the request makes */
    bool anonymous;
    bool is_root;       /* the credential of the configuration: may do everything */
    char access_key[129];
    struct slice bucket, prefix; /* the key's scope, empty: everything; in the request's arena */
    /* For policies; slices live as long as the request. principal is filled in by access.c when it is first needed, from the
     * account, unless who identified the caller has done so. */
    struct policy_principal principal;
    bool scoped;                 /* the key is for a bucket, a prefix, or reading or writing only */
    bool refused;                /* such a key, and an operation that it is not for: told once the signature is found right */
    bool iam_user;               /* not the account itself: only what policies allow */
    struct slice user_name, unique_id;
    const struct policy *const *policies;         /* of the user and its groups, or of the role */
    uint32_t policy_count;
    const struct policy *const *session_policies; /* all that a session may do at most, when there are some */
    uint32_t session_policy_count;
};

struct s3_access {
    struct access_bucket *bucket; /* NULL: not looked at, or the request names none */
    unsigned action;              /* of the operation: enum access_action */
    bool by_object;               /* the object's ACL or tags decide: access_object must be asked */
    int64_t owner_id;             /* of what the request makes: the caller, or the bucket's owner */
    struct slice acl;             /* of what the request makes or changes, as it is kept (wire/acl.h); empty: private */
    void *check, *source, *acl_preparation, *acl_shown; /* private: access.c, access_source.c, acl_prepare.c, acl.c */
    char reason[160];             /* why access was denied; for the log */
};

struct s3_body {
    bool prepared;
    bool has_length;
    struct payload payload;
    uint64_t size;           /* decoded; UINT64_MAX: unknown */
    uint64_t taken;          /* decoded bytes taken */
    struct digest_stream *sha256; /* of the whole body, when its digest is signed */
    struct aws_chunked *chunked;
    struct text document;
};

struct s3_request {
    struct s3_reactor *reactor;
    struct http_request *http; /* NULL once gone */
    struct arena arena;
    char id[17];
    uint64_t started_us;
    struct slice method;
    bool is_head;
    struct uri uri;
    bool query_parsed;
    struct query query;
    struct uri_address address;
    uint32_t header_count;
    struct header headers[HEADERS_MAX];
    const struct operation *operation;
    bool website; /* for a website's visitors: nobody's credentials count, errors are pages */
    struct s3_logging *logging; /* NULL: none; access_log.h */
    const struct s3_cors *cors; /* NULL: no page's request, or the bucket has no configuration */
    struct s3_identity identity;
    struct s3_access access;
    struct sigv4 signature;
    struct caller *caller;            /* an IAM user or a role's session; NULL: an account itself, or nobody */
    void (*identified)(struct s3_request *); /* of operations that decide on access themselves: called once the signature is found right */
    const struct sigv2 *signature_v2; /* NULL: version 4; else signature holds access key and token only */
    const struct authorise_form *form; /* NULL: the request itself is signed */
    bool has_chain;
    struct sigv4_chain chain;
    struct s3_body body;

    bool admitted;  /* authorised, and the operation takes its body */
    bool stalled;   /* body() took less than it was given */
    bool ended;     /* the whole body is here */
    bool answered, gone;
    uint32_t pending;
    struct s3_explain *explain; /* not NULL: nobody waits for an answer but explain.c */
    uint64_t bytes_in, bytes_out;
    unsigned status;
    const char *error_code;
    uint64_t ended_us, answered_us; /* with logging only */
    bool has_object_size;
    uint64_t object_size;           /* of the object that the request was about */
    struct slice requester;         /* who, in the access log; data NULL: nobody */
    bool acl_required;              /* only an ACL let it through */

    void *state;                              /* the handler's, in the arena */
    size_t (*sink)(struct s3_request *, const void *data, size_t len); /* STREAM operations: takes decoded bytes */
    void (*finish)(struct s3_request *);      /* STREAM operations: the body is complete and checked */
    void (*abandon)(struct s3_request *);     /* the client went away, or the body was bad: stop what can be stopped */
    void (*cleanup)(struct s3_request *);     /* before the request is freed; no work is pending */
};

static inline struct slice request_bucket(const struct s3_request *r) { return uri_address_bucket(&r->address); }
static inline struct slice request_key(const struct s3_request *r) { return uri_address_key(&r->address); }
static inline struct headers request_headers(const struct s3_request *r) { return (struct headers){r->headers, r->header_count}; }
static inline struct slice request_header(const struct s3_request *r, const char *name) { return header_value(request_headers(r), name); }
static inline struct object_reactor *request_objects(const struct s3_request *r) { return r->reactor->object; }

/* Zeroed memory in the arena, set as r->state; on failure NULL and the request is answered. */
void *request_state(struct s3_request *, size_t size);

void request_work_begin(struct s3_request *);
/* False: the client is gone or has its answer already; the caller must not touch the request any more. */
bool request_work_end(struct s3_request *) MUST_CHECK;

/* For explain.c: a request that did not come over HTTP; its target, and which operation it is; its end. */
struct s3_request *request_made(struct s3_reactor *, struct slice method); /* NULL: no memory */
enum s3_error request_parse(struct s3_request *, struct slice target) MUST_CHECK;
void request_leave(struct s3_request *);

/* After authorisation, perhaps later than begin: starts the operation's body. */
void request_admit(struct s3_request *);

#endif
