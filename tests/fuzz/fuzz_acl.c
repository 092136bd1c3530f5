/* Grants: documents, headers, and their kept form. */
#include "fuzz.h"
#include "wire/acl.h"

/* What a list grants can be kept, and is read back as it was. */
static void keep(const struct acl_list *list)
{
    struct text text = {0};
    struct acl_grant grant;
    size_t position = 0;
    uint32_t count = 0;
    int err;
    must(list->count <= ACL_GRANTS_MAX);
    acl_begin(&text);
    for (uint32_t i = 0; i < list->count; i++)
        if (list->grants[i].grantee != ACL_EMAIL && (list->grants[i].grantee != ACL_CANONICAL_USER || list->grants[i].id.len == ACL_CANONICAL_LEN)
            && (!list->grants[i].id.len || !memchr(list->grants[i].id.data, '\n', list->grants[i].id.len))) {
            acl_append(&text, &list->grants[i]);
            count++;
        }
    while (acl_next(slice_of(text.data, text.len), &position, &grant, &err))
        count--;
    must(!err && count == 0);
    text_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct acl_list list;
    static struct acl_document document;
    struct slice input = slice_of((const char *)data, len);
    struct acl_grant grant;
    size_t position = 0;
    uint32_t count = 0;
    int err;
    while (acl_next(input, &position, &grant, &err))
        must(++count <= len + 3 && acl_permission_name(grant.permission)[0] != '\0');
    must(!err || err == ERR_CORRUPT);
    struct acl_caller nobody = {.anonymous = true, .ignore_public = true};
    must(!acl_allows(input, ACL_READ, &nobody));
    list.count = 0;
    err = acl_header_parse(input, ACL_READ, &list);
    must(err != 0 || list.count > 0);
    keep(&list);
    if (acl_document_parse(input, &document) == 0) {
        keep(&document.list);
        acl_document_fini(&document);
    }
    return 0;
}
