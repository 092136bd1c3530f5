/* Tables that several subcommands print. */
#ifndef INGOT_STATUS_H
#define INGOT_STATUS_H

#include <stddef.h>

#include <jansson.h>

/* The "volumes" of the admin protocol, as a table on stdout. */
void status_print_volumes(json_t *volumes);
/* Bytes for people; a null is "unknown". */
void status_format_bytes(json_t *value, char *text, size_t size);

#endif
