/* Headers of requests that become an object's attributes, and attributes that become headers of answers. */
#ifndef S3_OBJECT_HEADERS_H
#define S3_OBJECT_HEADERS_H

#include "s3/request.h"

/* Appends content headers, user metadata and website redirect of the request. False: answered. */
bool object_headers_attributes(struct s3_request *, struct text *attributes) MUST_CHECK;
/* The website redirect alone. */
bool object_headers_redirect(struct s3_request *, struct text *attributes) MUST_CHECK;
/* Appends the tags of x-amz-tagging. False: answered. */
bool object_headers_tags(struct s3_request *, struct text *attributes) MUST_CHECK;
/* x-amz-storage-class. False: answered. */
bool object_headers_storage_class(struct s3_request *, uint32_t *ret) MUST_CHECK;
const char *object_storage_class_name(uint32_t);
/* x-amz-write-offset-bytes, which only PutObject takes: false and answered. */
bool object_headers_no_append(struct s3_request *) MUST_CHECK;
#define OBJECT_ACL "acl" /* ATTRIBUTE_CONFIGURATION of objects and buckets: the ACL, when not private (wire/acl.h) */

/* If-Match and its kin, with prefix "" or "x-amz-copy-source-". */
void object_headers_conditions(struct s3_request *, const char *prefix, struct object_conditions *);
/* versionId of the query. False: answered. */
bool object_headers_version(struct s3_request *, bool *has, bool *is_null, uint8_t id[16]) MUST_CHECK;

void object_answer_etag(struct s3_request *, const struct object_info *);
void object_answer_version(struct s3_request *, const struct object_info *);
/* Of a version just made: S3 names it only where versioning is enabled, not the null version of a suspended bucket. */
void object_answer_new_version(struct s3_request *, const struct object_info *);
void object_answer_checksum(struct s3_request *, enum checksum_kind, uint32_t type, uint32_t part_count, const uint8_t *value);
/* Everything GET and HEAD say about a version. */
void object_answer_info(struct s3_request *, const struct object_info *, bool with_checksum);
/* The stored checksum; CHECKSUM_NONE when there is none. type: 0 FULL_OBJECT, 1 COMPOSITE. */
enum checksum_kind object_info_checksum(const struct object_info *, uint32_t *ret_type, struct slice *ret_value);
/* base64, "-N" behind for COMPOSITE unless part_count is 0. */
void object_checksum_text(struct text *, enum checksum_kind, uint32_t type, uint32_t part_count, const uint8_t *value);

/* False, and answered, when a response-* parameter asks for a header with characters that none can have. */
bool object_headers_overrides(struct s3_request *);

#endif
