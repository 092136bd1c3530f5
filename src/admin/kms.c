/* The keys of SSE-KMS: which there are, and sealing again what older versions sealed. */
#include <string.h>

#include "admin/command.h"
#include "admin/wait.h"
#include "object/kms.h"
#include "object/rewrap.h"

static int add_key(void *arg, struct slice id, uint32_t version_count, uint32_t newest)
{
    json_t *key = json_pack("{s:s%, s:i, s:i}", "id", id.data, id.len, "newest", (int)newest, "versions", (int)version_count);
    return key && json_array_append_new(arg, key) == 0 ? 0 : ERR_NO_MEMORY;
}

int admin_command_kms_list(struct admin_call *call, json_t **ret)
{
    json_t *keys = json_array();
    int err = !keys ? ERR_NO_MEMORY : call->admin->kms ? kms_each(call->admin->kms, add_key, keys) : 0;
    if (err) {
        json_decref(keys);
        return err;
    }
    return admin_command_result(json_pack("{s:o}", "keys", keys), ret);
}

static int look(struct meta_tx *tx, void *arg)
{
    return rewrap_look(tx, arg);
}

static int seal_page(struct meta_tx *tx, void *arg)
{
    return rewrap_seal(tx, arg);
}

static void tell(struct admin_call *call, const struct rewrap *w, uint64_t sealed)
{
    json_t *progress = json_pack("{s:s, s:I, s:I}", "what", "rewrap", "looked", (json_int_t)w->looked, "sealed", (json_int_t)sealed);
    if (progress)
        (void)call->emit(call, "progress", progress); /* whoever went away stops nothing */
}

int admin_command_kms_rewrap(struct admin_call *call, json_t **ret)
{
    struct admin *admin = call->admin;
    struct rewrap w;
    uint64_t sealed = 0, unreadable = 0;
    if (!admin->kms)
        return admin_command_fail(call, ERR_UNSUPPORTED, "only a running server has the keys of kms_key_file");
    rewrap_start(&w, (struct encryption_keys){.meta = admin->meta, .kms = admin->kms});
    int err = 0;
    while (!err && !w.over) {
        err = admin_read(admin, look, &w);
        if (!err && w.found_count)
            err = admin_write(admin, seal_page, &w);
        if (err || !w.found_count)
            continue;
        sealed += w.page_sealed;
        unreadable += w.page_unreadable;
        tell(call, &w, sealed);
    }
    rewrap_end(&w);
    if (err)
        return admin_command_fail(call, err, "%s, after %llu were sealed again; those stay so, and the command can be given again", err_text(err),
                                  (unsigned long long)sealed);
    return admin_command_result(json_pack("{s:I, s:I, s:I}", "looked", (json_int_t)w.looked, "sealed", (json_int_t)sealed, "unreadable",
                                          (json_int_t)(w.unreadable + unreadable)), ret);
}
