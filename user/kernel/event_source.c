// SPDX-License-Identifier: Apache-2.0
#include "kernel/event_source.h"

#include "base/clock.h"
#include "base/mem.h"
#include "kernel/perf.h"

#include <unistd.h>

#define SPIN_NS (20 * NS_PER_MS)
#define HZ_MIN_PLAUSIBLE (200ull * 1000 * 1000) /* slower than any CPU in service, faster than a broken virtual PMU */
#define HZ_MAX_PLAUSIBLE (10ull * 1000 * 1000 * 1000)

/* Cycles per second that a hardware counter shows while this thread spins; 0 when there is no usable counter. */
static uint64_t measure_cycles(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_HARDWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_HW_CPU_CYCLES,
		.read_format = PERF_FORMAT_TOTAL_TIME_RUNNING, /* other threads may have the CPU meanwhile */
	};
	auto_close int fd = perf_event_open(&attr, 0, -1);
	uint64_t start = clock_ns(CLOCK_MONOTONIC);
	struct {
		uint64_t cycles, running;
	} v;

	if (fd < 0)
		return 0;
	while (clock_ns(CLOCK_MONOTONIC) - start < SPIN_NS)
		;
	if (read(fd, &v, sizeof(v)) != sizeof(v) || v.running < NS_PER_MS)
		return 0;
	return v.cycles * (NS_PER_SEC / 1000) / (v.running / 1000);
}

struct event_source event_source_choose(void)
{
	uint64_t cycles_per_second = measure_cycles();

	if (cycles_per_second >= HZ_MIN_PLAUSIBLE && cycles_per_second <= HZ_MAX_PLAUSIBLE)
		return (struct event_source){"cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES, cycles_per_second, false};
	return (struct event_source){"cpu-clock", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK, NS_PER_SEC, true};
}
