/* fsck over a whole store: silent after a random workload of objects, copies, uploads and deletions, and loud about every kind
 * of damage: rows written wrong through the metadata writer, bytes changed on the volumes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../object/object_fixture.h"
#include "base/container.h"
#include "meta/check.h"
#include "meta/state.h"
#include "meta/transaction.h"
#include "repair/fsck.h"
#include "volume/chunk.h"

#define KEYS 24
#define SEED 20240611u

static struct object_fixture fixture;
static uint64_t random_state = SEED;
static char body[6u << 20];

static uint64_t next_random(void)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return random_state >> 33;
}

/* --- a workload --- */

static const char *some_bucket(void) { return next_random() % 2 ? "plain" : "versioned"; }

static struct slice some_key(char text[16])
{
    snprintf(text, 16, "key%u", (unsigned)(next_random() % KEYS));
    return slice_string(text);
}

static void put_one(void)
{
    static const size_t sizes[] = {0, 1, 8192, 8193, 70000, 1000000, 3000000};
    size_t len = sizes[next_random() % 7];
    char key[16];
    struct object_put_options options = {.bucket = slice_string(some_bucket()), .key = some_key(key), .owner_id = 1, .size = len};
    memset(body, (int)next_random(), len);
    assert_int_equal(object_fixture_put(&fixture, &options, body, len, NULL), 0);
}

struct waited_copy { struct object_copy copy; bool done; };
static void copy_done(struct object_copy *copy) { container_of(copy, struct waited_copy, copy)->done = true; }

static void copy_one(void)
{
    char from[16], to[16];
    struct waited_copy w = {.copy = {.reactor = &fixture.reactor, .source_bucket = slice_string(some_bucket()), .source_key = some_key(from),
                                     .bucket = slice_string(some_bucket()), .key = some_key(to), .owner_id = 1, .done = copy_done}};
    object_copy_start(&w.copy);
    object_fixture_until(&fixture, &w.done);
    object_copy_fini(&w.copy);
}

struct waited_delete { struct object_delete request; bool done; };
static void delete_done(struct object_delete *request) { container_of(request, struct waited_delete, request)->done = true; }

static void delete_one(void)
{
    char key[16];
    struct object_delete_item item = {.key = some_key(key)};
    struct waited_delete w = {.request = {.reactor = &fixture.reactor, .bucket = slice_string(some_bucket()), .items = &item, .count = 1,
                                          .owner_id = 1, .done = delete_done}};
    object_delete_start(&w.request);
    object_fixture_until(&fixture, &w.done);
    assert_int_equal(w.request.err, 0);
}

struct waited_create { struct upload_create request; bool done; };
struct waited_complete { struct upload_complete request; bool done; };
static void create_done(struct upload_create *r) { container_of(r, struct waited_create, request)->done = true; }
static void complete_done(struct upload_complete *r) { container_of(r, struct waited_complete, request)->done = true; }

static void upload_one(bool complete, size_t last_len)
{
    char key[16];
    struct slice bucket = slice_string(some_bucket()), name = some_key(key);
    struct waited_create c = {.request = {.reactor = &fixture.reactor, .bucket = bucket, .key = name, .owner_id = 1, .done = create_done}};
    upload_create_start(&c.request);
    object_fixture_until(&fixture, &c.done);
    upload_create_fini(&c.request);
    assert_int_equal(c.request.err, 0);
    struct upload_complete_part parts[2] = {{.part_number = 1}, {.part_number = 2}};
    for (uint32_t i = 0; i < 2; i++) {
        struct object_put_options options = {.target = PUT_PART, .bucket = bucket, .key = name, .owner_id = 1,
                                             .size = i == 0 ? PART_SIZE_MIN : last_len, .part_number = i + 1,
                                             .upload_id = slice_of((char *)c.request.upload_id, 16)};
        struct object_put_result result;
        memset(body, (int)i, options.size);
        assert_int_equal(object_fixture_put(&fixture, &options, body, options.size, &result), 0);
        memcpy(parts[i].etag, result.info.etag, 16);
    }
    if (!complete)
        return;
    struct waited_complete w = {.request = {.reactor = &fixture.reactor, .bucket = bucket, .key = name, .parts = parts, .part_count = 2,
                                            .done = complete_done}};
    memcpy(w.request.upload_id, c.request.upload_id, 16);
    upload_complete_start(&w.request);
    object_fixture_until(&fixture, &w.done);
    assert_int_equal(w.request.err, 0);
    upload_complete_fini(&w.request);
}

static void work(int steps)
{
    for (int i = 0; i < steps; i++) {
        uint64_t what = next_random() % 8;
        if (what < 4)
            put_one();
        else if (what < 6)
            copy_one();
        else
            delete_one();
    }
}

