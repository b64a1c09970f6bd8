// SPDX-License-Identifier: Apache-2.0
/* When windows end, which times they carry when the clock is set, and what the governor does about our own cost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/governor.h"
#include "app/window.h"

#define S 1000000000ull
#define HOUR (3600 * S)

static void ends_on_multiples(void **state)
{
	static const struct {
		uint64_t real, boot, length, end;
	} cases[] = {
		{600 * S, 7 * S, 60 * S, 67 * S},	   /* on the minute: a whole one */
		{610 * S, 7 * S, 60 * S, 57 * S},	   /* the rest of this minute */
		{630 * S, 7 * S, 60 * S, 37 * S},	   /* half is enough */
		{630 * S + 1, 7 * S, 60 * S, 97 * S - 1}, /* less than half: to the end of the next */
		{659 * S, 7 * S, 60 * S, 68 * S},
		{10 * S, 0, 1 * S, 1 * S},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct window_clock now = {cases[i].real, cases[i].boot};

		assert_int_equal(window_end(now, cases[i].length), cases[i].end);
	}
	/* Always between half and one and a half lengths, and on a multiple. */
	for (uint64_t real = 1700000000 * S; real < 1700000100 * S; real += 777777777) {
		uint64_t left = window_end((struct window_clock){real, 5}, 60 * S) - 5;

		assert_true(left >= 30 * S && left <= 90 * S);
		assert_int_equal((real + left) % (60 * S), 0);
	}
}

static void times_of(uint64_t begin_real, uint64_t end_real, uint64_t passed, uint64_t start, uint64_t end)
{
	struct window_clock b = {begin_real, 5 * S}, e = {end_real, 5 * S + passed};
	uint64_t got_start, got_end;

	window_times(b, e, &got_start, &got_end);
	assert_int_equal(got_start, start);
	assert_int_equal(got_end, end);
	assert_true(got_start < got_end || !passed);
	assert_true(got_end - got_start <= passed + S / 2);
}

static void clock_jumps(void **state)
{
	uint64_t t = 1700000000 * S;

	times_of(t, t + 60 * S, 60 * S, t, t + 60 * S);
	times_of(t, t + 60 * S + S / 100, 60 * S, t, t + 60 * S + S / 100); /* slewed: consecutive windows stay without gaps */
	times_of(t, t + 60 * S + HOUR, 60 * S, t + HOUR, t + 60 * S + HOUR);
	times_of(t, t + 60 * S - HOUR, 60 * S, t - HOUR, t + 60 * S - HOUR);
	times_of(t, t - 10 * S, 60 * S, t - 70 * S, t - 10 * S); /* set back by more than the window */
	times_of(t, t + HOUR + 60 * S, HOUR + 60 * S, t, t + HOUR + 60 * S); /* an hour of suspend, or of SIGSTOP, is no jump */
	times_of(t, 30 * S, 60 * S, 0, 30 * S);		   /* to the epoch */
}

/* Costs of a machine where sampling takes `each` ns per Hz and second, and other things `other` ns a second. */
static unsigned run(struct governor *g, uint64_t each, uint64_t other, uint64_t limit, unsigned cpus, unsigned looks)
{
	for (unsigned i = 0; i < looks; i++)
		governor_next(g, (struct own_cost){5 * each * g->hz, 5 * other}, 5 * S, limit, cpus);
	return g->hz;
}

static void keeps_the_frequency_below_the_ceiling(void **state)
{
	struct governor g = {.wanted = 49, .hz = 49};

	/* 49 Hz cost 0.98 % of one CPU; 1 % of two are allowed. */
	assert_int_equal(run(&g, 200000, 0, 10000, 2, 1000), 49);
}

