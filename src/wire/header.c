#include "wire/header.h"

#include <string.h>

const struct header *header_find(struct headers headers, const char *name)
{
    for (uint32_t i = 0; i < headers.count; i++)
        if (slice_equal_string_nocase(headers.items[i].name, name))
            return &headers.items[i];
    return NULL;
}

struct slice header_value(struct headers headers, const char *name)
{
    const struct header *found = header_find(headers, name);
    if (!found)
        return (struct slice){0};
    return found->value.data ? found->value : slice_of("", 0);
}

uint32_t header_count(struct headers headers, const char *name)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < headers.count; i++)
        count += slice_equal_string_nocase(headers.items[i].name, name);
    return count;
}

bool header_name_starts_with(struct slice name, const char *lower_prefix)
{
    size_t len = strlen(lower_prefix);
    if (name.len < len)
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = name.data[i];
        if (c >= 'A' && c <= 'Z')
            c |= 0x20;
        if (c != lower_prefix[i])
            return false;
    }
    return true;
}
