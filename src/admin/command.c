#include "admin/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *name;
    int (*run)(struct admin_call *, json_t **ret);
} commands[] = {
    {"ping", command_ping},
    {"status", command_status},
    {"volume-list", command_volume_list},
    {"volume-add", command_volume_add},
    {"volume-attach", command_volume_attach},
    {"volume-drain", command_volume_drain},
    {"volume-offline", command_volume_offline},
    {"volume-online", command_volume_online},
    {"volume-grow", command_volume_grow},
    {"volume-remove", command_volume_remove},
    {"query", command_query},
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
    return command_fail(call, ERR_UNSUPPORTED, "there is no command %.64s", command);
}

int command_fail(struct admin_call *call, int err, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(call->message, sizeof(call->message), format, arguments);
    va_end(arguments);
    return err;
}

const char *command_text(struct admin_call *call, const char *name)
{
    return json_string_value(json_object_get(call->arguments, name));
}

int command_result(json_t *value, json_t **ret)
{
    if (!value)
        return ERR_NO_MEMORY;
    *ret = value;
    return 0;
}

int command_ping(struct admin_call *call, json_t **ret)
{
    char store[UUID_TEXT_SIZE];
    uuid_format(&call->admin->store->uuid, store);
    return command_result(json_pack("{s:s, s:i, s:s}", "version", call->admin->version, "pid", (int)getpid(), "store",
                                    store), ret);
}
