/* The S3 service: HTTP requests to calls of object/, and their answers.
 *
 * One struct s3_server for the process, read-only once serving; one struct s3_reactor per loop, the argument of that loop's
 * http server. */
#ifndef S3_SERVER_H
#define S3_SERVER_H

#include "base/arena.h"
#include "http/http.h"
#include "object/object.h"
#include "wire/sigv4.h"

#define S3_DOMAINS_MAX 16
#define S3_CREDENTIAL_CACHE_SIZE 256
#define S3_OWNER_CACHE_SIZE 64
#define S3_BUCKET_CACHE_SIZE 64

/* An answer of admin/ to a path it owns. body is freed by s3/ with text_free. */
struct s3_hook_answer {
    unsigned status;
    const char *content_type;
    struct text body;
    struct slice authorization; /* in: the request's header, for the metrics token; data NULL when absent */
};

/* When a request may carry a customer's key (SSE-C): over TLS always. The option's choices, in order. */
enum s3_customer_keys { S3_CUSTOMER_KEYS_LOOPBACK, S3_CUSTOMER_KEYS_ALWAYS, S3_CUSTOMER_KEYS_TLS };

struct s3_server {
    struct slice region;
    struct slice domains[S3_DOMAINS_MAX]; /* lower case, without port: bucket.DOMAIN is a bucket */
    uint32_t domain_count;
    struct slice website_domains[S3_DOMAINS_MAX]; /* likewise: bucket.DOMAIN is a bucket's website */
    uint32_t website_domain_count;
    bool allow_underscore;
    bool allow_signature_v2;
    enum s3_customer_keys customer_keys;
    bool access_log;
    struct slice root_access_key, root_secret; /* empty key: none */
    int64_t root_account_id;                   /* ACCOUNT_ROOT_ID */
    struct meta *meta;
    /* Paths outside S3: "/-/..." and "/minio/...". False: not one of them. Any reactor's thread. May be NULL. */
    bool (*hook)(void *arg, struct slice path, struct slice query, struct s3_hook_answer *ret);
    void *hook_arg;
    /* After each request, for counters: operation's name, status, bytes of bodies, duration. May be NULL. */
    void (*observe)(void *arg, const char *operation, unsigned status, uint64_t bytes_in, uint64_t bytes_out, uint64_t duration_us);
    void *observe_arg;
    struct log_buffer *log_buffer; /* NULL: nothing is logged (read-only) */
};

struct s3_credential; /* authorise.c */
struct s3_owner;      /* owner.c */
struct s3_logging;    /* access_log.h */
struct log_buffer;    /* log_buffer.h */
struct s3_request;
struct access_bucket; /* access.h */

struct s3_reactor {
    const struct s3_server *server;
    struct object_reactor *object;
    struct digest_engine *sha256; /* of signed bodies */
    /* private */
    struct sigv4_key_cache keys;
    struct s3_credential *credentials[S3_CREDENTIAL_CACHE_SIZE];
    struct s3_owner *owners[S3_OWNER_CACHE_SIZE];
    uint32_t owner_next;
    struct access_bucket *buckets[S3_BUCKET_CACHE_SIZE]; /* access.h */
    struct s3_logging *loggings[64]; /* S3_LOGGING_CACHE_SIZE */
    struct s3_request *spare; /* for reuse */
    uint32_t spare_count;
    uint32_t request_count;   /* requests not yet freed */
    uint64_t id_base;
};

int s3_reactor_init(struct s3_reactor *, const struct s3_server *, struct object_reactor *) MUST_CHECK;
/* No request is left: s3_reactor_busy is false. */
void s3_reactor_fini(struct s3_reactor *);
/* Work of requests whose connection is gone may still be under way. */
bool s3_reactor_busy(const struct s3_reactor *);

const struct http_handler *s3_http_handler(void);

#endif
