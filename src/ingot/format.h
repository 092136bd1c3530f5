/* Making a store, for `ingot format` and `ingot dev`. */
#ifndef INGOT_FORMAT_H
#define INGOT_FORMAT_H

#include "base/config.h"
#include "volume/store.h"

/* Formats and makes the database, with the configured sealing key. An err with *message. */
int format_store(const struct config *, struct store_format *, bool quiet, struct store_message *) MUST_CHECK;

#endif
