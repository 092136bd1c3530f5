/* `ingot backup` and `ingot restore`: the database as an ordinary SQLite file on the host, and back.
 *
 * A backup is one consistent snapshot, with a digest at its end; secrets in it stay sealed. A restore brings a database back to the store it came from
 * (same store uuid): what was written since, or freed and written over, is then wrong or unknown to it, so fsck and scrub
 * follow. Both are synchronous, on a loop that may wait for devices: backup_write inside a meta_job in the server. */
#ifndef META_BACKUP_H
#define META_BACKUP_H

#include "meta/meta.h"

struct backup_options {
    const char *path;            /* must not exist for a backup; mode 0600 */
    uint64_t bytes_per_second;   /* backup only; 0: as fast as it goes, as when the snapshot may hold up a checkpoint */
    void (*progress)(void *arg, uint64_t done, uint64_t total); /* pages; may be NULL */
    void *arg;
};

/* ERR_EXISTS: path is there already; ERR_BUSY: broken off, the metadata log fills; ERR_CANCELLED: the store is being closed;
 * errors of the file as err_from_errno. On an error nothing is left at path. */
int backup_write(struct meta *, struct loop *, const struct backup_options *, struct store_message *) MUST_CHECK;

/* On a store that no server runs on, not opened by meta_open. ERR_CORRUPT: the file is damaged, or names chunks that the
 * store's volumes no longer have; ERR_FOREIGN: of another store; ERR_UNSUPPORTED: of a newer schema; errors of the file as
 * err_from_errno. These leave the store as it was; a later error leaves a store that refuses to open until a restore succeeds. */
int backup_restore(struct store *, struct loop *, const struct backup_options *, struct store_message *) MUST_CHECK;

#endif
