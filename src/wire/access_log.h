/* Lines of access logs, and the keys of the objects they are delivered in ("Amazon S3 server access log format"). Pure.
 *
 * A line is fields with a blank between them, "-" for what is not there; nothing a client sends can end a field or a line. */
#ifndef WIRE_ACCESS_LOG_H
#define WIRE_ACCESS_LOG_H

#include "base/text.h"
#include "wire/logging.h"

#define ACCESS_LOG_UNKNOWN UINT64_MAX /* of numbers */

/* Empty slices and ACCESS_LOG_UNKNOWN stand for what is not there. */
struct access_log_record {
    struct slice bucket_owner, bucket;
    uint64_t time_us;
    struct slice remote_ip, requester, request_id, operation, key;
    struct slice method, target;     /* target as received; method empty: no request */
    unsigned status;                 /* 0: none */
    struct slice error_code;
    uint64_t bytes_sent, object_size, total_ms, turnaround_ms;
    struct slice referrer, user_agent, version_id, host_id, signature_version, cipher_suite, auth_type, host, tls_version, access_point;
    bool acl_required;
};
/* S3's line, with its end. */
void access_log_format(const struct access_log_record *, struct text *);

/* Ceph's journal line: owner, bucket, time, operation, key, size, version id, ETag. */
struct access_log_change {
    struct slice bucket_owner, bucket;
    uint64_t time_us;
    struct slice operation, key;
    uint64_t size;
    struct slice version_id, etag;
};
void access_log_format_change(const struct access_log_change *, struct text *);

/* Where lines of one object belong together: what its key begins with. event_us counts for LOGGING_BY_EVENT_TIME only. */
struct access_log_source { struct slice account, region, bucket; };
void access_log_head(struct text *, const struct logging_configuration *, const struct access_log_source *, uint64_t event_us);
/* The key: the head and, as the format has it, the time, and 16 characters that grow with unique_us. */
void access_log_key(struct text *, enum logging_format, struct slice head, uint64_t delivery_us, uint64_t unique_us);

#endif
