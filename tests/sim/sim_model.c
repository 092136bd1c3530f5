/* Seeded clients and what they were told; see sim_model.h. */
#include "sim_model.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"

#define CHUNK 65536u

struct sim_client {
    struct sim_model *model;
    uint32_t index;
    enum sim_operation operation;
    bool busy;
    int err;
    struct sim_key *key;
    uint32_t at;                  /* of the version the operation is about, in key->versions */
    uint64_t seed, size, off;
    struct object_put *put;
    struct object_get get;
    struct object_delete delete;
    struct object_delete_item item;
    struct object_copy copy;
    struct object_list list;
    struct upload_create create;
    struct upload_complete complete;
    struct upload_complete_part parts[2];
    uint32_t part_count, part;
    bool leave_open;
    uint64_t candidates;          /* of a GET: bits of versions that may be what is coming */
    uint8_t chunk[CHUNK], expected[CHUNK];
};

static const char *const bucket_names[SIM_BUCKETS] = {"plain", "versioned"};

#define die(c, ...) die_at((c)->model, __VA_ARGS__)

static void __attribute__((noreturn, format(printf, 2, 3))) die_at(struct sim_model *m, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "sim: seed %llu: ", (unsigned long long)sim_seed(m->store->world));
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n");
    va_end(arguments);
    abort();
}

/* --- contents --- */

static uint64_t word_at(uint64_t seed, uint64_t index)
{
    uint64_t z = (index + 1) * 0x9e3779b97f4a7c15 + seed * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 31) * 0x94d049bb133111eb;
    return z ^ z >> 29;
}

void sim_content_fill(uint64_t seed, uint64_t off, void *data, size_t len)
{
    uint8_t *bytes = data;
    for (size_t i = 0; i < len;) {
        uint64_t word = word_at(seed, (off + i) / 8), from = (off + i) % 8;
        size_t some = 8 - from < len - i ? 8 - from : len - i;
        memcpy(bytes + i, (uint8_t *)&word + from, some);
        i += some;
    }
}

bool sim_content_is(uint64_t seed, uint64_t off, const void *data, size_t len)
{
    uint8_t expected[4096];
    for (size_t i = 0; i < len;) {
        size_t some = len - i < sizeof expected ? len - i : sizeof expected;
        sim_content_fill(seed, off + i, expected, some);
        if (memcmp(expected, (const uint8_t *)data + i, some) != 0)
            return false;
        i += some;
    }
    return true;
}

/* --- what may be there --- */

static struct sim_version *add_version(struct sim_key *key, struct sim_version version)
{
    key->versions = realloc(key->versions, (key->count + 1) * sizeof *key->versions);
    assert(key->versions);
    memmove(key->versions + 1, key->versions, key->count++ * sizeof *key->versions);
    key->versions[0] = version;
    key->history = realloc(key->history, (key->history_count + 1) * sizeof *key->history);
    assert(key->history);
    key->history[key->history_count++] = version;
    return key->versions;
}

static void remove_version(struct sim_key *key, uint32_t at)
{
    key->count--;
    memmove(key->versions + at, key->versions + at + 1, (key->count - at) * sizeof *key->versions);
}

/* The newest is certain now. */
static void settle_newest(struct sim_key *key, const uint8_t *id)
{
    key->versions[0].optional = false;
    if (key->bucket == SIM_PLAIN) {
        key->count = 1;
        return;
    }
    key->versions[0].has_id = true;
    memcpy(key->versions[0].id, id, 16);
}

static uint32_t candidate_count(const struct sim_key *key)
{
    uint32_t count = 0;
    while (count < key->count && count < 63 && key->versions[count].optional)
        count++;
    return count < key->count ? count + 1 : count;
}

/* Whether a GET may find nothing; marker: or a delete marker. */
static bool may_be_absent(const struct sim_key *key, bool marker)
{
    uint32_t count = candidate_count(key);
    bool certain = false;
    for (uint32_t i = 0; i < count; i++) {
        const struct sim_version *v = &key->versions[i];
        if (marker ? v->marker : v->absent)
            return true;
        certain = certain || !v->optional;
    }
    return !marker && !certain;
}

