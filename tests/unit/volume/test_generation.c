/* Tables of who holds which generation, and what has to be chosen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "volume/generation.h"

/* Histories: 1, 2, 3 follow one another; 2' (20) and 3' (30: child of 2') are other attempts; 4 is child of 3, and 50 one that
 * knows 4 to have been in force. */
enum { NONE = 0 };

static struct superblock *generation_of(int name, uint32_t count, uint8_t m, uint32_t index)
{
    static const struct { int name, parent; uint64_t number; } known[] = {
        {1, 0, 1}, {2, 1, 2}, {3, 2, 3}, {4, 3, 4}, {20, 1, 2}, {30, 20, 3}, {31, 1, 3}, {50, 4, 5}};
    struct superblock *s = calloc(1, sizeof *s);
    assert_non_null(s);
    *s = (struct superblock){.store_uuid = {{9}}, .data_count = 2, .parity_count = m, .chunk_size = CHUNK_SIZE_MIN,
                             .attempt = (uint64_t)name};
    for (uint32_t i = 0; i < count; i++)
        s->members[i] = (struct member){.uuid = {{(uint8_t)(i + 1)}}, .size = VOLUME_SIZE_MIN, .state = VOLUME_IN};
    for (size_t n = 0; n < sizeof known / sizeof *known; n++) {
        if (known[n].name != name)
            continue;
        s->generation = known[n].number;
        if (!known[n].parent)
            break;
        struct superblock *parent = generation_of(known[n].parent, count, m, 0);
        s->parent_hash = superblock_shared_hash(parent);
        memcpy(s->ancestors, parent->ancestors, sizeof s->ancestors);
        s->ancestors[parent->generation] = s->parent_hash;
        s->in_force = name == 50 ? parent->generation : 0;
        free(parent);
    }
    assert_int_not_equal(s->generation, 0);
    s->volume_index = index;
    s->volume_uuid = s->members[index].uuid;
    return s;
}

struct row {
    uint8_t m;
    uint32_t count;
    int held[8];     /* by member: which generation; NONE: not seen */
    int result;
    int chosen;
    bool in_doubt, quorum;
    int stale;       /* bit per member */
};

static void check(const struct row *r, size_t number)
{
    struct generation_seen seen[8];
    uint32_t member[8], count = 0;
    for (uint32_t i = 0; i < r->count; i++)
        if (r->held[i] != NONE) {
            member[count] = i;
            seen[count++] = (struct generation_seen){.superblock = generation_of(r->held[i], r->count, r->m, i)};
        }
    struct generation_choice choice;
    uint32_t other = 99;
    int err = generation_choose(seen, count, &choice, &other);
    if (err != r->result)
        print_error("row %zu\n", number);
    assert_int_equal(err, r->result);
    if (err == ERR_FORK || err == ERR_STALE)
        assert_true(other < count && other != choice.chosen);
    if (err == 0) {
        if (r->held[member[choice.chosen]] != r->chosen || choice.in_doubt != r->in_doubt || choice.quorum != r->quorum)
            print_error("row %zu: chosen %d\n", number, r->held[member[choice.chosen]]);
        assert_int_equal(r->held[member[choice.chosen]], r->chosen);
        assert_int_equal(choice.in_doubt, r->in_doubt);
        assert_int_equal(choice.quorum, r->quorum);
        int stale = 0;
        for (uint32_t n = 0; n < count; n++)
            stale |= seen[n].verdict == GENERATION_STALE ? 1 << member[n] : 0;
        if (stale != r->stale)
            print_error("row %zu: stale %x\n", number, (unsigned)stale);
        assert_int_equal(stale, r->stale);
    }
    for (uint32_t n = 0; n < count; n++)
        free((void *)(uintptr_t)seen[n].superblock);
}

