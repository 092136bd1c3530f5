/* Log records in memory: their headers' encoding, and the table of the live ones. */
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "meta/pages_core.h"

uint32_t page_log_header_crc(const struct log_header *h, uint32_t header_len)
{
    static const uint8_t zero[4];
    const uint8_t *bytes = (const uint8_t *)h;
    size_t at = offsetof(struct log_header, crc);
    uint32_t crc = crc32c(0, bytes, at);
    crc = crc32c(crc, zero, sizeof zero);
    return crc32c(crc, bytes + at + 4, header_len - at - 4);
}

struct log_header *page_log_header_new(const struct uuid *store, uint64_t sequence, uint64_t epoch, uint32_t previous_crc,
                                  uint32_t database_pages, const struct log_entry *entries, uint32_t count)
{
    uint32_t len = log_header_blocks(count) * LOG_BLOCK;
    struct log_header *h = calloc(1, len);
    if (h == NULL)
        return NULL;
    memcpy(h->magic, LOG_MAGIC, sizeof h->magic);
    h->store_uuid = *store;
    h->sequence = sequence;
    h->epoch = epoch;
    h->page_count = count;
    h->database_pages = database_pages;
    h->previous_crc = previous_crc;
    if (count > 0)
        memcpy(h->entries, entries, count * sizeof *entries);
    h->crc = page_log_header_crc(h, len);
    return h;
}

bool page_log_first_block_plausible(const struct pages *p, const void *block, uint64_t off)
{
    const struct log_header *h = block;
    return memcmp(h->magic, LOG_MAGIC, sizeof h->magic) == 0 && memcmp(&h->store_uuid, &p->store->uuid, sizeof(struct uuid)) == 0 &&
           log_record_len(h->page_count) <= p->record_max && off + log_record_len(h->page_count) <= p->log_size;
}

int page_log_record_push(struct pages *p, const struct log_record *record)
{
    if (p->record_count == p->record_capacity) {
        uint32_t capacity = p->record_capacity == 0 ? 256 : p->record_capacity * 2;
        struct log_record *fresh = calloc(capacity, sizeof *fresh);
        if (fresh == NULL)
            return ERR_NO_MEMORY;
        for (uint32_t i = 0; i < p->record_count; i++)
            fresh[i] = p->records[(p->record_first + i) % p->record_capacity];
        free(p->records);
        p->records = fresh;
        p->record_first = 0;
        p->record_capacity = capacity;
    }
    p->records[(p->record_first + p->record_count) % p->record_capacity] = *record;
    p->record_count++;
    p->log_used += record->span;
    p->log_head = record->off + record->len;
    return 0;
}

struct log_record *page_log_record_at(struct pages *p, uint64_t sequence)
{
    uint64_t first = p->root.checkpoint_sequence + 1;
    if (sequence < first || sequence - first >= p->record_count)
        return NULL;
    return &p->records[(p->record_first + (sequence - first)) % p->record_capacity];
}

void page_log_records_drop(struct pages *p, uint64_t up_to_sequence)
{
    uint64_t count = up_to_sequence - p->root.checkpoint_sequence;
    for (uint64_t i = 0; i < count; i++) {
        p->log_used -= p->records[p->record_first].span;
        p->record_first = (p->record_first + 1) % p->record_capacity;
        p->record_count--;
    }
}
