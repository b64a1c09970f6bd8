// SPDX-License-Identifier: Apache-2.0
/*
 * Work for test programs whose profile is known by construction. Lengths vary at random, so that no loop runs in lockstep
 * with the sampling period.
 */
#ifndef SPIN_H
#define SPIN_H

#include <stdint.h>
#include <time.h>

/* A function that stands in every stack by its own name. Programs are built without sibling calls and with frame pointers. */
#define LEAF __attribute__((noinline, noclone))

static volatile uint64_t spin_sink;

/*
 * Makes gcc set the frame pointer up first thing, as in a function that calls others: it leaves it out of leaf functions
 * even with -mno-omit-leaf-frame-pointer when it is not used.
 */
#define spin_need_frame() __asm__ volatile("" : : "r"(__builtin_frame_address(0)))

/* The same instructions wherever it is inlined: time is proportional to `rounds`. */
static inline __attribute__((always_inline)) void spin_rounds(uint64_t rounds)
{
	uint64_t x = rounds | 1;

	spin_need_frame();

	for (uint64_t i = 0; i < rounds; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
	}
	spin_sink = x;
}

/* xorshift64, seeded by the clock */
static inline uint64_t spin_random(void)
{
	static uint64_t state;

	if (!state) {
		struct timespec t;

		clock_gettime(CLOCK_MONOTONIC, &t);
		state = t.tv_nsec * 2654435761u + t.tv_sec + 1;
	}
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* CPU time of the whole process in milliseconds. */
static inline double spin_cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

#endif
