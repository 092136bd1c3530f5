#include "ingot/progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define BAR_WIDTH 30
#define DRAW_PAUSE_US 200000u
#define QUIET_US 2000000u /* what is done by then needs no progress */

static uint64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

void progress_start(struct progress *progress, const char *what)
{
    *progress = (struct progress){.what = what, .terminal = isatty(STDERR_FILENO) == 1, .started_us = now_us()};
}

static void draw(struct progress *progress, uint64_t done, uint64_t total)
{
    uint64_t now = now_us();
    double seconds = (double)(now - progress->started_us) / 1e6, rate = seconds > 0 ? (double)done / seconds : 0;
    if (now - progress->drawn_us < DRAW_PAUSE_US && done < total)
        return;
    progress->drawn_us = now;
    int filled = total ? (int)((double)done / (double)total * BAR_WIDTH) : 0;
    fprintf(stderr, "\r%s [", progress->what);
    for (int i = 0; i < BAR_WIDTH; i++)
        fputc(i < filled ? '#' : ' ', stderr);
    fprintf(stderr, "] %llu/%llu  %.0f/s", (unsigned long long)done, (unsigned long long)total, rate);
    if (rate > 0 && done < total)
        fprintf(stderr, "  %.0f s left", (double)(total - done) / rate);
    fprintf(stderr, "\x1b[K");
}

void progress_show(struct progress *progress, uint64_t done, uint64_t total)
{
    if (now_us() - progress->started_us < QUIET_US)
        return;
    if (progress->terminal) {
        draw(progress, done, total);
        return;
    }
    unsigned tenths = total ? (unsigned)((double)done / (double)total * 10) : 0;
    if (tenths > progress->tenths)
        fprintf(stderr, "%s: %u%%\n", progress->what, tenths * 10);
    progress->tenths = tenths > progress->tenths ? tenths : progress->tenths;
}

void progress_end(struct progress *progress)
{
    if (progress->terminal && progress->drawn_us)
        fputc('\n', stderr);
}
