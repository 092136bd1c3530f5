#include "admin/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *name;
    int (*run)(struct admin_call *, json_t **ret);
} commands[] = {
    {"ping", admin_command_ping},
    {"status", admin_command_status},
    {"volume-list", admin_command_volume_list},
    {"volume-add", admin_command_volume_add},
    {"volume-attach", admin_command_volume_attach},
    {"volume-drain", admin_command_volume_drain},
    {"volume-replace", admin_command_volume_replace},
    {"volume-offline", admin_command_volume_offline},
    {"volume-online", admin_command_volume_online},
    {"volume-grow", admin_command_volume_grow},
    {"volume-remove", admin_command_volume_remove},
    {"query", admin_command_query},
    {"repair-status", admin_command_repair_status},
    {"scrub", admin_command_scrub},
    {"scrub-stop", admin_command_scrub_stop},
    {"fsck", admin_command_fsck},
    {"backup", admin_command_backup},
    {"user-add", admin_command_user_add},
    {"user-list", admin_command_user_list},
    {"user-remove", admin_command_user_remove},
    {"user-disable", admin_command_user_disable},
    {"user-enable", admin_command_user_enable},
    {"key-add", admin_command_key_add},
    {"key-list", admin_command_key_list},
    {"key-remove", admin_command_key_remove},
    {"key-disable", admin_command_key_disable},
    {"key-enable", admin_command_key_enable},
    {"bucket-list", admin_command_bucket_list},
    {"bucket-quota", admin_command_bucket_quota},
    {"kms-list", admin_command_kms_list},
    {"kms-rewrap", admin_command_kms_rewrap},
    {"policy-explain", admin_command_policy_explain},
};

static const char *const error_names[] = {
    "OK",
#define X(name, text) #name,
#include "base/error.def"
#undef X
};

const char *admin_error_name(int err)
{
    return err <= 0 && err > -ERR_INDEX_COUNT ? error_names[-err] : "UNKNOWN";
}

int admin_run(struct admin_call *call, const char *command, json_t **ret)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(command, commands[i].name) == 0)
            return commands[i].run(call, ret);
    return admin_command_fail(call, ERR_UNSUPPORTED, "there is no command %.64s", command);
}

int admin_command_fail(struct admin_call *call, int err, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(call->message, sizeof(call->message), format, arguments);
    va_end(arguments);
    return err;
}

const char *admin_command_text(struct admin_call *call, const char *name)
{
    return json_string_value(json_object_get(call->arguments, name));
}

int admin_command_result(json_t *value, json_t **ret)
{
    if (!value)
        return ERR_NO_MEMORY;
    *ret = value;
    return 0;
}

int admin_command_ping(struct admin_call *call, json_t **ret)
{
    char store[UUID_TEXT_SIZE];
    uuid_format(&call->admin->store->uuid, store);
    return admin_command_result(json_pack("{s:s, s:i, s:s}", "version", call->admin->version, "pid", (int)getpid(), "store",
                                    store), ret);
}
