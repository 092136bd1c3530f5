/* The request documents of S3's core, typed. Malformed is ERR_MALFORMED (MalformedXML); unknown elements are skipped.
 * Pure. */
#ifndef WIRE_XML_REQUEST_H
#define WIRE_XML_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/text.h"
#include "wire/xml_read.h"

#define COMPLETE_PARTS_MAX 10000
#define DELETE_OBJECTS_MAX 1000
#define TAGS_MAX 50 /* of a bucket; of an object: 10, the caller's check */

/* CompleteMultipartUpload, in the order sent (ascending or not is the caller's question). */
struct complete_part {
    uint32_t part_number;       /* 1..10000 */
    bool has_etag;
    uint8_t etag[MD5_LEN];
    bool etag_malformed;        /* there is an ETag, but no MD5 in hex: can match no part */
    enum checksum_kind kind;    /* of the checksum sent with the part, or none */
    uint8_t checksum[CHECKSUM_LEN_MAX];
};
struct complete_document {
    struct complete_part *parts;
    uint32_t part_count;        /* 1..10000 */
};
int complete_document_parse(const void *data, size_t len, struct complete_document *ret) MUST_CHECK;
void complete_document_fini(struct complete_document *);

/* Delete. Slices point into the document. */
struct delete_object {
    struct slice key;                   /* as sent, whatever it is (checked by the caller) */
    struct slice version_id;            /* data NULL when absent */
    struct slice etag;                  /* data NULL when absent; as sent */
    bool has_modified; uint64_t modified_us; /* LastModifiedTime */
    bool has_size; uint64_t size;
};
struct delete_document {
    bool quiet;
    struct delete_object *objects;
    uint32_t object_count;              /* 1..1000 */
    struct xml_document *document;
};
int delete_document_parse(const void *data, size_t len, struct delete_document *ret) MUST_CHECK;
void delete_document_fini(struct delete_document *);

/* VersioningConfiguration. */
enum versioning_status { VERSIONING_NONE = 0, VERSIONING_ENABLED = 1, VERSIONING_SUSPENDED = 2 };
struct versioning_document { enum versioning_status status; bool has_mfa_delete, mfa_delete; };
int versioning_document_parse(const void *data, size_t len, struct versioning_document *ret) MUST_CHECK;

/* Tagging, in order of the keys. Keys are unique (ERR_EXISTS: InvalidTag in S3's words), 1..128 characters, values 0..256, of
 * letters, digits, spaces and + - = . _ : / @ (ERR_INVALID); no more than TAGS_MAX (ERR_TOO_LARGE). */
struct tag { struct slice key, value; };
struct tagging_document {
    struct tag tags[TAGS_MAX];
    uint32_t tag_count;
    struct xml_document *document;
    char *memory;
};
int tagging_document_parse(const void *data, size_t len, struct tagging_document *ret) MUST_CHECK;
/* The Tag children of an element, whose document must live as long. */
int tag_set_take(const struct xml_node *set, struct tagging_document *) MUST_CHECK;
/* The same from x-amz-tagging ("a=b&c=d", percent-encoded). ERR_MALFORMED for a broken escape. */
int tagging_header_parse(struct slice value, struct tagging_document *ret) MUST_CHECK;
void tagging_document_fini(struct tagging_document *);

/* CreateBucketConfiguration. An empty body is a document without a location. Of its tags as tagging_document_parse. */
struct create_bucket_document {
    struct slice location; /* LocationConstraint, or data NULL */
    struct tagging_document tags;
    struct xml_document *document;
};
int create_bucket_document_parse(const void *data, size_t len, struct create_bucket_document *ret) MUST_CHECK;
void create_bucket_document_fini(struct create_bucket_document *);

#endif
