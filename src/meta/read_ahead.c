#include "meta/read_ahead.h"

#include "meta/pages.h"

#define INTERIOR_INDEX 0x02
#define INTERIOR_TABLE 0x05
#define INTERIOR_HEADER_LEN 12u
#define FIRST_PAGE_HEADER_LEN 100u /* the database's own header, in front of page 1's */
/* As many children in order make a walk: a lookup touches one. */
#define STREAK_MIN 2u

static uint32_t read_u16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t read_u32(const uint8_t *at)
{
    return read_u16(at) << 16 | read_u16(at + 2);
}

void read_ahead_see(struct read_ahead *r, uint32_t number, const uint8_t *page)
{
    uint32_t base = number == 1 ? FIRST_PAGE_HEADER_LEN : 0;
    const uint8_t *header = page + base;
    if (header[0] != INTERIOR_INDEX && header[0] != INTERIOR_TABLE)
        return;
    uint32_t cells = read_u16(header + 3);
    if (cells >= READ_AHEAD_CHILDREN || base + INTERIOR_HEADER_LEN + 2 * cells > PAGE_SIZE)
        return;
    r->count = r->next = r->streak = 0;
    for (uint32_t i = 0; i < cells; i++) {
        uint32_t cell = read_u16(header + INTERIOR_HEADER_LEN + 2 * i);
        if (cell > PAGE_SIZE - 4)
            return;
        r->children[r->count++] = read_u32(page + cell);
    }
    r->children[r->count++] = read_u32(header + 8);
}

uint32_t read_ahead_plan(struct read_ahead *r, uint32_t number, const uint32_t **ret)
{
    uint32_t at = r->next;
    if (at >= r->count || r->children[at] != number) {
        r->streak = 0;
        for (at = 0; at < r->count && r->children[at] != number; at++)
            ;
        if (at == r->count)
            return 1;
    }
    r->next = at + 1;
    if (++r->streak < STREAK_MIN)
        return 1;
    uint32_t left = r->count - at;
    *ret = &r->children[at];
    return left < READ_AHEAD_PAGES ? left : READ_AHEAD_PAGES;
}
