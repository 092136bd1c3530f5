/* What would be decided about a request, and why, without doing it: for `ingot policy explain`.
 *
 * The request is made here instead of by http, and then takes the way of every request, up to where access has been decided; only that
 * nobody signs it: whose it is is told. Operations that decide for each key of their document, or by what their body says, are answered so. */
#ifndef S3_EXPLAIN_H
#define S3_EXPLAIN_H

#include "object/object.h"
#include "s3/server.h"
#include "wire/header.h"

#define EXPLAIN_TEXT_SIZE 192

struct s3_explain {
    struct s3_reactor *reactor;
    struct slice method, target;    /* as in a request line: "GET", "/bucket/key?versionId=..."; bytes live until done */
    struct slice access_key;        /* empty: nobody */
    struct slice source_ip;         /* empty: not known */
    bool tls;
    const struct header *headers;
    uint32_t header_count;
    void (*done)(struct s3_explain *); /* on the reactor's loop */
    void *arg;
    /* out */
    bool allowed;
    unsigned status;                /* of the answer, when not allowed */
    char code[64];                  /* S3's, likewise */
    char action[64];                /* "s3:GetObject"; empty: not known */
    char reason[EXPLAIN_TEXT_SIZE];
    /* private */
    struct s3_request *request;
    struct object_get get;
    bool looked;
    struct task task;
};

/* On the reactor's loop. */
void s3_explain_start(struct s3_explain *);

/* For s3/: the request was answered with an error; access was decided, and the operation would begin. */
void explain_refused(struct s3_request *, unsigned status, const char *code, const char *message);
void explain_allowed(struct s3_request *);

#endif
