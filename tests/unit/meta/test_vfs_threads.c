/* A writer, readers and a checkpoint in threads of their own: every reader sees one commit whole. Run under the thread sanitizer. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "meta/vfs.h"
#include "pages_fixture.h"

#define ROWS 50
#define COMMITS 300
#define READERS 3

struct shared { struct fixture *f; atomic_bool writing; atomic_uint wrong, reads, checkpoints; };

static sqlite3_int64 ask(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *s;
    sqlite3_int64 n = -1;
    if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
        n = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return n;
}

static void *reader(void *arg)
{
    struct shared *shared = arg;
    struct loop *loop = fake_loop_new(shared->f->world);
    sqlite3 *db;
    if (vfs_connect("threads", loop, false, &db) != 0) {
        atomic_fetch_add(&shared->wrong, 1);
        return NULL;
    }
    sqlite3_int64 last = 0;
    do {
        sqlite3_exec(db, "BEGIN", NULL, NULL, NULL);
        sqlite3_int64 least = ask(db, "SELECT min(v) FROM t"), most = ask(db, "SELECT max(v) FROM t WHERE length(pad) = 1500");
        sqlite3_int64 rows = ask(db, "SELECT count(*) FROM t");
        sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
        if (least != most || least < last || rows != ROWS)
            atomic_fetch_add(&shared->wrong, 1);
        last = least;
        atomic_fetch_add(&shared->reads, 1);
    } while (atomic_load(&shared->writing));
    sqlite3_close(db);
    loop_free(loop);
    return NULL;
}

static void *checkpointer(void *arg)
{
    struct shared *shared = arg;
    struct loop *loop = fake_loop_new(shared->f->world);
    while (atomic_load(&shared->writing)) {
        if (!pages_checkpoint_due(shared->f->pages))
            continue;
        if (pages_checkpoint(shared->f->pages, loop) != 0)
            atomic_fetch_add(&shared->wrong, 1);
        atomic_fetch_add(&shared->checkpoints, 1);
        struct pages_scrub s;
        if (pages_scrub(shared->f->pages, loop, &s, NULL, NULL) != 0 || s.bad != 0)
            atomic_fetch_add(&shared->wrong, 1);
    }
    loop_free(loop);
    return NULL;
}

static void readers_see_whole_commits(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init_log(&f, 41, 3, 8u << 20);
    assert_int_equal(vfs_register(f.pages, "threads"), 0);
    sqlite3 *db;
    assert_int_equal(vfs_connect("threads", f.loop, true, &db), 0);
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE t(a INTEGER PRIMARY KEY, v INT, pad BLOB)", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50) "
                                      "INSERT INTO t SELECT i, 0, zeroblob(1500) FROM n", NULL, NULL, NULL), SQLITE_OK);
    struct shared shared = {.f = &f, .writing = true};
    pthread_t threads[READERS + 1];
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, reader, &shared), 0);
    assert_int_equal(pthread_create(&threads[READERS], NULL, checkpointer, &shared), 0);
    int commits = 0;
    while (commits < COMMITS) {
        if (sqlite3_exec(db, "UPDATE t SET v = v + 1", NULL, NULL, NULL) == SQLITE_OK)
            commits++;
        else if (vfs_last_error(db) == ERR_BUSY)
            sched_yield(); /* a reader that got no processor keeps the log full: the fake clock does not wait for it */
        else
            break;
    }
    atomic_store(&shared.writing, false);
    for (int i = 0; i <= READERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(commits, COMMITS);
    assert_int_equal(shared.wrong, 0);
    assert_true(shared.reads >= READERS);
    assert_int_equal(ask(db, "SELECT min(v) FROM t"), COMMITS);
    sqlite3_close(db);
    vfs_unregister("threads");
    fixture_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(readers_see_whole_commits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
