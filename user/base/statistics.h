// SPDX-License-Identifier: Apache-2.0
/* Is a difference more than chance? Pure. */
#ifndef BASE_STATISTICS_H
#define BASE_STATISTICS_H

#include <stdbool.h>
#include <stddef.h>

struct sums { /* of n values */
	size_t n;
	double sum, squares;
};

double sums_mean(const struct sums *s);
/* Of one value, by n - 1; 0 for fewer than two. */
double sums_variance(const struct sums *s);

/*
 * Welch's t-test of two means: the probability of a difference at least as large when there is none. `floor_a`, `floor_b`: the
 * variances are no less than these. 1 when either side has fewer than two values.
 */
double welch_p(const struct sums *a, double floor_a, const struct sums *b, double floor_b);

/* The same for x of n on each side, as if each of the n were drawn alone: the two-proportion z-test. */
double proportions_p(double x1, double n1, double x2, double n2);

/* Student's t: the probability of |T| >= |t| with df degrees of freedom (above 0). */
double student_p(double t, double df);

/*
 * Benjamini and Hochberg 1995: the largest p that is a finding when of all findings a share of `q` may be chance. 0: there is none.
 * `p` is sorted.
 */
double findings_limit(double *p, size_t n, double q);

#endif
