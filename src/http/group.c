/* Servers that share a listening socket. Whoever accepts a connection gives it to the server that has fewest: left to
 * chance, one reactor takes nearly all (16 of 16 were seen), because the first to wake always is the first to wake.
 *
 * What another server is given travels as a task to its loop, posted under the group's lock: a server that has left the group
 * gets no more. One that ended meanwhile closes what arrives, and is freed after the last such task. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/container.h"
#include "http/connection.h"

struct http_group {
    pthread_mutex_t lock;
    struct http_server *servers[HTTP_GROUP_MAX];
    uint32_t server_count;
};

struct handover {
    struct task task;
    struct http_server *server;
    int fd;
    struct sockaddr_storage address;
    socklen_t address_len;
};

int http_group_new(struct http_group **ret)
{
    struct http_group *g = calloc(1, sizeof *g);
    if (!g)
        return ERR_NO_MEMORY;
    pthread_mutex_init(&g->lock, NULL);
    *ret = g;
    return 0;
}

void http_group_free(struct http_group *g)
{
    if (!g)
        return;
    pthread_mutex_destroy(&g->lock);
    free(g);
}

int group_join(struct http_group *g, struct http_server *s)
{
    pthread_mutex_lock(&g->lock);
    bool room = g->server_count < HTTP_GROUP_MAX;
    if (room)
        g->servers[g->server_count++] = s;
    pthread_mutex_unlock(&g->lock);
    return room ? 0 : ERR_TOO_LARGE;
}

void group_leave(struct http_group *g, struct http_server *s)
{
    pthread_mutex_lock(&g->lock);
    for (uint32_t i = 0; i < g->server_count; i++)
        if (g->servers[i] == s) {
            memmove(&g->servers[i], &g->servers[i + 1], (g->server_count - i - 1) * sizeof g->servers[0]);
            g->server_count--;
            break;
        }
    pthread_mutex_unlock(&g->lock);
}

static void arrive(struct task *task)
{
    struct handover *h = container_of(task, struct handover, task);
    struct http_server *s = h->server;
    server_add_connection(s, h->fd, (struct sockaddr *)&h->address, h->address_len);
    free(h);
    s->handover_count--;
    server_free_when_idle(s);
}

/* The member with room and fewest connections; the lock is held. */
static struct http_server *least_loaded(struct http_group *g)
{
    struct http_server *chosen = NULL;
    for (uint32_t i = 0; i < g->server_count; i++) {
        struct http_server *s = g->servers[i];
        if (s->load < s->options.connection_max && (!chosen || s->load < chosen->load))
            chosen = s;
    }
    return chosen;
}

bool group_has_room(struct http_group *g)
{
    pthread_mutex_lock(&g->lock);
    bool room = least_loaded(g) != NULL;
    pthread_mutex_unlock(&g->lock);
    return room;
}

void group_give(struct http_server *from, int fd, const struct sockaddr *address, socklen_t address_len)
{
    struct http_group *g = from->options.group;
    struct handover *h = calloc(1, sizeof *h);
    if (!h) {
        close(fd);
        return;
    }
    *h = (struct handover){.task.run = arrive, .fd = fd, .address_len = address_len};
    memcpy(&h->address, address, address_len);
    pthread_mutex_lock(&g->lock);
    struct http_server *to = least_loaded(g);
    if (to && to != from) {
        h->server = to;
        to->load++;
        to->handover_count++;
        loop_post(to->loop, &h->task);
    }
    pthread_mutex_unlock(&g->lock);
    if (to && to != from)
        return;
    free(h);
    from->load++; /* also when all are full by now: then libmicrohttpd refuses it */
    server_add_connection(from, fd, address, address_len);
}
