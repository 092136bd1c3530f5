/* Health and metrics addresses: the answers behind base/health.h, and the figures behind them, refreshed on the control loop. */
#ifndef ADMIN_HEALTH_H
#define ADMIN_HEALTH_H

#include "admin/admin.h"
#include "base/health.h"

#define HEALTH_REFRESH_US 2000000ull

struct health_state {
    struct admin *admin;
    struct metrics *metrics;
    const char *metrics_token; /* "": none */
    struct timer refresh;
    struct meta_write probe;   /* a real, small write: what write readiness means */
    bool probing, probed;
    uint64_t probe_started_us;
    int probe_err;
    uint64_t commits_seen;
    const char *told; /* why writes are not accepted, as last logged; "": they are */
};

/* Starts refreshing on admin's control loop. *ret_health is valid as long as state. */
void health_start(struct health_state *, struct admin *, struct metrics *, const char *metrics_token,
                  struct health *ret_health);
/* Stops; the probe's write is waited for by the caller running the loop until health_idle. */
void health_stop(struct health_state *);
bool health_idle(void *state);

/* base/health.h's answer; arg is the state. */
int health_answer(void *arg, struct slice path, struct slice authorization, struct health_answer *ret);

#endif
