// SPDX-License-Identifier: Apache-2.0
/*
 * Keeps the profiler's own CPU time under its ceiling, and brings back what it gave up when there is room. Pure.
 *
 * Sampling less saves what samples cost: the sampler's runs and the reading of their records. That is what the frequency is lowered for;
 * every window states the period it was sampled with, so weights stay right. When it is something else that costs, such as a storm
 * of short processes, a low frequency would save next to nothing and see next to nothing of it: sampling has a share of the ceiling
 * for itself, and what can be put off is. What then is left above the ceiling is the work of following processes, which would be
 * unknown without it.
 *
 * The ceiling holds over half a minute: reading the symbols of a large program that has just started costs more for a second,
 * and is no reason to see less of it.
 */
#ifndef APP_GOVERNOR_H
#define APP_GOVERNOR_H

#include <stdbool.h>
#include <stdint.h>

#define GOVERNOR_FLOOR 10 /* the frequency is never lowered below a tenth of what was asked for, or 1 Hz */
#define GOVERNOR_BURST_NS 30000000000ull /* time whose allowance may be used up at once */
#define GOVERNOR_CALM 3 /* looks in a row with room for more, before something is brought back */
#define GOVERNOR_SHARE 0.25 /* of the ceiling, for sampling alone */

struct governor {
	unsigned wanted; /* Hz */
	unsigned hz;	 /* what it is now */
	bool saving;	 /* what can be put off is to be */
	unsigned room, calm; /* looks in a row with room for a higher frequency, and for no saving */
	double debt;	 /* CPU ns used above the allowance, never below 0 */
};

struct own_cost {
	uint64_t sampling; /* CPU ns that grow with the frequency: sampler runs, records read */
	uint64_t other;	   /* CPU ns that do not: following processes, reading symbols, writing results */
};

/*
 * The frequency to go on with, after a time of `elapsed` ns that cost this much, under a ceiling of `limit` millionths of `cpus`
 * CPUs.
 */
unsigned governor_next(struct governor *g, struct own_cost cost, uint64_t elapsed, uint64_t limit, unsigned cpus);

#endif
