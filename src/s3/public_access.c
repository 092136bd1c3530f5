/* A bucket's public access block and ownership controls: Get, Put and Delete of each. */
#include "s3/access.h"
#include "s3/answer.h"
#include "s3/attribute_write.h"
#include "s3/body.h"
#include "s3/operations.h"
#include "s3/public_access.h"
#include "wire/xml_read.h"
#include "wire/xml_write.h"

static const struct { const char *name; unsigned bit; } blocks[] = {
    {"BlockPublicAcls", BLOCK_PUBLIC_ACLS}, {"IgnorePublicAcls", IGNORE_PUBLIC_ACLS},
    {"BlockPublicPolicy", BLOCK_PUBLIC_POLICY}, {"RestrictPublicBuckets", RESTRICT_PUBLIC_BUCKETS}};

static void answer_done(struct s3_request *r)
{
    answer_empty(r, 200);
}

static void answer_deleted(struct s3_request *r)
{
    answer_empty(r, 204);
}

static void write(struct s3_request *r, const char *name, struct slice value, void (*then)(struct s3_request *))
{
    struct text entry = {0};
    attribute_append(&entry, ATTRIBUTE_CONFIGURATION, slice_string(name), value);
    if (entry.failed)
        answer_error(r, S3_SlowDown);
    else
        attribute_write(r, ATTRIBUTE_CONFIGURATION, name, slice_of(entry.data, entry.len), then);
    text_free(&entry);
}

/* --- public access block --- */

void get_public_access_block_start(struct s3_request *r)
{
    const struct access_bucket *b = r->access.bucket;
    struct text t = {0};
    if (!b->has_public_access_block) {
        answer_error(r, S3_NoSuchPublicAccessBlockConfiguration);
        return;
    }
    xml_declaration(&t);
    xml_open_root(&t, "PublicAccessBlockConfiguration");
    for (unsigned i = 0; i < sizeof blocks / sizeof *blocks; i++)
        xml_element_bool(&t, blocks[i].name, (b->public_access_block & blocks[i].bit) != 0);
    xml_close(&t, "PublicAccessBlockConfiguration");
    answer_xml(r, 200, &t);
}

/* Each at most once, true or false. */
static bool take_blocks(const struct xml_node *root, unsigned *ret)
{
    unsigned seen = 0;
    *ret = 0;
    for (const struct xml_node *n = root->child; n; n = n->next) {
        unsigned bit = 0;
        for (unsigned i = 0; i < sizeof blocks / sizeof *blocks; i++)
            if (slice_equal_string(n->name, blocks[i].name))
                bit = blocks[i].bit;
        struct slice text = slice_trim(n->text);
        bool on = slice_equal_string_nocase(text, "true");
        if (!bit || (seen & bit) || (!on && !slice_equal_string_nocase(text, "false")))
            return false;
        seen |= bit;
        *ret |= on ? bit : 0;
    }
    return true;
}

void put_public_access_block_start(struct s3_request *r)
{
    struct slice body = body_document(r);
    struct xml_document *document;
    unsigned bits = 0;
    int err = xml_parse(body.data, body.len, &document);
    bool valid = !err && slice_equal_string(xml_root(document)->name, "PublicAccessBlockConfiguration")
                 && take_blocks(xml_root(document), &bits);
    if (!err)
        xml_document_free(document);
    char value = (char)bits;
    if (valid)
        write(r, PUBLIC_ACCESS_BLOCK_NAME, slice_of(&value, 1), answer_done);
    else
        answer_error(r, err == ERR_NO_MEMORY ? S3_SlowDown : S3_MalformedXML);
}

void delete_public_access_block_start(struct s3_request *r)
{
    attribute_write(r, ATTRIBUTE_CONFIGURATION, PUBLIC_ACCESS_BLOCK_NAME, slice_of("", 0), answer_deleted);
}

/* --- ownership controls --- */

static const char *const ownerships[] = {[OWNERSHIP_OBJECT_WRITER] = "ObjectWriter",
                                         [OWNERSHIP_BUCKET_OWNER_PREFERRED] = "BucketOwnerPreferred",
                                         [OWNERSHIP_BUCKET_OWNER_ENFORCED] = "BucketOwnerEnforced"};

bool ownership_parse(struct slice name, enum ownership *ret)
{
    for (unsigned i = 0; i < sizeof ownerships / sizeof *ownerships; i++)
        if (slice_equal_string(name, ownerships[i])) {
            *ret = (enum ownership)i;
            return true;
        }
    return false;
}

const char *ownership_name(enum ownership ownership)
{
    return ownerships[ownership];
}

void get_bucket_ownership_controls_start(struct s3_request *r)
{
    const struct access_bucket *b = r->access.bucket;
    struct text t = {0};
    if (!b->has_ownership) {
        answer_error(r, S3_OwnershipControlsNotFoundError);
        return;
    }
    xml_declaration(&t);
    xml_open_root(&t, "OwnershipControls");
    xml_open(&t, "Rule");
    xml_element_string(&t, "ObjectOwnership", ownerships[b->ownership]);
    xml_close(&t, "Rule");
    xml_close(&t, "OwnershipControls");
    answer_xml(r, 200, &t);
}

static bool take_ownership(const struct xml_node *root, enum ownership *ret)
{
    const struct xml_node *rule = root->child, *value = rule ? rule->child : NULL;
    return slice_equal_string(root->name, "OwnershipControls") && rule && !rule->next && slice_equal_string(rule->name, "Rule") && value && !value->next
           && slice_equal_string(value->name, "ObjectOwnership") && ownership_parse(slice_trim(value->text), ret);
}

/* Grants to others would silently end: S3 wants them gone first. */
bool ownership_acl_private(struct slice acl)
{
    struct acl_grant grant;
    size_t position = 0;
    int err;
    while (acl_next(acl, &position, &grant, &err))
        if (grant.grantee != ACL_OWNER && grant.grantee != ACL_BUCKET_OWNER)
            return false;
    return true;
}

void put_bucket_ownership_controls_start(struct s3_request *r)
{
    struct slice body = body_document(r);
    struct xml_document *document;
    enum ownership ownership = OWNERSHIP_OBJECT_WRITER;
    int err = xml_parse(body.data, body.len, &document);
    bool valid = !err && take_ownership(xml_root(document), &ownership);
    if (!err)
        xml_document_free(document);
    if (!valid)
        answer_error(r, err == ERR_NO_MEMORY ? S3_SlowDown : S3_MalformedXML);
    else if (ownership == OWNERSHIP_BUCKET_OWNER_ENFORCED && !ownership_acl_private(r->access.bucket->acl))
        answer_error(r, S3_InvalidBucketAclWithObjectOwnership);
    else
        write(r, OWNERSHIP_NAME, slice_string(ownerships[ownership]), answer_done);
}

void delete_bucket_ownership_controls_start(struct s3_request *r)
{
    attribute_write(r, ATTRIBUTE_CONFIGURATION, OWNERSHIP_NAME, slice_of("", 0), answer_deleted);
}
