// SPDX-License-Identifier: Apache-2.0
/* What was at an address at a time: by hand, and against a list that is searched from its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "symbolize/code_map.h"

static void add(struct code_map *m, uint64_t start, uint64_t end, uint64_t since, const char *name)
{
	code_map_add(m, start, end, since, name, strlen(name), 7);
}

static const char *name_at(const struct code_map *m, uint64_t address, uint64_t time)
{
	const struct code_range *r = code_map_find(m, address, time);

	return r ? m->names.v + r->name : "(none)";
}

static void last_wins(void **state)
{
	struct code_map m = {0};

	for (int settled = 0; settled < 2; settled++) {
		add(&m, 100, 200, 0, "old");
		add(&m, 120, 130, 0, "inside");
		add(&m, 90, 105, 0, "front");
		add(&m, 10, 10, 0, "empty");
		add(&m, 10, 20, 0, "");
		if (settled)
			code_map_settle(&m);
		assert_string_equal(name_at(&m, 89, 5), "(none)");
		assert_string_equal(name_at(&m, 90, 5), "front");
		assert_string_equal(name_at(&m, 104, 5), "front");
		assert_string_equal(name_at(&m, 105, 5), "old");
		assert_string_equal(name_at(&m, 120, 5), "inside");
		assert_string_equal(name_at(&m, 130, 5), "old");
		assert_string_equal(name_at(&m, 199, 5), "old");
		assert_string_equal(name_at(&m, 200, 5), "(none)");
		assert_string_equal(name_at(&m, 15, 5), "(none)");
		assert_int_equal(code_map_find(&m, 100, 0)->tag, 7);
	}
	code_map_free(&m);
}

static void at_its_time(void **state)
{
	for (int settled = 0; settled < 4; settled++) {
		struct code_map m = {0};

		add(&m, 100, 200, 0, "first");
		if (settled & 1)
			code_map_settle(&m);
		add(&m, 100, 200, 10, "second");
		if (settled & 2)
			code_map_settle(&m);
		add(&m, 150, 160, 20, "third");
		code_map_remove(&m, 100, 110, 30);
		assert_string_equal(name_at(&m, 155, 9), "first");
		assert_string_equal(name_at(&m, 155, 10), "second");
		assert_string_equal(name_at(&m, 155, 19), "second");
		assert_string_equal(name_at(&m, 155, 20), "third");
		assert_string_equal(name_at(&m, 155, UINT64_MAX), "third");
		assert_string_equal(name_at(&m, 105, 29), "second");
		assert_string_equal(name_at(&m, 105, 30), "(none)");
		assert_string_equal(name_at(&m, 115, 30), "second");
		code_map_settle(&m);
		assert_string_equal(name_at(&m, 155, 19), "second");
		assert_string_equal(name_at(&m, 105, 29), "second");
		assert_string_equal(name_at(&m, 105, 30), "(none)");
		code_map_expire(&m, 21); /* what was replaced before 21 */
		assert_string_equal(name_at(&m, 155, 19), "(none)");
		assert_string_equal(name_at(&m, 105, 29), "second");
		code_map_free(&m);
	}
}

/* A few thousand random operations, at ascending times, against the whole history. */
static void random_history(void **state)
{
	static struct {
		uint64_t start, end, since;
		int name;
	} told[6000];
	struct code_map m = {0};
	uint32_t x = 1;
	char name[16];

	for (int i = 0; i < 6000; i++) {
		x = x * 1664525 + 1013904223;
		told[i].start = x >> 8 & 0x3ff;
		told[i].end = told[i].start + 1 + (x >> 20 & 0x1f);
		told[i].since = i / 3;
		told[i].name = x >> 28 ? i + 1 : 0;
		snprintf(name, sizeof(name), "f%d", told[i].name);
		if (told[i].name)
			add(&m, told[i].start, told[i].end, told[i].since, name);
		else
			code_map_remove(&m, told[i].start, told[i].end, told[i].since);
		if (i % 7)
			continue;
		for (int q = 0; q < 40; q++) {
			uint64_t address, time;
			int expected = 0;

			x = x * 1664525 + 1013904223;
			address = x >> 8 & 0x3ff;
			time = told[i].since > (x >> 20 & 0x3f) ? told[i].since - (x >> 20 & 0x3f) : 0;
			for (int j = i; j >= 0; j--)
				if (told[j].since <= time && told[j].start <= address && address < told[j].end) {
					expected = told[j].name;
					break;
				}
			snprintf(name, sizeof(name), "f%d", expected);
			assert_string_equal(name_at(&m, address, time), expected ? name : "(none)");
		}
	}
	code_map_free(&m);
}

/* A compiler that never frees: what is latest is kept, and memory is bounded. */
static void endless(void **state)
{
	struct code_map m = {0};
	char name[CODE_NAME_MAX + 100];
	size_t most = 0;

	memset(name, 'n', sizeof(name));
	for (uint64_t i = 0; i < 400000; i++) {
		int n = snprintf(name, sizeof(name), "%u", (unsigned)i);

		code_map_add(&m, i * 16, i * 16 + 16, 0, name, i % 2 ? (size_t)n : sizeof(name) - 1, 0);
		if (code_map_bytes(&m) > most)
			most = code_map_bytes(&m);
	}
	assert_true(most < 64u << 20);
	assert_string_equal(name_at(&m, 399999 * 16, 0), "399999");
	assert_int_equal(strlen(name_at(&m, 399998 * 16, 0)), strlen("399998"));
	assert_string_equal(name_at(&m, 0, 0), "(none)");
	assert_true(m.dropped > 0 && m.dropped + m.ranges.n + m.recent.n == 400000);
	code_map_free(&m);
	assert_int_equal(code_map_bytes(&m), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(last_wins),
		cmocka_unit_test(at_its_time),
		cmocka_unit_test(random_history),
		cmocka_unit_test(endless),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
