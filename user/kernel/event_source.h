// SPDX-License-Identifier: Apache-2.0
/* Which perf event drives the sampling. */
#ifndef KERNEL_EVENT_SOURCE_H
#define KERNEL_EVENT_SOURCE_H

#include <linux/perf_event.h>
#include <stdbool.h>
#include <stdint.h>

struct event_source {
	const char *name; /* "cycles" or "cpu-clock" */
	uint32_t type;
	uint64_t config;
	uint64_t per_second; /* what a busy CPU counts: cycles, or nanoseconds */
	bool timer;	 /* a timer event, whose count is nanoseconds */
};

/*
 * Hardware cycles where a PMU exists and counts a spin of this thread plausibly (virtual machines have PMUs that do not
 * count), else cpu-clock.
 */
struct event_source event_source_choose(void);

#endif
