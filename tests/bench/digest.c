/* How fast the digests are: tests/bench/digest [seconds per case]. Not a test; figures are this machine's, this moment's. */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/digest.h"
#include "base/lanes.h"

#define BODY_LEN (4u << 20)
#define STREAMS_MAX 64

static uint8_t body[BODY_LEN];
static double case_seconds = 0.1;

/* CPU time: other work on the machine counts less. */
static double now_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void report(const char *what, unsigned long long bytes, double started)
{
    printf("%-44s %7.2f GB/s\n", what, (double)bytes / (now_seconds() - started) / 1e9);
}

static void measure_engine(enum digest_kind kind, unsigned stream_count, size_t piece)
{
    struct digest_engine *engine;
    struct digest_stream *streams[STREAMS_MAX];
    uint8_t digest[SHA256_LEN];
    char what[80];
    unsigned long long bytes = 0;
    if (digest_engine_new(kind, &engine))
        exit(1);
    for (unsigned i = 0; i < stream_count; i++)
        if (digest_stream_new(engine, &streams[i]))
            exit(1);
    double started = now_seconds();
    while (now_seconds() - started < case_seconds) {
        for (size_t off = 0; off < BODY_LEN; off += piece)
            for (unsigned i = 0; i < stream_count; i++)
                digest_stream_update(streams[i], body + off, piece);
        for (unsigned i = 0; i < stream_count; i++)
            digest_stream_final(streams[i], digest);
        bytes += (unsigned long long)stream_count * BODY_LEN;
    }
    snprintf(what, sizeof(what), "%s, %u streams, pieces of %zu KiB", kind == DIGEST_MD5 ? "md5" : "sha256", stream_count, piece >> 10);
    report(what, bytes, started);
    for (unsigned i = 0; i < stream_count; i++)
        digest_stream_free(streams[i]);
    digest_engine_free(engine);
}

static void measure_widths(const char *digest_name, const struct lane_digest *digest)
{
    uint32_t state[LANES_MAX][LANE_STATE_WORDS_MAX] = {{0}}, *states[LANES_MAX];
    const uint8_t *at[LANES_MAX];
    for (unsigned i = 0; i < LANES_MAX; i++) {
        states[i] = state[i];
        at[i] = body + i * 65536;
    }
    for (const struct lane_width *width = digest->widths; width->name; width++) {
        if (!width->supported())
            continue;
        char what[80];
        unsigned long long bytes = 0;
        double started = now_seconds();
        for (; now_seconds() - started < case_seconds; bytes += width->lanes.count * 65536ull)
            width->lanes.run(states, at, 1024);
        snprintf(what, sizeof(what), "%s, %s", digest_name, width->name);
        report(what, bytes, started);
    }
}

/* One digest of libcrypto's, over whole bodies. */
static void measure_libcrypto(const char *what, const EVP_MD *digest)
{
    uint8_t result[EVP_MAX_MD_SIZE];
    unsigned long long bytes = 0;
    double started = now_seconds();
    for (; now_seconds() - started < case_seconds; bytes += BODY_LEN)
        EVP_Digest(body, BODY_LEN, result, NULL, digest, NULL);
    report(what, bytes, started);
}

int main(int argc, char **argv)
{
    static const unsigned counts[] = {1, 2, 4, 8, 16, 32, 64};
    unsigned long long bytes = 0;
    if (argc > 1)
        case_seconds = atof(argv[1]);
    for (size_t i = 0; i < BODY_LEN; i++)
        body[i] = (uint8_t)(i * 2654435761u >> 13);
    measure_libcrypto("md5 by libcrypto", EVP_md5());
    measure_libcrypto("sha256 by libcrypto", EVP_sha256());
    measure_widths("md5", &lane_digest_md5);
    measure_widths("sha256", &lane_digest_sha256);
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        measure_engine(DIGEST_MD5, counts[i], 16u << 10);
        measure_engine(DIGEST_MD5, counts[i], 64u << 10);
        measure_engine(DIGEST_SHA256, counts[i], 64u << 10);
    }
    double started = now_seconds();
    for (; now_seconds() - started < case_seconds; bytes += BODY_LEN)
        body[0] = (uint8_t)crc64nvme(0, body, BODY_LEN);
    report("crc64nvme", bytes, started);
    return 0;
}
