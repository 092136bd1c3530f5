/* See website.h. */
#include "wire/website.h"

#include <string.h>

#include "base/error.h"
#include "wire/xml_write.h"

static const char *const redirect_elements[] = {"Protocol", "HostName", "ReplaceKeyPrefixWith", "ReplaceKeyWith", "HttpRedirectCode"};
#define REDIRECT_ELEMENTS (sizeof redirect_elements / sizeof *redirect_elements)

/* --- checking --- */

static bool in_range(struct slice text, uint64_t first, uint64_t last)
{
    uint64_t number;
    return !slice_parse_u64(text, &number) && number >= first && number <= last;
}

static const char *check_protocol(const struct xml_node *node)
{
    struct slice protocol = xml_child_text(node, "Protocol");
    if (!protocol.data || slice_equal_string(protocol, "http") || slice_equal_string(protocol, "https"))
        return NULL;
    return "Invalid protocol, protocol can be http or https. If not defined the protocol will be selected automatically.";
}

/* They become part of a header. */
static bool is_host(struct slice host)
{
    for (size_t i = 0; i < host.len; i++)
        if ((uint8_t)host.data[i] <= ' ' || host.data[i] == 0x7f || host.data[i] == '/')
            return false;
    return host.len > 0;
}

static const char *check_redirect(const struct xml_node *redirect)
{
    struct slice code = xml_child_text(redirect, "HttpRedirectCode"), host = xml_child_text(redirect, "HostName");
    if (xml_child(redirect, "ReplaceKeyPrefixWith") && xml_child(redirect, "ReplaceKeyWith"))
        return "You can only define ReplaceKeyPrefix or ReplaceKey but not both.";
    if (code.data && !in_range(code, 301, 399))
        return "The provided HTTP redirect code is not valid. Valid codes are 3XX except 300.";
    if (host.data && !is_host(host))
        return "The provided HostName is not valid.";
    return check_protocol(redirect);
}

/* What is none of S3's elements is passed over, and not kept. */
static bool redirects(const struct xml_node *redirect)
{
    for (size_t i = 0; i < REDIRECT_ELEMENTS; i++)
        if (xml_child(redirect, redirect_elements[i]))
            return true;
    return false;
}

static int check_rule(const struct xml_node *rule, const char **message)
{
    const struct xml_node *condition = xml_child(rule, "Condition"), *redirect = xml_child(rule, "Redirect");
    if (!redirect || !redirects(redirect))
        return ERR_MALFORMED;
    if (condition && !xml_child(condition, "KeyPrefixEquals") && !xml_child(condition, "HttpErrorCodeReturnedEquals"))
        return ERR_MALFORMED;
    struct slice code = condition ? xml_child_text(condition, "HttpErrorCodeReturnedEquals") : slice_of(NULL, 0);
    if (code.data && !in_range(code, 400, 599))
        *message = "The provided HTTP error code is not valid. Valid codes are 4XX or 5XX.";
    else
        *message = check_redirect(redirect);
    return *message ? ERR_INVALID : 0;
}

static int check_rules(const struct xml_node *rules, const char **message)
{
    uint32_t count = 0;
    int err = 0;
    const struct xml_node *rule = xml_child(rules, "RoutingRule");
    if (!rule)
        return ERR_MALFORMED;
    for (; rule && !err; rule = xml_next(rule)) {
        err = check_rule(rule, message);
        if (!err && ++count > WEBSITE_RULES_MAX) {
            *message = "The website configuration has more than 50 routing rules.";
            err = ERR_INVALID;
        }
    }
    return err;
}

static int check_redirect_all(const struct xml_node *all, const char **message)
{
    struct slice host = xml_child_text(all, "HostName");
    if (!host.data)
        return ERR_MALFORMED;
    *message = is_host(host) ? check_protocol(all) : "The provided HostName is not valid.";
    return *message ? ERR_INVALID : 0;
}

static int check_documents(const struct xml_node *root, const char **message, bool *argument)
{
    const struct xml_node *index = xml_child(root, "IndexDocument"), *error = xml_child(root, "ErrorDocument");
    struct slice suffix = index ? xml_child_raw_text(index, "Suffix") : slice_of(NULL, 0);
    *argument = true;
    if (!index)
        *message = "A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty";
    else if (!suffix.data || !suffix.len || memchr(suffix.data, '/', suffix.len))
        *message = "The IndexDocument Suffix is not well formed";
    else if (error && !xml_child_raw_text(error, "Key").len)
        *message = "The ErrorDocument Key is not well formed";
    return *message ? ERR_INVALID : 0;
}

static int check(const struct xml_node *root, const char **message, bool *argument)
{
    const struct xml_node *all = xml_child(root, "RedirectAllRequestsTo"), *rules = xml_child(root, "RoutingRules");
    *message = NULL;
    *argument = false;
    if (!slice_equal_string(root->name, "WebsiteConfiguration"))
        return ERR_MALFORMED;
    if (all && (rules || xml_child(root, "IndexDocument") || xml_child(root, "ErrorDocument")))
        return ERR_MALFORMED;
    if (all)
        return check_redirect_all(all, message);
    int err = check_documents(root, message, argument);
    if (err || !rules)
        return err;
    *argument = false;
    return check_rules(rules, message);
}

