/* Single values of the store: schema version, clock ceiling, counters. */
#include "meta/statement.h"
#include "meta/tables.h"

int setting_get_u64(struct meta_tx *tx, const char *name, uint64_t *ret)
{
    struct statement s = statement_begin(tx, STATEMENT_SETTING_GET);
    statement_bind_text(&s, slice_string(name));
    int err = statement_row(&s);
    if (err != 0)
        return err;
    *ret = (uint64_t)statement_int(&s, 0);
    statement_end(&s);
    return 0;
}

int setting_set_u64(struct meta_tx *tx, const char *name, uint64_t value)
{
    struct statement s = statement_begin(tx, STATEMENT_SETTING_SET);
    statement_bind_text(&s, slice_string(name));
    statement_bind_int(&s, (int64_t)value);
    return statement_execute(&s);
}
