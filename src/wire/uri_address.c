/* Where a request's bucket and key stand: in the path, or the bucket in Host; and what names they may have. */
#include <string.h>

#include "wire/uri.h"

bool uri_key_valid(struct slice key)
{
    return key.len >= 1 && key.len <= URI_KEY_LEN_MAX && !memchr(key.data, 0, key.len) && utf8_valid(key);
}

static bool is_lower_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool ends_with(struct slice name, const char *suffix)
{
    size_t len = strlen(suffix);
    return name.len >= len && memcmp(name.data + name.len - len, suffix, len) == 0;
}

/* Four decimal numbers with dots between. */
static bool is_like_ipv4(struct slice name)
{
    uint32_t dots = 0, digits = 0;
    for (size_t i = 0; i < name.len; i++) {
        if (name.data[i] == '.') {
            if (digits == 0 || digits > 3)
                return false;
            dots++;
            digits = 0;
        } else if (name.data[i] >= '0' && name.data[i] <= '9') {
            digits++;
        } else {
            return false;
        }
    }
    return dots == 3 && digits >= 1 && digits <= 3;
}

static bool has_reserved_affix(struct slice name)
{
    static const char *const prefixes[] = {"xn--", "sthree-", "amzn-s3-demo-"};
    static const char *const suffixes[] = {"-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"};
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
        if (slice_starts_with(name, prefixes[i]))
            return true;
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++)
        if (ends_with(name, suffixes[i]))
            return true;
    return false;
}

bool uri_bucket_valid(struct slice name, bool allow_underscore)
{
    if (name.len < 3 || name.len > 63)
        return false;
    if (!is_lower_or_digit(name.data[0]) || !is_lower_or_digit(name.data[name.len - 1]))
        return false;
    char before = 0;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        if (!is_lower_or_digit(c) && c != '-' && c != '.' && !(c == '_' && allow_underscore))
            return false;
        if ((c == '.' && (before == '.' || before == '-')) || (c == '-' && before == '.'))
            return false;
        before = c;
    }
    return !is_like_ipv4(name) && !has_reserved_affix(name);
}

static struct slice host_without_port(struct slice host)
{
    if (host.len && host.data[0] == '[')
        return host; /* an IPv6 address is no domain */
    const char *colon = host.len ? memchr(host.data, ':', host.len) : NULL;
    if (colon)
        host.len = (size_t)(colon - host.data);
    if (host.len && host.data[host.len - 1] == '.')
        host.len--;
    return host;
}

static bool equal_lower(const char *any_case, const char *lower, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = any_case[i];
        if (c >= 'A' && c <= 'Z')
            c |= 0x20;
        if (c != lower[i])
            return false;
    }
    return true;
}

/* The part of host before the longest ".domain" that ends it; empty when there is none or host is a domain itself. */
static struct slice host_bucket(struct slice host, const struct slice *domains, uint32_t domain_count)
{
    struct slice found = {0};
    for (uint32_t i = 0; i < domain_count; i++) {
        struct slice domain = domains[i];
        if (domain.len == host.len && equal_lower(host.data, domain.data, host.len))
            return (struct slice){0};
        if (domain.len == 0 || host.len < domain.len + 2)
            continue;
        size_t len = host.len - domain.len - 1;
        if (host.data[len] == '.' && equal_lower(host.data + len + 1, domain.data, domain.len) &&
            (found.len == 0 || len < found.len))
            found = slice_of(host.data, len);
    }
    return found;
}

static int take_bucket(struct slice raw, bool from_host, struct uri_address *address)
{
    size_t len;
    int err = uri_decode(raw, false, address->bucket, URI_BUCKET_LEN_MAX, &len);
    if (err)
        return err == ERR_TOO_LARGE ? ERR_INVALID : err;
    if (len == 0 || memchr(address->bucket, 0, len))
        return ERR_INVALID;
    for (size_t i = 0; from_host && i < len; i++)
        if (address->bucket[i] >= 'A' && address->bucket[i] <= 'Z')
            address->bucket[i] |= 0x20;
    address->bucket[len] = 0;
    address->bucket_len = (uint32_t)len;
    return 0;
}

static int take_key(struct slice raw, struct uri_address *address)
{
    size_t len;
    int err = uri_decode(raw, false, address->key, URI_KEY_LEN_MAX, &len);
    if (err)
        return err;
    if (len && !uri_key_valid(slice_of(address->key, len)))
        return ERR_MALFORMED;
    address->key[len] = 0;
    address->key_len = (uint32_t)len;
    return 0;
}

int uri_address_parse(struct slice path, struct slice host, const struct slice *domains, uint32_t domain_count,
                      struct uri_address *ret)
{
    ret->virtual_host = false;
    ret->bucket_len = ret->key_len = 0;
    ret->bucket[0] = ret->key[0] = 0;
    if (path.len == 0 || path.data[0] != '/')
        return ERR_MALFORMED;
    struct slice rest = slice_of(path.data + 1, path.len - 1);
    struct slice bucket = host_bucket(host_without_port(host), domains, domain_count);
    if (bucket.len) {
        ret->virtual_host = true;
        int err = take_bucket(bucket, true, ret);
        return err ? err : take_key(rest, ret);
    }
    if (rest.len == 0)
        return 0;
    const char *slash = memchr(rest.data, '/', rest.len);
    bucket = slice_of(rest.data, slash ? (size_t)(slash - rest.data) : rest.len);
    int err = take_bucket(bucket, false, ret);
    if (err || !slash)
        return err;
    return take_key(slice_of(slash + 1, rest.len - bucket.len - 1), ret);
}