/* --- fsck, and what it told --- */

struct told { char text[32768]; size_t len; uint32_t lines; uint64_t progress; struct fsck_report report; };

static void hear(void *arg, const char *text)
{
    struct told *t = arg;
    t->lines++;
    t->len += (size_t)snprintf(t->text + t->len, sizeof t->text - t->len, "%s\n", text);
    assert_true(t->len < sizeof t->text);
}

static void see_progress(void *arg, const char *what, uint64_t done, uint64_t total)
{
    assert_true(done <= total && what[0] != '\0');
    ((struct told *)arg)->progress++;
}

static void run_fsck(struct told *t, bool mend)
{
    *t = (struct told){.text = ""};
    struct fsck_options options = {.mend = mend, .finding = hear, .progress = see_progress, .arg = t};
    assert_int_equal(fsck_run(fixture.meta, fixture.loop, &options, &t->report), 0);
}

static void assert_clean(void)
{
    static struct told t;
    run_fsck(&t, false);
    if (t.report.findings != 0)
        fail_msg("findings in a healthy store:\n%s", t.text);
    assert_int_equal(t.lines, 0);
    assert_int_equal(t.report.left_out, 0);
    assert_true(t.progress > 0);
}

/* --- damage --- */

struct damage { struct meta_write write; const char *sql; int changes; bool done; };

static int do_damage(struct meta_tx *tx, struct meta_write *write)
{
    struct damage *d = container_of(write, struct damage, write);
    assert_int_equal(sqlite3_exec(tx->connection->db, d->sql, NULL, NULL, NULL), SQLITE_OK);
    d->changes = sqlite3_changes(tx->connection->db);
    return 0;
}

static void damage_done(struct meta_write *write) { container_of(write, struct damage, write)->done = true; }

static void damage(const char *sql)
{
    struct damage d = {.write = {.run = do_damage, .done = damage_done, .loop = fixture.loop}, .sql = sql};
    meta_write(fixture.meta, &d.write);
    object_fixture_until(&fixture, &d.done);
    assert_int_equal(d.write.err, 0);
    assert_true(d.changes > 0);
}

static void open_worked(void)
{
    random_state = SEED;
    object_fixture_open(&fixture);
    assert_int_equal(object_fixture_bucket(&fixture, "plain", false), 0);
    assert_int_equal(object_fixture_bucket(&fixture, "versioned", true), 0);
    work(40);
    upload_one(true, 100);
    upload_one(true, 900000);
    upload_one(false, 20000);
}

static void a_healthy_store(void **state)
{
    (void)state;
    open_worked();
    assert_clean();
    object_fixture_crash(&fixture);
    assert_clean();
    work(30);
    assert_clean();
    struct told *t = calloc(1, sizeof *t);
    run_fsck(t, true); /* and mending changes nothing */
    assert_int_equal(t->report.mended, 0);
    assert_int_equal(t->report.volumes, OBJECT_FIXTURE_VOLUMES);
    assert_int_equal(t->report.superblock_copies, 3 * OBJECT_FIXTURE_VOLUMES);
    assert_true(t->report.groups > 0 && t->report.chunk_headers >= 6 * t->report.groups && t->report.mirror_blocks > 0);
    struct fsck_options live = {.live = true, .mend = true};
    assert_int_equal(fsck_run(fixture.meta, fixture.loop, &live, &t->report), ERR_INVALID);
    live.mend = false;
    assert_int_equal(fsck_run(fixture.meta, fixture.loop, &live, &t->report), 0);
    assert_int_equal(t->report.findings, 0);
    free(t);
    object_fixture_close(&fixture);
}