static uint64_t present_candidates(const struct sim_key *key, uint64_t size)
{
    uint64_t bits = 0;
    uint32_t count = candidate_count(key);
    for (uint32_t i = 0; i < count; i++)
        if (!key->versions[i].absent && !key->versions[i].marker && key->versions[i].size == size)
            bits |= 1ull << i;
    return bits;
}

/* --- the end of an operation --- */

static bool outcome_open(int err)
{
    return err != ERR_NO_SPACE && err != ERR_NO_SUCH_KEY && err != ERR_NO_SUCH_UPLOAD && err != ERR_OVERLOAD;
}

static void finish(struct sim_client *c, int err)
{
    struct sim_model *m = c->model;
    c->busy = false;
    c->err = err;
    if (err == 0) {
        m->done[c->operation]++;
        return;
    }
    m->failed[c->operation]++;
    m->errors[-err < 64 ? -err : 0]++;
    if (!m->errors_allowed)
        die(c, "operation %d on %s: %s", c->operation, c->key->name, err_text(err));
}

static void finish_new_version(struct sim_client *c, int err, const struct object_info *info)
{
    if (err == 0)
        settle_newest(c->key, info->version_id);
    else if (!outcome_open(err))
        remove_version(c->key, 0);
    finish(c, err);
}

/* --- PUT --- */

static void feed(void *arg)
{
    struct sim_client *c = arg;
    while (c->off < c->size) { /* UINT64_MAX: all given */
        size_t some = c->size - c->off < CHUNK ? c->size - c->off : CHUNK;
        sim_content_fill(c->seed, c->off, c->chunk, some);
        size_t taken = object_put_write(c->put, c->chunk, some);
        c->off += taken;
        if (taken < some)
            return;
    }
    if (c->off != UINT64_MAX) {
        c->off = UINT64_MAX; /* ready may come again */
        object_put_finish(c->put, NULL, NULL);
    }
}

static void put_done(void *arg, int err)
{
    struct sim_client *c = arg;
    finish_new_version(c, err, &object_put_result(c->put)->info);
    object_put_free(c->put);
    c->put = NULL;
}

static void start_put(struct sim_client *c, uint64_t size)
{
    c->seed = c->model->next_seed++;
    c->size = size;
    c->off = 0;
    add_version(c->key, (struct sim_version){.seed = c->seed, .size = size, .optional = true});
    struct object_put_options options = {.reactor = &c->model->store->reactor, .target = PUT_OBJECT, .size = size, .owner_id = 1,
                                         .bucket = slice_string(bucket_names[c->key->bucket]), .key = slice_string(c->key->name),
                                         .ready = feed, .done = put_done, .arg = c};
    int err = object_put_new(&options, &c->put);
    assert(err == 0);
    feed(c);
}

/* --- GET --- */

static void end_get(struct sim_client *c, int err)
{
    object_get_fini(&c->get);
    finish(c, err);
}

static void get_pump(void *arg)
{
    struct sim_client *c = arg;
    for (;;) {
        int err = 0;
        size_t len = object_get_read(&c->get, c->chunk, CHUNK, &err);
        if (len == 0 && err == ERR_WOULD_BLOCK)
            return;
        if (len == 0) {
            if (err == 0 && c->off != c->get.info.size)
                die(c, "GET %s ended after %llu of %llu bytes", c->key->name, (unsigned long long)c->off,
                    (unsigned long long)c->get.info.size);
            end_get(c, err);
            return;
        }
        for (uint64_t left = c->candidates; left; left &= left - 1) {
            uint32_t i = (uint32_t)__builtin_ctzll(left);
            if (!sim_content_is(c->key->versions[i].seed, c->off, c->chunk, len))
                c->candidates &= ~(1ull << i);
        }
        if (!c->candidates)
            die(c, "GET %s: wrong bytes in %llu+%zu of %llu", c->key->name, (unsigned long long)c->off, len,
                (unsigned long long)c->get.info.size);
        c->off += len;
    }
}

