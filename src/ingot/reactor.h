/* A reactor: one thread, one loop, one HTTP server, its buffers and its part of the S3 service. */
#ifndef INGOT_REACTOR_H
#define INGOT_REACTOR_H

#include <pthread.h>

#include "base/config.h"
#include "ingot/engine.h"
#include "s3/inventory_keeper.h"
#include "s3/log_keeper.h"
#include "s3/server.h"

struct reactor {
    struct loop *loop;
    struct buffer_pool buffers;
    struct object_reactor object;
    struct s3_reactor s3;
    struct http_server *http;
    pthread_t thread;
    unsigned index;
    char name[16];
    bool started, stop;
    struct log_keeper log_keeper;     /* of the first reactor, where something can be logged */
    struct inventory_keeper inventory_keeper; /* likewise */
    struct task drain_task, reload_task, stop_task, log_task;
    struct timer settle;              /* after the drain: waits for work of connections that are gone */
    void (*drained)(void *arg);       /* on the reactor's thread */
    void *drained_arg;
    void (*log_kept)(void *arg);
    void *log_kept_arg;
};

struct reactor_options {
    const struct config *config;
    struct engine *engine;
    struct meta *meta;
    struct placement *placement;
    const struct s3_server *s3;
    struct kms *kms;
    int listen_fd;
    unsigned index, count;
};

/* The thread's number, for metrics that it adds to. */
unsigned reactor_slot(void);

/* Makes all but the thread. The reactor is zero-initialised and never moves. ERR with message. */
int reactor_init(struct reactor *, const struct reactor_options *, char *message, size_t message_size) MUST_CHECK;
int reactor_start(struct reactor *) MUST_CHECK;
/* From any thread: accept no more; drained when the last request has ended. Once. */
void reactor_drain(struct reactor *, void (*drained)(void *), void *arg);
/* The first reactor's, after all are drained: log records in memory go to the database; kept on its thread. Once. */
void reactor_keep_log(struct reactor *, void (*kept)(void *), void *arg);
void reactor_reload(struct reactor *); /* certificates; any thread, not again before it ran */
/* Ends the thread, whatever goes on, and frees what nothing uses any more. */
void reactor_fini(struct reactor *);

#endif
