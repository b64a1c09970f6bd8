// SPDX-License-Identifier: Apache-2.0
#include "base/timerange.h"

#include "base/clock.h"
#include "base/text.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define DIGIT(c) ((c) >= '0' && (c) <= '9')

/* Exactly `n` digits at *s, which moves on. */
static int digits(const char **s, int n, int *ret)
{
	*ret = 0;
	for (; n; n--, ++*s) {
		if (!DIGIT(**s))
			return -EINVAL;
		*ret = *ret * 10 + (**s - '0');
	}
	return 0;
}

/* HH:MM or HH:MM:SS and nothing behind it. One digit for the hour is fine. */
static int parse_clock(const char *s, struct tm *tm)
{
	tm->tm_sec = 0;
	if (digits(&s, DIGIT(s[0]) && s[1] == ':' ? 1 : 2, &tm->tm_hour) || *s++ != ':' || digits(&s, 2, &tm->tm_min))
		return -EINVAL;
	if (*s == ':' && (s++, digits(&s, 2, &tm->tm_sec)))
		return -EINVAL;
	if (*s)
		return -EINVAL;
	return tm->tm_hour > 23 || tm->tm_min > 59 || tm->tm_sec > 59 ? -ERANGE : 0;
}

static bool is_leap(int year)
{
	return (year % 4 == 0 && year % 100) || year % 400 == 0;
}

/* YYYY-MM-DD at *s, which moves on. */
static int parse_date(const char **s, struct tm *tm)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int year, month, day;

	if (digits(s, 4, &year) || *(*s)++ != '-' || digits(s, 2, &month) || *(*s)++ != '-' || digits(s, 2, &day))
		return -EINVAL;
	if (year < 1970 || month < 1 || month > 12 || day < 1 || day > days[month - 1] + (month == 2 && is_leap(year)))
		return -ERANGE;
	tm->tm_year = year - 1900;
	tm->tm_mon = month - 1;
	tm->tm_mday = day;
	return 0;
}

/* The time with that offset, and whether the clock shows what was asked for then. */
static bool with_dst(struct tm tm, int is_dst, time_t *ret)
{
	int hour = tm.tm_hour, minute = tm.tm_min;

	tm.tm_isdst = is_dst;
	*ret = mktime(&tm);
	return tm.tm_hour == hour && tm.tm_min == minute;
}

/* What mktime() alone takes for a time that comes twice, or never, is its choice: both offsets are asked for. */
static int from_local(struct tm tm, uint64_t *ret_ns)
{
	time_t summer, winter;
	bool is_summer = with_dst(tm, 1, &summer), is_winter = with_dst(tm, 0, &winter);
	time_t t = is_summer && (!is_winter || summer < winter) ? summer : winter;

	if (t < 0)
		return -ERANGE;
	*ret_ns = t * NS_PER_SEC;
	return 0;
}

static int before_now(const char *s, uint64_t now_ns, uint64_t *ret_ns)
{
	static const struct {
		char letter;
		uint64_t seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	uint64_t n = 0;

	if (!DIGIT(*s))
		return -EINVAL;
	for (; DIGIT(*s); s++) {
		n = n * 10 + (*s - '0');
		if (n > 1000000000)
			return -ERANGE;
	}
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (*s != units[i].letter || s[1])
			continue;
		if (n * units[i].seconds > now_ns / NS_PER_SEC)
			return -ERANGE;
		*ret_ns = now_ns - n * units[i].seconds * NS_PER_SEC;
		return 0;
	}
	return -EINVAL;
}

static int since_1970(const char *s, uint64_t *ret_ns)
{
	uint64_t seconds;
	int ret = text_u64(s, &seconds);

	if (ret || seconds > INT64_MAX / NS_PER_SEC)
		return ret ? ret : -ERANGE;
	*ret_ns = seconds * NS_PER_SEC;
	return 0;
}

/* The rest of the text behind `word`, which ends there or is followed by a space; NULL: it does not begin so. */
static const char *behind(const char *text, const char *word)
{
	size_t n = strlen(word);

	if (strncmp(text, word, n) || (text[n] && text[n] != ' '))
		return NULL;
	return text[n] ? text + n + 1 : text + n;
}

static int on_day(struct tm tm, int days_back, const char *clock, uint64_t *ret_ns)
{
	int ret = 0;

	tm.tm_mday -= days_back;
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	if (*clock)
		ret = parse_clock(clock, &tm);
	return ret ? ret : from_local(tm, ret_ns);
}

int timerange_point(const char *text, uint64_t now_ns, uint64_t *ret_ns)
{
	time_t now = now_ns / NS_PER_SEC;
	const char *rest;
	struct tm tm;
	int ret;

	if (!localtime_r(&now, &tm))
		return -ERANGE;
	if (!strcmp(text, "now")) {
		*ret_ns = now_ns;
		return 0;
	}
	if (*text == '-')
		return before_now(text + 1, now_ns, ret_ns);
	if (*text == '@')
		return since_1970(text + 1, ret_ns);
	if ((rest = behind(text, "today")))
		return on_day(tm, 0, rest, ret_ns);
	if ((rest = behind(text, "yesterday")))
		return on_day(tm, 1, rest, ret_ns);
	if (DIGIT(*text) && (text[1] == ':' || (DIGIT(text[1]) && text[2] == ':'))) {
		ret = on_day(tm, 0, text, ret_ns);
		return ret || *ret_ns <= now_ns ? ret : on_day(tm, 1, text, ret_ns);
	}
	ret = parse_date(&text, &tm);
	if (ret)
		return ret;
	if (*text && *text != ' ' && *text != 'T')
		return -EINVAL;
	return on_day(tm, 0, *text ? text + 1 : text, ret_ns);
}
