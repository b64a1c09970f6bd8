// SPDX-License-Identifier: Apache-2.0
#include "base/statistics.h"

#include <math.h>
#include <stdlib.h>

double sums_mean(const struct sums *s)
{
	return s->n ? s->sum / s->n : 0;
}

double sums_variance(const struct sums *s)
{
	double v = s->n > 1 ? (s->squares - s->sum * s->sum / s->n) / (s->n - 1) : 0;

	return v > 0 ? v : 0;
}

/* The continued fraction of the incomplete beta function, by Lentz (Abramowitz and Stegun 26.5.8). */
static double beta_fraction(double a, double b, double x)
{
	const double tiny = 1e-300;
	double c = 1, d = 1 - (a + b) * x / (a + 1), f;

	d = 1 / (fabs(d) < tiny ? tiny : d);
	f = d;
	for (int m = 1; m < 500; m++) {
		double terms[] = {
			m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
			-(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
		};
		double before = f;

		for (int i = 0; i < 2; i++) {
			d = 1 + terms[i] * d;
			d = 1 / (fabs(d) < tiny ? tiny : d);
			c = 1 + terms[i] / c;
			c = fabs(c) < tiny ? tiny : c;
			f *= c * d;
		}
		if (fabs(f - before) <= 1e-14 * fabs(f))
			break;
	}
	return f;
}

/* I_x(a, b), the regularized incomplete beta function. */
static double incomplete_beta(double a, double b, double x)
{
	double front;

	if (x <= 0 || x >= 1)
		return x > 0;
	front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
	return x < (a + 1) / (a + b + 2) ? front * beta_fraction(a, b, x) / a : 1 - front * beta_fraction(b, a, 1 - x) / b;
}

double student_p(double t, double df)
{
	return isinf(t) ? 0 : incomplete_beta(df / 2, 0.5, df / (df + t * t));
}

double welch_p(const struct sums *a, double floor_a, const struct sums *b, double floor_b)
{
	double va = fmax(sums_variance(a), floor_a) / a->n, vb = fmax(sums_variance(b), floor_b) / b->n, difference;

	if (a->n < 2 || b->n < 2)
		return 1;
	difference = sums_mean(a) - sums_mean(b);
	if (va + vb <= 0)
		return difference == 0;
	return student_p(difference / sqrt(va + vb), (va + vb) * (va + vb) / (va * va / (a->n - 1) + vb * vb / (b->n - 1)));
}

double proportions_p(double x1, double n1, double x2, double n2)
{
	double p, v;

	if (n1 <= 0 || n2 <= 0)
		return 1;
	p = (x1 + x2) / (n1 + n2);
	v = p * (1 - p) * (1 / n1 + 1 / n2);
	return v > 0 ? erfc(fabs(x1 / n1 - x2 / n2) / sqrt(2 * v)) : 1;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

double findings_limit(double *p, size_t n, double q)
{
	if (n)
		qsort(p, n, sizeof(*p), ascending);
	for (size_t i = n; i--;)
		if (p[i] <= q * (i + 1) / n)
			return p[i];
	return 0;
}
