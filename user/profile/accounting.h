// SPDX-License-Identifier: Apache-2.0
/*
 * Where every sampling period of a run went: expected = idle + filtered + recorded + sum of lost.
 * Counted per CPU in kernel/ and added up here; every output states it.
 */
#ifndef PROFILE_ACCOUNTING_H
#define PROFILE_ACCOUNTING_H

#include "base/buf.h"

#include <stdint.h>

/* One list gives the enum, the name in the accounting line and the explanation in the documentation. */
#define LOST_REASONS(X)                                                                                                \
	X(LOG_FULL, "log-full", "the CPU's sample log had no room before it was drained")                              \
	X(SKIPPED, "skipped", "the kernel did not run the sampler because other BPF work was running on that CPU")     \
	X(MISSED, "missed", "the timer came a whole period or more too late")                                          \
	X(THROTTLED, "throttled", "the kernel stopped the event because sampling took too long")                       \
	X(MULTIPLEXED, "multiplexed", "other users had the hardware counter")                                          \
	X(HOTPLUG, "hotplug", "the CPU had come online and that had not been noticed yet")                             \
	X(UNREADABLE, "unreadable", "the record was damaged when it was read back")

enum lost_reason {
#define X(id, name, text) LOST_##id,
	LOST_REASONS(X)
#undef X
	LOST_N
};

struct accounting {
	uint64_t expected, idle, filtered, recorded; /* sampling periods */
	uint64_t lost[LOST_N];
};

const char *lost_reason_name(enum lost_reason reason);
uint64_t accounting_lost(const struct accounting *a); /* all reasons together */
void accounting_add(struct accounting *sum, const struct accounting *a);
/* "accounting: expected=N idle=N filtered=N recorded=N lost=N (reason=N ...)", only reasons above 0; no newline. */
void accounting_print(struct buf *out, const struct accounting *a);

#endif