int website_parse(const void *data, size_t len, struct xml_document **ret, const char **message, bool *argument)
{
    struct xml_document *document;
    int err = xml_parse(data, len, &document);
    if (err)
        return err == ERR_TOO_LARGE ? ERR_MALFORMED : err;
    err = check(xml_root(document), message, argument);
    if (err)
        xml_document_free(document);
    else
        *ret = document;
    return err;
}

/* --- writing --- */

/* Keys as they stand, everything else without the blanks around it. */
static struct slice value_of(const struct xml_node *parent, const char *name)
{
    bool is_key = strstr(name, "Key") || strcmp(name, "Suffix") == 0;
    return is_key ? xml_child_raw_text(parent, name) : xml_child_text(parent, name);
}

static void copy(struct text *t, const struct xml_node *root, const char *name, const char *const *elements, unsigned count)
{
    const struct xml_node *node = xml_child(root, name);
    if (!node)
        return;
    xml_open(t, name);
    for (unsigned i = 0; i < count; i++) {
        struct slice value = value_of(node, elements[i]);
        if (value.data)
            xml_element(t, elements[i], value);
    }
    xml_close(t, name);
}

void website_format(const struct xml_document *document, struct text *t)
{
    static const char *const all[] = {"HostName", "Protocol"}, *const suffix[] = {"Suffix"}, *const key[] = {"Key"};
    static const char *const condition[] = {"KeyPrefixEquals", "HttpErrorCodeReturnedEquals"};
    const struct xml_node *root = xml_root(document), *rules = xml_child(root, "RoutingRules");
    xml_declaration(t);
    xml_open_root(t, "WebsiteConfiguration");
    copy(t, root, "RedirectAllRequestsTo", all, 2);
    copy(t, root, "IndexDocument", suffix, 1);
    copy(t, root, "ErrorDocument", key, 1);
    if (rules)
        xml_open(t, "RoutingRules");
    for (const struct xml_node *rule = rules ? xml_child(rules, "RoutingRule") : NULL; rule; rule = xml_next(rule)) {
        xml_open(t, "RoutingRule");
        copy(t, rule, "Condition", condition, 2);
        copy(t, rule, "Redirect", redirect_elements, REDIRECT_ELEMENTS);
        xml_close(t, "RoutingRule");
    }
    if (rules)
        xml_close(t, "RoutingRules");
    xml_close(t, "WebsiteConfiguration");
}

/* --- where a request goes --- */

bool website_redirects_all(const struct xml_document *document, struct slice key, struct website_redirect *ret)
{
    const struct xml_node *all = xml_child(xml_root(document), "RedirectAllRequestsTo");
    if (!all)
        return false;
    *ret = (struct website_redirect){.protocol = xml_child_text(all, "Protocol"), .host = xml_child_text(all, "HostName"), .key = key, .status = 301};
    return true;
}

static bool applies(const struct xml_node *condition, struct slice key, unsigned status)
{
    uint64_t code = 0;
    struct slice text = condition ? xml_child_text(condition, "HttpErrorCodeReturnedEquals") : slice_of(NULL, 0);
    struct slice prefix = condition ? xml_child_raw_text(condition, "KeyPrefixEquals") : slice_of(NULL, 0);
    if (text.data && slice_parse_u64(text, &code))
        return false;
    return code == status && (prefix.len == 0 || (key.len >= prefix.len && memcmp(key.data, prefix.data, prefix.len) == 0));
}

static void take(const struct xml_node *rule, struct slice key, struct website_redirect *ret)
{
    const struct xml_node *condition = xml_child(rule, "Condition"), *redirect = xml_child(rule, "Redirect");
    struct slice code = xml_child_text(redirect, "HttpRedirectCode"), whole = xml_child_raw_text(redirect, "ReplaceKeyWith");
    struct slice prefix = condition ? xml_child_raw_text(condition, "KeyPrefixEquals") : slice_of(NULL, 0);
    uint64_t status = 301;
    if (code.data && slice_parse_u64(code, &status))
        status = 301;
    *ret = (struct website_redirect){.protocol = xml_child_text(redirect, "Protocol"), .host = xml_child_text(redirect, "HostName"),
                                     .key = key, .status = (unsigned)status};
    if (whole.data)
        ret->key = whole;
    if (xml_child(redirect, "ReplaceKeyPrefixWith")) {
        ret->before = xml_child_raw_text(redirect, "ReplaceKeyPrefixWith");
        ret->key = slice_of(key.data + prefix.len, key.len - prefix.len);
    }
}

bool website_route(const struct xml_document *document, struct slice key, unsigned status, struct website_redirect *ret)
{
    const struct xml_node *rules = xml_child(xml_root(document), "RoutingRules");
    for (const struct xml_node *rule = rules ? xml_child(rules, "RoutingRule") : NULL; rule; rule = xml_next(rule)) {
        if (!applies(xml_child(rule, "Condition"), key, status))
            continue;
        take(rule, key, ret);
        return true;
    }
    return false;
}

struct slice website_index(const struct xml_document *document)
{
    const struct xml_node *index = xml_child(xml_root(document), "IndexDocument");
    return index ? xml_child_raw_text(index, "Suffix") : slice_of(NULL, 0);
}

struct slice website_error_document(const struct xml_document *document)
{
    const struct xml_node *error = xml_child(xml_root(document), "ErrorDocument");
    return error ? xml_child_raw_text(error, "Key") : slice_of(NULL, 0);
}
