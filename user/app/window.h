// SPDX-License-Identifier: Apache-2.0
/*
 * When windows end and which times they carry. Pure.
 *
 * Windows end on whole multiples of their length in the wall clock (with 60 s: at full minutes), so those of two hosts and of two
 * runs compare. What is waited for is counted in CLOCK_BOOTTIME, which neither jumps nor stops in suspend: setting the clock
 * cannot make a window endless, empty or negative.
 */
#ifndef APP_WINDOW_H
#define APP_WINDOW_H

#include <stdint.h>

struct window_clock {
	uint64_t real, boot; /* ns of CLOCK_REALTIME and CLOCK_BOOTTIME, at one moment */
};

/* Now. */
struct window_clock window_now(void);

/*
 * The CLOCK_BOOTTIME at which a window that begins now is to end: at the first multiple of `length` that is at least half a
 * length away.
 */
uint64_t window_end(struct window_clock now, uint64_t length);

/*
 * The wall clock times of a window that lasted from `begin` to `end`. Its end is what the clock says at the end, its length is the
 * time that passed. When the clock was set meanwhile, its beginning is not what the clock said then.
 */
void window_times(struct window_clock begin, struct window_clock end, uint64_t *start_ns, uint64_t *end_ns);

#endif
