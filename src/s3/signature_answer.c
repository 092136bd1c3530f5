/* See signature_answer.h. */
#include <stdio.h>

#include "s3/answer.h"
#include "s3/authorise.h"
#include "s3/signature_answer.h"
#include "wire/http_date.h"

struct sigv4_request signature_request(const struct s3_request *r)
{
    return (struct sigv4_request){r->method, r->uri.path, r->uri.query, request_headers(r)};
}

struct sigv2_request signature_request_v2(const struct s3_request *r, const struct sigv4_request *sent)
{
    return (struct sigv2_request){sent, &r->query, r->address.virtual_host ? request_bucket(r) : slice_of("", 0)};
}

static int string_to_sign(const struct s3_request *r, const struct sigv4_request *sent, struct text *text)
{
    struct sigv2_request request = signature_request_v2(r, sent);
    return r->signature_v2 ? sigv2_string_to_sign(r->signature_v2, &request, text)
                           : sigv4_string_to_sign(&r->signature, sent, text);
}

static void answer_mismatch(struct s3_request *r, enum sigv4_result result)
{
    struct sigv4_request request = signature_request(r);
    struct text canonical = {0}, to_sign = {0}, provided = {0};
    struct answer_field fields[4];
    unsigned count = 0;
    fields[count++] = (struct answer_field){"AWSAccessKeyId", r->signature.access_key};
    if (r->form) {
        fields[count++] = (struct answer_field){"StringToSign", r->form->policy};
        answer_failure(r, sigv4_result_status(result), sigv4_result_code(result), sigv4_result_text(result), fields, count);
        return;
    }
    text_append_hex(&provided, r->signature.signature, sizeof r->signature.signature);
    if (!r->signature_v2 && !provided.failed)
        fields[count++] = (struct answer_field){"SignatureProvided", slice_of(provided.data, provided.len)};
    if (!string_to_sign(r, &request, &to_sign) && !to_sign.failed)
        fields[count++] = (struct answer_field){"StringToSign", slice_of(to_sign.data, to_sign.len)};
    if (!r->signature_v2 && !sigv4_canonical_request(&r->signature, &request, &canonical) && !canonical.failed)
        fields[count++] = (struct answer_field){"CanonicalRequest", slice_of(canonical.data, canonical.len)};
    answer_failure(r, sigv4_result_status(result), sigv4_result_code(result), sigv4_result_text(result), fields, count);
    text_free(&provided);
    text_free(&canonical);
    text_free(&to_sign);
}

/* Who has the wrong clock sees how wrong it is. */
static unsigned clock_fields(struct s3_request *r, enum sigv4_result result, struct answer_field *fields)
{
    uint64_t now = loop_wall_us(request_objects(r)->loop), expires = r->signature.time_us + r->signature.expires_s * 1000000ull;
    char text[ISO_DATE_SIZE];
    unsigned count = 0;
    iso_date_format(now, text);
    fields[count++] = (struct answer_field){"ServerTime", arena_copy(&r->arena, slice_string(text))};
    if (result == SIGV4_SKEWED) {
        fields[count++] = (struct answer_field){"RequestTime", slice_string(r->signature.amz_date)};
        fields[count++] = (struct answer_field){"MaxAllowedSkewMilliseconds", slice_string("900000")};
        return count;
    }
    fields[count++] = (struct answer_field){"X-Amz-Expires", query_value(&r->query, "X-Amz-Expires")};
    iso_date_format(expires, text);
    fields[count++] = (struct answer_field){"Expires", arena_copy(&r->arena, slice_string(text))};
    return count;
}

void signature_answer(struct s3_request *r, enum sigv4_result result)
{
    struct slice region = r->reactor->server->region;
    struct answer_field fields[3];
    unsigned count = 0;
    char message[256];
    struct text names = {0};
    const char *text = sigv4_result_text(result);
    switch (result) {
    case SIGV4_MISMATCH: answer_mismatch(r, result); return;
    case SIGV4_HEADER_REGION:
    case SIGV4_QUERY_REGION:
        snprintf(message, sizeof message, "%s; the region '%.*s' is wrong; expecting '%.*s'", text,
                 (int)r->signature.region.len, r->signature.region.data, (int)region.len, region.data);
        text = message;
        fields[count++] = (struct answer_field){"Region", region};
        break;
    case SIGV4_UNKNOWN_ACCESS_KEY:
        fields[count++] = (struct answer_field){"AWSAccessKeyId", r->signature.access_key};
        break;
    case SIGV4_SKEWED: count = clock_fields(r, result, fields); break;
    case SIGV4_EXPIRED: count = r->signature_v2 ? 0 : clock_fields(r, result, fields); break;
    case SIGV4_HOST_UNSIGNED:
    case SIGV4_HEADER_UNSIGNED:
        sigv4_unsigned_headers(&r->signature, request_headers(r), &names);
        if (!names.failed)
            fields[count++] = (struct answer_field){"HeadersNotSigned", slice_of(names.data, names.len)};
        break;
    default: break;
    }
    answer_failure(r, sigv4_result_status(result), sigv4_result_code(result), text, fields, count);
    text_free(&names);
}
