/* Policies: a byte for the kind of document, the document, NUL, the value of every condition key, NUL, the resource. A policy that
 * parses parses again from its own text, and says the same of the same request whenever it is asked. */
#include <string.h>

#include "fuzz.h"
#include "wire/policy.h"

struct asked { struct slice value; };

static int values(void *arg, struct slice key, struct slice *values)
{
    const struct asked *a = arg;
    if (!key.len || (key.data[0] & 3) == 0)
        return -1;
    values[0] = a->value;
    values[1] = key;
    return 1 + (key.data[0] & 1);
}

static struct slice cut(struct slice *rest)
{
    const char *nul = rest->len ? memchr(rest->data, 0, rest->len) : NULL;
    struct slice piece = slice_of(rest->data, nul ? (size_t)(nul - rest->data) : rest->len);
    *rest = nul ? slice_of(nul + 1, rest->len - piece.len - 1) : slice_of(rest->data + rest->len, 0);
    return piece;
}

static struct policy_result ask(const struct policy *p, struct asked *a, struct slice resource)
{
    struct policy_principal who = {.account = slice_string("123456789012"), .arn = slice_string("arn:aws:iam::123456789012:user/u")};
    struct policy_request request = {slice_string("s3:GetObject"), resource, &who, values, a};
    return policy_evaluate(p, &request);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char message[POLICY_MESSAGE_SIZE] = "";
    struct policy *p, *again;
    if (!len)
        return 0;
    struct slice rest = slice_of((const char *)data + 1, len - 1), document = cut(&rest);
    struct asked a = {cut(&rest)};
    enum policy_kind kind = (enum policy_kind)(data[0] % 3);
    int err = policy_parse(document, kind, slice_string("bucket"), &p, message);
    must(err == 0 || err == ERR_TOO_LARGE || (err == ERR_MALFORMED && message[0]));
    if (err)
        return 0;
    must(policy_parse(policy_text(p), kind, slice_string("bucket"), &again, message) == 0);
    struct policy_result first = ask(p, &a, rest), second = ask(again, &a, rest);
    must(first.effect == second.effect && first.statement == second.statement && slice_equal(first.sid, second.sid));
    must(policy_is_public(p) == policy_is_public(again) && policy_uses_key(p, "s3:") == policy_uses_key(again, "s3:"));
    policy_free(p);
    policy_free(again);
    return 0;
}
