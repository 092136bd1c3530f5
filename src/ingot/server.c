/* Life of the server: open the store; metrics, health, reactors, default buckets, admin socket, lease; ready; until a
 * signal or the loss of the lease; drain; close in the reverse order. All on the control loop's thread but for reactors,
 * the lease and admin commands. */
#include "ingot/server.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "admin/health.h"
#include "admin/socket.h"
#include "base/container.h"
#include "base/log.h"
#include "ingot/explain.h"
#include "ingot/kms_file.h"
#include "ingot/lifecycle_keeper.h"
#include "ingot/opened.h"
#include "ingot/reactor.h"
#include "ingot/repair_keeper.h"
#include "s3/log_buffer.h"

#define REACTORS_MAX 256

struct server {
    const struct config *config;
    struct opened opened;
    struct metrics *metrics;
    struct health health;
    struct health_state health_state;
    struct s3_server s3;
    struct kms *kms;              /* shared by the reactors */
    struct reactor *reactors;
    unsigned reactor_count;
    int listen_fd;
    struct admin_socket *admin_socket;
    struct repair_keeper repair;
    struct lifecycle_keeper lifecycle;
    struct watch signals;
    struct timer watchdog, drain_timer;
    uint64_t watchdog_us;
    bool stopping, lease_lost, drain_late;
    _Atomic unsigned drained_count;
    _Atomic bool serving;         /* the reactors run */
    _Atomic bool log_kept;
    struct task wake, lease_lost_task;
    char message[640];
};

/* --- What s3/ asks for --- */

static bool answer_hook(void *arg, struct slice path, struct slice query, struct s3_hook_answer *ret)
{
    struct server *server = arg;
    struct health_answer answer;
    (void)query;
    int err = server->health.answer(server->health.arg, path, ret->authorization, &answer);
    if (err == ERR_NOT_FOUND)
        return false;
    *ret = (struct s3_hook_answer){.status = 503, .content_type = "text/plain; charset=utf-8"};
    if (!err)
        *ret = (struct s3_hook_answer){.status = answer.status, .content_type = answer.content_type, .body = answer.body};
    return true;
}

static enum metric_counter method_counter(const char *operation)
{
    static const struct {
        const char *prefix;
        enum metric_counter counter;
    } prefixes[] = {
        {"Get", COUNTER_requests_get}, {"List", COUNTER_requests_get}, {"Head", COUNTER_requests_head},
        {"Put", COUNTER_requests_put}, {"Create", COUNTER_requests_put}, {"Upload", COUNTER_requests_put},
        {"Copy", COUNTER_requests_put}, {"DeleteObjects", COUNTER_requests_post}, {"Delete", COUNTER_requests_delete},
        {"Abort", COUNTER_requests_delete}, {"Complete", COUNTER_requests_post},
    };
    for (size_t i = 0; operation && i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
        if (strncmp(operation, prefixes[i].prefix, strlen(prefixes[i].prefix)) == 0)
            return prefixes[i].counter;
    return COUNTER_requests_other;
}

static void observe(void *arg, const char *operation, unsigned status, uint64_t bytes_in, uint64_t bytes_out,
                    uint64_t duration_us)
{
    struct server *server = arg;
    unsigned slot = reactor_slot();
    metric_add(server->metrics, slot, method_counter(operation), 1);
    metric_add(server->metrics, slot, COUNTER_requests_all, 1);
    if (status >= 400)
        metric_add(server->metrics, slot, COUNTER_requests_failed, 1);
    if (status >= 400 && status < 500)
        metric_add(server->metrics, slot, COUNTER_requests_4xx, 1);
    if (status >= 500)
        metric_add(server->metrics, slot, COUNTER_requests_5xx, 1);
    if (status == 503)
        metric_add(server->metrics, slot, COUNTER_requests_slow_down, 1);
    if (status == 403)
        metric_add(server->metrics, slot, COUNTER_requests_auth_failed, 1);
    metric_add(server->metrics, slot, COUNTER_received_bytes, bytes_in);
    metric_add(server->metrics, slot, COUNTER_sent_bytes, bytes_out);
    metric_observe(server->metrics, slot, HISTOGRAM_request_duration, duration_us);
}

static int explain(void *arg, struct admin_explain *e)
{
    struct server *server = arg;
    if (!server->serving)
        return ERR_BUSY; /* the admin socket is there before the reactors */
    return explain_run(&server->reactors[0], e);
}

static void log_dropped(void *arg, uint64_t lines)
{
    struct server *server = arg;
    metric_add(server->metrics, reactor_slot(), COUNTER_access_log_dropped, lines);
}

/* --- Signals, the watchdog, waking the control loop --- */

static void wake(struct task *task)
{
    (void)task; /* that the loop turned is enough: its stop condition is looked at again */
}

static void signal_ready(struct watch *watch)
{
    struct server *server = container_of(watch, struct server, signals);
    struct signalfd_siginfo info;
    if (read(watch->fd, &info, sizeof(info)) != sizeof(info))
        return;
    if (info.ssi_signo == SIGHUP) {
        log_notice("reading certificates and keys again");
        for (unsigned i = 0; i < server->reactor_count && *server->config->tls_certificate; i++)
            reactor_reload(&server->reactors[i]);
        if (*server->config->kms_key_file
            && kms_file_load(server->config->kms_key_file, server->kms, server->message, sizeof(server->message)))
            log_error("the keys in use stay: %s", server->message);
        return;
    }
    if (server->stopping)
        server->drain_late = true; /* asked twice: without waiting */
    server->stopping = true;
}

static int watch_signals(struct server *server)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    signal(SIGPIPE, SIG_IGN);
    if (pthread_sigmask(SIG_BLOCK, &set, NULL))
        return ERR_IO;
    server->signals = (struct watch){.fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC), .ready = signal_ready};
    return server->signals.fd < 0 ? err_from_errno(errno) : 0;
}