static void get_done(struct object_get *get)
{
    struct sim_client *c = container_of(get, struct sim_client, get);
    bool absent = get->err == ERR_NO_SUCH_KEY, marker = get->err == ERR_DELETE_MARKER;
    if ((absent && !may_be_absent(c->key, false)) || (marker && !may_be_absent(c->key, true)))
        die(c, "GET %s: %s, but an acknowledged version is there", c->key->name, err_text(get->err));
    if (get->err) {
        end_get(c, absent || marker ? 0 : get->err);
        return;
    }
    c->off = 0;
    c->candidates = present_candidates(c->key, get->info.size);
    if (!c->candidates)
        die(c, "GET %s: a version of %llu bytes that nobody put there", c->key->name, (unsigned long long)get->info.size);
    object_get_on_ready(get, get_pump, c);
    get_pump(c);
}

static void start_get(struct sim_client *c)
{
    c->get = (struct object_get){.reactor = &c->model->store->reactor, .bucket = slice_string(bucket_names[c->key->bucket]),
                                 .key = slice_string(c->key->name), .done = get_done};
    object_get_start(&c->get);
}

/* --- DELETE --- */

static void delete_done(struct object_delete *request)
{
    struct sim_client *c = container_of(request, struct sim_client, delete);
    int err = request->err ? request->err : c->item.err;
    if (c->operation == SIM_DELETE_VERSION) {
        if (err == 0)
            remove_version(c->key, c->at);
        finish(c, err);
        return;
    }
    if (err == 0)
        settle_newest(c->key, c->item.result_version_id);
    finish(c, err);
}

static void start_delete(struct sim_client *c)
{
    c->item = (struct object_delete_item){.key = slice_string(c->key->name)};
    if (c->operation == SIM_DELETE_VERSION) {
        struct sim_version *v = &c->key->versions[c->at];
        v->optional = true;
        c->item.has_version_id = true;
        memcpy(c->item.version_id, v->id, 16);
    } else {
        bool plain = c->key->bucket == SIM_PLAIN;
        add_version(c->key, (struct sim_version){.absent = plain, .marker = !plain, .optional = true});
    }
    c->delete = (struct object_delete){.reactor = &c->model->store->reactor, .items = &c->item, .count = 1, .owner_id = 1,
                                       .bucket = slice_string(bucket_names[c->key->bucket]), .done = delete_done};
    object_delete_start(&c->delete);
}

/* --- COPY --- */

static void copy_done(struct object_copy *copy)
{
    struct sim_client *c = container_of(copy, struct sim_client, copy);
    finish_new_version(c, copy->err, &copy->info);
    object_copy_fini(copy);
}

static void start_copy(struct sim_client *c, const struct sim_key *from)
{
    struct sim_version version = from->versions[0];
    version.optional = true;
    version.has_id = false;
    c->copy = (struct object_copy){.reactor = &c->model->store->reactor, .owner_id = 1, .done = copy_done,
                                   .source_bucket = slice_string(bucket_names[from->bucket]), .source_key = slice_string(from->name),
                                   .bucket = slice_string(bucket_names[c->key->bucket]), .key = slice_string(c->key->name)};
    add_version(c->key, version);
    object_copy_start(&c->copy);
}

/* --- LIST: the client's own keys --- */

static void list_done(struct object_list *list)
{
    struct sim_client *c = container_of(list, struct sim_client, list);
    struct sim_model *m = c->model;
    for (uint32_t k = 0; k < m->key_count && !list->err; k++) {
        const struct sim_key *key = &m->keys[k];
        if (k % m->client_count != c->index || key->bucket != c->key->bucket)
            continue;
        uint64_t size = 0;
        bool found = false;
        for (uint32_t i = 0; i < list->count && !found; i++) {
            found = slice_equal_string(list->entries[i].key, key->name);
            size = list->entries[i].size;
        }
        if (found ? !present_candidates(key, size) : !may_be_absent(key, false) && !may_be_absent(key, true))
            die(c, "LIST: %s is %s", key->name, found ? "there with a size nobody gave it" : "missing");
    }
    finish(c, list->err);
    object_list_fini(list);
}

