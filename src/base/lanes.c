/* The choice among the widths of lanes_md5.c and lanes_sha256.c at run time. */
#include "base/lanes.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

bool lanes_supported_anywhere(void)
{
    return true;
}

bool lanes_supported_always(void)
{
    return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
}

#if defined(__x86_64__)
bool lanes_supported_avx2(void)
{
    return __builtin_cpu_supports("avx2") != 0;
}

bool lanes_supported_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl");
}

bool lanes_supported_sha(void)
{
    unsigned a, b, c, d;
    return __builtin_cpu_supports("sse4.1") && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA) != 0;
}
#endif

struct lanes lanes_choose(const struct lane_digest *digest, unsigned message_count)
{
    const struct lane_width *width = digest->widths;
    while (message_count < width->messages_min || !width->supported())
        width++;
    return width->lanes;
}
