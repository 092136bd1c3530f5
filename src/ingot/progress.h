/* Progress of what takes a while: a bar with rate and time left on a terminal, plain lines every tenth otherwise. To stderr. */
#ifndef INGOT_PROGRESS_H
#define INGOT_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    const char *what;
    bool terminal;
    uint64_t started_us, drawn_us;
    unsigned tenths; /* said so far */
};

void progress_start(struct progress *, const char *what);
void progress_show(struct progress *, uint64_t done, uint64_t total);
void progress_end(struct progress *);

#endif
