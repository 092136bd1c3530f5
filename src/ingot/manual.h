/* The manual pages, in roff. */
#ifndef INGOT_MANUAL_H
#define INGOT_MANUAL_H

#include <stdbool.h>

/* Writes the page ("ingot" or "ingot.conf") to standard output; false: there is no such page. */
bool manual_write(const char *page);

#endif
