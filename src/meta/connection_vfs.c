/* Connections over the volumes: meta/vfs.h. */
#include "meta/connection.h"

#include "meta/vfs.h"

static int open_on(void *arg, struct loop *loop, bool writer, sqlite3 **ret)
{
    return vfs_connect(arg, loop, writer, ret);
}

struct connection_source connection_source_vfs(const char *vfs_name)
{
    return (struct connection_source){
        .open = open_on,
        .set_cache_only = vfs_set_cache_only,
        .would_block = vfs_would_block,
        .last_error = vfs_last_error,
        .arg = (void *)(uintptr_t)vfs_name,
    };
}
