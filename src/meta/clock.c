/* See clock.h. */
#include "meta/clock.h"

#include <assert.h>

void clock_init(struct clock *c, uint64_t ceiling)
{
    *c = (struct clock){.last = ceiling, .ceiling = ceiling, .durable_ceiling = ceiling, .now = ceiling};
}

bool clock_begin(struct clock *c, uint64_t wall_us, uint64_t *ret_ceiling)
{
    c->now = wall_us > c->last ? wall_us : c->last;
    if (c->now + CLOCK_SLACK_US <= c->ceiling)
        return false;
    c->ceiling = c->now + CLOCK_AHEAD_US;
    *ret_ceiling = c->ceiling;
    return true;
}

void clock_end(struct clock *c, bool durable)
{
    if (durable)
        c->durable_ceiling = c->ceiling;
    else
        c->ceiling = c->durable_ceiling;
}

uint64_t clock_next(struct clock *c)
{
    c->last = c->now > c->last ? c->now : c->last + 1;
    assert(c->last < c->ceiling);
    return c->last;
}
