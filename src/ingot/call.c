#include "ingot/call.h"

#include <pthread.h>
#include <stdio.h>

#include "admin/client.h"
#include "base/container.h"
#include "ingot/opened.h"

static void ignore_line(void *arg, const char *member, json_t *value)
{
    (void)arg, (void)member, (void)value;
}

/* --- Without a server: the command runs on a thread, the control loop on this one --- */

struct offline {
    struct opened opened;
    const struct call_options *options;
    struct admin_call call;
    json_t *result;
    int err;
    bool ended;
    struct task end;
};

static int emit_offline(struct admin_call *call, const char *member, json_t *value)
{
    const struct call_options *options = call->emit_arg;
    if (options->on_line)
        options->on_line(options->arg, member, value);
    json_decref(value);
    return 0;
}

static void end_offline(struct task *task)
{
    container_of(task, struct offline, end)->ended = true;
}

static void *offline_main(void *arg)
{
    struct offline *offline = arg;
    offline->err = admin_run(&offline->call, offline->options->command, &offline->result);
    loop_post(offline->opened.control, &offline->end);
    return NULL;
}

static bool offline_ended(void *arg)
{
    return ((struct offline *)arg)->ended;
}

static int run_offline(const struct command *command, const struct config *config, const struct call_options *options,
                       json_t **ret)
{
    struct offline offline = {.options = options, .end = {.run = end_offline}};
    pthread_t thread;
    if (config->volume.count == 0) {
        char message[256];
        snprintf(message, sizeof(message), "no server listens on %.100s, and no volumes are given to open (--volume)",
                 config->socket);
        return command_failed(command, message);
    }
    if (opened_open(&offline.opened, config, !options->writes, NULL, NULL))
        return command_failed(command, offline.opened.message);
    offline.opened.admin.alone = true;
    offline.call = (struct admin_call){.admin = &offline.opened.admin, .arguments = options->arguments,
                                       .emit = emit_offline, .emit_arg = (void *)(uintptr_t)options};
    /* offline.err is the thread's from here on, until it is joined. */
    int err = pthread_create(&thread, NULL, offline_main, &offline) ? ERR_NO_MEMORY : 0;
    if (!err) {
        err = loop_run_until(offline.opened.control, offline_ended, &offline);
        pthread_join(thread, NULL);
        if (offline.err)
            err = offline.err;
    }
    opened_close(&offline.opened);
    if (err)
        return command_failed(command, offline.call.message[0] ? offline.call.message : err_text(err));
    *ret = offline.result;
    return EXIT_GOOD;
}

int call_run(const struct command *command, const struct config *config, const struct call_options *given, json_t **ret)
{
    struct call_options options = *given;
    struct admin_client *client;
    char message[512];
    if (!options.arguments && !(options.arguments = json_object()))
        return command_failed(command, err_text(ERR_NO_MEMORY));
    int err = admin_client_open(config->socket, &client);
    if (err == ERR_NOT_FOUND) {
        int status = run_offline(command, config, &options, ret);
        json_decref(options.arguments);
        return status;
    }
    if (err) {
        json_decref(options.arguments);
        snprintf(message, sizeof(message), "%.256s: %s", config->socket, err_text(err));
        return command_failed(command, message);
    }
    err = admin_client_run(client, options.command, options.arguments, options.on_line ? options.on_line : ignore_line,
                           options.arg, ret, message, sizeof(message));
    admin_client_close(client);
    return err ? command_failed(command, message[0] ? message : err_text(err)) : EXIT_GOOD;
}

int call_and_print(const struct command *command, const struct arguments *arguments, const struct call_options *options)
{
    struct config config;
    json_t *result = NULL;
    int status = command_config(command, arguments, &config);
    if (status) {
        json_decref(options->arguments);
        return status;
    }
    status = call_run(command, &config, options, &result);
    config_free(&config);
    if (!status && arguments_value(arguments, "json")) {
        json_dumpf(result, stdout, JSON_INDENT(2));
        printf("\n");
    }
    json_decref(result);
    return status;
}
