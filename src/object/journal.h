/* Journal records (bucket logging of type Journal): every change of an object is logged in the transaction that makes it, so that
 * the log holds what happened, all of it and nothing else. Buckets without such logging cost a look at their attributes. */
#ifndef OBJECT_JOURNAL_H
#define OBJECT_JOURNAL_H

#include "meta/meta.h"
#include "meta/tables.h"
#include "wire/logging.h"

struct bucket_row;
struct version_row;

struct journal {
    bool on;
    int64_t owner_id;             /* the bucket's */
    uint64_t time_us;             /* of the transaction's step */
    struct logging_configuration configuration;
    char owner[CANONICAL_ID_LEN + 1], account[ACCOUNT_NUMBER_LEN + 1]; /* the owner's canonical id and number */
    char source[64], region[64]; /* the bucket's name; its region */
    struct text records;
};

/* In run, before the first change. journal_close must follow a 0. */
int journal_open(struct meta_tx *, const struct bucket_row *source, struct journal *) MUST_CHECK;
/* version: the one that came, changed or went; its version_id and etag count where they are not empty. */
void journal_add(struct journal *, const char *operation, struct slice key, const struct version_row *version);
/* With err: the step failed, and nothing is logged; returns err. */
int journal_close(struct meta_tx *, struct journal *, int err) MUST_CHECK;

#endif
