// SPDX-License-Identifier: Apache-2.0
#include "app/governor.h"

#include <stdbool.h>

static unsigned bounded(const struct governor *g, double hz)
{
	double floor = g->wanted > GOVERNOR_FLOOR ? g->wanted / (double)GOVERNOR_FLOOR : 1;

	return hz < floor ? (unsigned)floor : hz > g->wanted ? g->wanted : (unsigned)hz;
}

/* Aims below the ceiling, as far as sampling less can do it. */
static void lower(struct governor *g, struct own_cost cost, double allowed)
{
	double room = allowed - cost.other;
	double ratio = room > 0 && cost.sampling ? 0.8 * room / cost.sampling : 0;

	g->hz = bounded(g, g->hz * (ratio < 1 ? ratio : 1));
	g->calm = 0;
	g->debt = 0;
}

unsigned governor_next(struct governor *g, struct own_cost cost, uint64_t elapsed, uint64_t limit, unsigned cpus)
{
	double rate = (double)limit * cpus / 1e6, allowed = elapsed * rate, used = (double)cost.sampling + cost.other;
	bool roomy = g->hz < g->wanted && used + cost.sampling < 0.8 * allowed;

	g->debt = g->debt + used > allowed ? g->debt + used - allowed : 0;
	g->calm = roomy ? g->calm + 1 : 0;
	if (used > allowed && g->debt > GOVERNOR_BURST_NS * rate) {
		lower(g, cost, allowed);
	} else if (g->calm >= GOVERNOR_CALM) {
		g->hz = bounded(g, 2.0 * g->hz);
		g->calm = 0;
	}
	return g->hz;
}
