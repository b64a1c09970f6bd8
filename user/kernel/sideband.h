// SPDX-License-Identifier: Apache-2.0
/*
 * The perf side-band of the whole machine: one dummy event per CPU whose ring carries exec, mmap, fork and exit records,
 * and those of BPF programs that come and go.
 */
#ifndef KERNEL_SIDEBAND_H
#define KERNEL_SIDEBAND_H

#include "base/error.h"
#include "process/event.h"

struct sideband; /* opaque */

/* Opens and enables a ring on every online CPU. NULL with the reason in `err`. */
struct sideband *sideband_new(struct error *err);
void sideband_free(struct sideband *s); /* NULL is fine */

/*
 * Opens rings on CPUs that came online; on all when `reopen`: one that went off and on again since we looked has its events
 * switched off. Read before it: what stands in the rings goes. The next read then says EVENT_LOST.
 */
void sideband_follow_hotplug(struct sideband *s, bool reopen);

/* A descriptor that polls readable when something was told: at once, so that files are opened while their processes live. */
int sideband_fd(const struct sideband *s);

/*
 * Reads all rings, orders the records by time, and calls `fn` for each. An EVENT_LOST among them means that /proc must be
 * scanned again. The event is valid only during the call. Returns whether there was anything to read.
 */
bool sideband_read(struct sideband *s, void (*fn)(void *ctx, const struct process_event *e), void *ctx);

#endif
