/* CRC64NVME (NVM Express NVM Command Set, 64b CRC): reflected polynomial 0x9a6c9329ac4bc9b5, complemented at both ends. */
#include <endian.h>
#include <pthread.h>
#include <string.h>

#include "base/digest.h"

#define POLY 0x9a6c9329ac4bc9b5ull
#define SLICES 8

/* Filled once, only read afterwards. */
static uint64_t tables[SLICES][256];
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static void fill_tables(void)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        uint64_t crc = byte;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ POLY : crc >> 1;
        tables[0][byte] = crc;
    }
    for (unsigned byte = 0; byte < 256; byte++)
        for (int slice = 1; slice < SLICES; slice++)
            tables[slice][byte] = tables[0][tables[slice - 1][byte] & 255] ^ tables[slice - 1][byte] >> 8;
}

static uint64_t by_tables(uint64_t crc, const uint8_t *at, size_t len)
{
    pthread_once(&tables_once, fill_tables);
    for (; len >= SLICES; at += SLICES, len -= SLICES) {
        uint64_t word;
        memcpy(&word, at, sizeof(word));
        crc ^= le64toh(word);
        crc = tables[7][crc & 255] ^ tables[6][crc >> 8 & 255] ^ tables[5][crc >> 16 & 255] ^
              tables[4][crc >> 24 & 255] ^ tables[3][crc >> 32 & 255] ^ tables[2][crc >> 40 & 255] ^
              tables[1][crc >> 48 & 255] ^ tables[0][crc >> 56];
    }
    while (len--)
        crc = tables[0][(crc ^ *at++) & 255] ^ crc >> 8;
    return crc;
}

uint64_t crc64nvme(uint64_t seed, const void *data, size_t len)
{
    return ~by_tables(~seed, data, len);
}
