/* See session.h. What is sealed are lines; the session policy, which may have more of them, is the last. */
#include "s3/session.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/seal.h"
#include "volume/store.h"

#define CONTEXT "ingot session"
#define TOKEN_MAX 8192

int session_seal(struct meta *meta, const struct session *s, struct text *token)
{
    struct text text = {0};
    text_append_format(&text, "1\n%s\n%s\n%lld\n%lld\n%llu\n%s\n", s->access_key, s->secret, (long long)s->account_id, (long long)s->identity_id,
                       (unsigned long long)s->expires_us, s->name);
    text_append(&text, s->policy.data, s->policy.len);
    uint8_t nonce[12], *sealed = malloc(text.len + SEAL_OVERHEAD);
    int err = sealed && !text.failed ? random_bytes(nonce, sizeof nonce) : ERR_NO_MEMORY;
    if (!err)
        err = seal(&meta_store(meta)->sealing_key, nonce, CONTEXT, sizeof CONTEXT, text.data, text.len, sealed);
    if (!err) {
        text_append_base64(token, sealed, text.len + SEAL_OVERHEAD);
        err = token->failed ? ERR_NO_MEMORY : 0;
    }
    if (text.data)
        explicit_bzero(text.data, text.capacity);
    text_free(&text);
    free(sealed);
    return err;
}

static int take_line(struct slice *rest, struct slice *ret)
{
    const char *end = memchr(rest->data, '\n', rest->len);
    if (!end)
        return ERR_CORRUPT;
    *ret = slice_of(rest->data, (size_t)(end - rest->data));
    *rest = slice_of(end + 1, rest->len - ret->len - 1);
    return 0;
}

static int take_text(struct slice *rest, char *to, size_t size)
{
    struct slice line;
    if (take_line(rest, &line) || line.len >= size)
        return ERR_CORRUPT;
    snprintf(to, size, "%.*s", (int)line.len, line.data);
    return 0;
}

static int take_number(struct slice *rest, uint64_t *ret)
{
    struct slice line;
    return take_line(rest, &line) || slice_parse_u64(line, ret) ? ERR_CORRUPT : 0;
}

static int take_lines(struct slice rest, struct session *s)
{
    uint64_t version, account, identity;
    int err = take_number(&rest, &version);
    if (err || version != 1 || take_text(&rest, s->access_key, sizeof s->access_key) || take_text(&rest, s->secret, sizeof s->secret)
        || take_number(&rest, &account) || take_number(&rest, &identity) || take_number(&rest, &s->expires_us)
        || take_text(&rest, s->name, sizeof s->name))
        return ERR_CORRUPT;
    s->account_id = (int64_t)account;
    s->identity_id = (int64_t)identity;
    text_append(&s->document, rest.data, rest.len);
    s->policy = slice_of(s->document.data, s->document.len);
    return s->document.failed ? ERR_NO_MEMORY : 0;
}

static int open_token(struct meta *meta, struct slice token, uint8_t *sealed, uint8_t *plain, struct session *s)
{
    size_t sealed_len, len;
    if (base64_decode(token, sealed, TOKEN_MAX, &sealed_len) || sealed_len < SEAL_OVERHEAD)
        return ERR_CORRUPT;
    int err = unseal(&meta_store(meta)->sealing_key, CONTEXT, sizeof CONTEXT, sealed, sealed_len, plain, &len);
    if (err)
        return err;
    err = take_lines(slice_of((const char *)plain, len), s);
    explicit_bzero(plain, len);
    return err;
}

int session_open(struct meta *meta, struct slice token, struct slice access_key, struct session **ret)
{
    struct session *s = calloc(1, sizeof *s);
    uint8_t *room = malloc(2 * TOKEN_MAX);
    int err = !s || !room ? ERR_NO_MEMORY : token.len > TOKEN_MAX ? ERR_CORRUPT : open_token(meta, token, room, room + TOKEN_MAX, s);
    if (!err && !slice_equal_string(access_key, s->access_key))
        err = ERR_CORRUPT;
    free(room);
    if (err)
        session_free(s);
    else
        *ret = s;
    return err;
}

void session_free(struct session *s)
{
    if (!s)
        return;
    text_free(&s->document);
    explicit_bzero(s, sizeof *s);
    free(s);
}

int session_policy_parse(struct slice document, struct policy **ret)
{
    char message[POLICY_MESSAGE_SIZE];
    int err = policy_parse(document, POLICY_IDENTITY, slice_of("", 0), ret, message);
    return err == ERR_NO_MEMORY ? err : err ? ERR_CORRUPT : 0;
}
