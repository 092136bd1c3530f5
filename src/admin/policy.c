/* What would be decided about a request. */
#include "admin/command.h"

static int take_headers(struct admin_call *call, struct admin_explain *e)
{
    json_t *headers = json_object_get(call->arguments, "headers"), *header;
    size_t i;
    json_array_foreach(headers, i, header) {
        if (e->header_count == ADMIN_EXPLAIN_HEADERS_MAX || !json_is_string(header))
            return admin_command_fail(call, ERR_INVALID, "at most %d headers, as texts", ADMIN_EXPLAIN_HEADERS_MAX);
        e->headers[e->header_count++] = json_string_value(header);
    }
    return 0;
}

int admin_command_policy_explain(struct admin_call *call, json_t **ret)
{
    const struct admin *admin = call->admin;
    struct admin_explain e = {
        .method = admin_command_text(call, "method"),
        .target = admin_command_text(call, "target"),
        .access_key = admin_command_text(call, "access_key"),
        .source_ip = admin_command_text(call, "source_ip"),
        .tls = json_is_true(json_object_get(call->arguments, "tls")),
    };
    if (!admin->explain)
        return admin_command_fail(call, ERR_UNSUPPORTED, "only a running server can say what it would decide");
    if (!e.method || !e.target || e.target[0] != '/')
        return admin_command_fail(call, ERR_INVALID, "a method and a path such as /bucket/key are needed");
    int err = take_headers(call, &e);
    if (!err)
        err = admin->explain(admin->explain_arg, &e);
    if (err)
        return err;
    return admin_command_result(json_pack("{s:b, s:i, s:s, s:s, s:s}", "allowed", e.allowed, "status", (int)e.status, "code", e.code, "action",
                                          e.action, "reason", e.reason), ret);
}
