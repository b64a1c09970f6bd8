// SPDX-License-Identifier: Apache-2.0
#include "app/window.h"

#include "base/clock.h"

/* Clocks are read one after the other, and slewed by NTP: up to 500 ppm, 30 ms in a minute. Less than this is no jump. */
#define JUMP_NS (NS_PER_SEC / 2)

struct window_clock window_now(void)
{
	return (struct window_clock){clock_ns(CLOCK_REALTIME), clock_ns(CLOCK_BOOTTIME)};
}

uint64_t window_end(struct window_clock now, uint64_t length)
{
	uint64_t left = length - now.real % length;

	return now.boot + left + (left < (length + 1) / 2 ? length : 0);
}

void window_times(struct window_clock begin, struct window_clock end, uint64_t *start_ns, uint64_t *end_ns)
{
	uint64_t passed = end.boot > begin.boot ? end.boot - begin.boot : 0;
	uint64_t start = end.real > passed ? end.real - passed : 0;
	uint64_t off = start > begin.real ? start - begin.real : begin.real - start;

	*end_ns = end.real;
	*start_ns = off < JUMP_NS && begin.real < end.real ? begin.real : start;
}
