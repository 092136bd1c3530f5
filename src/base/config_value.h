/* Values of options from their text. Internal to config*.c. */
#ifndef BASE_CONFIG_VALUE_H
#define BASE_CONFIG_VALUE_H

#include "base/config.h"

/* Sets the member of option to text; a list is appended to. ERR_INVALID, with why filled; ERR_NO_MEMORY. */
int config_value_set(struct config *, const struct config_option *, const char *text, char *why, size_t why_size) MUST_CHECK;
/* Back to nothing: an empty list, an empty text. */
int config_value_clear(struct config *, const struct config_option *) MUST_CHECK;

#endif