static void pet_watchdog(struct timer *timer)
{
    struct server *server = container_of(timer, struct server, watchdog);
    sd_notify(0, "WATCHDOG=1");
    loop_timer_set(server->opened.control, timer, loop_now_us(server->opened.control) + server->watchdog_us / 3);
}

static void start_watchdog(struct server *server)
{
    server->watchdog.fire = pet_watchdog;
    if (sd_watchdog_enabled(0, &server->watchdog_us) > 0)
        pet_watchdog(&server->watchdog);
}

static void lease_lost_on_control(struct task *task)
{
    struct server *server = container_of(task, struct server, lease_lost_task);
    server->stopping = server->lease_lost = true;
}

static void lease_lost(void *arg)
{
    struct server *server = arg;
    loop_post(server->opened.control, &server->lease_lost_task);
}

static bool must_stop(void *arg)
{
    return ((struct server *)arg)->stopping;
}

/* --- Starting --- */

static int fail(struct server *server, int err, const char *what)
{
    snprintf(server->message, sizeof(server->message), "%s: %s", what, err_text(err));
    return err;
}

static uint32_t take_domains(const struct config_list *list, struct slice *ret)
{
    for (uint32_t i = 0; i < list->count; i++) {
        for (char *c = list->items[i]; *c; c++)
            if (*c >= 'A' && *c <= 'Z')
                *c = (char)(*c - 'A' + 'a');
        ret[i] = slice_string(list->items[i]);
    }
    return list->count;
}

static void start_s3(struct server *server)
{
    const struct config *config = server->config;
    server->s3 = (struct s3_server){
        .region = slice_string(config->region),
        .allow_underscore = config->bucket_underscores,
        .allow_signature_v2 = config->signature_v2,
        .customer_keys = (enum s3_customer_keys)config->customer_keys,
        .access_log = config->audit_log,
        .root_access_key = slice_string(config->root_user),
        .root_secret = slice_string(config->root_password),
        .root_account_id = ACCOUNT_ROOT_ID,
        .meta = server->opened.meta,
        .hook = answer_hook,
        .hook_arg = server,
        .observe = observe,
        .observe_arg = server,
    };
    server->s3.domain_count = take_domains(&config->domain, server->s3.domains);
    server->s3.website_domain_count = take_domains(&config->website_domain, server->s3.website_domains);
}