/* Rows: each is damaged alone, told by name, and where that can be mended nothing is left. */
static const struct { const char *sql, *told; bool mended; } wrongs[] = {
    {"UPDATE chunk_group SET free_blocks = free_blocks + 1 WHERE id = (SELECT MIN(id) FROM chunk_group)", "free blocks, but its extents leave", true},
    {"UPDATE extent SET refs = refs + 1 WHERE id = (SELECT MAX(id) FROM extent)", "references, but", true},
    {"INSERT INTO inline_content VALUES(77, x'616263')", "content 77: no version or part owns it", true},
    {"DELETE FROM version WHERE content_id = (SELECT MIN(content_id) FROM segment)", "no version or part owns it", true},
    {"DELETE FROM version WHERE content_id = (SELECT MIN(content_id) FROM segment);"
     "DELETE FROM segment WHERE content_id = (SELECT MIN(content_id) FROM segment)", "references, but", true},
    {"DELETE FROM segment WHERE content_id = (SELECT content_id FROM version WHERE size = 3000000 LIMIT 1)", "3000000 bytes, but content", false},
    {"DELETE FROM inline_content WHERE length(bytes) = 8192", "8192 bytes, but content", false},
    {"UPDATE version SET bucket_id = 99 WHERE rank = (SELECT MIN(rank) FROM version)", "its bucket does not exist", false},
    {"UPDATE version SET content_id = 5, size = 0 WHERE flags & 1", "a delete marker with content", false},
    {"UPDATE upload SET bucket_id = 98", "its bucket 98 does not exist", false},
    {"DELETE FROM upload", "its upload does not exist", true},
    {"UPDATE part SET size = size + 1 WHERE part_number = 2", "number 2): 20001 bytes, but content", false},
    {"UPDATE part SET content_id = (SELECT content_id FROM version WHERE size = 1000000 LIMIT 1), size = 1000000 WHERE part_number = 2", "versions and parts own it", false},
    {"UPDATE segment SET start = start + 1 WHERE start = 0 AND content_id = (SELECT content_id FROM version WHERE size = 70000 LIMIT 1)", "begins where 0 is expected", false},
    {"UPDATE content_part SET start = start + 1 WHERE part_number = 2", "where 5242880 is expected", false},
    {"UPDATE content_part SET size = size + 5 WHERE part_number = 2", "bytes in parts, but the content has", false},
    {"UPDATE segment SET extent_id = 12345 WHERE content_id = (SELECT MIN(content_id) FROM segment)", "extent 12345 does not exist", false},
    {"UPDATE segment SET extent_off = extent_off + 4096 WHERE content_id = (SELECT MIN(content_id) FROM segment)", "is shorter than what it names", false},
    {"UPDATE extent SET group_id = 3 WHERE id = (SELECT MIN(id) FROM extent)", "its group 3 does not exist", false},
    {"UPDATE extent SET block = 1000000 WHERE id = (SELECT MIN(id) FROM extent)", "are outside of its chunks", false},
    {"UPDATE extent SET block = block - 1 WHERE id = (SELECT id FROM extent ORDER BY block DESC LIMIT 1)", "is in another extent, too", false},
    {"UPDATE extent SET len = len + 1000000 WHERE id = (SELECT MIN(id) FROM extent)", "do not fit its length", false},
    {"UPDATE extent SET crcs = substr(crcs, 5) WHERE id = (SELECT MIN(id) FROM extent)", "do not fit its length", false},
    {"UPDATE extent SET missing = 1 << 12 WHERE id = (SELECT MIN(id) FROM extent)", "noted missing that its group does not have", false},
    {"UPDATE setting SET value = 5 WHERE name = 'clock_ceiling'", "is in use already", false},
    {"UPDATE chunk_group SET slots = substr(slots, 1, 8) || substr(slots, 1, 8) || substr(slots, 17) WHERE id = (SELECT MIN(id) FROM chunk_group)", "are both on volume", false},
    {"UPDATE chunk_group SET slots = substr(slots, 1, 4) || x'ffffff00' || substr(slots, 9) WHERE id = (SELECT MIN(id) FROM chunk_group)", "which does not exist", false},
    {"UPDATE chunk_group SET slots = x'0000000000000000' || substr(slots, 9) WHERE id = (SELECT MIN(id) FROM chunk_group)", "which the metadata uses", false},
    {"INSERT INTO chunk_group SELECT id + 1, data_count, parity_count, matrix, closed, free_blocks, slots FROM chunk_group LIMIT 1", "which group", false},
    {"UPDATE chunk_group SET slots = x'00' WHERE id = (SELECT MIN(id) FROM chunk_group)", "a row cannot be read", false},
};

static void every_wrong_row(void **state)
{
    (void)state;
    static struct told t;
    for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
        open_worked();
        assert_clean();
        damage(wrongs[i].sql);
        run_fsck(&t, false);
        if (t.report.findings == 0 || strstr(t.text, wrongs[i].told) == NULL)
            fail_msg("not told: \"%s\" after: %s\n%s", wrongs[i].told, wrongs[i].sql, t.text);
        assert_int_equal(t.report.mended, 0);
        run_fsck(&t, true);
        assert_true(t.report.findings > 0);
        if (wrongs[i].mended) {
            assert_true(t.report.mended > 0);
            assert_clean();
            object_fixture_crash(&fixture);
            assert_clean();
        }
        object_fixture_close(&fixture);
    }
}

