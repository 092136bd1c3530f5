/* The widths of md5_lane_body.h, and the choice among them at run time. GCC's vector extensions make the code; only the
 * instruction set is named. */
#include "base/md5_lanes.h"

#include <string.h>

#include "base/md5_rounds.h"

#define LANES 4
#define LANE_TARGET
#define LANE_NAME lanes_4
#include "base/md5_lane_body.h"

#if defined(__x86_64__)
#define LANES 8
#define LANE_TARGET __attribute__((target("avx2")))
#define LANE_NAME lanes_8_avx2
#include "base/md5_lane_body.h"

#define LANES 8
#define LANE_TARGET __attribute__((target("avx512f,avx512vl")))
#define LANE_NAME lanes_8_avx512
#include "base/md5_lane_body.h"

#define LANES 16
#define LANE_TARGET __attribute__((target("avx512f,avx512vl")))
#define LANE_NAME lanes_16_avx512
#include "base/md5_lane_body.h"
#endif

static int supported_always(void)
{
    return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
}

#if defined(__x86_64__)
static int supported_avx2(void)
{
    return __builtin_cpu_supports("avx2") != 0;
}

static int supported_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl");
}
#endif

/* The first that fits is taken. messages_min: below it, fewer lanes or plain code are faster (measured). */
static const struct {
    const char *name;
    int (*supported)(void);
    unsigned messages_min;
    struct md5_lanes lanes;
} widths[] = {
#if defined(__x86_64__)
    {"16 lanes, AVX-512", supported_avx512, 9, {16, lanes_16_avx512}},
    {"8 lanes, AVX-512", supported_avx512, 2, {8, lanes_8_avx512}},
    {"8 lanes, AVX2", supported_avx2, 5, {8, lanes_8_avx2}},
#endif
    {"4 lanes", supported_always, 2, {4, lanes_4}},
};
#define WIDTH_COUNT (sizeof(widths) / sizeof(widths[0]))

struct md5_lanes md5_lanes_choose(unsigned message_count)
{
    for (size_t i = 0; i < WIDTH_COUNT; i++)
        if (message_count >= widths[i].messages_min && widths[i].supported())
            return widths[i].lanes;
    return (struct md5_lanes){1, NULL};
}

int md5_lanes_nth(unsigned index, struct md5_lanes *ret, const char **ret_name)
{
    for (size_t i = 0; i < WIDTH_COUNT; i++) {
        if (!widths[i].supported() || index-- > 0)
            continue;
        *ret = widths[i].lanes;
        *ret_name = widths[i].name;
        return 1;
    }
    return 0;
}