static int start_kms(struct server *server)
{
    const char *path = server->config->kms_key_file;
    int err = kms_new(&server->kms);
    if (err)
        return fail(server, err, "kms_key_file");
    return *path ? kms_file_load(path, server->kms, server->message, sizeof(server->message)) : 0;
}

static int start_reactors(struct server *server)
{
    unsigned count = (unsigned)server->config->reactors;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (count == 0)
        count = cores < 1 ? 1 : cores > REACTORS_MAX ? REACTORS_MAX : (unsigned)cores;
    int err = http_listen(server->config->listen, &server->listen_fd, server->message, sizeof(server->message));
    if (err)
        return err;
    if (!(server->reactors = calloc(count, sizeof(*server->reactors))))
        return fail(server, ERR_NO_MEMORY, "reactors");
    for (unsigned i = 0; i < count; i++) {
        const struct reactor_options options = {
            .config = server->config, .engine = &server->opened.engine, .meta = server->opened.meta,
            .placement = server->opened.placement, .s3 = &server->s3, .kms = server->kms, .listen_fd = server->listen_fd, .index = i,
            .count = count,
        };
        server->reactor_count++;
        if ((err = reactor_init(&server->reactors[i], &options, server->message, sizeof(server->message))))
            return err;
    }
    for (unsigned i = 0; i < count; i++)
        if ((err = reactor_start(&server->reactors[i])))
            return fail(server, err, server->reactors[i].name);
    server->serving = true;
    return 0;
}

/* The socket's own directory is made if need be (under /run it is gone after every boot). */
static int start_admin_socket(struct server *server)
{
    char directory[256];
    const char *path = server->config->socket, *slash = strrchr(path, '/');
    if (slash && slash > path && (size_t)(slash - path) < sizeof(directory)) {
        memcpy(directory, path, (size_t)(slash - path));
        directory[slash - path] = '\0';
        if (mkdir(directory, 0755) && errno != EEXIST)
            log_debug("%s: %s", directory, strerror(errno));
    }
    int err = admin_socket_open(&server->opened.admin, path, &server->admin_socket);
    if (err == ERR_EXISTS)
        snprintf(server->message, sizeof(server->message), "another server listens on %.256s", path);
    else if (err)
        snprintf(server->message, sizeof(server->message), "the admin socket %.256s: %s", path, err_text(err));
    return err;
}

struct default_bucket {
    struct bucket_request request;
    bool done;
};

static void bucket_made(struct bucket_request *request)
{
    container_of(request, struct default_bucket, request)->done = true;
}

static bool bucket_is_made(void *arg)
{
    return ((struct default_bucket *)arg)->done;
}

static int make_default_buckets(struct server *server)
{
    struct object_reactor control = {.loop = server->opened.control, .meta = server->opened.meta,
                                     .placement = server->opened.placement, .region = server->config->region};
    const struct config_list *names = &server->config->default_buckets;
    if (names->count == 0 || server->opened.store->read_only)
        return 0;
    int err = meta_attach_loop(server->opened.meta, server->opened.control);
    for (uint32_t i = 0; i < names->count && !err; i++) {
        struct default_bucket bucket = {.request = {
            .reactor = &control, .name = slice_string(names->items[i]), .owner_id = ACCOUNT_ROOT_ID,
            .done = bucket_made,
        }};
        bucket_create(&bucket.request);
        err = loop_run_until(server->opened.control, bucket_is_made, &bucket);
        if (!err && bucket.request.err != ERR_BUCKET_OWNED && bucket.request.err != ERR_BUCKET_EXISTS)
            err = bucket.request.err;
        bucket_request_fini(&bucket.request);
        if (err)
            snprintf(server->message, sizeof(server->message), "bucket %.64s: %s", names->items[i], err_text(err));
    }
    meta_detach_loop(server->opened.meta, server->opened.control);
    return err;
}