static const struct row rows[] = {
    /* 4+2: needed 4 */
    {2, 6, {3, 3, 3, 3, 3, 3}, 0, 3, false, true, 0},
    {2, 6, {3, 3, 3, 3, NONE, NONE}, 0, 3, false, true, 0},
    {2, 6, {3, 3, 3, NONE, NONE, NONE}, 0, 3, true, false, 0},           /* readable, not raisable */
    {2, 6, {3, 3, NONE, NONE, NONE, NONE}, ERR_QUORUM, 0, false, false, 0},
    /* a change cut short: superseded when it cannot have been in force, whoever holds it */
    {2, 6, {3, 3, 3, 2, 2, 2}, 0, 2, false, true, 0},
    {2, 6, {3, 2, 2, 2, 2, 2}, 0, 2, false, true, 0},
    /* … in force */
    {2, 6, {3, 3, 3, 3, 2, 2}, 0, 3, false, true, 0},
    /* … in doubt: the unseen two may have made it four */
    {2, 6, {3, 3, 2, 2, NONE, NONE}, 0, 3, true, true, 0},
    {2, 6, {3, 2, 2, 2, NONE, NONE}, 0, 2, false, true, 0},
    {2, 6, {3, 3, 3, 2, 2, NONE}, 0, 3, true, true, 0},
    /* two or more behind: stale */
    {2, 6, {4, 4, 4, 4, 2, 1}, 0, 4, false, true, 0x30},
    {2, 6, {4, 4, 4, 4, 3, 2}, 0, 4, false, true, 0x20},
    /* an attempt nobody followed: its holder did not see what went on without it */
    {2, 6, {3, 3, 3, 3, 3, 20}, 0, 3, false, true, 0x20},
    {2, 6, {2, 2, 2, 2, 2, 20}, 0, 2, false, true, 0x20},
    {2, 6, {2, 2, 2, 2, 2, 31}, 0, 2, false, true, 0x20},                /* a higher number changes nothing */
    /* two histories: of images put back */
    {1, 2, {2, 20}, ERR_FORK, 0, false, false, 0},
    {1, 2, {3, 20}, ERR_FORK, 0, false, false, 0},
    {2, 4, {3, 3, 20, 20}, ERR_FORK, 0, false, false, 0},
    {2, 4, {4, 4, 30, 30}, ERR_FORK, 0, false, false, 0},
    {1, 3, {2, 20, NONE}, ERR_FORK, 0, false, false, 0},                 /* either may be, with the unseen one */
    {2, 4, {3, 3, 2, 2}, 0, 3, false, true, 0},                          /* no fork: one led to the other */
    /* too many old copies: what was in force is not gone back from … */
    {2, 6, {50, 50, 50, 2, 2, 2}, ERR_STALE, 0, false, false, 0},
    {2, 6, {50, 3, 3, 3, 3, 3}, ERR_STALE, 0, false, false, 0},
    /* … but from a change cut short, and from as many old ones as may be */
    {2, 6, {50, 50, 50, 4, 4, 4}, 0, 4, false, true, 0},
    {2, 6, {50, 50, 50, 50, 1, 1}, 0, 50, false, true, 0x30},
    /* m = 0: all are needed to write, any one shows the newest */
    {0, 3, {2, 2, 2}, 0, 2, false, true, 0},
    {0, 3, {2, 2, NONE}, 0, 2, true, false, 0},
    {0, 3, {2, 2, 1}, 0, 1, false, true, 0},
    {0, 1, {1}, 0, 1, false, true, 0},
    /* one of two */
    {1, 2, {2, NONE}, 0, 2, false, true, 0},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof rows / sizeof *rows; n++)
        check(&rows[n], n);
}

/* Whatever a cut change leaves and whichever m are out of sight: once N-m have it, nobody goes back. */
static void test_never_back(void **state)
{
    (void)state;
    for (uint32_t holders = 0; holders < 64; holders++)
        for (uint32_t unseen = 0; unseen < 64; unseen++) {
            if (__builtin_popcount(unseen) > 2)
                continue;
            struct row r = {.m = 2, .count = 6};
            uint32_t seen_new = 0, gone = (uint32_t)__builtin_popcount(unseen);
            for (uint32_t i = 0; i < 6; i++) {
                r.held[i] = unseen >> i & 1 ? NONE : holders >> i & 1 ? 3 : 2;
                seen_new += r.held[i] == 3;
            }
            bool newer = seen_new > 0 && seen_new + gone >= 4;
            r.chosen = newer ? 3 : 2;
            r.in_doubt = newer && seen_new < 4;
            r.quorum = true;
            if (__builtin_popcount(holders) >= 4)
                assert_int_equal(r.chosen, 3);
            check(&r, holders << 8 | unseen);
        }
}

static void test_removed_member(void **state)
{
    (void)state;
    struct generation_seen seen[4];
    for (uint32_t i = 0; i < 4; i++) {
        struct superblock *s = generation_of(i < 3 ? 3 : 2, 4, 1, i);
        if (i < 3)
            memset(&s->members[3], 0, sizeof s->members[3]);
        seen[i].superblock = s;
    }
    struct generation_choice choice;
    assert_int_equal(generation_choose(seen, 4, &choice, NULL), 0);
    assert_int_equal(seen[3].verdict, GENERATION_NOT_MEMBER);
    assert_int_equal(seen[0].verdict, GENERATION_CURRENT);
    for (uint32_t i = 0; i < 4; i++)
        free((void *)(uintptr_t)seen[i].superblock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows), cmocka_unit_test(test_never_back), cmocka_unit_test(test_removed_member)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
