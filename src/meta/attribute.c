/* See attribute.h. */
#include "meta/attribute.h"

#include <endian.h>
#include <string.h>

#define HEAD_SIZE 7u

void attribute_append(struct text *t, enum attribute_kind kind, struct slice name, struct slice value)
{
    if (name.len > UINT16_MAX || value.len > UINT32_MAX) {
        t->failed = true;
        return;
    }
    uint8_t head[HEAD_SIZE] = {(uint8_t)kind};
    uint16_t name_len = htole16((uint16_t)name.len);
    uint32_t value_len = htole32((uint32_t)value.len);
    memcpy(head + 1, &name_len, sizeof name_len);
    memcpy(head + 3, &value_len, sizeof value_len);
    text_append(t, head, sizeof head);
    text_append(t, name.data, name.len);
    text_append(t, value.data, value.len);
}

bool attribute_next(struct slice encoded, size_t *position, struct attribute *ret, int *err)
{
    *err = 0;
    size_t left = encoded.len - *position;
    if (left == 0)
        return false;
    if (left < HEAD_SIZE) {
        *err = ERR_CORRUPT;
        return false;
    }
    const char *at = encoded.data + *position;
    uint16_t name_len;
    uint32_t value_len;
    memcpy(&name_len, at + 1, sizeof name_len);
    memcpy(&value_len, at + 3, sizeof value_len);
    name_len = le16toh(name_len);
    value_len = le32toh(value_len);
    if (left - HEAD_SIZE < name_len || left - HEAD_SIZE - name_len < value_len) {
        *err = ERR_CORRUPT;
        return false;
    }
    *ret = (struct attribute){
        .kind = (enum attribute_kind)(uint8_t)at[0],
        .name = slice_of(at + HEAD_SIZE, name_len),
        .value = slice_of(at + HEAD_SIZE + name_len, value_len),
    };
    *position += HEAD_SIZE + (size_t)name_len + value_len;
    return true;
}

int attribute_find(struct slice encoded, enum attribute_kind kind, const char *name, struct slice *ret_value)
{
    struct attribute a;
    size_t position = 0;
    int err;
    while (attribute_next(encoded, &position, &a, &err)) {
        if (a.kind == kind && slice_equal_string(a.name, name)) {
            *ret_value = a.value;
            return 0;
        }
    }
    return err != 0 ? err : ERR_NOT_FOUND;
}
