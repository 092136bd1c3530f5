/* See parameters.h. */
#include "s3/answer.h"
#include "s3/parameters.h"
#include "wire/version_id.h"
#include "wire/xml_write.h"

struct slice parameters_value(const struct s3_request *r, const char *name)
{
    struct slice value = query_value(&r->query, name);
    return value.data ? value : slice_of("", 0);
}

bool parameters_part_number(struct s3_request *r, bool required, uint32_t *ret)
{
    struct slice value = query_value(&r->query, "partNumber");
    uint64_t number = 0;
    *ret = 0;
    if (!value.data && !required)
        return true;
    if (!value.data || slice_parse_u64(value, &number) || number < 1 || number > PART_NUMBER_MAX) {
        answer_bad_argument(r, "Part number must be an integer between 1 and 10000, inclusive", "partNumber", value);
        return false;
    }
    *ret = (uint32_t)number;
    return true;
}

bool parameters_upload_id(struct s3_request *r, uint8_t id[16])
{
    struct slice value = query_value(&r->query, "uploadId");
    if (value.data && !version_id_parse(value, id))
        return true;
    answer_error(r, S3_NoSuchUpload);
    return false;
}

bool parameters_count(struct s3_request *r, const char *name, uint32_t fallback, uint32_t max, uint32_t *ret)
{
    struct slice value = query_value(&r->query, name);
    uint64_t number = fallback;
    if (value.data && value.len && (slice_parse_u64(value, &number) || number > INT32_MAX)) {
        answer_bad_argument(r, "The parameter is not an integer or not within its range", name, value);
        return false;
    }
    *ret = number > max ? max : (uint32_t)number;
    return true;
}

bool parameters_encoding(struct s3_request *r, bool *ret_url)
{
    struct slice value = query_value(&r->query, "encoding-type");
    *ret_url = value.data && slice_equal_string(value, "url");
    if (!value.data || !value.len || *ret_url)
        return true;
    answer_bad_argument(r, "Invalid Encoding Method specified in Request", "encoding-type", value);
    return false;
}

void parameters_key_element(struct text *t, const char *name, struct slice key, bool url)
{
    if (!url) {
        xml_element(t, name, key);
        return;
    }
    xml_open(t, name);
    uri_encode(t, key, true);
    xml_close(t, name);
}
