/* IAM's and STS's calls ("Query API": POST / with a form), which clients send to the same address as S3's. Inside s3/.
 *
 * A call is one transaction: it finds the caller's account, asks whether the caller may, and does it. Each action is a function of
 * service_*.c that appends what goes between <ACTIONResult> tags. */
#ifndef S3_SERVICE_H
#define S3_SERVICE_H

#include "base/arena.h"
#include "meta/identity.h"
#include "s3/request.h"

#define SERVICE_BODY_MAX (256u << 10)

struct service_call {
    struct s3_request *request;
    const struct service_action *action;
    struct query form;
    bool has_form;
    struct meta_read read;
    struct meta_write write;
    /* Of one run of the transaction: set afresh when it is done again. */
    struct meta_tx *tx;
    struct arena arena;
    struct text result;
    unsigned status; /* 0: no failure */
    const char *code;
    char message[256];
    struct account_row account;             /* the caller's; copied */
    struct policy_principal principal;
    bool secret; /* result holds one: wiped */
};

struct service_action {
    const char *name;
    int (*run)(struct service_call *);
    bool writes, sts;
    enum identity_kind kind; /* for functions that serve several */
};
extern const struct service_action service_entity_actions[], service_key_actions[], service_policy_actions[], service_session_actions[]; /* name NULL ends */

/* Sets the failure and returns an err that ends the transaction. */
int service_fail(struct service_call *, unsigned status, const char *code, const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Asks the caller's policies for service:ACTION on that resource; fails with AccessDenied. */
int service_ask(struct service_call *, struct slice resource) MUST_CHECK;
bool service_policies_allow(struct service_call *, const char *action, struct slice resource, bool *ret_denied);

/* A field of the form; data NULL without. */
struct slice service_field(const struct service_call *, const char *name);
/* The same, which must be there. */
int service_need(struct service_call *, const char *name, struct slice *ret) MUST_CHECK;
/* A copy that lives as long as the run; data NULL when memory is out. */
struct slice service_copy(struct service_call *, struct slice);
int service_copy_row(struct service_call *, struct identity_row *) MUST_CHECK;
int service_number(struct service_call *, const char *name, uint64_t least, uint64_t most, uint64_t otherwise, uint64_t *ret) MUST_CHECK;

/* Names of a kind: "UserName", "user", and so on. */
const char *service_name_field(enum identity_kind);
struct slice service_arn(struct service_call *, const struct identity_row *);
/* The entity that the form names, and that the caller may do the action to; a copy. Of users, without a name: the caller. */
int service_find(struct service_call *, enum identity_kind, struct identity_row *ret) MUST_CHECK;
/* A user's id: 0 for the account itself, which the form names by leaving the name out. */
int service_find_user(struct service_call *, int64_t *ret_id, struct slice *ret_name) MUST_CHECK;
int service_check_name(struct service_call *, const char *field, struct slice name, size_t most) MUST_CHECK;
int service_check_policy(struct service_call *, struct slice document, enum policy_kind, size_t most) MUST_CHECK;
void service_append_encoded(struct text *, struct slice document); /* percent-encoded, as IAM answers documents */

/* Pages of lists: where to begin, and how many. The walk's function returns service_page_next(): 1 ends the page. */
struct service_page { struct slice marker; uint64_t max, count; char last[256]; size_t last_len; bool truncated; };
int service_page_begin(struct service_call *, struct service_page *) MUST_CHECK;
int service_page_next(struct service_page *, struct slice name);
void service_page_end(struct service_call *, const struct service_page *);

void call_service_start(struct s3_request *);

#endif
