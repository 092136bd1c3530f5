/* A whole store below s3/ for unit tests, in one thread: six file volumes (4+2) under a temporary folder, real metadata on
 * them, one reactor, and the metadata writer stepped by object_fixture_until(). */
#ifndef TESTS_OBJECT_FIXTURE_H
#define TESTS_OBJECT_FIXTURE_H

#include "object/object.h"

#define OBJECT_FIXTURE_VOLUMES 6

struct object_fixture {
    char folder[64], paths[OBJECT_FIXTURE_VOLUMES][96];
    struct loop *loop;
    struct store *store;
    struct placement *placement;
    struct meta *meta;
    struct buffer_pool buffers;
    struct digest_engine *md5;
    struct kms *kms; /* a test's own, or NULL */
    struct object_reactor reactor;
};

/* Assert success. open formats and opens; crash drops everything in memory as a kill would and opens again. */
void object_fixture_open(struct object_fixture *);
void object_fixture_crash(struct object_fixture *);
void object_fixture_close(struct object_fixture *);

/* Runs the loop and the writer until *done; fails the test when nothing comes of it. */
void object_fixture_until(struct object_fixture *, const bool *done);

/* One call each, waited for. */
int object_fixture_bucket(struct object_fixture *, const char *name, bool versioned);
int object_fixture_remove_bucket(struct object_fixture *, const char *name);
int object_fixture_put(struct object_fixture *, const struct object_put_options *, const void *data, size_t len, struct object_put_result *ret);
int object_fixture_get(struct object_fixture *, struct object_get *, struct text *ret_body);
uint64_t object_fixture_available(struct object_fixture *);

#endif
