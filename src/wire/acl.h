/* Access control lists: grants of permissions to grantees, as they are stored, as requests bring them, and S3's canned ones. Pure.
 *
 * Stored (docs/FORMAT.md "Attributes"): the name of a canned ACL; or "grants:" and a line "PERMISSION GRANTEE" for each, GRANTEE
 * being "owner", a canonical id, or the name of a group. Nothing stored is the canned "private". */
#ifndef WIRE_ACL_H
#define WIRE_ACL_H

#include "base/text.h"

#define ACL_GRANTS_MAX 100
#define ACL_CANONICAL_LEN 64

enum acl_permission { ACL_READ = 1, ACL_WRITE = 2, ACL_READ_ACP = 4, ACL_WRITE_ACP = 8, ACL_FULL_CONTROL = 15 };
enum acl_grantee { ACL_OWNER, ACL_BUCKET_OWNER, ACL_CANONICAL_USER, ACL_EMAIL, ACL_ALL_USERS, ACL_AUTHENTICATED_USERS, ACL_LOG_DELIVERY };
struct acl_grant { enum acl_grantee grantee; struct slice id; /* of ACL_CANONICAL_USER, ACL_EMAIL */ enum acl_permission permission; };

bool acl_canned(struct slice name);
/* Walks the grants of a stored ACL: *position starts at 0. False at the end; *err ERR_CORRUPT (and false) for what is none. */
bool acl_next(struct slice acl, size_t *position, struct acl_grant *ret, int *err);
/* "grants:" first, then each. */
void acl_begin(struct text *);
void acl_append(struct text *, const struct acl_grant *);
/* Something is granted to everybody, or to whoever has an account. */
bool acl_is_public(struct slice acl);

const char *acl_permission_name(enum acl_permission);
bool acl_permission_parse(struct slice name, enum acl_permission *ret);
/* The URI of a group; NULL for what is none. */
const char *acl_group_uri(enum acl_grantee);
bool acl_group_parse(struct slice uri, enum acl_grantee *ret);

/* Grants as a request names them: whether there are such accounts is not known yet. Only here grantees are ACL_EMAIL, and ids
 * anything. Slices point into what was parsed. */
struct acl_list { uint32_t count; struct acl_grant grants[ACL_GRANTS_MAX]; };
/* An AccessControlPolicy document. ERR_MALFORMED (more than ACL_GRANTS_MAX grants too), ERR_INVALID: a URI is no group's;
 * ERR_NO_MEMORY. On success the document must be freed, and owner_id and list point into it. */
struct xml_document;
struct acl_document { struct slice owner_id; struct acl_list list; struct xml_document *xml; };
int acl_document_parse(struct slice text, struct acl_document *ret) MUST_CHECK;
void acl_document_fini(struct acl_document *);
/* Appends what a header x-amz-grant-… says: id="…", emailAddress="…", uri="…", with commas between, quotes or none. ERR_MALFORMED,
 * ERR_INVALID as above, ERR_TOO_LARGE: more than ACL_GRANTS_MAX. */
int acl_header_parse(struct slice value, enum acl_permission, struct acl_list *) MUST_CHECK;
/* The permission that a header with this name grants (of any case). */
bool acl_header_permission(struct slice name, enum acl_permission *ret);

struct acl_caller {
    bool anonymous, owner, bucket_owner;
    struct slice canonical_id;
    bool ignore_public; /* grants to groups of everybody do not count */
};
/* Of what the list names; an owner's right to read and write the ACL is not in it. Fails closed for a damaged one. */
bool acl_allows(struct slice acl, enum acl_permission, const struct acl_caller *);

#endif
