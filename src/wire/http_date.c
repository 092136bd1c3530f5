#include "wire/http_date.h"

#include <stdbool.h>
#include <string.h>

#define SECOND_US 1000000ull
#define DAY_S 86400ll
#define LAST_S 253402300799ll /* 9999-12-31T23:59:59Z */

struct civil { int year, month, day, hour, minute, second; };

static const char day_names[7][10] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
static const char month_names[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_of_month(int year, int month)
{
    static const int days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

/* Days from 1970-01-01 to the first day of a year. */
static int64_t days_before_year(int year)
{
    int64_t y = year - 1;
    return y * 365 + y / 4 - y / 100 + y / 400 - 719162;
}

static int civil_to_us(const struct civil *c, uint64_t fraction_us, uint64_t *ret_us)
{
    if (c->year < 1970 || c->month < 1 || c->month > 12 || c->day < 1 || c->day > days_of_month(c->year, c->month) ||
        c->hour > 23 || c->minute > 59 || c->second > 60)
        return ERR_MALFORMED;
    int64_t days = days_before_year(c->year) + c->day - 1;
    for (int month = 1; month < c->month; month++)
        days += days_of_month(c->year, month);
    int second = c->second == 60 ? 59 : c->second; /* a leap second has no number of its own */
    *ret_us = (uint64_t)(days * DAY_S + c->hour * 3600 + c->minute * 60 + second) * SECOND_US + fraction_us;
    return 0;
}

static void civil_from_us(uint64_t time_us, struct civil *c, int *ret_weekday)
{
    int64_t seconds = (int64_t)(time_us / SECOND_US);
    if (seconds > LAST_S)
        seconds = LAST_S;
    int64_t days = seconds / DAY_S;
    int rest = (int)(seconds % DAY_S);
    *ret_weekday = (int)((days + 4) % 7);
    c->year = 1970 + (int)(days / 366);
    while (days_before_year(c->year + 1) <= days)
        c->year++;
    days -= days_before_year(c->year);
    for (c->month = 1; days >= days_of_month(c->year, c->month); c->month++)
        days -= days_of_month(c->year, c->month);
    c->day = (int)days + 1;
    c->hour = rest / 3600;
    c->minute = rest / 60 % 60;
    c->second = rest % 60;
}

static char *put_number(char *at, int value, int digit_count)
{
    for (int i = digit_count - 1; i >= 0; i--, value /= 10)
        at[i] = (char)('0' + value % 10);
    return at + digit_count;
}

static char *put_bytes(char *at, const char *bytes, size_t len)
{
    memcpy(at, bytes, len);
    return at + len;
}

static char *put_time(char *at, const struct civil *c)
{
    at = put_number(at, c->hour, 2);
    *at++ = ':';
    at = put_number(at, c->minute, 2);
    *at++ = ':';
    return put_number(at, c->second, 2);
}

void http_date_format(uint64_t time_us, char text[HTTP_DATE_SIZE])
{
    struct civil c;
    int weekday;
    civil_from_us(time_us, &c, &weekday);
    char *at = put_bytes(text, day_names[weekday], 3);
    at = put_bytes(at, ", ", 2);
    at = put_number(at, c.day, 2);
    *at++ = ' ';
    at = put_bytes(at, month_names[c.month - 1], 3);
    *at++ = ' ';
    at = put_number(at, c.year, 4);
    *at++ = ' ';
    at = put_time(at, &c);
    put_bytes(at, " GMT", 5);
}

void iso_date_format(uint64_t time_us, char text[ISO_DATE_SIZE])
{
    struct civil c;
    int weekday;
    civil_from_us(time_us, &c, &weekday);
    char *at = put_number(text, c.year, 4);
    *at++ = '-';
    at = put_number(at, c.month, 2);
    *at++ = '-';
    at = put_number(at, c.day, 2);
    *at++ = 'T';
    at = put_time(at, &c);
    *at++ = '.';
    at = put_number(at, (int)(time_us / 1000 % 1000), 3);
    put_bytes(at, "Z", 2);
}

void iso_date_format_basic(uint64_t time_us, char text[ISO_BASIC_DATE_SIZE])
{
    struct civil c;
    int weekday;
    civil_from_us(time_us, &c, &weekday);
    char *at = put_number(text, c.year, 4);
    at = put_number(at, c.month, 2);
    at = put_number(at, c.day, 2);
    *at++ = 'T';
    at = put_number(at, c.hour, 2);
    at = put_number(at, c.minute, 2);
    at = put_number(at, c.second, 2);
    put_bytes(at, "Z", 2);
}

/* --- reading: each eats from the front, false when it is not there --- */

static bool eat_char(struct slice *s, char c)
{
    if (s->len == 0 || s->data[0] != c)
        return false;
    *s = slice_of(s->data + 1, s->len - 1);
    return true;
}

static bool eat_text(struct slice *s, const char *text)
{
    size_t len = strlen(text);
    if (s->len < len || memcmp(s->data, text, len) != 0)
        return false;
    *s = slice_of(s->data + len, s->len - len);
    return true;
}

static bool eat_number(struct slice *s, int digit_count, int *ret)
{
    int value = 0;
    if (s->len < (size_t)digit_count)
        return false;
    for (int i = 0; i < digit_count; i++) {
        if (s->data[i] < '0' || s->data[i] > '9')
            return false;
        value = value * 10 + s->data[i] - '0';
    }
    *s = slice_of(s->data + digit_count, s->len - (size_t)digit_count);
    *ret = value;
    return true;
}

static bool eat_month(struct slice *s, int *ret)
{
    for (int i = 0; i < 12; i++)
        if (eat_text(s, month_names[i])) {
            *ret = i + 1;
            return true;
        }
    return false;
}

static bool eat_time(struct slice *s, struct civil *c)
{
    return eat_number(s, 2, &c->hour) && eat_char(s, ':') && eat_number(s, 2, &c->minute) && eat_char(s, ':') &&
           eat_number(s, 2, &c->second);
}

/* 06 Nov 1994 08:49:37 GMT; "+0000", "-0000" and "UTC" are seen in the field. */
static bool eat_imf(struct slice *s, struct civil *c)
{
    return eat_number(s, 2, &c->day) && eat_char(s, ' ') && eat_month(s, &c->month) && eat_char(s, ' ') &&
           eat_number(s, 4, &c->year) && eat_char(s, ' ') && eat_time(s, c) &&
           (eat_text(s, " GMT") || eat_text(s, " UTC") || eat_text(s, " +0000") || eat_text(s, " -0000"));
}

/* 06-Nov-94 08:49:37 GMT. A year more than 50 years ahead is one of the past with the same digits. */
static bool eat_rfc850(struct slice *s, uint64_t now_us, struct civil *c)
{
    if (!(eat_number(s, 2, &c->day) && eat_char(s, '-') && eat_month(s, &c->month) && eat_char(s, '-') &&
          eat_number(s, 2, &c->year) && eat_char(s, ' ') && eat_time(s, c) && eat_text(s, " GMT")))
        return false;
    struct civil now;
    int weekday;
    civil_from_us(now_us, &now, &weekday);
    c->year += now.year / 100 * 100;
    if (c->year > now.year + 50)
        c->year -= 100;
    return true;
}

/* Nov  6 08:49:37 1994 */
static bool eat_asctime(struct slice *s, struct civil *c)
{
    if (!eat_month(s, &c->month) || !eat_char(s, ' '))
        return false;
    bool one_digit = eat_char(s, ' ');
    return eat_number(s, one_digit ? 1 : 2, &c->day) && eat_char(s, ' ') && eat_time(s, c) && eat_char(s, ' ') &&
           eat_number(s, 4, &c->year);
}

int http_date_parse(struct slice text, uint64_t now_us, uint64_t *ret_us)
{
    struct slice s = slice_trim(text);
    struct civil c = {0};
    for (int i = 0; i < 7; i++) {
        struct slice rest = s;
        char short_name[4] = {day_names[i][0], day_names[i][1], day_names[i][2], 0};
        bool ok;
        if (eat_text(&rest, day_names[i]) && eat_text(&rest, ", ")) {
            ok = eat_rfc850(&rest, now_us, &c);
        } else {
            rest = s;
            if (!eat_text(&rest, short_name))
                continue;
            if (eat_text(&rest, ", "))
                ok = eat_imf(&rest, &c);
            else
                ok = eat_char(&rest, ' ') && eat_asctime(&rest, &c);
        }
        return ok && rest.len == 0 ? civil_to_us(&c, 0, ret_us) : ERR_MALFORMED;
    }
    return ERR_MALFORMED;
}

/* Digits past microseconds are dropped. */
static bool eat_fraction(struct slice *s, uint64_t *ret_us)
{
    uint64_t value = 0, unit = SECOND_US;
    size_t digits = 0;
    while (s->len && s->data[0] >= '0' && s->data[0] <= '9') {
        unit /= 10;
        value += (uint64_t)(s->data[0] - '0') * unit;
        *s = slice_of(s->data + 1, s->len - 1);
        digits++;
    }
    *ret_us = value;
    return digits > 0;
}

/* "Z", "+hh:mm", "-hhmm", "+hh" or nothing; seconds east of UTC. */
static bool eat_zone(struct slice *s, int *ret_offset_s)
{
    int hours, minutes = 0, sign = 1;
    *ret_offset_s = 0;
    if (s->len == 0 || eat_char(s, 'Z') || eat_char(s, 'z'))
        return true;
    if (eat_char(s, '-'))
        sign = -1;
    else if (!eat_char(s, '+'))
        return false;
    if (!eat_number(s, 2, &hours))
        return false;
    if (s->len && ((void)eat_char(s, ':'), !eat_number(s, 2, &minutes)))
        return false;
    if (hours > 23 || minutes > 59)
        return false;
    *ret_offset_s = sign * (hours * 3600 + minutes * 60);
    return true;
}

static bool eat_iso_time(struct slice *s, bool extended, struct civil *c, uint64_t *fraction_us)
{
    if (!eat_number(s, 2, &c->hour) || (extended && !eat_char(s, ':')) || !eat_number(s, 2, &c->minute))
        return false;
    if (extended ? eat_char(s, ':') : (s->len && s->data[0] >= '0' && s->data[0] <= '9')) {
        if (!eat_number(s, 2, &c->second))
            return false;
        if ((eat_char(s, '.') || eat_char(s, ',')) && !eat_fraction(s, fraction_us))
            return false;
    }
    return true;
}

int iso_date_parse(struct slice text, uint64_t *ret_us)
{
    struct slice s = slice_trim(text);
    struct civil c = {0};
    uint64_t fraction_us = 0, time_us;
    int offset_s = 0;
    if (!eat_number(&s, 4, &c.year))
        return ERR_MALFORMED;
    bool extended = eat_char(&s, '-');
    if (!eat_number(&s, 2, &c.month) || (extended && !eat_char(&s, '-')) || !eat_number(&s, 2, &c.day))
        return ERR_MALFORMED;
    if (s.len) {
        if (!eat_char(&s, 'T') && !eat_char(&s, 't') && !eat_char(&s, ' '))
            return ERR_MALFORMED;
        if (!eat_iso_time(&s, extended, &c, &fraction_us) || !eat_zone(&s, &offset_s) || s.len)
            return ERR_MALFORMED;
    }
    int err = civil_to_us(&c, fraction_us, &time_us);
    if (err)
        return err;
    int64_t utc_us = (int64_t)time_us - (int64_t)offset_s * (int64_t)SECOND_US;
    if (utc_us < 0)
        return ERR_MALFORMED;
    *ret_us = (uint64_t)utc_us;
    return 0;
}

int iso_date_parse_basic(struct slice text, uint64_t *ret_us)
{
    struct civil c = {0};
    struct slice s = text;
    if (eat_number(&s, 4, &c.year) && eat_number(&s, 2, &c.month) && eat_number(&s, 2, &c.day) && eat_char(&s, 'T') &&
        eat_number(&s, 2, &c.hour) && eat_number(&s, 2, &c.minute) && eat_number(&s, 2, &c.second) &&
        eat_char(&s, 'Z') && s.len == 0)
        return civil_to_us(&c, 0, ret_us);
    return ERR_MALFORMED;
}