static int start(struct server *server)
{
    int err = watch_signals(server);
    if (err)
        return fail(server, err, "signals");
    if ((err = opened_open(&server->opened, server->config, server->config->read_only, lease_lost, server))) {
        snprintf(server->message, sizeof(server->message), "%s", server->opened.message);
        return err;
    }
    if (server->opened.message[0])
        log_warning("%s", server->opened.message);
    else if (server->config->read_only)
        log_notice("read-only, as configured");
    if (server->opened.engine.message[0])
        log_notice("io_uring cannot be used, threads do the I/O: %s", server->opened.engine.message);
    if ((err = loop_watch(server->opened.control, &server->signals)))
        return fail(server, err, "signals");
    if (!(server->metrics = metrics_new()))
        return fail(server, ERR_NO_MEMORY, "metrics");
    health_start(&server->health_state, &server->opened.admin, server->metrics, server->config->metrics_token,
                 &server->health);
    start_s3(server);
    if ((err = start_kms(server)))
        return err;
    if (!server->opened.store->read_only && (err = log_buffer_new(log_dropped, server, &server->s3.log_buffer)))
        return fail(server, err, "access logs");
    server->opened.admin.kms = server->kms;
    server->opened.admin.explain = explain;
    server->opened.admin.explain_arg = server;
    if ((err = make_default_buckets(server)) || (err = start_admin_socket(server)))
        return err;
    if (!server->opened.store->read_only) {
        if ((err = repair_keeper_start(&server->repair, server->opened.meta, &server->opened.engine)))
            return fail(server, err, "repair");
        server->opened.admin.repair = server->repair.repair;
        if ((err = lifecycle_keeper_start(&server->lifecycle, server->opened.meta, &server->opened.engine, server->metrics,
                                          server->config->lifecycle_day * 1000)))
            return fail(server, err, "lifecycle");
        server->opened.admin.lifecycle = &server->lifecycle.worker;
    }
    return start_reactors(server);
}

/* --- Stopping --- */

static void reactor_is_drained(void *arg)
{
    struct server *server = arg;
    if (++server->drained_count == server->reactor_count)
        loop_post(server->opened.control, &server->wake);
}

static void drain_is_late(struct timer *timer)
{
    container_of(timer, struct server, drain_timer)->drain_late = true;
}

static bool drain_ended(void *arg)
{
    struct server *server = arg;
    return server->drain_late || server->drained_count == server->reactor_count;
}

static void log_is_kept(void *arg)
{
    struct server *server = arg;
    server->log_kept = true;
    loop_post(server->opened.control, &server->wake);
}

static bool log_kept(void *arg)
{
    struct server *server = arg;
    return server->drain_late || server->log_kept;
}

/* What was logged until now is in the database, for the next start to deliver. */
static void keep_access_log(struct server *server)
{
    struct loop *control = server->opened.control;
    if (!server->s3.log_buffer || server->drain_late)
        return;
    reactor_keep_log(&server->reactors[0], log_is_kept, server);
    if (loop_run_until(control, log_kept, server) || !server->log_kept)
        log_warning("the last access log records are lost");
}

static void drain(struct server *server)
{
    struct loop *control = server->opened.control;
    server->drain_timer.fire = drain_is_late;
    loop_timer_set(control, &server->drain_timer, loop_now_us(control) + server->config->drain_timeout * 1000);
    for (unsigned i = 0; i < server->reactor_count; i++)
        reactor_drain(&server->reactors[i], reactor_is_drained, server);
    if (loop_run_until(control, drain_ended, server))
        log_error("the control loop broke while draining");
    if (server->drain_late)
        log_warning("requests that did not end in time are cut");
    keep_access_log(server);
    loop_timer_cancel(control, &server->drain_timer);
}

