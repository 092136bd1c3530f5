/* The background repair's scrub: start, stop, how far it has come. */
#include "admin/command.h"
#include "repair/repair.h"

static int need_repair(struct admin_call *call)
{
    if (call->admin->repair)
        return 0;
    return admin_command_fail(call, ERR_UNSUPPORTED, "only a running server scrubs, and none that is read-only");
}

static const char *activity_name(enum repair_activity activity)
{
    switch (activity) {
    case REPAIR_IDLE: return "idle";
    case REPAIR_HEALING: return "healing";
    case REPAIR_MOVING: return "moving";
    case REPAIR_SCRUBBING: return "scrubbing";
    }
    return "unknown";
}

json_t *admin_command_repair(struct admin *admin)
{
    struct repair_status status;
    if (!admin->repair)
        return json_null();
    repair_status(admin->repair, &status);
    return json_pack(
        "{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:I, s:I, s:I, s:I}",
        "activity", activity_name(status.activity), "extents_healed", (json_int_t)status.extents_healed,
        "extents_moved", (json_int_t)status.extents_moved, "slots_moved", (json_int_t)status.slots_moved,
        "volumes_readmitted", (json_int_t)status.volumes_readmitted, "units_mended", (json_int_t)status.units_mended,
        "extents_unrecoverable", (json_int_t)status.extents_unrecoverable, "bytes_read", (json_int_t)status.bytes_read,
        "bytes_written", (json_int_t)status.bytes_written, "scrub_running", (int)status.scrub_running,
        "scrub_extents", (json_int_t)status.scrub_extents, "scrub_bad", (json_int_t)status.scrub_bad,
        "scrub_still_bad", (json_int_t)status.scrub_still_bad, "scrubs_finished", (json_int_t)status.scrubs_finished);
}

int admin_command_repair_status(struct admin_call *call, json_t **ret)
{
    int err = need_repair(call);
    return err ? err : admin_command_result(admin_command_repair(call->admin), ret);
}

int admin_command_scrub(struct admin_call *call, json_t **ret)
{
    int err = need_repair(call);
    if (err)
        return err;
    repair_scrub(call->admin->repair);
    return admin_command_result(json_object(), ret);
}

int admin_command_scrub_stop(struct admin_call *call, json_t **ret)
{
    int err = need_repair(call);
    if (err)
        return err;
    repair_scrub_stop(call->admin->repair);
    return admin_command_result(json_object(), ret);
}
