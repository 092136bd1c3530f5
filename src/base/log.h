/* Log lines: one line each to stderr, with journald priorities (or as JSON with --log-json). Any thread. Never a secret. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_LEVEL_ERROR = 3, LOG_LEVEL_WARNING = 4, LOG_LEVEL_NOTICE = 5, LOG_LEVEL_INFO = 6, LOG_LEVEL_DEBUG = 7 };

/* Before threads start. Lines above max_level are dropped. journald: prefix "<N>" (set when stderr is the journal). */
void log_init(enum log_level max_level, bool json, bool journald);

/* Writes one line; control characters in the result are escaped. */
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...) log_write(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* Formats one warning at most every 10 s per call site; says how many were left out. */
#define log_warning_limited(...) \
    do { static struct log_limit limit_; log_write_limited(&limit_, LOG_LEVEL_WARNING, __VA_ARGS__); } while (0)
struct log_limit { _Atomic unsigned long long last_us; _Atomic unsigned dropped; };
void log_write_limited(struct log_limit *, enum log_level, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
