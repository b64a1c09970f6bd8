// SPDX-License-Identifier: Apache-2.0
#include "base/statistics.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct sums sums_of(const double *v, size_t n)
{
	struct sums s = {.n = n};

	for (size_t i = 0; i < n; i++) {
		s.sum += v[i];
		s.squares += v[i] * v[i];
	}
	return s;
}

/* Critical values as tables of Student's t have them (two-sided). */
static void students_t(void **state)
{
	static const double table[][3] = {
		{12.7062, 1, 0.05},  {4.3027, 2, 0.05},	 {2.2281, 10, 0.05},  {1.9840, 100, 0.05}, {63.6567, 1, 0.01},
		{3.1693, 10, 0.01}, {2.7500, 30, 0.01}, {4.5869, 10, 0.001}, {0.6998, 10, 0.5},	  {1.96, 1e7, 0.05},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		assert_float_equal(student_p(table[i][0], table[i][1]), table[i][2], 2e-5);
		assert_float_equal(student_p(-table[i][0], table[i][1]), table[i][2], 2e-5);
	}
	assert_float_equal(student_p(0, 5), 1, 1e-12);
	assert_float_equal(student_p(INFINITY, 5), 0, 0);
}

/* By hand: means 3 and 6, variances 2.5 and 10, t = -3 / sqrt(0.5 + 2), df = 2.5^2 / (0.5^2 / 4 + 2^2 / 4) = 5.88. */
static void welchs_test(void **state)
{
	static const double a[] = {1, 2, 3, 4, 5}, b[] = {2, 4, 6, 8, 10};
	struct sums x = sums_of(a, 5), y = sums_of(b, 5), one = sums_of(a, 1), equal = {10, 50, 250};

	assert_float_equal(sums_mean(&x), 3, 1e-12);
	assert_float_equal(sums_variance(&y), 10, 1e-12);
	assert_float_equal(welch_p(&x, 0, &y, 0), student_p(-3 / sqrt(2.5), 6.25 / (0.0625 + 1)), 1e-12);
	assert_float_equal(welch_p(&x, 0, &y, 0), 0.1073, 5e-4);
	assert_float_equal(welch_p(&x, 0, &x, 0), 1, 1e-12);
	assert_true(welch_p(&x, 100, &y, 100) > 0.6); /* a floor under both variances */
	assert_float_equal(welch_p(&one, 0, &y, 0), 1, 0);
	assert_float_equal(welch_p(&equal, 0, &equal, 0), 1, 0);
	assert_float_equal(welch_p(&equal, 0, &(struct sums){10, 51, 51 * 51 / 10.0}, 0), 0, 0);
}

/* 100 of 1000 and 130 of 1000: pooled 0.115, z = 0.03 / sqrt(0.115 * 0.885 * 0.002) = 2.1027. */
static void proportions(void **state)
{
	assert_float_equal(proportions_p(100, 1000, 130, 1000), 0.0355, 1e-4);
	assert_float_equal(proportions_p(5, 10, 50, 100), 1, 1e-12);
	assert_float_equal(proportions_p(0, 10, 0, 10), 1, 0);
	assert_float_equal(proportions_p(0, 0, 1, 10), 1, 0);
}

/* The example of Benjamini and Hochberg 1995, section 3.2: 15 p-values, four are findings at 0.05. */
static void findings(void **state)
{
	double p[] = {0.7590, 0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 1.0000};
	double none[] = {0.5, 0.2, 0.04};

	assert_float_equal(findings_limit(p, 15, 0.05), 0.0095, 1e-12);
	assert_float_equal(findings_limit(none, 3, 0.05), 0, 0);
	assert_float_equal(findings_limit(none, 0, 0.05), 0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(students_t), cmocka_unit_test(welchs_test), cmocka_unit_test(proportions), cmocka_unit_test(findings),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
