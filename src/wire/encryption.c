/* See encryption.h. */
#include "wire/encryption.h"

#include <jansson.h>
#include <stdlib.h>

#include "base/error.h"
#include "wire/xml_read.h"
#include "wire/xml_write.h"

#define KEY_ID_LEN_MAX 256

static int take_bool(struct slice text, bool *ret)
{
    *ret = text.data && slice_equal_string(text, "true");
    return !text.data || *ret || slice_equal_string(text, "false") ? 0 : ERR_MALFORMED;
}

/* What S3 can block besides: nothing, or SSE-C. */
static int check_blocked(const struct xml_node *blocked)
{
    const struct xml_node *type = blocked ? xml_child(blocked, "EncryptionType") : NULL;
    if (blocked && !type)
        return ERR_MALFORMED;
    for (; type; type = xml_next(type)) {
        if (slice_equal_string(slice_trim(type->text), "SSE-C"))
            return ERR_UNSUPPORTED;
        if (!slice_equal_string(slice_trim(type->text), "NONE"))
            return ERR_MALFORMED;
    }
    return 0;
}

static int take_rule(const struct xml_node *rule, struct encryption_document *ret)
{
    const struct xml_node *standing = xml_child(rule, "ApplyServerSideEncryptionByDefault");
    struct slice algorithm = standing ? xml_child_text(standing, "SSEAlgorithm") : slice_of(NULL, 0);
    struct slice key_id = standing ? xml_child_text(standing, "KMSMasterKeyID") : slice_of(NULL, 0);
    int err = check_blocked(xml_child(rule, "BlockedEncryptionTypes"));
    if (!err)
        err = take_bool(xml_child_text(rule, "BucketKeyEnabled"), &ret->bucket_key);
    if (err)
        return err;
    if (!algorithm.data || (standing && xml_next(standing)))
        return ERR_MALFORMED;
    if (slice_equal_string(algorithm, "aws:kms:dsse"))
        return ERR_UNSUPPORTED;
    ret->kms = slice_equal_string(algorithm, "aws:kms");
    if (!ret->kms && !slice_equal_string(algorithm, "AES256"))
        return ERR_MALFORMED;
    for (size_t i = 0; i < key_id.len; i++)
        if (key_id.data[i] <= ' ' || key_id.data[i] >= 0x7f)
            return ERR_INVALID;
    ret->key_id = key_id.data ? key_id : slice_of("", 0);
    return (key_id.data && !ret->kms) || key_id.len > KEY_ID_LEN_MAX ? ERR_INVALID : 0;
}

int encryption_document_parse(const void *data, size_t len, struct encryption_document *ret)
{
    *ret = (struct encryption_document){0};
    int err = xml_parse(data, len, &ret->document);
    if (err)
        return err == ERR_TOO_LARGE ? ERR_MALFORMED : err;
    const struct xml_node *root = xml_root(ret->document), *rule = xml_child(root, "Rule");
    err = slice_equal_string(root->name, "ServerSideEncryptionConfiguration") && rule && !xml_next(rule) ? take_rule(rule, ret) : ERR_MALFORMED;
    if (err)
        encryption_document_fini(ret);
    return err;
}

void encryption_document_fini(struct encryption_document *d)
{
    xml_document_free(d->document);
    *d = (struct encryption_document){0};
}

void encryption_document_format(const struct encryption_document *d, struct text *t)
{
    xml_declaration(t);
    xml_open_root(t, "ServerSideEncryptionConfiguration");
    xml_open(t, "Rule");
    xml_open(t, "ApplyServerSideEncryptionByDefault");
    xml_element_string(t, "SSEAlgorithm", d->kms ? "aws:kms" : "AES256");
    if (d->key_id.len)
        xml_element(t, "KMSMasterKeyID", d->key_id);
    xml_close(t, "ApplyServerSideEncryptionByDefault");
    xml_element_bool(t, "BucketKeyEnabled", d->bucket_key);
    xml_close(t, "Rule");
    xml_close(t, "ServerSideEncryptionConfiguration");
}

int kms_context_check(struct slice text)
{
    size_t len;
    if (!text.len || text.len > KMS_CONTEXT_LEN_MAX)
        return ERR_INVALID;
    char *bytes = malloc(text.len);
    if (!bytes)
        return ERR_NO_MEMORY;
    int err = base64_decode(text, bytes, text.len, &len);
    json_t *json = err ? NULL : json_loadb(bytes, len, JSON_REJECT_DUPLICATES, NULL);
    free(bytes);
    bool good = json_is_object(json);
    const char *name;
    json_t *member;
    json_object_foreach(json, name, member)
        good = good && json_is_string(member);
    json_decref(json);
    return good ? 0 : ERR_INVALID;
}
