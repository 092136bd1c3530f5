/* See kms.h. */
#include "object/kms.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct kms_key {
    char id[KMS_KEY_ID_LEN_MAX];
    uint32_t id_len, version;
    uint8_t bytes[KMS_KEY_LEN];
};

struct kms {
    pthread_rwlock_t lock; /* guards what follows */
    struct kms_key *keys;  /* by id, newest version first */
    uint32_t count;
};

static void drop(struct kms_key *keys, uint32_t count)
{
    if (keys)
        explicit_bzero(keys, count * sizeof(*keys));
    free(keys);
}

int kms_new(struct kms **ret)
{
    struct kms *kms = calloc(1, sizeof(*kms));
    if (!kms)
        return ERR_NO_MEMORY;
    pthread_rwlock_init(&kms->lock, NULL);
    *ret = kms;
    return 0;
}

void kms_free(struct kms *kms)
{
    if (!kms)
        return;
    drop(kms->keys, kms->count);
    pthread_rwlock_destroy(&kms->lock);
    free(kms);
}

/* --- the file --- */

static struct slice take_word(struct slice *rest)
{
    size_t at = 0, end;
    while (at < rest->len && (rest->data[at] == ' ' || rest->data[at] == '\t' || rest->data[at] == '\r'))
        at++;
    for (end = at; end < rest->len && rest->data[end] != ' ' && rest->data[end] != '\t' && rest->data[end] != '\r';)
        end++;
    struct slice word = slice_of(rest->data + at, end - at);
    *rest = slice_of(rest->data + end, rest->len - end);
    return word;
}

/* Printable, since answers carry it in a header. */
static bool id_valid(struct slice id)
{
    for (size_t i = 0; i < id.len; i++)
        if (id.data[i] <= ' ' || id.data[i] >= 0x7f)
            return false;
    return id.len <= KMS_KEY_ID_LEN_MAX;
}

/* False: an empty line. */
static bool parse_line(struct slice line, struct kms_key *key, int *err)
{
    struct slice words[4];
    uint32_t count = 0;
    const char *comment = memchr(line.data, '#', line.len);
    if (comment)
        line.len = (size_t)(comment - line.data);
    while (count < 4 && (words[count] = take_word(&line)).len)
        count++;
    *err = 0;
    if (!count)
        return false;
    uint64_t version = 1;
    size_t len = 0;
    *err = count < 2 || count > 3 || !id_valid(words[0]) ? ERR_INVALID : 0;
    if (!*err && count == 3)
        *err = slice_parse_u64(words[1], &version);
    if (!*err && (version == 0 || version > UINT32_MAX))
        *err = ERR_INVALID;
    if (!*err)
        *err = hex_decode(words[count - 1], key->bytes, sizeof(key->bytes), &len);
    if (*err || len != sizeof(key->bytes)) {
        *err = ERR_INVALID;
        return true;
    }
    memcpy(key->id, words[0].data, words[0].len);
    key->id_len = (uint32_t)words[0].len;
    key->version = (uint32_t)version;
    return true;
}

static int compare(const void *left, const void *right)
{
    const struct kms_key *a = left, *b = right;
    uint32_t common = a->id_len < b->id_len ? a->id_len : b->id_len;
    int order = memcmp(a->id, b->id, common);
    if (order || a->id_len != b->id_len)
        return order ? order : a->id_len < b->id_len ? -1 : 1;
    return a->version > b->version ? -1 : a->version < b->version;
}

static bool has(const struct kms_key *keys, uint32_t count, const struct kms_key *key)
{
    for (uint32_t i = 0; i < count; i++)
        if (compare(&keys[i], key) == 0)
            return true;
    return false;
}

static int parse(struct slice text, struct kms_key **keys, uint32_t *count, uint32_t *line)
{
    uint32_t capacity = 0;
    for (size_t at = 0; at < text.len;) {
        const char *newline = memchr(text.data + at, '\n', text.len - at);
        size_t end = newline ? (size_t)(newline - text.data) : text.len;
        if (*count == capacity) { /* a fresh block, so that no copy of keys is left behind */
            struct kms_key *grown = calloc(capacity = capacity ? 2 * capacity : 16, sizeof(*grown));
            if (!grown)
                return ERR_NO_MEMORY;
            if (*count)
                memcpy(grown, *keys, *count * sizeof(*grown));
            drop(*keys, *count);
            *keys = grown;
        }
        struct kms_key *key = &(*keys)[*count];
        int err;
        ++*line;
        if (parse_line(slice_of(text.data + at, end - at), key, &err)) {
            if (!err && has(*keys, *count, key))
                err = ERR_INVALID;
            ++*count; /* also when it is bad: wiped with the others */
            if (err || *count > KMS_KEYS_MAX)
                return err ? err : ERR_TOO_LARGE;
        }
        at = end + 1;
    }
    return 0;
}

int kms_load(struct kms *kms, struct slice text, uint32_t *ret_line)
{
    struct kms_key *keys = NULL;
    uint32_t count = 0, line = 0;
    int err = text.len > KMS_FILE_SIZE_MAX ? ERR_TOO_LARGE : parse(text, &keys, &count, &line);
    *ret_line = line;
    if (err) {
        drop(keys, count);
        return err;
    }
    if (count)
        qsort(keys, count, sizeof(*keys), compare);
    pthread_rwlock_wrlock(&kms->lock);
    struct kms_key *old = kms->keys;
    uint32_t old_count = kms->count;
    kms->keys = keys;
    kms->count = count;
    pthread_rwlock_unlock(&kms->lock);
    drop(old, old_count);
    return 0;
}

/* --- what it is asked --- */

static bool is(const struct kms_key *key, struct slice id)
{
    return slice_equal(slice_of(key->id, key->id_len), id);
}

int kms_find(struct kms *kms, struct slice id, uint32_t version, uint32_t *ret_version, uint8_t key[KMS_KEY_LEN])
{
    if (!kms)
        return ERR_KMS_NONE;
    pthread_rwlock_rdlock(&kms->lock);
    int err = kms->count ? ERR_KMS_KEY : ERR_KMS_NONE;
    for (uint32_t i = 0; i < kms->count && err; i++) {
        if (!is(&kms->keys[i], id) || (version && kms->keys[i].version != version))
            continue;
        memcpy(key, kms->keys[i].bytes, KMS_KEY_LEN);
        *ret_version = kms->keys[i].version;
        err = 0;
    }
    pthread_rwlock_unlock(&kms->lock);
    return err;
}

int kms_each(struct kms *kms, int (*fn)(void *arg, struct slice id, uint32_t version_count, uint32_t newest), void *arg)
{
    int err = 0;
    pthread_rwlock_rdlock(&kms->lock);
    for (uint32_t i = 0, n; i < kms->count && !err; i += n) {
        struct slice id = slice_of(kms->keys[i].id, kms->keys[i].id_len);
        for (n = 1; i + n < kms->count && is(&kms->keys[i + n], id);)
            n++;
        err = fn(arg, id, n, kms->keys[i].version);
    }
    pthread_rwlock_unlock(&kms->lock);
    return err;
}
