/* Log lines. A line is formatted on the stack, escaped, and written by one write(2), so that lines of threads do not mix. */
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOG_MESSAGE_MAX 2048
#define LOG_LINE_MAX (LOG_MESSAGE_MAX * 6 + 128) /* every byte may become a \u00xx */
#define LOG_LIMIT_US 10000000ull

/* Set once by log_init() before threads start, only read afterwards. */
static struct {
    enum log_level max_level;
    bool json, journald;
} config = {.max_level = LOG_LEVEL_INFO};

void log_init(enum log_level max_level, bool json, bool journald)
{
    config.max_level = max_level;
    config.json = json;
    config.journald = journald;
}

static const char *level_name(enum log_level level)
{
    switch (level) {
    case LOG_LEVEL_ERROR: return "error";
    case LOG_LEVEL_WARNING: return "warning";
    case LOG_LEVEL_NOTICE: return "notice";
    case LOG_LEVEL_INFO: return "info";
    case LOG_LEVEL_DEBUG: return "debug";
    }
    return "unknown";
}

/* Bytes of the well-formed UTF-8 sequence at s, 0 when there is none. */
static size_t utf8_len(const unsigned char *s)
{
    size_t len = s[0] < 0x80 ? 1 : s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : s[0] >= 0xe0 && s[0] < 0xf0 ? 3
               : s[0] >= 0xf0 && s[0] < 0xf5 ? 4 : 0;
    for (size_t i = 1; i < len; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
        (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return len;
}

/* Appends message escaped; returns the new length. line has room for six bytes per byte of message. */
static size_t append_escaped(char *line, size_t at, const char *message)
{
    const unsigned char *s = (const unsigned char *)message;
    while (*s) {
        size_t len = utf8_len(s);
        bool control = *s < 0x20 || *s == 0x7f || (*s == 0xc2 && s[1] < 0xa0);
        if (config.json && (*s == '"' || *s == '\\')) {
            line[at++] = '\\';
            line[at++] = (char)*s++;
        } else if (len == 0 || control) {
            at += (size_t)sprintf(line + at, config.json ? "\\u%04x" : "\\x%02x", *s++);
        } else {
            memcpy(line + at, s, len);
            at += len;
            s += len;
        }
    }
    return at;
}

static size_t append_json_head(char *line, enum log_level level)
{
    struct timespec now;
    struct tm utc;
    char date[32];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &utc);
    return (size_t)sprintf(line, "{\"time\":\"%s.%06ldZ\",\"level\":\"%s\",\"message\":\"", date, now.tv_nsec / 1000,
                           level_name(level));
}

static void write_line(enum log_level level, const char *message)
{
    char line[LOG_LINE_MAX];
    size_t len = 0;
    if (config.journald)
        len += (size_t)sprintf(line, "<%d>", (int)level);
    if (config.json)
        len += append_json_head(line + len, level);
    else if (!config.journald)
        len += (size_t)sprintf(line + len, "%s: ", level_name(level));
    len = append_escaped(line, len, message);
    if (config.json) {
        line[len++] = '"';
        line[len++] = '}';
    }
    line[len++] = '\n';
    /* A log line that cannot be written has nowhere to be reported to. */
    ssize_t written = write(STDERR_FILENO, line, len);
    (void)written;
}

__attribute__((format(printf, 3, 0)))
static void write_formatted(enum log_level level, unsigned dropped, const char *format, va_list arguments)
{
    char message[LOG_MESSAGE_MAX];
    int len = vsnprintf(message, sizeof(message), format, arguments);
    if (len < 0)
        return;
    if ((size_t)len >= sizeof(message)) {
        memcpy(message + sizeof(message) - 4, "...", 4);
    } else if (dropped) {
        snprintf(message + len, sizeof(message) - (size_t)len, " (and %u more like it)", dropped);
    }
    write_line(level, message);
}

void log_write(enum log_level level, const char *format, ...)
{
    va_list arguments;
    if (level > config.max_level)
        return;
    va_start(arguments, format);
    write_formatted(level, 0, format, arguments);
    va_end(arguments);
}

void log_write_limited(struct log_limit *limit, enum log_level level, const char *format, ...)
{
    struct timespec now;
    va_list arguments;
    if (level > config.max_level)
        return;
    clock_gettime(CLOCK_MONOTONIC, &now);
    unsigned long long now_us = (unsigned long long)now.tv_sec * 1000000 + (unsigned long long)now.tv_nsec / 1000;
    unsigned long long last_us = limit->last_us;
    if ((last_us && now_us - last_us < LOG_LIMIT_US) ||
        !atomic_compare_exchange_strong(&limit->last_us, &last_us, now_us)) {
        limit->dropped++;
        return;
    }
    unsigned dropped = atomic_exchange(&limit->dropped, 0);
    va_start(arguments, format);
    write_formatted(level, dropped, format, arguments);
    va_end(arguments);
}
