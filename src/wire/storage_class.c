/* See storage_class.h. */
#include "wire/storage_class.h"

static const struct { const char *name; uint32_t depth; } classes[] = {
    {"STANDARD", 0}, {"REDUCED_REDUNDANCY", 0}, {"STANDARD_IA", 1}, {"ONEZONE_IA", 3}, {"INTELLIGENT_TIERING", 2}, {"GLACIER", 5},
    {"DEEP_ARCHIVE", 6}, {"OUTPOSTS", UINT32_MAX}, {"GLACIER_IR", 4}, {"SNOW", UINT32_MAX}, {"EXPRESS_ONEZONE", UINT32_MAX},
};
#define CLASS_COUNT (sizeof classes / sizeof *classes)

const char *storage_class_name(uint32_t class)
{
    return classes[class < CLASS_COUNT ? class : STORAGE_CLASS_STANDARD].name;
}

bool storage_class_parse(struct slice name, uint32_t *ret)
{
    for (uint32_t i = 0; i < CLASS_COUNT; i++)
        if (slice_equal_string(name, classes[i].name)) {
            *ret = i;
            return true;
        }
    return false;
}

uint32_t storage_class_depth(uint32_t class)
{
    return class < CLASS_COUNT ? classes[class].depth : UINT32_MAX;
}
