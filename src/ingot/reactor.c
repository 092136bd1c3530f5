#include "ingot/reactor.h"

#include <stdio.h>

#include "base/container.h"
#include "base/log.h"
#include "volume/loop_uring.h"

#define SETTLE_PAUSE_US 5000u

static _Thread_local unsigned thread_slot;

unsigned reactor_slot(void)
{
    return thread_slot;
}

/* --- On the reactor's thread --- */

static bool must_stop(void *arg)
{
    return ((struct reactor *)arg)->stop;
}

static void *reactor_main(void *arg)
{
    struct reactor *reactor = arg;
    thread_slot = reactor->index;
    int err = loop_run_until(reactor->loop, must_stop, reactor);
    if (err)
        log_error("%s: the event loop broke: %s", reactor->name, err_text(err));
    return NULL;
}

static void check_settled(struct timer *timer)
{
    struct reactor *reactor = container_of(timer, struct reactor, settle);
    if (s3_reactor_busy(&reactor->s3))
        loop_timer_set(reactor->loop, timer, loop_now_us(reactor->loop) + SETTLE_PAUSE_US);
    else
        reactor->drained(reactor->drained_arg);
}

static void http_drained(void *arg)
{
    struct reactor *reactor = arg;
    reactor->settle.fire = check_settled;
    check_settled(&reactor->settle);
}

static void drain(struct task *task)
{
    struct reactor *reactor = container_of(task, struct reactor, drain_task);
    http_server_drain(reactor->http, http_drained, reactor);
}

static void reload(struct task *task)
{
    struct reactor *reactor = container_of(task, struct reactor, reload_task);
    char message[256];
    if (http_server_reload(reactor->http, message, sizeof(message)))
        log_error("%s: the certificate in use stays: %s", reactor->name, message);
}

static void inventories_stopped(void *arg)
{
    struct reactor *reactor = arg;
    log_keeper_stop(&reactor->log_keeper, reactor->log_kept, reactor->log_kept_arg);
}

static void keep_log(struct task *task)
{
    struct reactor *reactor = container_of(task, struct reactor, log_task);
    inventory_keeper_stop(&reactor->inventory_keeper, inventories_stopped, reactor);
}

static void stop(struct task *task)
{
    container_of(task, struct reactor, stop_task)->stop = true;
}

/* --- On the control thread --- */

static int init_http(struct reactor *reactor, const struct reactor_options *options, char *message, size_t message_size)
{
    const struct config *config = options->config;
    const struct http_options http = {
        .listen = config->listen,
        .listen_fd = options->listen_fd,
        .certificate_file = *config->tls_certificate ? config->tls_certificate : NULL,
        .key_file = *config->tls_key ? config->tls_key : NULL,
        .connection_max = (uint32_t)((config->connection_max + options->count - 1) / options->count),
        .header_timeout_s = (uint32_t)(config->header_timeout / 1000),
        .idle_timeout_s = (uint32_t)(config->idle_timeout / 1000),
        .body_rate_min = (uint32_t)config->body_rate_min,
    };
    return http_server_new(&http, reactor->loop, s3_http_handler(), &reactor->s3, &reactor->http, message, message_size);
}

int reactor_init(struct reactor *reactor, const struct reactor_options *options, char *message, size_t message_size)
{
    uint64_t slabs = options->config->buffer_memory / options->count / BUFFER_SLAB_SIZE;
    reactor->index = options->index;
    reactor->drain_task.run = drain;
    reactor->reload_task.run = reload;
    reactor->stop_task.run = stop;
    reactor->log_task.run = keep_log;
    snprintf(reactor->name, sizeof(reactor->name), "reactor-%u", options->index);
    snprintf(message, message_size, "%s: %s", reactor->name, err_text(ERR_NO_MEMORY));
    if (!(reactor->loop = engine_new_loop(options->engine, reactor->name)))
        return ERR_NO_MEMORY;
    int err = buffer_pool_init(&reactor->buffers, reactor->loop, slabs < 64 ? 64 : (uint32_t)slabs);
    if (err)
        return err;
    loop_uring_register_buffers(reactor->loop, reactor->buffers.memory, (size_t)reactor->buffers.count * BUFFER_SLAB_SIZE);
    reactor->object = (struct object_reactor){.loop = reactor->loop, .placement = options->placement,
                                              .buffers = &reactor->buffers, .region = options->config->region,
                                              .kms = options->kms};
    if ((err = digest_engine_new(DIGEST_MD5, &reactor->object.md5)) || (err = meta_attach_loop(options->meta, reactor->loop)))
        return err;
    reactor->object.meta = options->meta; /* set: attached */
    if ((err = s3_reactor_init(&reactor->s3, options->s3, &reactor->object)))
        return err;
    if (options->index == 0 && options->s3->log_buffer) {
        log_keeper_start(&reactor->log_keeper, &reactor->object, options->s3->log_buffer);
        inventory_keeper_start(&reactor->inventory_keeper, &reactor->object, options->config->lifecycle_day * 1000);
    }
    return init_http(reactor, options, message, message_size);
}

int reactor_start(struct reactor *reactor)
{
    if (pthread_create(&reactor->thread, NULL, reactor_main, reactor))
        return ERR_NO_MEMORY;
    reactor->started = true;
    return 0;
}

void reactor_drain(struct reactor *reactor, void (*drained)(void *), void *arg)
{
    reactor->drained = drained;
    reactor->drained_arg = arg;
    loop_post(reactor->loop, &reactor->drain_task);
}

void reactor_keep_log(struct reactor *reactor, void (*kept)(void *), void *arg)
{
    reactor->log_kept = kept;
    reactor->log_kept_arg = arg;
    loop_post(reactor->loop, &reactor->log_task);
}

void reactor_reload(struct reactor *reactor)
{
    loop_post(reactor->loop, &reactor->reload_task);
}

void reactor_fini(struct reactor *reactor)
{
    if (reactor->started) {
        loop_post(reactor->loop, &reactor->stop_task);
        pthread_join(reactor->thread, NULL);
    }
    if (reactor->http)
        http_server_free(reactor->http);
    /* A request that did not end in time may have I/O under way into its buffers: then they stay until the process ends. */
    if (reactor->s3.server && (s3_reactor_busy(&reactor->s3) || reactor->log_keeper.busy || reactor->inventory_keeper.busy)) {
        log_warning("%s: requests were still under way at the end", reactor->name);
        return;
    }
    if (reactor->s3.server)
        s3_reactor_fini(&reactor->s3);
    if (reactor->object.meta)
        meta_detach_loop(reactor->object.meta, reactor->loop);
    digest_engine_free(reactor->object.md5);
    if (reactor->buffers.count && reactor->buffers.free_count < reactor->buffers.count)
        return; /* reads or writes of a hung device hold some */
    if (reactor->loop)
        loop_free(reactor->loop);
    if (reactor->buffers.count)
        buffer_pool_fini(&reactor->buffers);
}
