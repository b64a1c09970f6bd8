// SPDX-License-Identifier: Apache-2.0
/*
 * The periodic turn, from the kernel's logs to a profile: side-band events -> process table -> drained records -> resolved
 * and symbolized stacks -> profile.
 */
#ifndef APP_COLLECTOR_H
#define APP_COLLECTOR_H

#include "app/unwinder.h"
#include "base/error.h"
#include "kernel/sampler.h"
#include "process/process.h"
#include "profile/profile.h"
#include "symbolize/symbolize.h"
#include "symbolize/jit.h"

struct collector; /* opaque */

/* Opens everything; nothing is sampled yet. NULL with one sentence in `err`. */
struct collector *collector_new(const struct sampler_options *o, const struct symbolizer_options *names, struct error *err);
void collector_free(struct collector *c); /* NULL is fine */

/*
 * Selects a process. 0, or -ESRCH when there is none. Before collector_start().
 */
int collector_add_target(struct collector *c, int32_t pid, struct error *err);
/* Learns the processes that exist already (all of them unless targets were added), then starts sampling. */
int collector_start(struct collector *c, struct error *err);

/* One turn: adds everything sampled since the last one to the profile. */
void collector_turn(struct collector *c);
/*
 * Puts off what can be: symbols are read at the ends of windows only, as many as fit into the patience there. What has gone by then goes
 * without names.
 */
void collector_save(struct collector *c, bool saving);
/*
 * Only the side-band: keeps its rings from filling up, pins images while their processes live, and shows the sampler what they have
 * mapped, and the unwind tables that have come. Returns whether there was anything.
 */
bool collector_watch(struct collector *c);

/* A turn that ends a window: completes the profile's accounting and times. Sampling goes on. */
void collector_cut(struct collector *c);
/* After collector_cut(): what is sampled from now on is the next window's. The profile keeps its ids, or is a new one. */
void collector_next_window(struct collector *c, bool new_profile);
/* The same with another frequency, for which sampling pauses a moment. After collector_stop(). */
int collector_restart(struct collector *c, unsigned hz, struct error *err);
/* Stops sampling and ends the window. */
void collector_stop(struct collector *c);

/* For a long run. Memory that symbol tables may take, in bytes; giving those back that gave no name in the last windows, 0: all. */
void collector_limit_symbols(struct collector *c, uint64_t bytes);
void collector_trim(struct collector *c, unsigned windows);

int collector_sideband_fd(const struct collector *c); /* polls readable when collector_watch() has work */
int collector_tables_fd(const struct collector *c);   /* so does this, when unwind tables have come; -1: no user stacks are taken */
uint64_t collector_interval_ns(const struct collector *c);
struct profile *collector_profile(struct collector *c); /* owned by the collector */
struct process *collector_process(struct collector *c, int32_t pid); /* as it is now, or NULL */
struct digest_counts collector_parsers(const struct collector *c); /* what names cost, and where there are none */
struct names_counts collector_names(const struct collector *c); /* the same of reading symbols */
uint64_t collector_targets_lost(const struct collector *c);
/* What was lost of the names that JIT compilers wrote. */
void collector_jit_counts(const struct collector *c, struct jit_counts *ret);

/* How user stacks ended, NULL when none are taken; owned by the collector. And what unwinding takes, zeros then. */
const struct unwind_stats *collector_unwind_stats(const struct collector *c);
void collector_unwind_usage(const struct collector *c, struct unwinder_usage *ret);

/* What the profiler itself costs, from the beginning on. */
struct collector_usage {
	uint64_t sampler_ns;  /* CPU time of the sampler in the kernel, on all CPUs */
	uint64_t records_ns;  /* CPU time that reading its records took */
	uint64_t sideband_ns; /* CPU time of collector_watch() */
	uint64_t tables_ns;   /* CPU time of the parsers that ended in it */
	size_t map_bytes;     /* BPF maps: kernel memory */
	size_t processes;     /* known at present */
};
struct collector_usage collector_usage(const struct collector *c);

#endif
