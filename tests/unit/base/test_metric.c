#include "check.h"

#include <pthread.h>
#include <string.h>

#include "base/metric.h"

static void counters_add_up_over_slots(void **state)
{
    (void)state;
    struct metrics *metrics = metrics_new();
    struct text text = {0};
    assert_non_null(metrics);
    for (unsigned slot = 0; slot < 40; slot++)
        metric_add(metrics, slot, COUNTER_requests_get, 2);
    assert_int_equal(metric_counter_value(metrics, COUNTER_requests_get), 80);
    metric_add(metrics, 3, COUNTER_requests_4xx, 5);
    metric_set(metrics, GAUGE_volumes_offline, 2);
    metric_change(metrics, GAUGE_volumes_offline, -1);
    metrics_format(metrics, &text);
    assert_false(text.failed);
    assert_non_null(strstr(text.data, "# TYPE ingot_s3_requests_total counter\ningot_s3_requests_total{method=\"GET\"} 80\n"
                                      "ingot_s3_requests_total{method=\"HEAD\"} 0\n"));
    assert_non_null(strstr(text.data, "\ningot_volumes_offline 1\n"));
    text_clear(&text);
    metrics_format_aliases(metrics, &text);
    assert_non_null(strstr(text.data, "\nminio_s3_requests_4xx_errors_total{server=\"ingot\"} 5\n"));
    assert_non_null(strstr(text.data, "\nminio_node_drive_offline_total{server=\"ingot\"} 1\n"));
    text_free(&text);
    metrics_free(metrics);
}

static void histogram_buckets_are_cumulative(void **state)
{
    (void)state;
    struct metrics *metrics = metrics_new();
    struct text text = {0};
    assert_non_null(metrics);
    static const uint64_t durations[] = {0, 1, 128, 129, 256, 257, 1ull << 40};
    for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++)
        metric_observe(metrics, (unsigned)i, HISTOGRAM_request_duration, durations[i]);
    metrics_format(metrics, &text);
    assert_non_null(strstr(text.data, "ingot_s3_request_duration_seconds_bucket{le=\"0.000128\"} 3\n"
                                      "ingot_s3_request_duration_seconds_bucket{le=\"0.000256\"} 5\n"
                                      "ingot_s3_request_duration_seconds_bucket{le=\"0.000512\"} 6\n"));
    assert_non_null(strstr(text.data, "ingot_s3_request_duration_seconds_bucket{le=\"+Inf\"} 7\n"));
    assert_non_null(strstr(text.data, "ingot_s3_request_duration_seconds_count 7\n"));
    text_free(&text);
    metrics_free(metrics);
}

static void every_family_has_one_head(void **state)
{
    (void)state;
    struct metrics *metrics = metrics_new();
    struct text text = {0};
    assert_non_null(metrics);
    metrics_format(metrics, &text);
    metrics_format_aliases(metrics, &text);
    for (const char *at = text.data; (at = strstr(at, "# TYPE ")); at += 7) {
        char head[128];
        size_t len = strcspn(at, "\n");
        assert_true(len < sizeof(head));
        memcpy(head, at, len);
        head[len] = '\0';
        *strrchr(head, ' ') = '\0';
        strcat(head, " ");
        assert_null(strstr(at + 7, head));
    }
    text_free(&text);
    metrics_free(metrics);
}

static void *add_many(void *metrics)
{
    for (int i = 0; i < 20000; i++)
        metric_add(metrics, 1, COUNTER_received_bytes, 1);
    return NULL;
}

static void threads_lose_nothing(void **state)
{
    (void)state;
    struct metrics *metrics = metrics_new();
    pthread_t threads[4];
    assert_non_null(metrics);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, add_many, metrics), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(metric_counter_value(metrics, COUNTER_received_bytes), 80000);
    metrics_free(metrics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters_add_up_over_slots), cmocka_unit_test(histogram_buckets_are_cumulative),
        cmocka_unit_test(every_family_has_one_head), cmocka_unit_test(threads_lose_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
