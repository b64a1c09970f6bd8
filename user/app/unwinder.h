// SPDX-License-Identifier: Apache-2.0
/*
 * Keeps what the sampler unwinds with up to date: the rules of the images that are mapped, and which process has what mapped where.
 *
 * Driven by the process table, so by what the side-band told: a table is there before the first sample needs it. Tables are shared by
 * all processes that map the image, and stay when it has no users, until their memory is needed: then the one goes that was sampled
 * the longest time ago.
 */
#ifndef APP_UNWINDER_H
#define APP_UNWINDER_H

#include "app/unwind_stats.h"
#include "kernel/sampler.h"
#include "kernel/unwind_tables.h"
#include "process/process.h"
#include "symbolize/image.h"

struct unwinder; /* opaque */

/* All three must outlive it, but for the process table, which must go first. */
struct unwinder *unwinder_new(struct sampler *s, struct images *images, struct process_table *processes);
void unwinder_free(struct unwinder *u); /* NULL is fine */

/*
 * Shows the sampler what has changed in the process table. Tables that are not there yet are made for about `budget_ns`; what is
 * left over is made by the next calls.
 */
void unwinder_publish(struct unwinder *u, uint64_t budget_ns);
/* At the end of a turn. */
void unwinder_turn(struct unwinder *u);

/*
 * Walks the stack of a record with RECORD_RAW, whose process is known now (NULL: is not even now). Stores at most
 * SAMPLE_MAX_USER_FRAMES frames and why there are no more; returns how many.
 */
uint32_t unwinder_walk(struct unwinder *u, const struct process *p, const struct sample_record *r, uint64_t *frames,
		       enum unwind_end *end);

/* The process's mappings are to be shown again. */
void unwinder_changed(struct unwinder *u, int32_t pid);
/* A frame of a sample was in this mapping (NULL: in none that is known). */
void unwinder_sampled(struct unwinder *u, const struct mapping *m);
/* So many stacks ended like this, in this mapping or in none. */
void unwinder_ended(struct unwinder *u, const struct mapping *m, enum unwind_end end, uint64_t count);

/* How all stacks ended so far. Owned by the unwinder. */
const struct unwind_stats *unwinder_stats(const struct unwinder *u);

struct unwinder_usage {
	struct unwind_tables_usage tables;
	uint64_t built, evicted; /* tables: made of files; that gave way to others */
	uint64_t late;		 /* stacks walked by unwinder_walk() */
};
void unwinder_usage(const struct unwinder *u, struct unwinder_usage *ret);

/* Says in debug messages what became of the stacks. */
void unwinder_log(const struct unwinder *u);

#endif
