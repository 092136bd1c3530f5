#include "ingot/explain.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/container.h"
#include "s3/explain.h"

struct waiting {
    struct s3_explain explain;
    struct header headers[ADMIN_EXPLAIN_HEADERS_MAX];
    struct task task;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool over;
};

static void start(struct task *task)
{
    s3_explain_start(&container_of(task, struct waiting, task)->explain);
}

static void done(struct s3_explain *e)
{
    struct waiting *w = container_of(e, struct waiting, explain);
    pthread_mutex_lock(&w->lock);
    w->over = true;
    pthread_cond_signal(&w->ended);
    pthread_mutex_unlock(&w->lock);
}

static int take_headers(struct waiting *w, const struct admin_explain *asked)
{
    for (uint32_t i = 0; i < asked->header_count; i++) {
        const char *colon = strchr(asked->headers[i], ':');
        if (!colon || colon == asked->headers[i])
            return ERR_INVALID;
        w->headers[i] = (struct header){slice_of(asked->headers[i], (size_t)(colon - asked->headers[i])), slice_trim(slice_string(colon + 1))};
    }
    w->explain.headers = w->headers;
    w->explain.header_count = asked->header_count;
    return 0;
}

static struct slice text_or_nothing(const char *text)
{
    return text ? slice_string(text) : slice_of("", 0);
}

int explain_run(struct reactor *reactor, struct admin_explain *asked)
{
    struct waiting w = {
        .explain = {.reactor = &reactor->s3, .method = slice_string(asked->method), .target = slice_string(asked->target),
                    .access_key = text_or_nothing(asked->access_key), .source_ip = text_or_nothing(asked->source_ip), .tls = asked->tls,
                    .done = done},
        .task = {.run = start},
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .ended = PTHREAD_COND_INITIALIZER,
    };
    int err = take_headers(&w, asked);
    if (err)
        return err;
    loop_post(reactor->loop, &w.task);
    pthread_mutex_lock(&w.lock);
    while (!w.over)
        pthread_cond_wait(&w.ended, &w.lock);
    pthread_mutex_unlock(&w.lock);
    asked->allowed = w.explain.allowed;
    asked->status = w.explain.status;
    snprintf(asked->code, sizeof asked->code, "%s", w.explain.code);
    snprintf(asked->action, sizeof asked->action, "%s", w.explain.action);
    snprintf(asked->reason, sizeof asked->reason, "%s", w.explain.reason);
    return 0;
}
