/* Data keys of SSE-KMS sealed again with the newest version of their keys, so that older versions can go out of the key file. No
 * content changes.
 *
 * The store is walked page by page: a page is found in a snapshot (rewrap_look) and sealed in a transaction (rewrap_seal) that looks
 * again. What comes meanwhile is sealed with the newest version by itself. For one thread at a time. */
#ifndef OBJECT_REWRAP_H
#define OBJECT_REWRAP_H

#include "base/arena.h"
#include "object/encryption.h"
#include "object/object.h"

#define REWRAP_PAGE 128u /* rows that are looked at in one snapshot, at most as many as are sealed in one transaction */

struct rewrap_place { struct slice key; int64_t rank; int64_t upload; }; /* upload: its id; 0: a version */

struct rewrap {
    struct encryption_keys keys;
    bool over;                    /* everything was looked at */
    uint64_t looked;              /* versions and uploads */
    uint64_t unreadable;          /* of them: whose key is not in the file, in no version */
    uint32_t page_sealed, page_unreadable; /* by the last rewrap_seal; unreadable: only their own version is not in the file */
    /* private */
    char bucket[64];              /* that is walked, or was last */
    int64_t bucket_id;            /* 0: the next one is to be found */
    bool in_uploads;              /* its versions are done */
    char key[KEY_LEN_MAX];        /* walked up to here */
    uint32_t key_len;
    int64_t rank;                 /* or the upload's id */
    struct arena arena;           /* of found */
    struct rewrap_place found[REWRAP_PAGE];
    uint32_t found_count;
};

void rewrap_start(struct rewrap *, struct encryption_keys);
/* The next page. */
int rewrap_look(struct meta_tx *, struct rewrap *) MUST_CHECK;
/* Seals what was found on it; may run again. */
int rewrap_seal(struct meta_tx *, struct rewrap *) MUST_CHECK;
void rewrap_end(struct rewrap *);

#endif
