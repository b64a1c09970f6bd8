// SPDX-License-Identifier: Apache-2.0
/*
 * The sampler seen from user space: load the BPF program, one perf event per online CPU, drain the sample logs, and say
 * where every period went.
 */
#ifndef KERNEL_SAMPLER_H
#define KERNEL_SAMPLER_H

#include "base/error.h"
#include "bpf/sample.h"
#include "profile/accounting.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sampler; /* opaque */

struct sampler_options {
	unsigned hz;	      /* samples per second and CPU, >= 1 */
	bool only_targets;    /* sample the processes given to sampler_add_target(), else all */
	bool follow_children; /* children of targets become targets */
	size_t max_targets;   /* room for them, children included */
	bool kernel, user;    /* which stacks are taken */
	size_t max_map_bytes; /* BPF map memory to keep to if that leaves each CPU a log at all, half of it at most for unwind rules; 0: the default */
};

/* Loads everything, with the events opened but off. NULL with one sentence in `err`. */
struct sampler *sampler_new(const struct sampler_options *o, struct error *err);
void sampler_free(struct sampler *s); /* NULL is fine */

/* `start_tick` from /proc/PID/stat field 22; the pid of another process later is not sampled. */
int sampler_add_target(struct sampler *s, int32_t pid, uint64_t start_tick, struct error *err);

int sampler_start(struct sampler *s, struct error *err);
/* Stops all events. What was recorded before can still be drained. */
void sampler_stop(struct sampler *s);

/* Another sampling frequency. Only while stopped, and with the last window accounted for; then sampler_start() again. */
int sampler_set_frequency(struct sampler *s, unsigned hz, struct error *err);

/*
 * Takes everything recorded until now out of the sampler's reach. Read the side-band after it and before sampler_drain():
 * then every process and mapping that a drained sample refers to has been told of.
 */
void sampler_flip(struct sampler *s);
/* `fn` gets each record taken by the last flip; it is valid only during the call. Neither makes a bpf() system call,
 * because those would silence the sampler on this CPU. */
void sampler_drain(struct sampler *s, void (*fn)(void *ctx, const struct sample_record *r), void *ctx);
/* How often to drain so that the logs do not fill up, in nanoseconds. */
uint64_t sampler_drain_interval_ns(const struct sampler *s);
/* Opens events on CPUs that came (back) online; true when there were any. Call it about once a second. */
bool sampler_follow_hotplug(struct sampler *s);

/* A flip that also ends a window: what the next accounting is about. */
void sampler_cut(struct sampler *s);
/* Of the window between the last two cuts (or the start), over all CPUs; call it once, when the last cut is drained. Exact. */
void sampler_accounting(struct sampler *s, struct accounting *ret);

uint64_t sampler_period_ns(const struct sampler *s);	 /* CPU time that one sample stands for */
const char *sampler_event_name(const struct sampler *s); /* "cpu-clock" or "cycles" */
uint64_t sampler_targets_lost(const struct sampler *s);	 /* children that found the target table full */
uint64_t sampler_cpu_ns(const struct sampler *s);	 /* CPU time of the sampler's own runs, as drained */
size_t sampler_map_bytes(const struct sampler *s);	 /* BPF map memory */

unsigned sampler_verified_instructions(const struct sampler *s); /* that the kernel followed to accept the sampler; 0: not told */

/* Where unwind tables and mappings go; NULL when no user stacks are taken. */
struct unwind_tables *sampler_unwind_tables(struct sampler *s);
/* Waits until no sampler run that may have seen what was taken out of its reach before is under way: microseconds. */
void sampler_settle(const struct sampler *s);
/* Calls `fn` for every process of the machine. 0 or a negative errno. */
int sampler_read_tasks(struct sampler *s, void (*fn)(void *ctx, const struct task_record *t), void *ctx);

#endif
