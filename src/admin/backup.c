/* A backup of the live database (meta/backup.h), written by this process. */
#include "meta/backup.h"

#include "admin/command.h"
#include "admin/wait.h"

#define PROGRESS_PAUSE_US 200000u

struct backing_up {
    struct admin_call *call;
    struct backup_options options;
    struct loop *loop;
    uint64_t told_us;
    struct store_message message;
};

/* Somebody who went away does not stop a backup: the file is what counts. */
static void tell(void *arg, uint64_t done, uint64_t total)
{
    struct backing_up *backup = arg;
    uint64_t now_us = loop_now_us(backup->loop);
    if (done < total && now_us - backup->told_us < PROGRESS_PAUSE_US)
        return;
    backup->told_us = now_us;
    json_t *progress = json_pack("{s:s, s:I, s:I}", "what", "backup", "done", (json_int_t)done, "total", (json_int_t)total);
    if (progress && backup->call->emit(backup->call, "progress", progress))
        backup->told_us = UINT64_MAX / 2;
}

static int backup_on_job(struct meta *meta, struct loop *loop, void *arg)
{
    struct backing_up *backup = arg;
    backup->loop = loop;
    return backup_write(meta, loop, &backup->options, &backup->message);
}

int admin_command_backup(struct admin_call *call, json_t **ret)
{
    json_t *rate = json_object_get(call->arguments, "bytes_per_second");
    struct backing_up backup = {.call = call};
    backup.options = (struct backup_options){.path = admin_command_text(call, "path"), .progress = tell, .arg = &backup};
    if (!backup.options.path || backup.options.path[0] != '/')
        return admin_command_fail(call, ERR_INVALID, "which path? It must be absolute");
    if (json_is_integer(rate) && json_integer_value(rate) > 0)
        backup.options.bytes_per_second = (uint64_t)json_integer_value(rate);
    int err = admin_job(call->admin, backup_on_job, &backup);
    if (err)
        return admin_command_fail(call, err, "%.500s", backup.message.text);
    return admin_command_result(json_object(), ret);
}
