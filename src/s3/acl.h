/* ACLs: who owns what a request makes and what it grants to others, and GET and PUT ?acl. Kept as an attribute of buckets and
 * objects (wire/acl.h); who may do what is decided in access.c alone. */
#ifndef S3_ACL_H
#define S3_ACL_H

#include "s3/request.h"
#include "wire/acl.h"

/* Before an operation that makes something: r->access.owner_id and .acl, from x-amz-acl, x-amz-grant-…, and the bucket's ownership
 * controls and public access block. Then then(r), now or later; or the request is answered. */
void acl_prepare(struct s3_request *, void (*then)(struct s3_request *));
/* The same for what exists: the ACL that headers or (headers without any) the list ask for, of what owner_id owns. of_object: else of
 * a bucket. */
void acl_prepare_change(struct s3_request *, int64_t owner_id, bool of_object, const struct acl_list *, void (*then)(struct s3_request *));
/* Whether headers ask for an ACL. */
bool acl_header(const struct s3_request *);
/* Appends r->access.acl as the attribute; nothing for a private one. False: answered. */
bool acl_attribute(struct s3_request *, struct text *attributes) MUST_CHECK;

/* The accounts of grants, in the order of the grants; of a grant to a group, or to nobody that is known, found is false. They live
 * as long as the request. */
struct acl_account { bool found; int64_t id; char canonical_id[ACL_CANONICAL_LEN + 1], display_name[65]; };
void acl_accounts(struct s3_request *, const struct acl_list *, void (*then)(struct s3_request *, const struct acl_account *));

#endif
