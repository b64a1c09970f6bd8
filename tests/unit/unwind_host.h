// SPDX-License-Identifier: Apache-2.0
/* The BPF program's stack walk compiled for the host, on mappings, slabs and memory that the includer provides. */
#ifndef TESTS_UNWIND_HOST_H
#define TESTS_UNWIND_HOST_H

#include "bpf/unwind_table.h"

#include <stdint.h>
#include <string.h>

static struct {
	struct unwind_mapping *mappings;
	uint32_t mappings_n;
	uint32_t **slabs; /* of UNWIND_SLAB_WORDS words */
	uint32_t slabs_n;
	/* Reads the walked thread's memory: 0, or not. */
	long (*read)(void *dst, uint32_t size, uint64_t address);
} host;

#include "bpf/unwind.h"

static inline long unwind_read(struct unwind_walk *w, void *dst, __u32 size, __u64 address)
{
	return host.read(dst, size, address);
}

static inline const struct unwind_mapping *unwind_mapping_at(struct unwind_walk *w, __u32 index)
{
	return index < host.mappings_n ? &host.mappings[index] : NULL;
}

static inline const __u32 *unwind_slab_at(struct unwind_walk *w, __u32 slab)
{
	return slab < host.slabs_n ? host.slabs[slab] : NULL;
}

/*
 * Walks as the sampler does, from the registers that were put into `w`. Stores each address with its exact mark, and returns how many;
 * *end says why there are no more.
 */
static inline uint32_t host_walk(struct unwind_walk *w, int at_call, uint64_t *frames, uint32_t max, int *end)
{
	uint32_t n = 0;

	unwind_begin(w, 0, host.mappings_n, at_call);
	for (*end = UNWIND_CONTINUE; *end == UNWIND_CONTINUE && n < max;) {
		frames[n++] = w->pc | (w->exact ? SAMPLE_FRAME_EXACT : 0);
		*end = unwind_step(w);
	}
	if (*end == UNWIND_CONTINUE)
		*end = UNWIND_TRUNCATED;
	return n;
}

#endif
