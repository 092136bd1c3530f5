/* Access keys of users, and of the account itself. */
#include <string.h>

#include "s3/caller.h"
#include "s3/service.h"
#include "wire/xml_write.h"

#define KEYS_MAX 2 /* IAM's limit for a user; an account may have what operators gave it */

static void write_key(struct text *t, struct slice user, struct slice access_key, bool enabled, uint64_t created_us, const char *secret)
{
    xml_element(t, "UserName", user);
    xml_element(t, "AccessKeyId", access_key);
    xml_element_string(t, "Status", enabled ? "Active" : "Inactive");
    if (secret)
        xml_element_string(t, "SecretAccessKey", secret);
    xml_element_time(t, "CreateDate", created_us);
}

static int count_key(void *arg, const struct access_key_row *row) { (void)row; ++*(unsigned *)arg; return 0; }

static int create(struct service_call *c)
{
    int64_t user_id;
    struct slice name;
    unsigned count = 0;
    char access_key[ACCESS_KEY_MADE_LEN + 1], secret[SECRET_MADE_LEN + 1];
    int err = service_find_user(c, &user_id, &name);
    if (!err)
        err = access_key_list_user(c->tx, c->account.id, user_id, slice_of("", 0), count_key, &count);
    if (!err && user_id && count >= KEYS_MAX)
        err = service_fail(c, 409, "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: %d", KEYS_MAX);
    if (!err)
        err = access_key_make("AKIA", access_key, secret);
    if (err)
        return err;
    struct access_key_row row = {.access_key = slice_string(access_key), .account_id = c->account.id, .user_id = user_id,
                                 .secret = slice_string(secret), .enabled = true, .created_us = meta_tx_clock(c->tx),
                                 .bucket = slice_of("", 0), .prefix = slice_of("", 0), .policy = slice_of("", 0)};
    err = access_key_insert(c->tx, &row);
    c->secret = true;
    xml_open(&c->result, "AccessKey");
    write_key(&c->result, name, row.access_key, true, row.created_us, secret);
    xml_close(&c->result, "AccessKey");
    explicit_bzero(secret, sizeof secret);
    return err;
}

struct keys { struct service_call *c; struct service_page page; struct slice name; };

static int list_key(void *arg, const struct access_key_row *row)
{
    struct keys *k = arg;
    int err = service_page_next(&k->page, row->access_key);
    if (err)
        return err;
    xml_open(&k->c->result, "member");
    write_key(&k->c->result, k->name, row->access_key, row->enabled, row->created_us, NULL);
    xml_close(&k->c->result, "member");
    return 0;
}

static int list(struct service_call *c)
{
    struct keys k = {.c = c};
    int64_t user_id;
    int err = service_find_user(c, &user_id, &k.name);
    if (!err)
        err = service_page_begin(c, &k.page);
    if (err)
        return err;
    xml_open(&c->result, "AccessKeyMetadata");
    err = access_key_list_user(c->tx, c->account.id, user_id, k.page.marker, list_key, &k);
    xml_close(&c->result, "AccessKeyMetadata");
    service_page_end(c, &k.page);
    return err == 1 ? 0 : err;
}

/* The key that the form names, of the user that it names. */
static int find_key(struct service_call *c, struct slice *ret_key)
{
    int64_t user_id;
    struct slice name;
    struct access_key_row row;
    int err = service_need(c, "AccessKeyId", ret_key);
    if (!err)
        err = service_find_user(c, &user_id, &name);
    if (err)
        return err;
    err = access_key_get(c->tx, *ret_key, &row);
    bool own = !err && row.account_id == c->account.id && row.user_id == user_id;
    if (err == ERR_NOT_FOUND || (!err && !own))
        return service_fail(c, 404, "NoSuchEntity", "The Access Key with id %.*s cannot be found.", (int)(ret_key->len < 128 ? ret_key->len : 128), ret_key->data);
    return err;
}

static int update(struct service_call *c)
{
    struct slice key, status;
    int err = find_key(c, &key);
    if (!err)
        err = service_need(c, "Status", &status);
    if (err)
        return err;
    bool active = slice_equal_string(status, "Active");
    if (!active && !slice_equal_string(status, "Inactive"))
        return service_fail(c, 400, "ValidationError", "Status is Active or Inactive");
    return access_key_set_enabled(c->tx, key, active);
}

static int delete(struct service_call *c)
{
    struct slice key;
    int err = find_key(c, &key);
    return err ? err : access_key_delete(c->tx, key);
}

const struct service_action service_key_actions[] = {
    {"CreateAccessKey", create, true, false, IDENTITY_USER},
    {"ListAccessKeys", list, false, false, IDENTITY_USER},
    {"UpdateAccessKey", update, true, false, IDENTITY_USER},
    {"DeleteAccessKey", delete, true, false, IDENTITY_USER},
    {NULL, NULL, false, false, IDENTITY_USER},
};
