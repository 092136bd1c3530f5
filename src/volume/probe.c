/* Looking before formatting (see probe.h). libblkid is asked through a descriptor of its own, since it reads
 * unaligned. */
#include "volume/probe.h"

#include <blkid/blkid.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "volume/device_io.h"

static int say(struct store_message *message, int err, const char *path, const char *what, const char *detail)
{
    snprintf(message->text, sizeof message->text, "%s: %s%s%s", path, what, detail ? ": " : "", detail ? detail : "");
    return err;
}

static int say_found(struct store_message *message, const char *path, const char *what, const char *kind)
{
    snprintf(message->text, sizeof message->text,
             "%s: holds %s (%s): nothing was written. Wipe it, or format with --force if it may be destroyed", path,
                 what, kind);
    return ERR_EXISTS;
}

static int judge_signatures(blkid_probe probe, const char *path, struct store_message *message)
{
    int found = blkid_do_safeprobe(probe);
    if (found == 1)
        return 0;
    if (found == -2)
        return say_found(message, path, "more than one signature", "ambiguous");
    if (found < 0)
        return say(message, ERR_IO, path, "looking for signatures failed", NULL);
    const char *kind = NULL;
    if (blkid_probe_lookup_value(probe, "TYPE", &kind, NULL) == 0)
        return say_found(message, path, "a file system or volume", kind);
    if (blkid_probe_lookup_value(probe, "PTTYPE", &kind, NULL) == 0)
        return say_found(message, path, "a partition table", kind);
    return say_found(message, path, "a signature", "unnamed");
}

static int probe_signatures(const char *path, struct store_message *message)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return say(message, err_from_errno(errno), path, "cannot be read", strerror(errno));
    blkid_probe probe = blkid_new_probe();
    int err = probe ? 0 : say(message, ERR_NO_MEMORY, path, "out of memory", NULL);
    if (err == 0) {
        blkid_probe_enable_superblocks(probe, 1);
        blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_MAGIC);
        blkid_probe_enable_partitions(probe, 1);
        err = blkid_probe_set_device(probe, fd, 0, 0) < 0 ? say(message, ERR_IO, path, "libblkid cannot read it", NULL)
                                                            : judge_signatures(probe, path, message);
    }
    blkid_free_probe(probe);
    close(fd);
    return err;
}

static bool is_zero(const uint8_t *bytes, size_t len)
{
    return len == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, len - 1) == 0);
}

static bool holds_ingot(const uint8_t *head)
{
    static const char magic[8] = "INGOTSB";
    return memcmp(head, magic, 8) == 0 || memcmp(head + SUPERBLOCK_COPY1_OFF, magic, 8) == 0;
}

static int probe_edges(struct loop *loop, struct device *d, uint8_t *edges, struct store_message *message)
{
    struct device_request requests[2] = {
        {.device = d, .kind = IO_READ, .off = 0, .data = edges, .len = PROBE_EDGE_LEN},
        {.device = d, .kind = IO_READ, .off = d->size - PROBE_EDGE_LEN, .data = edges + PROBE_EDGE_LEN,
         .len = PROBE_EDGE_LEN},
    };
    int err = device_io(loop, requests, 2, DEVICE_DEADLINE_US);
    for (int i = 0; i < 2 && err == 0; i++)
        err = requests[i].result;
    if (err < 0)
        return say(message, err, d->path, "its head or tail cannot be read", err_text(err));
    if (holds_ingot(edges))
        return say_found(message, d->path, "a volume", "of an Ingot store");
    if (!is_zero(edges, PROBE_EDGE_LEN))
        return say_found(message, d->path, "data", "its first MiB is not zero");
    if (!is_zero(edges + PROBE_EDGE_LEN, PROBE_EDGE_LEN))
        return say_found(message, d->path, "data", "its last MiB is not zero");
    return 0;
}

int probe_empty(struct loop *loop, struct device *d, struct store_message *message)
{
    if (d->size < 2 * PROBE_EDGE_LEN)
        return say(message, ERR_INVALID, d->path, "too small for a volume", NULL);
    int err = d->fd >= 0 ? probe_signatures(d->path, message) : 0;
    if (err < 0)
        return err;
    uint8_t *edges = malloc(2 * (size_t)PROBE_EDGE_LEN);
    if (!edges)
        return say(message, ERR_NO_MEMORY, d->path, "out of memory", NULL);
    err = probe_edges(loop, d, edges, message);
    free(edges);
    return err;
}
