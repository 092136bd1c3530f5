/* How fast the digests are: tests/bench/digest [seconds per case]. Not a test; figures are this machine's, this moment's. */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/digest.h"
#include "base/md5_lanes.h"

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

static void measure_engine(unsigned stream_count, size_t piece)
{
    struct md5_engine *engine;
    struct md5_stream *streams[STREAMS_MAX];
    uint8_t digest[MD5_LEN];
    char what[80];
    unsigned long long bytes = 0;
    if (md5_engine_new(&engine))
        exit(1);
    for (unsigned i = 0; i < stream_count; i++)
        if (md5_stream_new(engine, &streams[i]))
            exit(1);
    double started = now_seconds();
    while (now_seconds() - started < case_seconds) {
        for (size_t off = 0; off < BODY_LEN; off += piece)
            for (unsigned i = 0; i < stream_count; i++)
                md5_stream_update(streams[i], body + off, piece);
        for (unsigned i = 0; i < stream_count; i++)
            md5_stream_final(streams[i], digest);
        bytes += (unsigned long long)stream_count * BODY_LEN;
    }
    snprintf(what, sizeof(what), "md5, %u streams, pieces of %zu KiB", stream_count, piece >> 10);
    report(what, bytes, started);
    for (unsigned i = 0; i < stream_count; i++)
        md5_stream_free(streams[i]);
    md5_engine_free(engine);
}

static void measure_lanes(const char *name, struct md5_lanes lanes)
{
    uint32_t state[MD5_LANES_MAX][4] = {{0}}, *states[MD5_LANES_MAX];
    const uint8_t *at[MD5_LANES_MAX];
    unsigned long long bytes = 0;
    for (unsigned i = 0; i < MD5_LANES_MAX; i++) {
        states[i] = state[i];
        at[i] = body + i * 65536;
    }
    double started = now_seconds();
    while (now_seconds() - started < case_seconds) {
        lanes.run(states, at, 1024);
        bytes += lanes.count * 65536ull;
    }
    report(name, bytes, started);
}

int main(int argc, char **argv)
{
    static const unsigned counts[] = {1, 2, 4, 8, 16, 32, 64};
    unsigned long long bytes = 0;
    uint8_t digest[64];
    if (argc > 1)
        case_seconds = atof(argv[1]);
    for (size_t i = 0; i < BODY_LEN; i++)
        body[i] = (uint8_t)(i * 2654435761u >> 13);
    double started = now_seconds();
    for (; now_seconds() - started < case_seconds; bytes += BODY_LEN)
        EVP_Digest(body, BODY_LEN, digest, NULL, EVP_md5(), NULL);
    report("md5 by libcrypto", bytes, started);
    bytes = 0;
    started = now_seconds();
    for (; now_seconds() - started < case_seconds; bytes += BODY_LEN)
        md5_of(body, BODY_LEN, digest);
    report("md5, plain", bytes, started);
    struct md5_lanes lanes;
    const char *name;
    for (unsigned i = 0; md5_lanes_nth(i, &lanes, &name); i++)
        measure_lanes(name, lanes);
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        measure_engine(counts[i], 16u << 10);
        measure_engine(counts[i], 64u << 10);
    }
    bytes = 0;
    started = now_seconds();
    for (; now_seconds() - started < case_seconds; bytes += BODY_LEN)
        body[0] = (uint8_t)crc64nvme(0, body, BODY_LEN);
    report("crc64nvme", bytes, started);
    return 0;
}
