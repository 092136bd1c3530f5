/* Settings of buckets that are one word: who pays for requests (GET and PUT ?requestPayment), and transfer acceleration
 * (GET and PUT ?accelerate), which is kept for the clients that ask and changes nothing here: there is no other network to go by. */
#include "s3/access.h"
#include "s3/answer.h"
#include "s3/attribute_write.h"
#include "s3/body.h"
#include "s3/lookup.h"
#include "s3/operations.h"
#include "wire/xml_read.h"
#include "wire/xml_write.h"

struct setting { const char *name, *root, *element, *none, *words[2]; };
static const struct setting request_payment = {REQUEST_PAYMENT_NAME, "RequestPaymentConfiguration", "Payer", "BucketOwner", {"BucketOwner", REQUESTER_PAYS}};
static const struct setting accelerate = {"accelerate", "AccelerateConfiguration", "Status", NULL, {"Enabled", "Suspended"}};

static void answer(struct s3_request *r, const struct object_info *info, const struct setting *s)
{
    struct slice word;
    struct text t = {0};
    if (attribute_find(info->attributes, ATTRIBUTE_CONFIGURATION, s->name, &word))
        word = s->none ? slice_string(s->none) : slice_of(NULL, 0);
    xml_declaration(&t);
    xml_open_root(&t, s->root);
    if (word.data)
        xml_element(&t, s->element, word);
    xml_close(&t, s->root);
    answer_xml(r, 200, &t);
}

static void put_done(struct s3_request *r)
{
    answer_empty(r, 200);
}

static const char *take(const struct setting *s, const struct xml_node *root)
{
    struct slice word = xml_child_text(root, s->element);
    for (unsigned i = 0; i < 2 && word.data && slice_equal_string(root->name, s->root); i++)
        if (slice_equal_string(word, s->words[i]))
            return s->words[i];
    return NULL;
}

static void put(struct s3_request *r, const struct setting *s)
{
    struct slice body = body_document(r);
    struct xml_document *document;
    struct text entry = {0};
    int err = xml_parse(body.data, body.len, &document);
    const char *word = err ? NULL : take(s, xml_root(document));
    if (!err)
        xml_document_free(document);
    if (!word) {
        answer_error(r, err == ERR_NO_MEMORY ? S3_SlowDown : S3_MalformedXML);
        return;
    }
    attribute_append(&entry, ATTRIBUTE_CONFIGURATION, slice_string(s->name), slice_string(word));
    if (entry.failed)
        answer_error(r, S3_SlowDown);
    else
        attribute_write(r, ATTRIBUTE_CONFIGURATION, s->name, slice_of(entry.data, entry.len), put_done);
    text_free(&entry);
}

static void got_request_payment(struct s3_request *r, const struct object_info *info)
{
    answer(r, info, &request_payment);
}

void get_bucket_request_payment_start(struct s3_request *r)
{
    lookup(r, got_request_payment);
}

void put_bucket_request_payment_start(struct s3_request *r)
{
    put(r, &request_payment);
}

static void got_accelerate(struct s3_request *r, const struct object_info *info)
{
    answer(r, info, &accelerate);
}

void get_bucket_accelerate_start(struct s3_request *r)
{
    lookup(r, got_accelerate);
}

void put_bucket_accelerate_start(struct s3_request *r)
{
    struct slice name = request_bucket(r);
    for (size_t i = 0; i < name.len; i++)
        if (name.data[i] == '.') {
            answer_error_text(r, S3_InvalidRequest, "S3 Transfer Acceleration is not supported for buckets with periods (.) in their names");
            return;
        }
    put(r, &accelerate);
}
