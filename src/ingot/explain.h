/* Between an admin command's thread, which waits, and the reactor that says what it would decide. */
#ifndef INGOT_EXPLAIN_H
#define INGOT_EXPLAIN_H

#include "admin/admin.h"
#include "ingot/reactor.h"

/* reactor: running. Blocks. ERR_INVALID: a header is no header; ERR_NO_MEMORY. */
int explain_run(struct reactor *, struct admin_explain *) MUST_CHECK;

#endif
