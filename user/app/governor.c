// SPDX-License-Identifier: Apache-2.0
#include "app/governor.h"

static unsigned bounded(const struct governor *g, double hz)
{
	double floor = g->wanted > GOVERNOR_FLOOR ? g->wanted / (double)GOVERNOR_FLOOR : 1;

	return hz < floor ? (unsigned)floor : hz > g->wanted ? g->wanted : (unsigned)hz;
}

/* What sampling may cost: what the rest leaves, with some room; and its own share, whatever the rest takes. */
static double sampling_budget(struct own_cost cost, double allowed)
{
	double left = 0.8 * allowed - cost.other, own = GOVERNOR_SHARE * allowed;

	return left > own ? left : own;
}

/* Has it been so for some looks in a row? */
static bool lasts(unsigned *looks, bool now)
{
	*looks = now ? *looks + 1 : 0;
	if (*looks < GOVERNOR_CALM)
		return false;
	*looks = 0;
	return true;
}

unsigned governor_next(struct governor *g, struct own_cost cost, uint64_t elapsed, uint64_t limit, unsigned cpus)
{
	double rate = (double)limit * cpus / 1e6, allowed = elapsed * rate, used = (double)cost.sampling + cost.other;
	double budget = sampling_budget(cost, allowed);
	unsigned higher = bounded(g, 2.0 * g->hz);

	g->debt = g->debt + used > allowed ? g->debt + used - allowed : 0;
	if (used > allowed && g->debt > GOVERNOR_BURST_NS * rate) {
		if (cost.sampling > budget)
			g->hz = bounded(g, g->hz * budget / cost.sampling);
		g->saving |= cost.other > allowed - budget;
		g->debt = 0;
	}
	if (lasts(&g->room, g->hz < g->wanted && (double)cost.sampling * higher / g->hz < budget))
		g->hz = higher;
	if (lasts(&g->calm, g->saving && used < 0.8 * allowed))
		g->saving = false;
	return g->hz;
}
