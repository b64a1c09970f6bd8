// SPDX-License-Identifier: Apache-2.0
/*
 * The memory in which the sampler finds unwind rules: extents of rules in slabs, slices of mappings, and which process has which
 * slice. Written through mmap(); a bpf() system call is made for a new slab only.
 *
 * What is retired is taken out of the sampler's reach first; its memory is used again after unwind_tables_reclaim(), which the
 * caller calls when no sampler run can still be reading it.
 */
#ifndef KERNEL_UNWIND_TABLES_H
#define KERNEL_UNWIND_TABLES_H

#include "base/error.h"
#include "bpf/unwind_table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bpf_map;
struct unwind_tables; /* opaque */
struct slice;	      /* of mappings; opaque, counted references */

struct unwind_maps {
	struct bpf_map *processes, *mappings, *slabs;
};

#define UNWIND_TABLES_NONE 0 /* bytes: no tables at all */

/* Sizes the maps, before they are made. `bytes`: of slabs, at least one. Returns how many bytes all of it may become. */
size_t unwind_tables_configure(const struct unwind_maps *maps, size_t bytes, uint32_t *process_mask);
/* NULL with one sentence in `err`. The maps must outlive it. */
struct unwind_tables *unwind_tables_new(const struct unwind_maps *maps, struct error *err);
void unwind_tables_free(struct unwind_tables *t); /* NULL is fine */

/* Where an extent is. */
struct extent {
	uint32_t slab, word, words;
};

/* Copies an extent of n words into a slab. False when there is no room for it. */
bool unwind_tables_put(struct unwind_tables *t, const uint32_t *words, uint32_t n, struct extent *ret);
/* The UNWIND_SLAB_WORDS words of a slab, or NULL. */
const uint32_t *unwind_tables_slab(const struct unwind_tables *t, uint32_t slab);
/* Takes its rules out of all mappings and retires it. */
void unwind_tables_drop(struct unwind_tables *t, const struct extent *e);

/*
 * A slice with these mappings (ascending, disjoint), which may be one that there is already: a reference. NULL when there is no room;
 * that is counted.
 */
struct slice *slice_get(struct unwind_tables *t, const struct unwind_mapping *v, uint32_t n);
void slice_release(struct unwind_tables *t, struct slice *s); /* NULL is fine */

/*
 * From now on process `pid` has the slice, if its program is the one of exec_id. Takes the reference. `flags`: UNWIND_SLICE_PARTIAL,
 * UNWIND_SLICE_VOLATILE (bpf/unwind_maps.h).
 */
void unwind_tables_assign(struct unwind_tables *t, int32_t pid, uint64_t exec_id, struct slice *s, uint32_t flags);
/* The process has gone. */
void unwind_tables_remove(struct unwind_tables *t, int32_t pid);

/* Is anything retired? */
bool unwind_tables_retired(const struct unwind_tables *t);
void unwind_tables_reclaim(struct unwind_tables *t);

struct unwind_tables_usage {
	size_t bytes;			  /* of all maps as they are now */
	size_t rule_bytes, rule_limit;	  /* of extents in use, and how many there may be */
	size_t mappings, mappings_limit;  /* in slices */
	size_t processes, processes_limit;
	uint64_t mappings_refused, processes_refused; /* that found no room: times */
};
void unwind_tables_usage(const struct unwind_tables *t, struct unwind_tables_usage *ret);
size_t unwind_tables_bytes(const struct unwind_tables *t);

#endif
