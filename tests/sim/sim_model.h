/* What clients were told, and what may therefore be there: seeded clients on one store, and the judge.
 *
 * Every client has keys of its own and does one thing at a time. For each key the model holds the versions that may be seen,
 * newest first. An operation without an answer, or with an error that leaves its outcome open, adds versions that are
 * `optional`: of a key in a plain bucket exactly one of the versions down to the first that is not optional is there; of a
 * key in a versioned bucket all that are not optional, in their order. */
#ifndef SIM_SIM_MODEL_H
#define SIM_SIM_MODEL_H

#include "sim_store.h"

enum sim_bucket { SIM_PLAIN, SIM_VERSIONED, SIM_BUCKETS };

struct sim_version {
    uint64_t seed, size;
    bool absent;       /* plain bucket: the key is not there */
    bool marker;
    bool optional;
    bool has_id;
    uint8_t id[16];
};

struct sim_key {
    char name[24];
    enum sim_bucket bucket;
    struct sim_version *versions; /* newest first; a plain key's list ends with one that is not optional */
    uint32_t count;
    struct sim_version *history;  /* all there ever were */
    uint32_t history_count;
};

struct sim_upload { uint8_t id[16]; struct sim_key *key; uint64_t seed, size; bool open; };

enum sim_operation { SIM_PUT, SIM_GET, SIM_DELETE, SIM_DELETE_VERSION, SIM_COPY, SIM_LIST, SIM_MULTIPART, SIM_OPERATIONS };

struct sim_client;

struct sim_model {
    struct sim_store *store;
    struct sim_key *keys;
    uint32_t key_count, client_count;
    struct sim_client *clients;
    uint32_t weights[SIM_OPERATIONS];
    uint64_t size_max;            /* of a body */
    uint64_t fixed_size;          /* not 0: of every body */
    bool only_versioned;          /* keys of that bucket only */
    bool errors_allowed;          /* operating errors are counted, not fatal */
    uint64_t next_seed;
    uint64_t done[SIM_OPERATIONS], failed[SIM_OPERATIONS];
    uint64_t errors[64];          /* by -err */
};

/* Makes both buckets; keys_per_client in each. Asserts success. */
void sim_model_new(struct sim_model *, struct sim_store *, uint32_t clients, uint32_t keys_per_client);
void sim_model_free(struct sim_model *);

/* Lets every client do operations until `count` more have ended in all; waits for those in flight. False: stuck (said on stderr). */
bool sim_model_run(struct sim_model *, uint64_t count);
/* One scripted operation of a client's key: returns its err; asserts that it ends. */
int sim_model_put(struct sim_model *, uint32_t key, uint64_t size);
int sim_model_delete(struct sim_model *, uint32_t key);
int sim_model_get(struct sim_model *, uint32_t key);
/* Two parts, the first of the least size there is; or one part, left open. */
int sim_model_upload(struct sim_model *, uint32_t key, bool leave_open);

/* After a crash: clients are forgotten, what they were doing has become optional. */
void sim_model_crashed(struct sim_model *);

/* Bytes of a content. */
void sim_content_fill(uint64_t seed, uint64_t off, void *data, size_t len);
bool sim_content_is(uint64_t seed, uint64_t off, const void *data, size_t len);

/* --- the judge (sim_judge.c) --- */

struct sim_judge {
    bool errors_allowed; /* more is damaged than can be repaired: answers may be errors, never wrong */
    bool bad_allowed;    /* slots may be bad that nobody noted: they are mended */
    bool lost_allowed;   /* acknowledged versions may be gone; what is there must have been there once */
    bool skip_units;
    bool skip_space;     /* writes hang, and hold space */
    bool skip_buffers;   /* I/O hangs, and holds buffers */
    uint64_t errors;     /* out: answers that were errors */
    uint64_t keys_read, extents_checked, slots_bad;
};

/* Looks at everything and compares: false, and what is wrong on stderr. Leaves the model as observed. */
bool sim_judge(struct sim_model *, struct sim_judge *);
/* New writes succeed, come back, and go. */
bool sim_judge_alive(struct sim_model *);

#endif