static void start_list(struct sim_client *c)
{
    static const char *const prefixes[] = {"c0/", "c1/", "c2/", "c3/", "c4/", "c5/", "c6/", "c7/"};
    c->list = (struct object_list){.reactor = &c->model->store->reactor, .bucket = slice_string(bucket_names[c->key->bucket]),
                                   .prefix = slice_string(prefixes[c->index]), .max = 1000, .done = list_done};
    object_list_start(&c->list);
}

/* --- multipart --- */

static void complete_done(struct upload_complete *request)
{
    struct sim_client *c = container_of(request, struct sim_client, complete);
    finish_new_version(c, request->err, &request->info);
    upload_complete_fini(request);
}

static void start_complete(struct sim_client *c)
{
    uint64_t size = c->part_count == 2 ? PART_SIZE_MIN + c->size : c->size;
    add_version(c->key, (struct sim_version){.seed = c->seed, .size = size, .optional = true});
    c->complete = (struct upload_complete){.reactor = &c->model->store->reactor, .parts = c->parts, .part_count = c->part_count,
                                           .bucket = slice_string(bucket_names[c->key->bucket]), .key = slice_string(c->key->name),
                                           .done = complete_done};
    memcpy(c->complete.upload_id, c->create.upload_id, 16);
    upload_complete_start(&c->complete);
}

static void start_part(struct sim_client *);

static uint64_t part_size(const struct sim_client *c)
{
    return c->part_count == 2 && c->part == 0 ? PART_SIZE_MIN : c->size;
}

static void feed_part(void *arg)
{
    struct sim_client *c = arg;
    uint64_t size = part_size(c), start = c->part == 1 ? PART_SIZE_MIN : 0;
    while (c->off < size) {
        size_t some = size - c->off < CHUNK ? size - c->off : CHUNK;
        sim_content_fill(c->seed, start + c->off, c->chunk, some);
        size_t taken = object_put_write(c->put, c->chunk, some);
        c->off += taken;
        if (taken < some)
            return;
    }
    if (c->off != UINT64_MAX) {
        c->off = UINT64_MAX;
        object_put_finish(c->put, NULL, NULL);
    }
}

static void part_done(void *arg, int err)
{
    struct sim_client *c = arg;
    c->parts[c->part] = (struct upload_complete_part){.part_number = c->part + 1};
    memcpy(c->parts[c->part].etag, object_put_result(c->put)->info.etag, 16);
    object_put_free(c->put);
    c->put = NULL;
    if (err || (c->leave_open && c->part + 1 == c->part_count)) {
        finish(c, err);
        return;
    }
    if (++c->part < c->part_count)
        start_part(c);
    else
        start_complete(c);
}

static void start_part(struct sim_client *c)
{
    c->off = 0;
    struct object_put_options options = {.reactor = &c->model->store->reactor, .target = PUT_PART, .size = part_size(c), .owner_id = 1,
                                         .bucket = slice_string(bucket_names[c->key->bucket]), .key = slice_string(c->key->name),
                                         .upload_id = slice_of((const char *)c->create.upload_id, 16), .part_number = c->part + 1,
                                         .ready = feed_part, .done = part_done, .arg = c};
    int err = object_put_new(&options, &c->put);
    assert(err == 0);
    feed_part(c);
}

static void create_done(struct upload_create *request)
{
    struct sim_client *c = container_of(request, struct sim_client, create);
    upload_create_fini(request);
    if (request->err) {
        finish(c, request->err);
        return;
    }
    c->part = 0;
    start_part(c);
}

static void start_multipart(struct sim_client *c, uint64_t size, uint32_t part_count, bool leave_open)
{
    c->seed = c->model->next_seed++;
    c->size = size;
    c->part_count = part_count;
    c->leave_open = leave_open;
    c->create = (struct upload_create){.reactor = &c->model->store->reactor, .owner_id = 1, .done = create_done,
                                       .bucket = slice_string(bucket_names[c->key->bucket]), .key = slice_string(c->key->name)};
    upload_create_start(&c->create);
}

/* --- clients --- */

