/* fsck (repair/fsck.h): findings and progress line by line. */
#include "repair/fsck.h"

#include "admin/command.h"
#include "admin/wait.h"

#define PROGRESS_PAUSE_US 200000u

struct checking {
    struct admin_call *call;
    bool mend;
    struct loop *loop;
    uint64_t told_us;
    struct fsck_report report;
};

/* Somebody who went away does not stop it: it ends by itself. */
static void tell(struct checking *checking, const char *member, json_t *value)
{
    if (value && checking->call->emit(checking->call, member, value))
        checking->told_us = UINT64_MAX / 2;
}

static void tell_finding(void *arg, const char *text)
{
    json_t *value = json_string(text);
    if (!value) /* not UTF-8 */
        value = json_string("a finding that cannot be told as text");
    tell(arg, "row", value);
}

static void tell_progress(void *arg, const char *what, uint64_t done, uint64_t total)
{
    struct checking *checking = arg;
    uint64_t now_us = loop_now_us(checking->loop);
    if (checking->told_us > now_us || (done < total && now_us - checking->told_us < PROGRESS_PAUSE_US))
        return;
    checking->told_us = now_us;
    tell(checking, "progress", json_pack("{s:s, s:I, s:I}", "what", what, "done", (json_int_t)done, "total", (json_int_t)total));
}

static int fsck_on_job(struct meta *meta, struct loop *loop, void *arg)
{
    struct checking *checking = arg;
    const struct fsck_options options = {.live = !checking->call->admin->alone, .mend = checking->mend, .finding = tell_finding,
                                         .progress = tell_progress, .arg = checking};
    checking->loop = loop;
    return fsck_run(meta, loop, &options, &checking->report);
}

int admin_command_fsck(struct admin_call *call, json_t **ret)
{
    struct checking checking = {.call = call, .mend = json_is_true(json_object_get(call->arguments, "mend"))};
    if (checking.mend && !call->admin->alone)
        return admin_command_fail(call, ERR_BUSY, "a server runs: stop it to have the metadata mended");
    int err = admin_job(call->admin, fsck_on_job, &checking);
    if (err)
        return err;
    const struct fsck_report *r = &checking.report;
    return admin_command_result(json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
        "volumes", (json_int_t)r->volumes, "volumes_missing", (json_int_t)r->volumes_missing,
        "superblock_copies", (json_int_t)r->superblock_copies, "groups", (json_int_t)r->groups,
        "chunk_headers", (json_int_t)r->chunk_headers, "row_checks", (json_int_t)r->row_checks,
        "mirror_blocks", (json_int_t)r->mirror_blocks, "left_out", (json_int_t)r->left_out,
        "findings", (json_int_t)r->findings, "mended", (json_int_t)r->mended), ret);
}
