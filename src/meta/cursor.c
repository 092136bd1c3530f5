/* How far a long job has come, so that it goes on after a restart. */
#include "meta/statement.h"
#include "meta/tables.h"

int cursor_get(struct meta_tx *tx, const char *name, int64_t *ret_position, int64_t *ret_total)
{
    struct statement s = statement_begin(tx, STATEMENT_CURSOR_GET);
    statement_bind_text(&s, slice_string(name));
    int err = statement_row(&s);
    if (err != 0)
        return err;
    *ret_position = statement_int(&s, 0);
    *ret_total = statement_int(&s, 1);
    statement_end(&s);
    return 0;
}

int cursor_set(struct meta_tx *tx, const char *name, int64_t position, int64_t total)
{
    struct statement s = statement_begin(tx, STATEMENT_CURSOR_SET);
    statement_bind_text(&s, slice_string(name));
    statement_bind_int(&s, position);
    statement_bind_int(&s, total);
    return statement_execute(&s);
}

int cursor_delete(struct meta_tx *tx, const char *name)
{
    struct statement s = statement_begin(tx, STATEMENT_CURSOR_DELETE);
    statement_bind_text(&s, slice_string(name));
    int err = statement_execute(&s);
    return err == 0 && statement_changes(&s) == 0 ? ERR_NOT_FOUND : err;
}
