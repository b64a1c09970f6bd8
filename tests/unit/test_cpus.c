// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernel/cpus.h"
#include "kernel/idle.h"

static void parses_lists_with_gaps(void **state)
{
	struct cpu_set s = {0};

	assert_int_equal(cpu_set_parse(&s, "0-2,5,8-9\n"), 0);
	for (int cpu = -1; cpu < 12; cpu++)
		assert_int_equal(cpu_set_has(&s, cpu), (cpu >= 0 && cpu <= 2) || cpu == 5 || cpu == 8 || cpu == 9);
	assert_int_equal(s.has.n, 10); /* room by id, not by number */
	assert_int_equal(cpu_set_parse(&s, "3\n"), 0);
	assert_false(cpu_set_has(&s, 0));
	assert_true(cpu_set_has(&s, 3));
	cpu_set_free(&s);
}

static void refuses_what_is_no_list(void **state)
{
	static const char *const bad[] = {"", "\n", "a", "1-", "-1", "3-1", "1,,2", "1;2", "99999999999", "0-99999999"};
	struct cpu_set s = {0};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(cpu_set_parse(&s, bad[i]), -EINVAL);
	cpu_set_free(&s);
}

static void agrees_with_libc(void **state)
{
	struct cpu_set s = {0};
	long n = 0;

	assert_int_equal(cpu_set_read(&s), 0);
	for (size_t cpu = 0; cpu < s.has.n; cpu++)
		n += s.has.v[cpu];
	assert_int_equal(n, sysconf(_SC_NPROCESSORS_ONLN));
	cpu_set_free(&s);
}

/* Every CPU that the kernel lists has room by its id, and every one that is online may be there. */
static void has_room_for_every_id(void **state)
{
	struct cpu_set online = {0}, possible = {0};
	struct dirent *entry;
	unsigned cpu, n = 0;
	DIR *dir = opendir("/sys/devices/system/cpu");

	assert_non_null(dir);
	assert_int_equal(cpu_set_read(&online), 0);
	assert_int_equal(cpu_set_read_possible(&possible), 0);
	while ((entry = readdir(dir)))
		if (sscanf(entry->d_name, "cpu%u", &cpu) == 1) {
			assert_true(cpu_set_has(&possible, cpu));
			n++;
		}
	assert_true(n > 0);
	for (size_t i = 0; i < online.has.n; i++)
		assert_true(!online.has.v[i] || cpu_set_has(&possible, i));
	closedir(dir);
	cpu_set_free(&online);
	cpu_set_free(&possible);
}

static void reads_idle_clocks(void **state)
{
	struct idle_times t = {0};

	idle_times_parse(&t, "cpu  9 9 9 9 9 9\ncpu0 1 2 3 40 5 6 7\ncpu2 1 2 3 400 50 6 7\nintr 5 cpu3\n");
	assert_int_equal(idle_ticks(&t, 0), 45);
	assert_int_equal(idle_ticks(&t, 1), 0);
	assert_int_equal(idle_ticks(&t, 2), 450);
	assert_int_equal(idle_ticks(&t, 3), 0);
	idle_times_parse(&t, NULL);
	assert_int_equal(idle_ticks(&t, 0), 0);
	idle_times_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_lists_with_gaps),
		cmocka_unit_test(refuses_what_is_no_list),
		cmocka_unit_test(agrees_with_libc),
		cmocka_unit_test(has_room_for_every_id),
		cmocka_unit_test(reads_idle_clocks),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