static uint64_t draw_size(struct sim_model *m)
{
    struct sim_world *w = m->store->world;
    static const uint64_t edges[] = {0, 1, 8191, 8192, 8193, 65536, 65537, 262144, 262145, 1048576};
    uint64_t size = sim_random_below(w, 3) == 0 ? edges[sim_random_below(w, sizeof edges / sizeof *edges)]
                    : sim_random_below(w, 2)    ? sim_random_below(w, 16384)
                                                : sim_random_below(w, m->size_max + 1);
    return m->fixed_size ? m->fixed_size : size <= m->size_max ? size : m->size_max;
}

static struct sim_key *draw_key(struct sim_client *c)
{
    struct sim_model *m = c->model;
    uint32_t own = m->key_count / m->client_count;
    uint32_t drawn = (uint32_t)sim_random_below(m->store->world, own);
    return &m->keys[(m->only_versioned ? drawn | 1u : drawn) * m->client_count + c->index];
}

static bool surely_there(const struct sim_key *key)
{
    return key->count > 0 && !key->versions[0].optional && !key->versions[0].absent && !key->versions[0].marker;
}

static enum sim_operation draw_operation(struct sim_model *m)
{
    uint64_t sum = 0;
    for (int i = 0; i < SIM_OPERATIONS; i++)
        sum += m->weights[i];
    uint64_t drawn = sim_random_below(m->store->world, sum);
    int i = 0;
    while (drawn >= m->weights[i])
        drawn -= m->weights[i++];
    return (enum sim_operation)i;
}

static void start_some(struct sim_client *c)
{
    struct sim_model *m = c->model;
    c->key = draw_key(c);
    c->operation = draw_operation(m);
    c->busy = true;
    struct sim_key *from = draw_key(c);
    c->at = c->key->count ? (uint32_t)sim_random_below(m->store->world, c->key->count) : 0;
    if (c->operation == SIM_COPY && (from == c->key || !surely_there(from)))
        c->operation = SIM_PUT;
    if (c->operation == SIM_DELETE_VERSION && (c->key->bucket == SIM_PLAIN || !c->key->count || !c->key->versions[c->at].has_id))
        c->operation = SIM_GET;
    if ((c->operation == SIM_PUT || c->operation == SIM_COPY) && c->key->count > 40)
        c->operation = SIM_GET;
    switch (c->operation) {
    case SIM_PUT: start_put(c, draw_size(m)); break;
    case SIM_GET: start_get(c); break;
    case SIM_DELETE:
    case SIM_DELETE_VERSION: start_delete(c); break;
    case SIM_COPY: start_copy(c, from); break;
    case SIM_LIST: start_list(c); break;
    case SIM_MULTIPART: start_multipart(c, draw_size(m), 1, sim_random_below(m->store->world, 8) == 0); break;
    case SIM_OPERATIONS: break;
    }
}

struct running { struct sim_model *model; uint64_t until; };

static uint64_t ended(const struct sim_model *m)
{
    uint64_t sum = 0;
    for (int i = 0; i < SIM_OPERATIONS; i++)
        sum += m->done[i] + m->failed[i];
    return sum;
}

static bool all_ended(void *arg)
{
    struct running *r = arg;
    struct sim_model *m = r->model;
    bool idle = true, more = ended(m) < r->until;
    for (uint32_t i = 0; i < m->client_count; i++) {
        if (!m->clients[i].busy && more)
            start_some(&m->clients[i]);
        idle = idle && !m->clients[i].busy;
    }
    return idle && !more;
}

bool sim_model_run(struct sim_model *m, uint64_t count)
{
    struct running r = {m, ended(m) + count};
    if (sim_store_run(m->store, all_ended, &r) == 0)
        return true;
    for (uint32_t i = 0; i < m->client_count; i++)
        if (m->clients[i].busy)
            fprintf(stderr, "sim: seed %llu: operation %d on %s never ended\n", (unsigned long long)sim_seed(m->store->world),
                    m->clients[i].operation, m->clients[i].key->name);
    return false;
}

static struct sim_client *client_of(struct sim_model *m, uint32_t key, enum sim_operation operation)
{
    struct sim_client *c = &m->clients[key % m->client_count];
    assert(!c->busy);
    c->key = &m->keys[key];
    c->operation = operation;
    c->busy = true;
    return c;
}

