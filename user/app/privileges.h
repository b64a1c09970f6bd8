// SPDX-License-Identifier: Apache-2.0
/* Capabilities that the unit has to grant for some kernels, and that are given back on all others. */
#ifndef APP_PRIVILEGES_H
#define APP_PRIVILEGES_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Debian's and Ubuntu's kernels know a kernel.perf_event_paranoid above 2, where perf_event_open() wants CAP_SYS_ADMIN and
 * CAP_PERFMON is not enough. Gives CAP_SYS_ADMIN up unless this is such a machine, and everything that sampling never needs with it.
 */
void privileges_drop(void);

/* Pure: what to keep of `have` at this level of perf_event_paranoid. Bits are 1 << CAP_*. */
uint64_t privileges_kept(uint64_t have, int paranoid);

#endif
