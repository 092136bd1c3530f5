/* See access_log.h. */
#include "wire/access_log.h"

#include <inttypes.h>
#include <stdio.h>

#include "wire/http_date.h"
#include "wire/uri.h"

static bool is_plain(unsigned char c)
{
    return c > 0x20 && c != 0x7f && c != '"' && c != '\\';
}

/* Blanks stay where the field has quotes around it. */
static void append_safe(struct text *t, struct slice value, bool quoted)
{
    size_t from = 0;
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.data[i];
        if (is_plain(c) || (quoted && c == ' '))
            continue;
        text_append(t, value.data + from, i - from);
        text_append_format(t, "%%%02X", c);
        from = i + 1;
    }
    text_append(t, value.data + from, value.len - from);
}

static void field(struct text *t, struct slice value)
{
    text_append_string(t, " ");
    if (value.len)
        append_safe(t, value, false);
    else
        text_append_string(t, "-");
}

static void quoted(struct text *t, struct slice value)
{
    text_append_string(t, " \"");
    if (value.len)
        append_safe(t, value, true);
    else
        text_append_string(t, "-");
    text_append_string(t, "\"");
}

static void number(struct text *t, uint64_t value)
{
    if (value == ACCESS_LOG_UNKNOWN)
        text_append_string(t, " -");
    else
        text_append_format(t, " %" PRIu64, value);
}

static void key_field(struct text *t, struct slice key)
{
    text_append_string(t, " ");
    if (key.len)
        uri_encode(t, key, true);
    else
        text_append_string(t, "-");
}

/* [06/Feb/2019:00:00:38 +0000] */
static void time_field(struct text *t, uint64_t time_us)
{
    char date[HTTP_DATE_SIZE];
    http_date_format(time_us, date); /* Wed, 06 Feb 2019 00:00:38 GMT */
    text_append_format(t, " [%.2s/%.3s/%.4s:%.8s +0000]", date + 5, date + 8, date + 12, date + 17);
}

static void begin_line(struct text *t, struct slice owner, struct slice bucket, uint64_t time_us)
{
    append_safe(t, owner.len ? owner : slice_of("-", 1), false);
    field(t, bucket);
    time_field(t, time_us);
}

static void format_request(const struct access_log_record *r, struct text *t)
{
    if (!r->method.len) {
        text_append_string(t, " -");
        return;
    }
    text_append_string(t, " \"");
    append_safe(t, r->method, false);
    field(t, r->target);
    text_append_string(t, " HTTP/1.1\"");
}

void access_log_format(const struct access_log_record *r, struct text *t)
{
    begin_line(t, r->bucket_owner, r->bucket, r->time_us);
    field(t, r->remote_ip);
    field(t, r->requester);
    field(t, r->request_id);
    field(t, r->operation);
    key_field(t, r->key);
    format_request(r, t);
    number(t, r->status ? r->status : ACCESS_LOG_UNKNOWN);
    field(t, r->error_code);
    number(t, r->bytes_sent ? r->bytes_sent : ACCESS_LOG_UNKNOWN);
    number(t, r->object_size);
    number(t, r->total_ms);
    number(t, r->turnaround_ms);
    quoted(t, r->referrer);
    quoted(t, r->user_agent);
    field(t, r->version_id);
    field(t, r->host_id);
    field(t, r->signature_version);
    field(t, r->cipher_suite);
    field(t, r->auth_type);
    field(t, r->host);
    field(t, r->tls_version);
    field(t, r->access_point);
    text_append_string(t, r->acl_required ? " Yes\n" : " -\n");
}

void access_log_format_change(const struct access_log_change *c, struct text *t)
{
    begin_line(t, c->bucket_owner, c->bucket, c->time_us);
    field(t, c->operation);
    key_field(t, c->key);
    number(t, c->size);
    field(t, c->version_id);
    field(t, c->etag);
    text_append_string(t, "\n");
}

/* --- keys --- */

/* 2019/02/06/ */
static void append_day(struct text *t, uint64_t time_us)
{
    char date[ISO_DATE_SIZE];
    iso_date_format(time_us, date); /* 2019-02-06T00:00:38.000Z */
    text_append_format(t, "%.4s/%.2s/%.2s/", date, date + 5, date + 8);
}

void access_log_head(struct text *t, const struct logging_configuration *c, const struct access_log_source *source, uint64_t event_us)
{
    text_append(t, c->prefix.data, c->prefix.len);
    if (c->format == LOGGING_SIMPLE)
        return;
    const struct slice parts[] = {source->account, source->region, source->bucket};
    for (unsigned i = 0; i < sizeof parts / sizeof *parts; i++) {
        text_append(t, parts[i].data, parts[i].len);
        text_append_string(t, "/");
    }
    if (c->format != LOGGING_BY_EVENT_TIME)
        return;
    char date[ISO_DATE_SIZE];
    iso_date_format(event_us, date);
    append_day(t, event_us);
    text_append_format(t, "%.10s-00-00-00-", date);
}

void access_log_key(struct text *t, enum logging_format format, struct slice head, uint64_t delivery_us, uint64_t unique_us)
{
    text_append(t, head.data, head.len);
    if (format == LOGGING_BY_DELIVERY_TIME)
        append_day(t, delivery_us);
    if (format != LOGGING_BY_EVENT_TIME) {
        char date[ISO_DATE_SIZE];
        iso_date_format(delivery_us, date);
        text_append_format(t, "%.10s-%.2s-%.2s-%.2s-", date, date + 11, date + 14, date + 17);
    }
    text_append_format(t, "%016" PRIX64, unique_us);
}