static void stop(struct server *server)
{
    struct loop *control = server->opened.control;
    admin_socket_close(server->admin_socket);
    for (unsigned i = 0; i < server->reactor_count; i++)
        reactor_fini(&server->reactors[i]);
    lifecycle_keeper_stop(&server->lifecycle);
    log_buffer_free(server->s3.log_buffer);
    repair_keeper_stop(&server->repair);
    if (server->listen_fd >= 0)
        close(server->listen_fd);
    if (control) {
        health_stop(&server->health_state);
        if (loop_run_until(control, health_idle, &server->health_state))
            log_error("the control loop broke while stopping");
        loop_timer_cancel(control, &server->watchdog);
    }
    if (control && server->signals.fd >= 0)
        loop_unwatch(control, &server->signals);
    opened_close(&server->opened);
    if (server->signals.fd >= 0)
        close(server->signals.fd);
    metrics_free(server->metrics);
    kms_free(server->kms);
    free(server->reactors);
}

static int check_config(const struct command *command, const struct config *config)
{
    char message[512];
    if (config->volume.count == 0)
        return command_usage(command, "no volumes are given (--volume, INGOT_VOLUMES, or volume in %s)", CONFIG_PATH_DEFAULT);
    if (!*config->root_user || !*config->root_password)
        return command_usage(command, "root_user and root_password are not set (INGOT_ROOT_USER, INGOT_ROOT_PASSWORD)");
    if (strlen(config->root_user) < 3 || strlen(config->root_password) < 8)
        return command_usage(command, "root_user needs at least 3 bytes, root_password 8");
    if (!*config->tls_certificate != !*config->tls_key)
        return command_usage(command, "tls_certificate and tls_key go together");
    if (config->domain.count > S3_DOMAINS_MAX || config->website_domain.count > S3_DOMAINS_MAX)
        return command_usage(command, "domain, website_domain: at most %d of each can be given", S3_DOMAINS_MAX);
    for (uint32_t i = 0; i < config->default_buckets.count; i++)
        if (!uri_bucket_valid(slice_string(config->default_buckets.items[i]), config->bucket_underscores))
            return command_usage(command, "default_buckets: \"%.80s\" is no name of a bucket", config->default_buckets.items[i]);
    const struct http_options http = {.listen = config->listen, .key_file = config->tls_key,
                                      .certificate_file = *config->tls_certificate ? config->tls_certificate : NULL};
    if (http_check(&http, message, sizeof(message)))
        return command_usage(command, "%s", message);
    return EXIT_GOOD;
}

/* Every answer's block is allocated and freed again: from the heap, or the kernel clears its pages each time. What is
 * larger is rare and goes back at once. */
static void keep_memory(void)
{
    mallopt(M_MMAP_THRESHOLD, 2 << 20);
    mallopt(M_TRIM_THRESHOLD, 4 << 20);
    mallopt(M_ARENA_MAX, 4);
}

int server_run(const struct command *command, const struct config *config, const char *ready_line)
{
    struct server server = {.config = config, .listen_fd = -1, .signals = {.fd = -1}, .wake = {.run = wake},
                            .lease_lost_task = {.run = lease_lost_on_control}};
    keep_memory();
    int status = check_config(command, config);
    if (status)
        return status;
    log_init((enum log_level)(LOG_LEVEL_ERROR + config->log_level), config->log_json, getenv("JOURNAL_STREAM") != NULL);
    sd_notify(0, "STATUS=Opening the store");
    int err = start(&server);
    if (err) {
        log_error("%s", server.message);
        sd_notifyf(0, "STOPPING=1\nSTATUS=%s", server.message);
        stop(&server);
        return EXIT_BAD;
    }
    start_watchdog(&server);
    log_notice("ingot %s serves on %s with %u reactors (%s)", server.opened.admin.version, config->listen,
               server.reactor_count, server.opened.admin.engine);
    sd_notifyf(0, "READY=1\nSTATUS=Serving on %s", config->listen);
    if (ready_line) {
        printf("%s", ready_line);
        fflush(stdout);
    }
    err = loop_run_until(server.opened.control, must_stop, &server);
    if (err)
        log_error("the control loop broke: %s", err_text(err));
    sd_notify(0, "STOPPING=1\nSTATUS=Draining");
    log_notice("stopping");
    if (!err && !server.lease_lost)
        drain(&server);
    bool failed = err || server.lease_lost;
    stop(&server);
    return failed ? EXIT_BAD : EXIT_GOOD;
}
