#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

#define ARENA_BLOCK_SIZE 4096u
#define ARENA_ALIGN 16u

struct arena_block {
    struct arena_block *next;
    size_t capacity;
    _Alignas(ARENA_ALIGN) char memory[];
};

void *arena_take(struct arena *arena, size_t size)
{
    size = (size + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    if (!arena->blocks || arena->blocks->capacity - arena->used < size) {
        size_t capacity = size > ARENA_BLOCK_SIZE ? size : ARENA_BLOCK_SIZE;
        struct arena_block *block = malloc(sizeof(*block) + capacity);
        if (!block)
            return NULL;
        block->capacity = capacity;
        block->next = arena->blocks;
        arena->blocks = block;
        arena->used = 0;
    }
    void *taken = arena->blocks->memory + arena->used;
    arena->used += size;
    return taken;
}

struct slice arena_copy(struct arena *arena, struct slice bytes)
{
    char *copy = arena_take(arena, bytes.len + 1);
    if (!copy)
        return (struct slice){NULL, 0};
    if (bytes.len)
        memcpy(copy, bytes.data, bytes.len);
    copy[bytes.len] = '\0';
    return (struct slice){copy, bytes.len};
}

void arena_free(struct arena *arena)
{
    while (arena->blocks) {
        struct arena_block *block = arena->blocks;
        arena->blocks = block->next;
        free(block);
    }
    arena->used = 0;
}
