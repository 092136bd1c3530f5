/* Errors of the whole program: 0 is success, every failure is one negative code from error.def.
 * Outputs of a function (named ret_*) are set on success only. Bugs are asserted; operating errors are returned,
 * and are logged or returned, never both. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

enum err {
    ERR_INDEX_FIRST = 0,
#define X(name, text) ERR_INDEX_##name,
#include "base/error.def"
#undef X
    ERR_INDEX_COUNT,
#define X(name, text) ERR_##name = -ERR_INDEX_##name,
#include "base/error.def"
#undef X
};

#define MUST_CHECK __attribute__((warn_unused_result))

/* English text of an error, "ok" for 0. Never NULL; any thread. */
const char *err_text(int err);

/* The err that stands for an errno value: ENOSPC is ERR_NO_SPACE, ENOMEM is ERR_NO_MEMORY, ENOENT is ERR_NOT_FOUND,
 * EBUSY is ERR_BUSY, EACCES and EPERM are ERR_ACCESS, EEXIST is ERR_EXISTS, everything else ERR_IO. */
int err_from_errno(int number);

#endif
