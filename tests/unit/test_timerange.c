// SPDX-License-Identifier: Apache-2.0
/* Expected seconds are from `date -d 'TZ="Europe/Berlin" ...' +%s`. */
#include "base/timerange.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#define NOON_24_NOV 1795518000ull /* 2026-11-24 12:00:00 CET, +01:00 */

static void zone(const char *tz)
{
	setenv("TZ", tz, 1);
	tzset();
}

static int64_t seconds_at(const char *text, uint64_t now)
{
	uint64_t ns = 0;
	int ret = timerange_point(text, now * NS_PER_SEC, &ns);

	if (ret)
		return ret;
	assert_true(ns % NS_PER_SEC == 0);
	return ns / NS_PER_SEC;
}

struct example {
	const char *text;
	int64_t expected;
};

static void check(const struct example *e, size_t n, uint64_t now)
{
	for (size_t i = 0; i < n; i++) {
		int64_t got = seconds_at(e[i].text, now);

		if (got != e[i].expected)
			fail_msg("'%s': %lld instead of %lld", e[i].text, (long long)got, (long long)e[i].expected);
	}
}

static void relative_and_named(void **state)
{
	static const struct example examples[] = {
		{"now", NOON_24_NOV},
		{"-30s", NOON_24_NOV - 30},
		{"-10m", NOON_24_NOV - 600},
		{"-2h", NOON_24_NOV - 7200},
		{"-1d", NOON_24_NOV - 86400},
		{"today", NOON_24_NOV - 12 * 3600},
		{"yesterday", NOON_24_NOV - 36 * 3600},
		{"today 03:00", NOON_24_NOV - 9 * 3600},
		{"yesterday 03:00", NOON_24_NOV - 33 * 3600},
		{"yesterday 23:59:59", NOON_24_NOV - 12 * 3600 - 1},
		{"@1700000000", 1700000000},
	};

	zone("Europe/Berlin");
	check(examples, ARRAY_SIZE(examples), NOON_24_NOV);
}

static void clock_is_the_last_one_that_was(void **state)
{
	static const struct example examples[] = {
		{"11:59", NOON_24_NOV - 60},
		{"12:00", NOON_24_NOV},
		{"12:01", NOON_24_NOV + 60 - 86400},
		{"9:05", NOON_24_NOV - 3 * 3600 + 300},
		{"00:00", NOON_24_NOV - 12 * 3600},
		{"23:00:30", NOON_24_NOV - 13 * 3600 + 30},
	};

	zone("Europe/Berlin");
	check(examples, ARRAY_SIZE(examples), NOON_24_NOV);
}

static void dates(void **state)
{
	static const struct example examples[] = {
		{"2026-11-24", NOON_24_NOV - 12 * 3600},
		{"2026-11-24 12:00", NOON_24_NOV},
		{"2026-11-24T12:00:07", NOON_24_NOV + 7},
		{"2024-02-29 00:00", 1709161200},
		{"1970-01-02 00:00", 86400 - 3600},
	};

	zone("Europe/Berlin");
	check(examples, ARRAY_SIZE(examples), NOON_24_NOV);
}

/* Berlin: 02:00 to 03:00 is skipped on 29 March 2026; comes twice on 25 October 2026. */
static void changes_of_the_clock(void **state)
{
	static const struct example examples[] = {
		{"2026-03-29 01:59", 1774745940},
		{"2026-03-29 02:30", 1774747800}, /* half an hour after 02:00 would have been: 03:30 of summer */
		{"2026-03-29 03:00", 1774746000},
		{"2026-10-25 02:30", 1792888200}, /* the first one */
		{"2026-10-25 03:00", 1792893600},
		{"2026-07-25 12:30", 1784975400},
	};
	/* At noon of the day on which summer ended: yesterday's 12:00 was 25 hours ago, and midnight 13. */
	static const struct example after[] = {{"yesterday 12:00", 1792926000 - 25 * 3600}, {"today", 1792926000 - 13 * 3600}};

	zone("Europe/Berlin");
	check(examples, ARRAY_SIZE(examples), NOON_24_NOV);
	check(after, ARRAY_SIZE(after), 1792926000);
}

static void other_zones(void **state)
{
	static const struct example utc[] = {{"2026-11-24 11:00", NOON_24_NOV}};
	static const struct example kolkata[] = {{"2026-11-24 16:30", NOON_24_NOV}};

	zone("UTC");
	check(utc, 1, NOON_24_NOV);
	zone("Asia/Kolkata");
	check(kolkata, 1, NOON_24_NOV);
}

static void nonsense(void **state)
{
	static const struct example examples[] = {
		{"", -EINVAL}, {"soon", -EINVAL}, {"-", -EINVAL}, {"-10", -EINVAL}, {"-10x", -EINVAL}, {"-10mm", -EINVAL},
		{"10m", -EINVAL}, {"--10m", -EINVAL}, {"12", -EINVAL}, {"12:0", -EINVAL}, {"12:000", -EINVAL}, {"12:00:", -EINVAL},
		{"12:00 ", -EINVAL}, {" 12:00", -EINVAL}, {"yesterdayish", -EINVAL}, {"today  12:00", -EINVAL},
		{"2026-11", -EINVAL}, {"2026-11-24x", -EINVAL}, {"2026-11-24 ", NOON_24_NOV - 12 * 3600}, {"@", -EINVAL},
		{"@1x", -EINVAL}, {"24:00", -ERANGE}, {"12:60", -ERANGE}, {"12:00:60", -ERANGE}, {"2026-02-29", -ERANGE},
		{"2026-13-01", -ERANGE}, {"2026-00-10", -ERANGE}, {"2026-11-31 10:00", -ERANGE}, {"1969-12-31", -ERANGE},
		{"-99999999d", -ERANGE}, {"-99999999999999999999s", -ERANGE}, {"@99999999999999999999", -ERANGE},
	};

	zone("Europe/Berlin");
	check(examples, ARRAY_SIZE(examples), NOON_24_NOV);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(relative_and_named), cmocka_unit_test(clock_is_the_last_one_that_was),
		cmocka_unit_test(dates),              cmocka_unit_test(changes_of_the_clock),
		cmocka_unit_test(other_zones),        cmocka_unit_test(nonsense),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
