/* The table of operations. */
#include "s3/operations.h"

static const struct operation operations[OPERATION_COUNT] = {
#define X(name, start, body, writes, anonymous) [OPERATION_##name] = {#name, start, body, writes, anonymous},
    OPERATIONS(X)
#undef X
};

const struct operation *operation_get(enum operation_id id)
{
    return &operations[id];
}

enum operation_id operation_id(const struct operation *operation)
{
    return (enum operation_id)(operation - operations);
}
