/* Fuzz targets: each file defines this one function. Built by --enable-fuzzers with libFuzzer; otherwise with replay.c,
 * which runs the files of tests/fuzz/corpus/NAME through it in `make check`. Every target checks what must hold of its
 * results. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Holds in every build, with NDEBUG as well. */
#define must(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            abort(); \
        } \
    } while (0)

#endif
