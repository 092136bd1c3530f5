/* Tables that several subcommands print. */
#ifndef INGOT_STATUS_H
#define INGOT_STATUS_H

#include <jansson.h>

/* The "volumes" of the admin protocol, as a table on stdout. */
void status_print_volumes(json_t *volumes);

#endif
