/* Sub-resources that nothing can be configured for: S3's own word for "none" on GET, NotImplemented on PUT. Deleting what is
 * not there succeeds, as in S3. */
#include "s3/answer.h"
#include "s3/lookup.h"
#include "s3/operations.h"
#include "wire/xml_write.h"

void unsupported_start(struct s3_request *r)
{
    answer_error(r, S3_NotImplemented);
}

/* An empty document. */
static void answer_none(struct s3_request *r, const char *name)
{
    struct text t = {0};
    xml_declaration(&t);
    xml_open_root(&t, name);
    xml_close(&t, name);
    answer_xml(r, 200, &t);
}

static void found(struct s3_request *r, const struct object_info *info)
{
    (void)info;
    const struct subresource *sub = router_subresource(&r->query);
    if (sub->none != S3_OK)
        answer_error(r, sub->none);
    else
        answer_none(r, "NotificationConfiguration");
}

void get_bucket_configuration_start(struct s3_request *r)
{
    lookup(r, found);
}

static void found_delete(struct s3_request *r, const struct object_info *info)
{
    (void)info;
    answer_empty(r, 204);
}

void delete_bucket_configuration_start(struct s3_request *r)
{
    lookup(r, found_delete);
}
