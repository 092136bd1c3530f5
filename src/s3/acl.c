/* GET and PUT ?acl. Grants other than the canned ones are NotImplemented. */
#include "s3/acl.h"
#include "s3/answer.h"
#include "s3/attribute_write.h"
#include "s3/body.h"
#include "s3/lookup.h"
#include "s3/object_headers.h"
#include "s3/operations.h"
#include "s3/owner.h"
#include "wire/xml_write.h"

#define GROUP "http://acs.amazonaws.com/groups/global/"
#define XSI "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type="

void acl_set(struct s3_request *r, struct slice canned, void (*then)(struct s3_request *))
{
    struct text entry = {0};
    if (!slice_equal_string(canned, "private"))
        attribute_append(&entry, ATTRIBUTE_CONFIGURATION, slice_string(OBJECT_ACL), canned);
    if (entry.failed)
        answer_error(r, S3_SlowDown);
    else
        attribute_write(r, ATTRIBUTE_CONFIGURATION, OBJECT_ACL, slice_of(entry.data ? entry.data : "", entry.len), then);
    text_free(&entry);
}

static void write_group(struct text *t, const char *group, const char *permission)
{
    xml_open(t, "Grant");
    xml_open_with(t, "Grantee", XSI "\"Group\"");
    xml_element_string(t, "URI", group);
    xml_close(t, "Grantee");
    xml_element_string(t, "Permission", permission);
    xml_close(t, "Grant");
}

static void write_canned(struct text *t, struct slice canned)
{
    if (slice_equal_string(canned, "public-read") || slice_equal_string(canned, "public-read-write"))
        write_group(t, GROUP "AllUsers", "READ");
    if (slice_equal_string(canned, "public-read-write"))
        write_group(t, GROUP "AllUsers", "WRITE");
    if (slice_equal_string(canned, "authenticated-read"))
        write_group(t, GROUP "AuthenticatedUsers", "READ");
}

static void write_acl(struct s3_request *r)
{
    const struct object_info *info = lookup_info(r);
    struct slice canned;
    struct text t = {0};
    xml_declaration(&t);
    xml_open_root(&t, "AccessControlPolicy");
    owner_element(r, &t, "Owner", info->owner_id);
    xml_open(&t, "AccessControlList");
    if (!attribute_find(info->attributes, ATTRIBUTE_CONFIGURATION, OBJECT_ACL, &canned))
        write_canned(&t, canned);
    xml_open(&t, "Grant");
    xml_open_with(&t, "Grantee", XSI "\"CanonicalUser\"");
    owner_names(r, &t, info->owner_id);
    xml_close(&t, "Grantee");
    xml_element_string(&t, "Permission", "FULL_CONTROL");
    xml_close(&t, "Grant");
    xml_close(&t, "AccessControlList");
    xml_close(&t, "AccessControlPolicy");
    answer_xml(r, 200, &t);
}

static void found(struct s3_request *r, const struct object_info *info)
{
    owner_load(r, &info->owner_id, 1, write_acl);
}

void get_acl_start(struct s3_request *r)
{
    lookup(r, found);
}

static void put_done(struct s3_request *r)
{
    answer_empty(r, 200);
}

void put_acl_start(struct s3_request *r)
{
    if (!object_headers_supported(r))
        return;
    struct slice canned = request_header(r, "x-amz-acl");
    if (!canned.data)
        answer_error_text(r, S3_NotImplemented, "Only canned ACLs (x-amz-acl) are implemented.");
    else
        acl_set(r, canned, put_done);
}
