/* The one decision whether a request may do what it asks: from the caller's identity, the policies of the identity and of the
 * bucket, ACLs, and the bucket's public access block. Nothing else in s3/ compares owners.
 *
 *  1. A statement of any policy that denies decides. (The account that owns a bucket can always read and replace its policy.)
 *  2. The bucket's account may do everything to its bucket, and to objects that are not another account's; its IAM users what their
 *     policies, or the bucket's policy by their name, allow.
 *  3. Other accounts and anonymous callers may do what the bucket's policy or an ACL allows; IAM users among them only what their
 *     own policies allow, too.
 *  4. The credential of the configuration (root) may do everything that nobody denies.
 *
 * Bucket settings are kept per reactor while no bucket has changed, so that a request costs one comparison. */
#ifndef S3_ACCESS_H
#define S3_ACCESS_H

#include "s3/request.h"
#include "wire/acl.h"
#include "wire/policy.h"

/* Bits of a bucket's public access block. */
enum { BLOCK_PUBLIC_ACLS = 1, IGNORE_PUBLIC_ACLS = 2, BLOCK_PUBLIC_POLICY = 4, RESTRICT_PUBLIC_BUCKETS = 8 };
enum ownership { OWNERSHIP_OBJECT_WRITER, OWNERSHIP_BUCKET_OWNER_PREFERRED, OWNERSHIP_BUCKET_OWNER_ENFORCED };

/* Names under which buckets keep them: ATTRIBUTE_CONFIGURATION. The ACL's is OBJECT_ACL. */
#define POLICY_NAME "policy"
#define PUBLIC_ACCESS_BLOCK_NAME "publicAccessBlock"
#define OWNERSHIP_NAME "ownershipControls"
#define REQUEST_PAYMENT_NAME "requestPayment" /* BucketOwner or REQUESTER_PAYS */
#define REQUESTER_PAYS "Requester"

/* What a bucket says of access; shared by the requests of a reactor, counted. */
struct access_bucket {
    uint32_t references;
    uint64_t epoch;
    char name[URI_BUCKET_LEN_MAX + 1];
    int64_t owner_id;
    struct policy *policy; /* NULL: none */
    bool policy_public;
    bool has_public_access_block, has_ownership, requester_pays;
    unsigned public_access_block;
    enum ownership ownership;
    struct slice acl;      /* as stored; behind the struct */
};
/* Calls then, now or later, with what the bucket says (a reference to be released), or err: ERR_NO_SUCH_BUCKET and others. */
void access_bucket_load(struct s3_request *, struct slice name, void (*then)(struct s3_request *, struct access_bucket *, int err));
void access_bucket_release(struct access_bucket *);
void access_bucket_forget(struct s3_reactor *);

/* Goes on, now or later, when the caller may do the request's operation; answers AccessDenied otherwise. Operations on what an
 * object's ACL or tags decide go on with r->access.by_object set: access_object follows. */
void access_check(struct s3_request *, void (*then)(struct s3_request *));
/* The rest of that decision, once the object is known. False: answered. */
bool access_object(struct s3_request *, const struct object_info *) MUST_CHECK;
/* Before NoSuchKey: who may not list the bucket must not learn what is in it. False: answered. */
bool access_missing(struct s3_request *) MUST_CHECK;
/* The decision of PutObjectTagging again, now that its document has come. */
void access_document(struct s3_request *, void (*then)(struct s3_request *));
/* S3's actions in policies. */
enum access_action {
    ACTION_UNKNOWN, /* nobody may */
    ACTION_NONE,    /* nothing to decide, or decided for each key */
#define X(name, level) ACTION_##name,
#include "wire/policy_action.def"
#undef X
    ACTION_COUNT
};
/* Whether the caller may also do that to the request's bucket (key empty) or an object in it, whose attributes are info or NULL:
 * not known. */
bool access_allows(struct s3_request *, enum access_action, struct slice key, const struct object_info *info);
/* Of a write that sets an ACL or tags as well: whether no policy denies that explicitly; otherwise the request is answered. That it is
 * allowed is not asked for: S3's clients write both with s3:PutObject alone. */
bool access_besides(struct s3_request *, bool acl, bool tags) MUST_CHECK;
/* That the caller may read the source of a copy: goes on, now or later, or answers. The source lives as long as the request. */
struct access_source { struct slice bucket, key; bool has_version_id, null_version_id; uint8_t version_id[16]; };
void access_source(struct s3_request *, const struct access_source *, void (*then)(struct s3_request *));
/* AccessDenied, with the reason for the log. */
void access_deny(struct s3_request *, const char *format, ...) __attribute__((format(printf, 2, 3)));
void access_release(struct s3_request *);

/* private: access_values.c, for conditions of policies. info: NULL when the object is not known */
struct access_question {
    struct s3_request *request;
    const struct access_bucket *bucket;
    struct slice key;
    const struct object_info *info;
    struct slice prefix; /* s3:prefix, when not the query's: of what would be listed to find the key */
};
enum access_outcome { ACCESS_DENY, ACCESS_ALLOW, ACCESS_OBJECT /* the object must be looked at */ };
/* known: the object has been looked at; info NULL then says that there is none. */
enum access_outcome access_decide(const struct access_question *, enum access_action, bool known);
int access_values(void *question, struct slice key, struct slice *values);
/* access_action.c: the action that the request's operation is. */
enum access_action access_action(const struct s3_request *);
const char *access_action_name(enum access_action); /* "s3:GetObject" */
/* What an ACL must grant for it, of the object or of the bucket; 0: no ACL can. */
struct access_permission { unsigned permission; bool of_object; };
struct access_permission access_permission(enum access_action);

void access_fill_principal(struct s3_request *); /* the owner's names are loaded */
bool access_owner_expected(struct s3_request *, const char *header, int64_t owner_id);
void access_source_release(struct s3_request *);

#endif
