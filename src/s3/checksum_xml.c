/* See checksum_xml.h. */
#include "s3/checksum_xml.h"
#include "wire/xml_write.h"

void checksum_xml(struct text *t, enum checksum_kind kind, uint32_t type, uint32_t part_count, const uint8_t *value)
{
    if (kind == CHECKSUM_NONE)
        return;
    text_append_format(t, "<Checksum%s>", checksum_name(kind));
    text_append_base64(t, value, checksum_len(kind));
    if (type == 1 && part_count)
        text_append_format(t, "-%u", part_count);
    text_append_format(t, "</Checksum%s>", checksum_name(kind));
}

void checksum_xml_type(struct text *t, enum checksum_kind kind, uint32_t type)
{
    if (kind != CHECKSUM_NONE)
        xml_element_string(t, "ChecksumType", type == 1 ? "COMPOSITE" : "FULL_OBJECT");
}

void checksum_xml_algorithm(struct text *t, enum checksum_kind kind)
{
    if (kind != CHECKSUM_NONE)
        xml_element_string(t, "ChecksumAlgorithm", checksum_name(kind));
}
