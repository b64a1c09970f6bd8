// SPDX-License-Identifier: Apache-2.0
/*
 * Keeps what the sampler unwinds with up to date: the rules of the images that are mapped, and which process has what mapped where.
 *
 * Driven by the process table, so by what the side-band told: a table is asked for when its image is mapped. It comes from the cache at
 * once, or from a parser process (symbolize/unwind_digest.h) a moment later; until then the sampler copies the stacks that need it, to be
 * walked when it is there. Tables are shared by all processes that map the image, and stay when it has no users, until their memory is
 * needed: then the one goes that was sampled the longest time ago.
 *
 * Only the table of the vDSO is made in this process: those are bytes of the kernel's.
 */
#ifndef APP_UNWINDER_H
#define APP_UNWINDER_H

#include "app/unwind_stats.h"
#include "kernel/sampler.h"
#include "kernel/unwind_tables.h"
#include "process/process.h"
#include "symbolize/unwind_digest.h"

struct unwinder; /* opaque */

struct unwinder_input {
	struct sampler *sampler;
	struct images *images;
	struct parsers *parsers;
	struct image_cache *cache; /* or NULL */
	struct process_table *processes;
};

/* All of them must outlive it, but for the process table, which must go first. */
struct unwinder *unwinder_new(const struct unwinder_input *in);
void unwinder_free(struct unwinder *u); /* NULL is fine */

/*
 * Shows the sampler what has changed in the process table, and what tables have come since the last call. Waits for those that are asked
 * for at most `budget_ns`; those that come later are shown by the next calls. Returns whether any have come.
 */
bool unwinder_publish(struct unwinder *u, uint64_t budget_ns);
/* Polls readable when tables have come. */
int unwinder_fd(const struct unwinder *u);
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
	uint64_t built, evicted; /* tables: loaded; that gave way to others */
	struct digest_counts digests; /* what became of those that were asked for */
	uint64_t late;		 /* stacks walked by unwinder_walk() */
};
void unwinder_usage(const struct unwinder *u, struct unwinder_usage *ret);

/* Says in debug messages what became of the stacks. */
void unwinder_log(const struct unwinder *u);

#endif
