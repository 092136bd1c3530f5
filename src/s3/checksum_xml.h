/* Checksums as elements of answers. */
#ifndef S3_CHECKSUM_XML_H
#define S3_CHECKSUM_XML_H

#include "base/digest.h"
#include "base/text.h"

/* <ChecksumCRC32>…</ChecksumCRC32>; "-N" behind when type is 1 (COMPOSITE) and part_count is not 0. Nothing for none. */
void checksum_xml(struct text *, enum checksum_kind, uint32_t type, uint32_t part_count, const uint8_t *value);
/* <ChecksumType>…; nothing for none. */
void checksum_xml_type(struct text *, enum checksum_kind, uint32_t type);
/* <ChecksumAlgorithm>…; nothing for none. */
void checksum_xml_algorithm(struct text *, enum checksum_kind);

#endif
