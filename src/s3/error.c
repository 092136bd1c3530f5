/* See error.h. */
#include "s3/error.h"

static const struct {
    const char *code;
    unsigned status;
    const char *text;
} table[S3_ERROR_COUNT] = {
    [S3_OK] = {"", 200, ""},
#define X(code, status, text) [S3_##code] = {#code, status, text},
#include "s3/error.def"
#undef X
};

const char *s3_error_code(enum s3_error e)
{
    return table[e].code;
}

unsigned s3_error_status(enum s3_error e)
{
    return table[e].status;
}

const char *s3_error_text(enum s3_error e)
{
    return table[e].text;
}

/* What is not named here is InternalError. */
static const struct {
    int err;
    enum s3_error error;
} map[] = {
    {ERR_NO_SPACE, S3_InsufficientStorage},
    {ERR_TOO_LARGE, S3_EntityTooLarge},
    {ERR_COMMIT_TOO_LARGE, S3_MaxMessageLengthExceeded},
    {ERR_TIMEOUT, S3_ServiceUnavailable},
    {ERR_QUORUM, S3_ServiceUnavailable},
    {ERR_READ_ONLY, S3_ServiceUnavailable},
    {ERR_SHUTDOWN, S3_ServiceUnavailable},
    {ERR_BUSY, S3_SlowDown},
    {ERR_OVERLOAD, S3_SlowDown},
    {ERR_NO_MEMORY, S3_SlowDown},
    {ERR_INVALID, S3_InvalidRequest},
    {ERR_UNSUPPORTED, S3_NotImplemented},
    {ERR_ACCESS, S3_AccessDenied},
    {ERR_NO_SUCH_BUCKET, S3_NoSuchBucket},
    {ERR_NO_SUCH_KEY, S3_NoSuchKey},
    {ERR_NO_SUCH_VERSION, S3_NoSuchVersion},
    {ERR_NO_SUCH_UPLOAD, S3_NoSuchUpload},
    {ERR_BUCKET_EXISTS, S3_BucketAlreadyExists},
    {ERR_BUCKET_OWNED, S3_BucketAlreadyOwnedByYou},
    {ERR_BUCKET_NOT_EMPTY, S3_BucketNotEmpty},
    {ERR_PRECONDITION, S3_PreconditionFailed},
    {ERR_NOT_MODIFIED, S3_NotModified},
    {ERR_DELETE_MARKER, S3_MethodNotAllowed},
    {ERR_INVALID_PART, S3_InvalidPart},
    {ERR_INVALID_PART_ORDER, S3_InvalidPartOrder},
    {ERR_PART_TOO_SMALL, S3_EntityTooSmall},
    {ERR_INVALID_RANGE, S3_InvalidRange},
    {ERR_BAD_DIGEST, S3_BadDigest},
    {ERR_INCOMPLETE_BODY, S3_IncompleteBody},
    {ERR_CONFLICT, S3_ConditionalRequestConflict},
    {ERR_WRITE_OFFSET, S3_InvalidWriteOffset},
    {ERR_EMPTY_APPEND, S3_InvalidRequest}, /* these with words of their own: s3/put_object.c */
    {ERR_APPEND_METADATA, S3_InvalidRequest},
    {ERR_CHECKSUM_TYPE, S3_InvalidRequest},
    {ERR_ENCRYPTION_TYPE, S3_EncryptionTypeMismatch},
    {ERR_TOO_MANY_PARTS, S3_TooManyParts},
    {ERR_MALFORMED, S3_MalformedXML},
    {ERR_SIGNATURE, S3_SignatureDoesNotMatch},
    {ERR_KEY_NEEDED, S3_InvalidRequest}, /* these with words of their own: s3/encryption.c */
    {ERR_KEY_WRONG, S3_AccessDenied},
    {ERR_KEY_UNWANTED, S3_InvalidRequest},
    {ERR_KMS_KEY, S3_InvalidRequest},
    {ERR_KMS_NONE, S3_InvalidRequest},
    {ERR_OBJECT_LOCKED, S3_AccessDenied}, /* with words of their own: s3/object_lock.c */
    {ERR_NO_OBJECT_LOCK, S3_InvalidRequest},
    {ERR_QUOTA_EXCEEDED, S3_QuotaExceeded},
    {ERR_BUCKET_STATE, S3_InvalidBucketState},
};

enum s3_error s3_error_of(int err)
{
    if (err == 0)
        return S3_OK;
    for (unsigned i = 0; i < sizeof map / sizeof *map; i++)
        if (map[i].err == err)
            return map[i].error;
    return S3_InternalError;
}
