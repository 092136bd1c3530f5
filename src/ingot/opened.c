#include "ingot/opened.h"

#include <string.h>

#include <config.h>

int opened_engine(struct opened *opened, const struct config *config)
{
    *opened = (struct opened){0};
    int err = engine_init(&opened->engine, (enum engine_choice)config->io_engine);
    if (err) {
        snprintf(opened->message, sizeof(opened->message), "io_uring cannot be used: %s",
                 opened->engine.message[0] ? opened->engine.message : err_text(err));
        return err;
    }
    if (!(opened->control = engine_new_loop(&opened->engine, "control"))) {
        snprintf(opened->message, sizeof(opened->message), "no event loop: %s", err_text(ERR_NO_MEMORY));
        return ERR_NO_MEMORY;
    }
    return 0;
}

int opened_sealing_key(struct opened *opened, const struct config *config, struct seal_key *ret, bool *ret_given)
{
    struct slice text = slice_string(config->sealing_key);
    size_t len = 0;
    *ret_given = text.len > 0;
    if (text.len == 0)
        return 0;
    int err = hex_decode(text, ret->bytes, sizeof(ret->bytes), &len);
    if (!err && len == sizeof(ret->bytes))
        return 0;
    snprintf(opened->message, sizeof(opened->message), "the sealing key is not %zu hexadecimal digits", 2 * sizeof(ret->bytes));
    return ERR_INVALID;
}

static int open_parts(struct opened *opened, const struct config *config, bool read_only, void (*lease_lost)(void *),
                      void *arg)
{
    struct store_message message = {""};
    struct seal_key key;
    bool key_given;
    int err = opened_sealing_key(opened, config, &key, &key_given);
    if (err)
        return err;
    const struct store_options store_options = {
        .paths = (const char *const *)config->volume.items,
        .path_count = config->volume.count,
        .read_only = read_only,
        .sealing_key = key_given ? &key : NULL,
        .lease_ms = (uint32_t)config->lease,
    };
    err = store_open(&store_options, opened->control, &opened->store, &message);
    snprintf(opened->message, sizeof(opened->message), "%s", message.text);
    explicit_bzero(&key, sizeof(key));
    if (err)
        return err;
    if (!opened->store->read_only && (err = lease_keeper_start(&opened->lease, opened->store, &opened->engine,
                                                               config->lease, lease_lost, arg))) {
        snprintf(opened->message, sizeof(opened->message), "lease: %s", err_text(err));
        return err;
    }
    if ((err = placement_open(opened->store, &opened->placement))) {
        snprintf(opened->message, sizeof(opened->message), "placement: %s", err_text(err));
        return err;
    }
    const struct meta_options meta_options = {
        .page_cache_size = config->page_cache,
        .reader_count = (uint32_t)config->metadata_readers,
        .new_loop = engine_new_loop,
        .new_loop_arg = &opened->engine,
        .threads = true,
        .read_only = read_only || opened->store->read_only,
        .volume_paths = (const char *const *)config->volume.items,
        .volume_path_count = config->volume.count,
    };
    message.text[0] = '\0';
    err = meta_open(opened->store, opened->placement, &meta_options, opened->control, &opened->meta, &message);
    if (err)
        snprintf(opened->message, sizeof(opened->message), "%s", message.text[0] ? message.text : err_text(err));
    return err;
}

int opened_open(struct opened *opened, const struct config *config, bool read_only, void (*lease_lost)(void *), void *arg)
{
    int err = opened_engine(opened, config);
    if (!err)
        err = open_parts(opened, config, read_only, lease_lost, arg);
    if (err) {
        opened_close(opened);
        return err;
    }
    opened->admin = (struct admin){
        .control = opened->control,
        .store = opened->store,
        .placement = opened->placement,
        .meta = opened->meta,
        .version = PACKAGE_VERSION,
        .engine = engine_name(&opened->engine),
        .started_us = loop_wall_us(opened->control),
    };
    return 0;
}

void opened_close(struct opened *opened)
{
    if (opened->meta)
        meta_close(opened->meta);
    if (opened->placement)
        placement_close(opened->placement);
    lease_keeper_stop(&opened->lease);
    if (opened->store)
        store_close(opened->store, opened->control);
    if (opened->control)
        loop_free(opened->control);
    opened->meta = NULL;
    opened->placement = NULL;
    opened->store = NULL;
    opened->control = NULL;
}
