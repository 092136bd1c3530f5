/* Accounts and access keys: what operators do about who may use the store. */
#include <stdio.h>
#include <string.h>

#include "admin/command.h"
#include "admin/wait.h"
#include "meta/tables.h"
#include "wire/http_date.h"
#include "wire/uri.h"

#define SECRET_LEN_MIN 8
#define SECRET_LEN_LIMIT 128
#define POLICIES "readonly, readwrite or writeonly"

/* What a command works on, inside its transaction. */
struct work {
    struct admin_call *call;
    const char *account;       /* by name */
    struct account_row new_account;
    struct access_key_row key;
    char number[ACCOUNT_NUMBER_LEN + 1], canonical_id[CANONICAL_ID_LEN + 1];
    char access_key[ACCESS_KEY_MADE_LEN + 1], secret[SECRET_MADE_LEN + 1];
    bool enable;
    bool no_account;           /* it is the account that was not found */
    json_t *list;
    struct meta_tx *tx;
    int64_t account_id;
    size_t key_count;
};

static struct slice text_argument(struct admin_call *call, const char *name)
{
    const char *text = admin_command_text(call, name);
    return text ? slice_string(text) : slice_of("", 0);
}

/* --- what is given --- */

static int check_names(struct work *work)
{
    struct admin_call *call = work->call;
    struct slice name = text_argument(call, "name"), display = text_argument(call, "display_name");
    struct slice email = text_argument(call, "email");
    if (!account_name_valid(name))
        return admin_command_fail(call, ERR_INVALID, "a name has 1 to %d letters, digits and +=,.@_-", ACCOUNT_NAME_MAX);
    if (display.len > ACCOUNT_NAME_MAX || !utf8_valid(display))
        return admin_command_fail(call, ERR_INVALID, "a display name has at most %d bytes of UTF-8", ACCOUNT_NAME_MAX);
    if (email.len && (email.len > 254 || !memchr(email.data, '@', email.len) || !utf8_valid(email)))
        return admin_command_fail(call, ERR_INVALID, "%.64s is no e-mail address", email.data);
    work->new_account.name = name;
    work->new_account.display_name = display.len ? display : name;
    work->new_account.email = email;
    return 0;
}

/* The key that is given, or one made here. */
static int take_key(struct work *work)
{
    struct admin_call *call = work->call;
    struct slice key = text_argument(call, "access_key"), secret = text_argument(call, "secret_key");
    int err = access_key_make("AKIA", work->access_key, work->secret);
    if (err)
        return err;
    if (key.len && (key.len < 3 || !account_name_valid(key)))
        return admin_command_fail(call, ERR_INVALID, "an access key has 3 to %d letters, digits and +=,.@_-", ACCOUNT_NAME_MAX);
    if (secret.len && (secret.len < SECRET_LEN_MIN || secret.len > SECRET_LEN_LIMIT))
        return admin_command_fail(call, ERR_INVALID, "a secret key has %d to %d bytes", SECRET_LEN_MIN, SECRET_LEN_LIMIT);
    work->key.access_key = key.len ? key : slice_string(work->access_key);
    work->key.secret = secret.len ? secret : slice_string(work->secret);
    work->key.enabled = true;
    work->key.created_us = loop_wall_us(call->admin->control);
    return 0;
}

static int take_scope(struct work *work)
{
    struct admin_call *call = work->call;
    struct access_key_row *key = &work->key;
    key->bucket = text_argument(call, "bucket");
    key->prefix = text_argument(call, "prefix");
    key->policy = text_argument(call, "policy");
    if (key->bucket.len && !uri_bucket_valid(key->bucket, true))
        return admin_command_fail(call, ERR_INVALID, "%.64s is no bucket's name", key->bucket.data);
    if (key->prefix.len && (!key->bucket.len || !uri_key_valid(key->prefix)))
        return admin_command_fail(call, ERR_INVALID, "a prefix is of one bucket's keys: UTF-8, at most 1024 bytes");
    if (key->policy.len && !slice_equal_string(key->policy, "readonly") && !slice_equal_string(key->policy, "readwrite")
        && !slice_equal_string(key->policy, "writeonly"))
        return admin_command_fail(call, ERR_INVALID, "a policy is " POLICIES);
    return 0;
}

static int parse_lifetime(struct slice text, uint64_t *ret_us)
{
    static const struct { const char *unit; uint64_t us; } units[] = {
        {"min", 60000000ull}, {"s", 1000000ull}, {"h", 3600000000ull}, {"d", 86400000000ull},
    };
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        size_t len = strlen(units[i].unit);
        uint64_t count;
        if (text.len <= len || !slice_equal_string(slice_of(text.data + text.len - len, len), units[i].unit))
            continue;
        if (slice_parse_u64(slice_of(text.data, text.len - len), &count) || count == 0 || count > 36500ull * 86400)
            return ERR_INVALID;
        *ret_us = count * units[i].us;
        return 0;
    }
    return ERR_INVALID;
}