static void write_at(uint32_t volume, uint64_t off, const void *data, size_t len)
{
    FILE *file = fopen(fixture.paths[volume], "r+b");
    assert_non_null(file);
    assert_int_equal(fseeko(file, (off_t)off, SEEK_SET), 0);
    assert_int_equal(fwrite(data, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

/* The place of a chunk on that volume that a group uses. */
static uint64_t group_chunk(uint32_t volume)
{
    const struct volume *v = &fixture.store->volumes[volume];
    static uint8_t block[CHUNK_HEADER_SIZE];
    FILE *file = fopen(fixture.paths[volume], "rb");
    uint64_t off = 0;
    assert_non_null(file);
    for (uint32_t chunk = 0; chunk < v->chunk_count && off == 0; chunk++) {
        struct chunk_header h;
        struct group g;
        assert_int_equal(fseeko(file, (off_t)volume_chunk_off(fixture.store, chunk, 0), SEEK_SET), 0);
        assert_int_equal(fread(block, 1, sizeof block, file), sizeof block);
        if (chunk_decode(block, &h) == 0 && h.purpose == CHUNK_GROUP && placement_group(fixture.placement, h.group_id, &g) == 0)
            off = volume_chunk_off(fixture.store, chunk, 0);
    }
    fclose(file);
    assert_true(off > 0);
    return off;
}

static void assert_told(const char *text, struct told *t)
{
    run_fsck(t, false);
    if (t->report.findings == 0 || strstr(t->text, text) == NULL)
        fail_msg("not told: \"%s\"\n%s", text, t->text);
}

static void assert_mended(uint32_t volume, uint64_t off, const char damage[4096])
{
    static char now[4096];
    FILE *file = fopen(fixture.paths[volume], "rb");
    assert_non_null(file);
    assert_int_equal(fseeko(file, (off_t)off, SEEK_SET), 0);
    assert_int_equal(fread(now, 1, sizeof now, file), sizeof now);
    fclose(file);
    assert_memory_not_equal(now, damage, sizeof now);
}

static void wrong_bytes(void **state)
{
    (void)state;
    static struct told t;
    static const char zeros[4096], junk[4096] = "junk";
    open_worked();
    write_at(2, SUPERBLOCK_COPY1_OFF, junk, sizeof junk);
    assert_told("superblock copy 1", &t);
    assert_int_equal(t.report.findings, 1);
    object_fixture_crash(&fixture); /* which writes it anew */
    assert_clean();

    const struct volume *v = &fixture.store->volumes[1];
    uint64_t room = fixture.store->chunk_size - CHUNK_HEADER_SIZE;
    /* Of page 6, which no commit changes any more: page 1 changes with each, and is then read from the log. */
    uint64_t home = (2u << 20) + (uint64_t)fixture.store->log_size + (6 + 5) * 4096;
    uint64_t page = volume_chunk_off(fixture.store, v->meta_chunks[home / room], CHUNK_HEADER_SIZE + home % room);
    write_at(1, page, junk, sizeof junk);
    run_fsck(&t, false);
    /* The check of the rows may have met it first, and mended it in passing: then only the volume's count tells. */
    if (t.report.findings == 0)
        assert_true(atomic_load(&v->corrupt_units) > 0);
    else
        assert_non_null(strstr(t.text, "wrong on some mirror"));
    assert_int_equal(t.report.mended, t.report.findings);
    assert_mended(1, page, junk);
    assert_clean();

    write_at(0, volume_chunk_off(fixture.store, fixture.store->volumes[0].meta_chunks[0], 0), zeros, sizeof zeros);
    assert_told("header of metadata chunk", &t);
    assert_int_equal(t.report.findings, 1);
    write_at(3, group_chunk(3), zeros, sizeof zeros);
    assert_told("there is none", &t);
    assert_int_equal(t.report.findings, 2);
    object_fixture_close(&fixture);
}

static void a_missing_volume(void **state)
{
    (void)state;
    static struct told t;
    char away[112];
    open_worked();
    snprintf(away, sizeof away, "%s.away", fixture.paths[3]);
    assert_int_equal(rename(fixture.paths[3], away), 0);
    object_fixture_crash(&fixture);
    run_fsck(&t, false);
    assert_int_equal(t.report.findings, 0);
    assert_int_equal(t.report.volumes_missing, 1);
    assert_int_equal(t.report.left_out, 1);
    assert_non_null(strstr(t.text, "volume 3 is not there"));
    atomic_store(&fixture.meta->writable, false); /* as when it is open read-only */
    run_fsck(&t, false);
    assert_int_equal(t.report.findings, 0);
    assert_int_equal(t.report.mirror_blocks, 0);
    assert_int_equal(t.report.left_out, 2);
    assert_int_equal(rename(away, fixture.paths[3]), 0);
    object_fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_healthy_store), cmocka_unit_test(every_wrong_row), cmocka_unit_test(wrong_bytes),
        cmocka_unit_test(a_missing_volume),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
