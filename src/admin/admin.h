/* What the admin commands act on. The same commands run in the server, reached through the socket, and in a subcommand that
 * has opened the volumes itself because no server runs.
 *
 * Threads: commands run on threads of their own and wait there; what they start reports on the control loop, which must run
 * meanwhile. */
#ifndef ADMIN_ADMIN_H
#define ADMIN_ADMIN_H

#include <jansson.h>

#include "base/metric.h"
#include "meta/meta.h"

struct kms;
struct lifecycle_worker;
struct repair;

/* A request that nobody sends, and what would be decided about it (s3/explain.h). */
#define ADMIN_EXPLAIN_HEADERS_MAX 32
struct admin_explain {
    const char *method, *target, *access_key, *source_ip; /* access_key NULL: nobody; source_ip NULL: not known */
    bool tls;
    const char *headers[ADMIN_EXPLAIN_HEADERS_MAX];       /* "Name: value" */
    uint32_t header_count;
    bool allowed;                     /* out, as the rest */
    unsigned status;
    char code[64], action[64], reason[192];
};

struct admin {
    struct loop *control;
    struct store *store;
    struct placement *placement;
    struct meta *meta;
    struct repair *repair;            /* NULL: none runs */
    struct lifecycle_worker *lifecycle; /* NULL: none runs */
    int (*explain)(void *arg, struct admin_explain *); /* blocks; NULL: no server runs */
    void *explain_arg;
    struct kms *kms;                  /* of a server; NULL: none runs */
    const char *version, *engine;
    uint64_t started_us;              /* wall clock */
    _Atomic bool read_ready, write_ready;
    bool alone;                       /* of a subcommand: no server runs, nobody else uses the store */
};

/* One command under way. */
struct admin_call {
    struct admin *admin;
    json_t *arguments;                /* an object */
    /* Hands a line's member to whoever asked: "progress" or "row". Takes value. ERR_CANCELLED: nobody listens any more. */
    int (*emit)(struct admin_call *, const char *member, json_t *value);
    void *emit_arg;
    char message[512];                /* with an error: one line for people; may stay empty */
};

/* Runs a command; on 0 *ret is its result. ERR_UNSUPPORTED: no such command. Blocks. */
int admin_run(struct admin_call *, const char *command, json_t **ret) MUST_CHECK;

/* The name of an error in error.def, such as "NOT_FOUND". */
const char *admin_error_name(int err);

#endif
