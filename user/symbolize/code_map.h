// SPDX-License-Identifier: Apache-2.0
/*
 * Names of code that comes and goes at run time (JIT compilers, BPF programs, kernel modules): what was at address A at time T.
 *
 * Of what is told for one address the last wins, from its time on; what it replaces is remembered, because samples drained later
 * still refer to it. Memory is bounded whatever is told: when there is no more room, what was told first is forgotten, and
 * counted. Adding costs O(log n) and, at worst, some microseconds; finding O(log n), and one pass over the past where that is asked for.
 */
#ifndef SYMBOLIZE_CODE_MAP_H
#define SYMBOLIZE_CODE_MAP_H

#include "base/mem.h"

#include <stdbool.h>
#include <stdint.h>

#define CODE_RANGES_MAX (128u * 1024)	/* the JIT compilers of large servers have some 50,000 methods alive */
#define CODE_NAMES_MAX (16u << 20)	/* bytes */
#define CODE_NAME_MAX 512		/* bytes; a longer name is cut */
#define CODE_PAST_MAX (16u * 1024)	/* replaced ranges; one kernel module has some thousand */

struct code_range {
	uint64_t start, end; /* [start, end) */
	uint64_t since;      /* valid for samples from this time on, CLOCK_MONOTONIC ns; 0: always, as far as anyone knows */
	uint32_t name;       /* offset into code_map.names; 0: nothing is there */
	uint32_t tag;        /* the owner's */
	uint32_t order;      /* counts what was told */
};

struct code_past {
	struct code_range range;
	uint64_t until;
};

struct code_map {
	VEC(struct code_range) ranges; /* ascending, disjoint */
	VEC(struct code_range) recent; /* the same, told later than all in `ranges`; merged into it now and then */
	VEC(struct code_past) past;    /* the latest last */
	VEC(char) names;	       /* NUL-terminated; offset 0 is the empty string */
	size_t live_names;	       /* bytes of names that were in use when that was last looked at */
	uint32_t order;
	uint64_t dropped; /* ranges forgotten for want of room */
};

/* From `since` on, the code in [start, end) has this name (n bytes, no NUL; none: it is ignored, as is an empty range). */
void code_map_add(struct code_map *m, uint64_t start, uint64_t end, uint64_t since, const char *name, size_t n, uint32_t tag);
/* From `since` on, nothing is in [start, end). */
void code_map_remove(struct code_map *m, uint64_t start, uint64_t end, uint64_t since);
/* What was at `address` at `time`, or NULL. UINT64_MAX: what is there now. Valid until the map is changed. */
const struct code_range *code_map_find(const struct code_map *m, uint64_t address, uint64_t time);
/* Is anything in [start, end) now? Of a map that is settled. */
bool code_map_is_taken(const struct code_map *m, uint64_t start, uint64_t end);
/* Forgets what was replaced before `time`. */
void code_map_expire(struct code_map *m, uint64_t time);
/* Brings all that is there now into m->ranges. */
void code_map_settle(struct code_map *m);
size_t code_map_bytes(const struct code_map *m); /* memory it holds */
void code_map_free(struct code_map *m); /* and empties it */

#endif
