// SPDX-License-Identifier: Apache-2.0
/*
 * The kernel's own idle clock of each CPU. A virtual CPU that idles may be parked with its timers; no sampler runs then, and
 * this clock tells such periods from lost ones.
 */
#ifndef KERNEL_IDLE_H
#define KERNEL_IDLE_H

#include "base/mem.h"

#include <stdint.h>

struct idle_times {
	VEC(uint64_t) ticks; /* by CPU id: idle + iowait in 1/USER_HZ s, 10 ms */
};
#define IDLE_TICK_NS 10000000ull

/* Parses /proc/stat ("cpu3 user nice system idle iowait ..."). Pure. */
void idle_times_parse(struct idle_times *t, const char *text);
void idle_times_read(struct idle_times *t);
uint64_t idle_ticks(const struct idle_times *t, size_t cpu); /* 0 when the CPU is not listed */
void idle_times_free(struct idle_times *t);

#endif
