/* A page store on fake disks, and a model of what was committed to it: a stamp per page. */
#ifndef PAGES_FIXTURE_H
#define PAGES_FIXTURE_H

#include "../placement/fake_disk.h"
#include "meta/pages.h"
#include "meta/pages_format.h"

#define MODEL_PAGES 6000u
#define FIXTURE_CHUNK (256u << 10)

struct model { uint32_t database_pages; uint64_t stamps[MODEL_PAGES + 1]; };

struct fixture {
    struct fake_world *world;
    struct store *store;
    struct loop *loop;
    struct mirror *mirror;
    struct pages *pages;
    uint64_t cache_size;
    struct model acknowledged, pending; /* pending: what a commit under way makes of it */
    bool is_pending;
};

/* disks mirrors (parity_count = disks / 2), formatted and open. */
void fixture_init(struct fixture *, uint64_t seed, uint32_t disks); /* with a log of 1 MiB */
void fixture_init_log(struct fixture *, uint64_t seed, uint32_t disks, uint32_t log_size);
void fixture_fini(struct fixture *);
/* Opens on what the disks hold now; the err of pages_open. */
int fixture_open(struct fixture *);
void fixture_close(struct fixture *);
/* Fills a page for a stamp. 0: zeros. */
void fixture_fill(uint8_t page[PAGE_SIZE], uint32_t number, uint64_t stamp);
/* Commits count random pages among 1..most; keeps the model. */
int fixture_commit(struct fixture *, uint32_t count, uint32_t most);
/* Reads all pages: 0 equal to the model, 1 differs, or an err. */
int fixture_compare(struct fixture *, const struct model *);
/* Equal to what was acknowledged, or to that and the whole pending commit. */
bool fixture_is_right(struct fixture *);

#endif
