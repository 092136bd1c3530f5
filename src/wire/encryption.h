/* ServerSideEncryptionConfiguration of a bucket, and the encryption context of SSE-KMS. Pure. */
#ifndef WIRE_ENCRYPTION_H
#define WIRE_ENCRYPTION_H

#include <stdbool.h>

#include "base/text.h"

#define KMS_CONTEXT_LEN_MAX 8192 /* of the base64 text */

struct xml_document;

struct encryption_document {
    bool kms;             /* aws:kms; else AES256 */
    struct slice key_id;  /* KMSMasterKeyID, empty when absent; points into document */
    bool bucket_key;
    struct xml_document *document;
};
/* One rule. ERR_MALFORMED; ERR_INVALID: AES256 with a key id, or a key id longer than any; ERR_UNSUPPORTED: aws:kms:dsse, or a block of
 * SSE-C; ERR_NO_MEMORY. */
int encryption_document_parse(const void *data, size_t len, struct encryption_document *ret) MUST_CHECK;
void encryption_document_fini(struct encryption_document *);
void encryption_document_format(const struct encryption_document *, struct text *);

/* x-amz-server-side-encryption-context: base64 of a JSON object whose members are strings. ERR_INVALID, ERR_NO_MEMORY. */
int kms_context_check(struct slice) MUST_CHECK;

#endif