static int take_expiry(struct work *work)
{
    struct slice text = text_argument(work->call, "expires");
    uint64_t now = loop_wall_us(work->call->admin->control), us;
    if (!text.len)
        return 0;
    if (parse_lifetime(text, &us) == 0)
        work->key.expires_us = now + us;
    else if (iso_date_parse(text, &us) == 0 && us > now)
        work->key.expires_us = us;
    else
        return admin_command_fail(work->call, ERR_INVALID,
                                  "expires: a time such as 12h or 30d, or a date to come such as 2030-12-31");
    return 0;
}

/* --- accounts --- */

static int find_account(struct meta_tx *tx, struct work *work)
{
    struct account_row row;
    int err = account_get_by_name(tx, slice_string(work->account), &row);
    work->no_account = err == ERR_NOT_FOUND;
    if (!err)
        work->account_id = row.id;
    return err;
}

static int fail_account(struct work *work, int err)
{
    if (work->no_account)
        return admin_command_fail(work->call, err, "there is no account %.64s", work->account);
    return err;
}

static int add_account(struct meta_tx *tx, void *arg)
{
    struct work *work = arg;
    int err = account_insert(tx, &work->new_account, &work->key.account_id);
    return err ? err : access_key_insert(tx, &work->key);
}

int admin_command_user_add(struct admin_call *call, json_t **ret)
{
    struct work work = {.call = call};
    int err = check_names(&work);
    if (!err)
        err = take_key(&work);
    if (!err)
        err = account_make(work.number, work.canonical_id);
    if (err)
        return err;
    work.new_account.number = slice_string(work.number);
    work.new_account.canonical_id = slice_string(work.canonical_id);
    work.new_account.enabled = true;
    work.new_account.created_us = work.key.created_us;
    err = admin_write(call->admin, add_account, &work);
    if (err == ERR_EXISTS)
        return admin_command_fail(call, err, "the name, the e-mail address or the access key is in use");
    if (err)
        return err;
    return admin_command_result(json_pack("{s:s, s:s, s:s, s:s%, s:s%}", "name", work.new_account.name.data, "number", work.number,
                                          "canonical_id", work.canonical_id, "access_key", work.key.access_key.data,
                                          work.key.access_key.len, "secret_key", work.key.secret.data, work.key.secret.len), ret);
}

static int count_key(void *arg, const struct access_key_row *row)
{
    (void)row;
    ++*(size_t *)arg;
    return 0;
}

static json_t *date_or_null(uint64_t us)
{
    char text[ISO_DATE_SIZE];
    iso_date_format(us, text);
    return us ? json_string(text) : json_null();
}

static json_t *text_or_null(struct slice text)
{
    return text.len ? json_stringn(text.data, text.len) : json_null();
}

static int list_account(void *arg, const struct account_row *row)
{
    struct work *work = arg;
    size_t keys = 0;
    int err = access_key_list_user(work->tx, row->id, 0, slice_of("", 0), count_key, &keys);
    if (err)
        return err;
    json_t *entry = json_pack("{s:s%, s:s%, s:s%, s:o, s:s%, s:b, s:o, s:I}", "name", row->name.data, row->name.len, "number",
                              row->number.data, row->number.len, "display_name", row->display_name.data, row->display_name.len,
                              "email", text_or_null(row->email), "canonical_id", row->canonical_id.data, row->canonical_id.len,
                              "enabled", row->enabled, "created", date_or_null(row->created_us), "keys", (json_int_t)keys);
    return json_array_append_new(work->list, entry) ? ERR_NO_MEMORY : 0;
}

static int list_accounts(struct meta_tx *tx, void *arg)
{
    struct work *work = arg;
    work->tx = tx;
    json_array_clear(work->list);
    return account_list(tx, list_account, work);
}

static int run_list(struct work *work, int (*run)(struct meta_tx *, void *), const char *member, json_t **ret)
{
    work->list = json_array();
    int err = work->list ? admin_read(work->call->admin, run, work) : ERR_NO_MEMORY;
    if (!err)
        return admin_command_result(json_pack("{s:o}", member, work->list), ret);
    json_decref(work->list);
    return fail_account(work, err);
}

int admin_command_user_list(struct admin_call *call, json_t **ret)
{
    struct work work = {.call = call};
    return run_list(&work, list_accounts, "users", ret);
}

static int remove_account(struct meta_tx *tx, void *arg)
{
    struct work *work = arg;
    int err = find_account(tx, work);
    if (err)
        return err;
    return work->account_id == ACCOUNT_ROOT_ID ? ERR_ACCESS : account_delete(tx, work->account_id);
}

static int enable_account(struct meta_tx *tx, void *arg)
{
    struct work *work = arg;
    int err = find_account(tx, work);
    if (err)
        return err;
    return work->account_id == ACCOUNT_ROOT_ID ? ERR_ACCESS : account_set_enabled(tx, work->account_id, work->enable);
}

