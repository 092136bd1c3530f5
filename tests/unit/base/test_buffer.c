#include "check.h"

#include <string.h>

#include "base/buffer.h"
#include "base/container.h"

/* A loop that only keeps what is posted. */
struct posted_loop {
    struct loop loop;
    struct task *first, **last;
};

static void post(struct loop *loop, struct task *task)
{
    struct posted_loop *posted = container_of(loop, struct posted_loop, loop);
    task->next = NULL;
    *posted->last = task;
    posted->last = &task->next;
}

static const struct loop_ops posting = {.post = post};

static void run_posted(struct posted_loop *posted)
{
    while (posted->first) {
        struct task *task = posted->first;
        posted->first = task->next;
        if (!posted->first)
            posted->last = &posted->first;
        task->run(task);
    }
}

static struct posted_loop posted;
static struct buffer_pool pool;
static char order[16];

static int setup(void **state)
{
    (void)state;
    posted = (struct posted_loop){.loop = {.ops = &posting}, .last = &posted.first};
    memset(order, 0, sizeof(order));
    return buffer_pool_init(&pool, &posted.loop, 4);
}

static int teardown(void **state)
{
    (void)state;
    buffer_pool_fini(&pool);
    return 0;
}

struct waiting {
    struct buffer_waiter waiter;
    void *slabs[4];
    char name;
    bool gives_back;
};

static void granted(struct buffer_waiter *waiter)
{
    struct waiting *waiting = container_of(waiter, struct waiting, waiter);
    order[strlen(order)] = waiting->name;
    for (uint32_t i = 0; i < waiter->count; i++)
        assert_non_null(waiting->slabs[i]);
    if (waiting->gives_back)
        buffer_give(&pool, waiter->count, waiting->slabs);
}

static void wait_for(struct waiting *waiting, char name, uint32_t count)
{
    *waiting = (struct waiting){.waiter = {.count = count, .slabs = waiting->slabs, .granted = granted}, .name = name};
    buffer_wait(&pool, &waiting->waiter);
}

static void all_or_none(void **state)
{
    (void)state;
    void *slabs[5] = {0}, *more[2] = {0};
    assert_int_equal(buffer_take(&pool, 5, slabs), ERR_TOO_LARGE);
    assert_int_equal(buffer_take(&pool, 3, slabs), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal((uintptr_t)slabs[i] % BUFFER_ALIGN, 0);
        memset(slabs[i], i, BUFFER_SLAB_SIZE);
    }
    for (int i = 0; i < 3; i++)
        assert_int_equal(((uint8_t *)slabs[i])[BUFFER_SLAB_SIZE - 1], i);
    assert_int_equal(buffer_take(&pool, 2, more), ERR_WOULD_BLOCK);
    assert_null(more[0]);
    assert_int_equal(buffer_take(&pool, 1, more), 0);
    buffer_give(&pool, 3, slabs);
    buffer_give(&pool, 1, more);
}

static void waiters_in_order_and_from_the_loop(void **state)
{
    (void)state;
    void *slabs[4], *one[1];
    struct waiting a, b, c;
    assert_int_equal(buffer_take(&pool, 4, slabs), 0);
    wait_for(&a, 'a', 3);
    wait_for(&b, 'b', 1);
    wait_for(&c, 'c', 2);
    buffer_give(&pool, 1, slabs); /* enough for b, but a is first */
    run_posted(&posted);
    assert_string_equal(order, "");
    assert_int_equal(buffer_take(&pool, 1, one), ERR_WOULD_BLOCK);
    buffer_give(&pool, 3, slabs + 1);
    assert_string_equal(order, ""); /* not from inside buffer_give */
    run_posted(&posted);
    assert_string_equal(order, "ab");
    assert_true(c.waiter.queued);
    buffer_give(&pool, 3, a.slabs);
    run_posted(&posted);
    assert_string_equal(order, "abc");
    buffer_give(&pool, 1, b.slabs);
    buffer_give(&pool, 2, c.slabs);
}

static void waiting_with_room_is_granted_later(void **state)
{
    (void)state;
    struct waiting a;
    wait_for(&a, 'a', 4);
    assert_string_equal(order, "");
    run_posted(&posted);
    assert_string_equal(order, "a");
    buffer_give(&pool, 4, a.slabs);
}

static void cancelling_the_first_lets_the_next_in(void **state)
{
    (void)state;
    void *slabs[3];
    struct waiting a, b, c;
    assert_int_equal(buffer_take(&pool, 3, slabs), 0);
    wait_for(&a, 'a', 2);
    wait_for(&b, 'b', 1);
    wait_for(&c, 'c', 1);
    buffer_wait_cancel(&pool, &c.waiter); /* the tail */
    buffer_wait_cancel(&pool, &a.waiter);
    buffer_wait_cancel(&pool, &a.waiter); /* harmless again */
    run_posted(&posted);
    assert_string_equal(order, "b");
    wait_for(&a, 'a', 3);
    buffer_give(&pool, 3, slabs);
    run_posted(&posted);
    assert_string_equal(order, "ba");
    buffer_give(&pool, 1, b.slabs);
    buffer_give(&pool, 3, a.slabs);
}

static void giving_back_in_the_callback_serves_the_next(void **state)
{
    (void)state;
    struct waiting a, b;
    void *slabs[4];
    assert_int_equal(buffer_take(&pool, 4, slabs), 0);
    wait_for(&a, 'a', 4);
    wait_for(&b, 'b', 4);
    a.gives_back = b.gives_back = true;
    buffer_give(&pool, 4, slabs);
    run_posted(&posted);
    assert_string_equal(order, "ab");
    assert_int_equal(pool.free_count, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_or_none, setup, teardown),
        cmocka_unit_test_setup_teardown(waiters_in_order_and_from_the_loop, setup, teardown),
        cmocka_unit_test_setup_teardown(waiting_with_room_is_granted_later, setup, teardown),
        cmocka_unit_test_setup_teardown(cancelling_the_first_lets_the_next_in, setup, teardown),
        cmocka_unit_test_setup_teardown(giving_back_in_the_callback_serves_the_next, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
