// SPDX-License-Identifier: Apache-2.0
/*
 * The walk of a stack that the sampler could only copy, because it met the process before its mappings were known. The same code
 * as the sampler's, on the same tables.
 */
#ifndef KERNEL_LATE_WALK_H
#define KERNEL_LATE_WALK_H

#include "bpf/sample.h"
#include "bpf/unwind_table.h"
#include "kernel/unwind_tables.h"

/*
 * `r` has RECORD_RAW; `v` are the process's n mappings. Stores at most SAMPLE_MAX_USER_FRAMES frames, marked like the sampler's, and why
 * there are no more. Returns how many.
 */
uint32_t late_walk(const struct unwind_tables *t, const struct unwind_mapping *v, uint32_t n, const struct sample_record *r,
		   uint64_t *frames, enum unwind_end *end);

#endif