static void lowers_and_brings_back(void **state)
{
	struct governor g = {.wanted = 100, .hz = 100};
	double cost;

	/* 100 Hz cost 10 %, 2 % are allowed. */
	run(&g, 1000000, 0, 10000, 2, 100);
	cost = g.hz * 1e6 / S;
	assert_true(cost <= 0.02);
	assert_true(cost >= 0.008); /* no more than needed */
	/* Within a minute, and no window in between is needed for it. */
	g = (struct governor){.wanted = 100, .hz = 100};
	assert_true(run(&g, 1000000, 0, 10000, 2, 12) < 100);
	/* Cheap again: all the way back. */
	assert_int_equal(run(&g, 1000, 0, 10000, 2, 100), 100);
}

static void allows_a_burst(void **state)
{
	struct governor g = {.wanted = 49, .hz = 49};

	/* Half a CPU second in one look, as when large programs start; 1 % of two CPUs are 0.6 s in half a minute. */
	governor_next(&g, (struct own_cost){S / 2, 0}, 5 * S, 10000, 2);
	assert_int_equal(g.hz, 49);
	/* But not twice in a row. */
	governor_next(&g, (struct own_cost){S / 2, 0}, 5 * S, 10000, 2);
	assert_true(g.hz < 49);
}

static void has_a_floor(void **state)
{
	struct governor g = {.wanted = 49, .hz = 49}, slow = {.wanted = 3, .hz = 3};

	assert_int_equal(run(&g, S, 0, 10000, 1, 1000), 4);
	assert_int_equal(run(&slow, S, 0, 10000, 1, 1000), 1);
}

/* Sampling less would save nothing. */
static void what_else_costs_does_not_lower_it(void **state)
{
	struct governor g = {.wanted = 49, .hz = 49};

	/* A burst of reading symbols is as good as one of samples: allowed once. */
	governor_next(&g, (struct own_cost){0, S / 2}, 5 * S, 10000, 2);
	assert_false(g.saving);
	governor_next(&g, (struct own_cost){0, S / 2}, 5 * S, 10000, 2);
	assert_true(g.saving);
	assert_int_equal(g.hz, 49);
	/* A CPU for following processes, 0.2 % of one for samples, 1 % are allowed. */
	assert_int_equal(run(&g, 40000, S, 10000, 1, 1000), 49);
	assert_true(g.saving);
	/* It is over. */
	assert_int_equal(run(&g, 40000, 1000, 10000, 1, GOVERNOR_CALM - 1), 49);
	assert_true(g.saving);
	run(&g, 40000, 1000, 10000, 1, 1);
	assert_false(g.saving);
}

/* With both too expensive a quarter of the ceiling is for samples, and they come back to it while the rest stays expensive. */
static void sampling_has_its_share(void **state)
{
	struct governor g = {.wanted = 49, .hz = 49};
	unsigned hz = run(&g, 200000, S, 10000, 1, 1000);

	assert_true(hz * 200000 <= S / 100 / 4);
	assert_true(hz * 200000 >= S / 100 / 8);
	assert_true(g.saving);
	assert_int_equal(run(&g, 40000, S, 10000, 1, 100), 49);
	assert_true(g.saving);
	/* Samples alone are no reason to put anything off. */
	g = (struct governor){.wanted = 49, .hz = 49};
	assert_true(run(&g, 1000000, 1000, 10000, 1, 100) < 49);
	assert_false(g.saving);
}

static void does_not_swing(void **state)
{
	struct governor g = {.wanted = 99, .hz = 99};
	unsigned settled = run(&g, 500000, 1000000, 5000, 1, 200), changes = 0;

	for (int i = 0; i < 1000; i++) {
		unsigned before = g.hz;

		changes += run(&g, 500000, 1000000, 5000, 1, 1) != before;
	}
	assert_int_equal(changes, 0);
	assert_int_equal(g.hz, settled);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ends_on_multiples), cmocka_unit_test(clock_jumps),
		cmocka_unit_test(keeps_the_frequency_below_the_ceiling), cmocka_unit_test(lowers_and_brings_back),
		cmocka_unit_test(allows_a_burst), cmocka_unit_test(has_a_floor), cmocka_unit_test(does_not_swing),
		cmocka_unit_test(what_else_costs_does_not_lower_it), cmocka_unit_test(sampling_has_its_share),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
