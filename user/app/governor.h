// SPDX-License-Identifier: Apache-2.0
/*
 * Keeps the profiler's own CPU time under its ceiling by lowering the sampling frequency, and brings it back when there is room.
 * Pure. Every window states the period it was sampled with, so weights stay right.
 *
 * The ceiling holds over half a minute: reading the symbols of a large program that has just started costs more for a second,
 * and is no reason to see less of it.
 */
#ifndef APP_GOVERNOR_H
#define APP_GOVERNOR_H

#include <stdint.h>

#define GOVERNOR_FLOOR 10 /* the frequency is never lowered below a tenth of what was asked for, or 1 Hz */
#define GOVERNOR_BURST_NS 30000000000ull /* time whose allowance may be used up at once */
#define GOVERNOR_CALM 3 /* looks in a row with room for more, before the frequency rises */

struct governor {
	unsigned wanted; /* Hz */
	unsigned hz;	 /* what it is now */
	unsigned calm;	 /* looks in a row with room for more */
	double debt;	 /* CPU ns used above the allowance, never below 0 */
};

struct own_cost {
	uint64_t sampling; /* CPU ns that grow with the frequency: sampler runs, draining, symbolizing */
	uint64_t other;	   /* CPU ns that do not: following processes, writing results */
};

/*
 * The frequency to go on with, after a time of `elapsed` ns that cost this much, under a ceiling of `limit` millionths of `cpus`
 * CPUs.
 */
unsigned governor_next(struct governor *g, struct own_cost cost, uint64_t elapsed, uint64_t limit, unsigned cpus);

#endif
