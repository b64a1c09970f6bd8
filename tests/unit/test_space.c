// SPDX-License-Identifier: Apache-2.0
#include "base/space.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void takes_the_smallest_that_fits(void **state)
{
	struct space s = {0};
	uint32_t a, b, c, d;

	space_init(&s, 100);
	assert_true(space_take(&s, 30, &a));
	assert_true(space_take(&s, 10, &b));
	assert_true(space_take(&s, 20, &c));
	space_give(&s, a, 30);
	space_give(&s, c, 20); /* joins what is behind it: 60 */
	assert_true(space_take(&s, 25, &d));
	assert_int_equal(d, a);
	assert_false(space_take(&s, 61, &d));
	assert_int_equal(space_left(&s), 65);
	space_free(&s);
}

/* Whatever is taken and given back: no unit twice, none lost, and in the end one range again. */
static void keeps_every_unit(void **state)
{
	enum { UNITS = 512, PIECES = 64 };
	struct {
		uint32_t start, n;
	} pieces[PIECES] = {{0}};
	uint64_t random = 88172645463325252ull;
	struct space s = {0};
	uint8_t used[UNITS] = {0};
	uint32_t in_use = 0;

	space_init(&s, UNITS);
	for (int round = 0; round < 20000; round++) {
		uint32_t i, n;

		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		i = random % PIECES;
		n = (random >> 20) % 30 + 1;
		if (pieces[i].n) {
			space_give(&s, pieces[i].start, pieces[i].n);
			memset(used + pieces[i].start, 0, pieces[i].n);
			in_use -= pieces[i].n;
			pieces[i].n = 0;
		} else if (space_take(&s, n, &pieces[i].start)) {
			pieces[i].n = n;
			in_use += n;
			for (uint32_t u = 0; u < n; u++)
				assert_false(used[pieces[i].start + u]++);
		}
		assert_int_equal(space_left(&s), UNITS - in_use);
	}
	for (int i = 0; i < PIECES; i++)
		space_give(&s, pieces[i].start, pieces[i].n);
	assert_int_equal(s.free.n, 1);
	assert_int_equal(s.free.v[0].n, UNITS);
	space_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_the_smallest_that_fits),
		cmocka_unit_test(keeps_every_unit),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
