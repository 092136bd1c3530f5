/* The operator's read-only SQL (meta/query.h), row by row. */
#include "meta/query.h"

#include <string.h>

#include "admin/command.h"
#include "admin/wait.h"

struct querying {
    struct admin_call *call;
    const char *sql;
    json_int_t rows;
    struct store_message message;
};

static int emit_columns(void *arg, const char *const *names, int count)
{
    struct querying *querying = arg;
    json_t *row = json_array();
    for (int i = 0; row && i < count; i++)
        if (json_array_append_new(row, json_string(names[i]))) {
            json_decref(row);
            return ERR_NO_MEMORY;
        }
    return row ? querying->call->emit(querying->call, "row", row) : ERR_NO_MEMORY;
}

/* Text that is not UTF-8 goes as hex behind a "\\x", as blobs do: JSON carries neither. */
static json_t *bytes_to_json(struct slice bytes)
{
    struct text hex = {0};
    text_append_string(&hex, "\\x");
    text_append_hex(&hex, bytes.data, bytes.len);
    json_t *value = hex.failed ? NULL : json_stringn(hex.data, hex.len);
    text_free(&hex);
    return value;
}

static json_t *value_to_json(const struct query_value *value)
{
    json_t *text;
    switch (value->kind) {
    case QUERY_NULL: return json_null();
    case QUERY_INTEGER: return json_integer(value->integer);
    case QUERY_REAL: return json_real(value->real);
    case QUERY_TEXT:
        text = json_stringn(value->bytes.len ? value->bytes.data : "", value->bytes.len);
        return text ? text : bytes_to_json(value->bytes);
    case QUERY_BLOB: return bytes_to_json(value->bytes);
    }
    return NULL;
}

static int emit_row(void *arg, const struct query_value *values, int count)
{
    struct querying *querying = arg;
    json_t *row = json_array();
    for (int i = 0; row && i < count; i++)
        if (json_array_append_new(row, value_to_json(&values[i]))) {
            json_decref(row);
            return ERR_NO_MEMORY;
        }
    if (!row)
        return ERR_NO_MEMORY;
    querying->rows++;
    return querying->call->emit(querying->call, "row", row);
}

static int query_on_job(struct meta *meta, struct loop *loop, void *arg)
{
    struct querying *querying = arg;
    const struct query query = {.sql = querying->sql, .columns = emit_columns, .row = emit_row, .arg = querying};
    return query_run(meta, loop, &query, &querying->message);
}

int admin_command_query(struct admin_call *call, json_t **ret)
{
    struct querying querying = {.call = call, .sql = admin_command_text(call, "sql")};
    if (!querying.sql)
        return admin_command_fail(call, ERR_INVALID, "which SQL?");
    int err = admin_job(call->admin, query_on_job, &querying);
    if (err)
        return admin_command_fail(call, err, "%.500s", querying.message.text);
    return admin_command_result(json_pack("{s:I}", "rows", querying.rows), ret);
}
