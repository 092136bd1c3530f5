/* PutObject with x-amz-write-offset-bytes: bytes put behind those that an object has.
 *
 * The appended object is what a multipart upload would have made: its bytes so far are its first part or parts, and what comes is one
 * more. Where the bucket has no versions the same content goes on; otherwise the new version shares the extents of the one it
 * continues. Bytes that lie inline in the database are written anew in front of the new ones: no content is half inline.
 *
 * What is there is looked at before the body is taken (append_look), and again in the transaction that commits (append_version): the
 * bytes go behind the version that was looked at, or nowhere. Encrypted objects are not appended to (ERR_UNSUPPORTED). */
#ifndef OBJECT_APPEND_H
#define OBJECT_APPEND_H

#include "object/install.h"

struct append {
    uint64_t offset;         /* x-amz-write-offset-bytes */
    bool there;              /* a version to go on; false: the object begins with this write */
    struct object_info info; /* of that version; of the whole from append_version on */
    int64_t rank;
    bool anew;               /* its bytes are to be written again, before the new ones: */
    struct text bytes;
    size_t fed;              /* of them: handed to the content writer */
    enum checksum_kind kind; /* the object's */
    uint32_t type;           /* 0 FULL_OBJECT, 1 COMPOSITE; of the whole from append_version on */
    uint8_t md5[MD5_LEN], checksum[CHECKSUM_LEN_MAX];         /* of the appended bytes alone; the caller's */
    uint8_t etag[MD5_LEN + 4], whole_checksum[CHECKSUM_LEN_MAX]; /* by append_version */
};

/* The newest version, if it is no delete marker: ERR_NO_SUCH_KEY. */
int append_current(struct meta_tx *, int64_t bucket_id, struct slice key, struct version_row *ret) MUST_CHECK;

/* In a transaction, for offset and key. ERR_WRITE_OFFSET: it is not where the object ends. ERR_UNSUPPORTED. */
int append_look(struct meta_tx *, const struct bucket_row *, struct slice key, struct append *) MUST_CHECK;

/* In the transaction that commits added bytes: makes *row, whose key is set, the version that is longer by them, for install_version without
 * conditions; etag and attributes are the append's and the text's memory. What the content writer holds goes to *ret_start of
 * row->content_id. ERR_WRITE_OFFSET, ERR_CONFLICT: another version is there now; ERR_TOO_MANY_PARTS, ERR_TOO_LARGE, and what the
 * conditions say. */
int append_version(struct append *, struct meta_tx *, const struct bucket_row *, const struct object_conditions *, uint64_t added,
                   struct version_row *row, struct text *attributes, uint64_t *ret_start) MUST_CHECK;

void append_fini(struct append *);

#endif