static bool not_busy(void *arg)
{
    return !((struct sim_client *)arg)->busy;
}

static int await(struct sim_client *c)
{
    if (sim_store_run(c->model->store, not_busy, c) != 0)
        die(c, "operation %d on %s never ended", c->operation, c->key->name);
    return c->err;
}

int sim_model_put(struct sim_model *m, uint32_t key, uint64_t size)
{
    struct sim_client *c = client_of(m, key, SIM_PUT);
    start_put(c, size);
    return await(c);
}

int sim_model_delete(struct sim_model *m, uint32_t key)
{
    struct sim_client *c = client_of(m, key, SIM_DELETE);
    start_delete(c);
    return await(c);
}

int sim_model_get(struct sim_model *m, uint32_t key)
{
    struct sim_client *c = client_of(m, key, SIM_GET);
    start_get(c);
    return await(c);
}

int sim_model_upload(struct sim_model *m, uint32_t key, bool leave_open)
{
    struct sim_client *c = client_of(m, key, SIM_MULTIPART);
    start_multipart(c, 70001, 2, leave_open);
    return await(c);
}

/* --- the model --- */

static void bucket_made(struct bucket_request *request)
{
    request->done = NULL;
}

static bool bucket_is_made(void *arg)
{
    return ((struct bucket_request *)arg)->done == NULL;
}

static void make_bucket(struct sim_model *m, enum sim_bucket bucket)
{
    struct bucket_request r = {.reactor = &m->store->reactor, .name = slice_string(bucket_names[bucket]), .owner_id = 1,
                               .region = slice_string("us-east-1"), .done = bucket_made};
    bucket_create(&r);
    int err = sim_store_run(m->store, bucket_is_made, &r);
    assert(err == 0 && r.err == 0);
    if (bucket == SIM_VERSIONED) {
        r.done = bucket_made;
        r.set_versioning = BUCKET_VERSIONING_ENABLED;
        bucket_set_versioning(&r);
        err = sim_store_run(m->store, bucket_is_made, &r);
        assert(err == 0 && r.err == 0);
    }
    bucket_request_fini(&r);
}

void sim_model_new(struct sim_model *m, struct sim_store *s, uint32_t clients, uint32_t keys_per_client)
{
    *m = (struct sim_model){.store = s, .client_count = clients, .key_count = clients * keys_per_client * SIM_BUCKETS,
                            .size_max = 1200000, .next_seed = 1,
                            .weights = {[SIM_PUT] = 40, [SIM_GET] = 15, [SIM_DELETE] = 15, [SIM_DELETE_VERSION] = 10, [SIM_COPY] = 8,
                                        [SIM_LIST] = 4, [SIM_MULTIPART] = 8}};
    assert(clients <= 8);
    m->keys = calloc(m->key_count, sizeof *m->keys);
    m->clients = calloc(clients, sizeof *m->clients);
    assert(m->keys && m->clients);
    for (uint32_t i = 0; i < clients; i++)
        m->clients[i] = (struct sim_client){.model = m, .index = i};
    for (uint32_t i = 0; i < m->key_count; i++) {
        struct sim_key *key = &m->keys[i];
        key->bucket = (enum sim_bucket)(i / clients % SIM_BUCKETS);
        snprintf(key->name, sizeof key->name, "c%u/k%04u", i % clients, i / clients / SIM_BUCKETS);
        if (key->bucket == SIM_PLAIN)
            add_version(key, (struct sim_version){.absent = true});
    }
    for (int b = 0; b < SIM_BUCKETS; b++)
        make_bucket(m, (enum sim_bucket)b);
}

void sim_model_free(struct sim_model *m)
{
    for (uint32_t i = 0; i < m->key_count; i++) {
        free(m->keys[i].versions);
        free(m->keys[i].history);
    }
    free(m->keys);
    free(m->clients);
}

void sim_model_crashed(struct sim_model *m)
{
    for (uint32_t i = 0; i < m->client_count; i++)
        m->clients[i] = (struct sim_client){.model = m, .index = i};
}