static int change_account(struct admin_call *call, int (*run)(struct meta_tx *, void *), bool enable, json_t **ret)
{
    struct work work = {.call = call, .account = admin_command_text(call, "name"), .enable = enable};
    if (!work.account)
        return admin_command_fail(call, ERR_INVALID, "which account?");
    int err = admin_write(call->admin, run, &work);
    if (err == ERR_ACCESS)
        return admin_command_fail(call, err, "%.64s is the store's own account", work.account);
    if (err == ERR_BUSY)
        return admin_command_fail(call, err, "%.64s owns buckets: delete them first", work.account);
    return err ? fail_account(&work, err) : admin_command_result(json_object(), ret);
}

int admin_command_user_remove(struct admin_call *call, json_t **ret)
{
    return change_account(call, remove_account, false, ret);
}

int admin_command_user_disable(struct admin_call *call, json_t **ret)
{
    return change_account(call, enable_account, false, ret);
}

int admin_command_user_enable(struct admin_call *call, json_t **ret)
{
    return change_account(call, enable_account, true, ret);
}

/* --- access keys --- */

static int add_key(struct meta_tx *tx, void *arg)
{
    struct work *work = arg;
    int err = find_account(tx, work);
    work->key.account_id = work->account_id;
    return err ? err : access_key_insert(tx, &work->key);
}

int admin_command_key_add(struct admin_call *call, json_t **ret)
{
    struct work work = {.call = call, .account = admin_command_text(call, "account")};
    if (!work.account)
        work.account = "root";
    int err = take_key(&work);
    if (!err)
        err = take_scope(&work);
    if (!err)
        err = take_expiry(&work);
    if (err)
        return err;
    err = admin_write(call->admin, add_key, &work);
    if (err == ERR_EXISTS)
        return admin_command_fail(call, err, "there is an access key %.64s already", work.key.access_key.data);
    if (err)
        return fail_account(&work, err);
    return admin_command_result(json_pack("{s:s, s:s%, s:s%, s:o}", "account", work.account, "access_key",
                                          work.key.access_key.data, work.key.access_key.len, "secret_key", work.key.secret.data,
                                          work.key.secret.len, "expires", date_or_null(work.key.expires_us)), ret);
}

static int list_key(void *arg, const struct access_key_row *row)
{
    struct work *work = arg;
    struct account_row account;
    int err = account_get(work->tx, row->account_id, &account);
    if (err && err != ERR_NOT_FOUND)
        return err;
    json_t *name = err ? json_null() : json_stringn(account.name.data, account.name.len);
    json_t *entry = json_pack("{s:s%, s:o, s:b, s:o, s:o, s:o, s:o, s:o}", "access_key", row->access_key.data, row->access_key.len,
                              "account", name, "enabled", row->enabled, "bucket", text_or_null(row->bucket), "prefix",
                              text_or_null(row->prefix), "policy", text_or_null(row->policy), "expires",
                              date_or_null(row->expires_us), "created", date_or_null(row->created_us));
    return json_array_append_new(work->list, entry) ? ERR_NO_MEMORY : 0;
}

static int list_keys(struct meta_tx *tx, void *arg)
{
    struct work *work = arg;
    work->tx = tx;
    json_array_clear(work->list);
    int err = work->account ? find_account(tx, work) : 0;
    if (err)
        return err;
    return work->account ? access_key_list_user(tx, work->account_id, 0, slice_of("", 0), list_key, work)
                         : access_key_list(tx, slice_of("", 0), list_key, work);
}

int admin_command_key_list(struct admin_call *call, json_t **ret)
{
    struct work work = {.call = call, .account = admin_command_text(call, "account")};
    return run_list(&work, list_keys, "keys", ret);
}

static int remove_key(struct meta_tx *tx, void *arg)
{
    return access_key_delete(tx, ((struct work *)arg)->key.access_key);
}

static int enable_key(struct meta_tx *tx, void *arg)
{
    const struct work *work = arg;
    return access_key_set_enabled(tx, work->key.access_key, work->enable);
}

static int change_key(struct admin_call *call, int (*run)(struct meta_tx *, void *), bool enable, json_t **ret)
{
    struct work work = {.call = call, .key.access_key = text_argument(call, "access_key"), .enable = enable};
    if (!work.key.access_key.len)
        return admin_command_fail(call, ERR_INVALID, "which access key?");
    int err = admin_write(call->admin, run, &work);
    if (err == ERR_NOT_FOUND)
        return admin_command_fail(call, err, "there is no access key %.64s", work.key.access_key.data);
    return err ? err : admin_command_result(json_object(), ret);
}

int admin_command_key_remove(struct admin_call *call, json_t **ret)
{
    return change_key(call, remove_key, false, ret);
}

int admin_command_key_disable(struct admin_call *call, json_t **ret)
{
    return change_key(call, enable_key, false, ret);
}

int admin_command_key_enable(struct admin_call *call, json_t **ret)
{
    return change_key(call, enable_key, true, ret);
}
