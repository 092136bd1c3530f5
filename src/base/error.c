#include "base/error.h"

#include <errno.h>

static const char *const texts[] = {
    "ok",
#define X(name, text) text,
#include "base/error.def"
#undef X
};

const char *err_text(int err)
{
    if (err > 0 || err <= -ERR_INDEX_COUNT)
        return "unknown error";
    return texts[-err];
}

int err_from_errno(int number)
{
    switch (number) {
    case 0: return 0;
    case ENOMEM: return ERR_NO_MEMORY;
    case ENOSPC: return ERR_NO_SPACE;
    case ENOENT: return ERR_NOT_FOUND;
    case EEXIST: return ERR_EXISTS;
    case EBUSY: return ERR_BUSY;
    case EACCES:
    case EPERM: return ERR_ACCESS;
    case EROFS: return ERR_READ_ONLY;
    default: return ERR_IO;
    }
}
